// Decides the rows and rules of the small classic streams with concept drift: SEA, STAGGER, Sine, Hyperplane, LED. Written from
// the papers that are named; never draws but from the stream that it is handed.
import { openStream, type Random } from '../random.ts';
import type { ConceptFamily } from './concept.ts';

/** Thresholds of the four blocks of SEA, in the order of the paper. */
const SEA_LIMITS = [8, 9, 7, 9.5] as const;

/** SEA: Street and Kim, "A streaming ensemble algorithm for large-scale classification", KDD 2001. The third feature says nothing. */
export const SEA: ConceptFamily = {
  name: 'SEA',
  features: ['f1', 'f2', 'f3'],
  concepts: 4,
  draw(random, concept, x) {
    for (let i = 0; i < 3; i++) x[i] = 10 * random.uniform();
    return this.predict(x, concept);
  },
  predict: (x, concept) => ((x[0] as number) + (x[1] as number) <= (SEA_LIMITS[concept] as number) ? 1 : 0),
};

const pick = (random: Random, many: number): number => Math.floor(many * random.uniform());

/**
 * STAGGER: Schlimmer and Granger, "Incremental learning from noisy data", Machine Learning 1986. Size (small, medium, large), colour
 * (red, green, blue), shape (square, circle, triangle), as numbers from 0.
 */
export const STAGGER: ConceptFamily = {
  name: 'STAGGER',
  features: ['size', 'colour', 'shape'],
  concepts: 3,
  draw(random, concept, x) {
    for (let i = 0; i < 3; i++) x[i] = pick(random, 3);
    return this.predict(x, concept);
  },
  predict(x, concept) {
    const [size, colour, shape] = x as unknown as [number, number, number];
    const isTrue =
      concept === 0
        ? size === 0 && colour === 0
        : concept === 1
          ? colour === 1 || shape === 1
          : size === 1 || size === 2;
    return isTrue ? 1 : 0;
  },
};

/**
 * Sine: Gama, Medas, Castillo and Rodrigues, "Learning with drift detection", SBIA 2004. Concept 0 is SINE1 (below sin x), 1 its
 * reverse, 2 SINE2 (below 0.5 + 0.3 sin 3πx), 3 its reverse.
 */
export const SINE: ConceptFamily = {
  name: 'Sine',
  features: ['x', 'y'],
  concepts: 4,
  draw(random, concept, x) {
    x[0] = random.uniform();
    x[1] = random.uniform();
    return this.predict(x, concept);
  },
  predict(x, concept) {
    const [at, height] = x as unknown as [number, number];
    const curve = concept < 2 ? Math.sin(at) : 0.5 + 0.3 * Math.sin(3 * Math.PI * at);
    return height < curve === (concept % 2 === 0) ? 1 : 0;
  },
};

const HYPERPLANE_DIMENSIONS = 10;
const HYPERPLANE_CONCEPTS = 4;

/** Weights in [0, 1) of each concept, the same in every run. */
const HYPERPLANES = Array.from({ length: HYPERPLANE_CONCEPTS }, (_, concept) => {
  const random = openStream(2001, `hyperplane/${concept}`);
  return Array.from({ length: HYPERPLANE_DIMENSIONS }, () => random.uniform());
});

/**
 * Rotating hyperplane: Hulten, Spencer and Domingos, "Mining time-changing data streams", KDD 2001. Positive where Σwᵢxᵢ ≥ Σwᵢ/2, so
 * that half of the rows are. Between two concepts the weights lie on the straight line between theirs.
 */
export const HYPERPLANE: ConceptFamily = {
  name: 'Hyperplane',
  features: Array.from({ length: HYPERPLANE_DIMENSIONS }, (_, i) => `x${i}`),
  concepts: HYPERPLANE_CONCEPTS,
  draw(random, concept, x) {
    for (let i = 0; i < HYPERPLANE_DIMENSIONS; i++) x[i] = random.uniform();
    return this.predict(x, concept);
  },
  predict(x, concept) {
    const low = HYPERPLANES[Math.floor(concept)] as number[];
    const high = HYPERPLANES[Math.ceil(concept)] as number[];
    const share = concept - Math.floor(concept);
    let sum = 0;
    for (let i = 0; i < HYPERPLANE_DIMENSIONS; i++) {
      const weight = (1 - share) * (low[i] as number) + share * (high[i] as number);
      sum += weight * ((x[i] as number) - 0.5);
    }
    return sum >= 0 ? 1 : 0;
  },
};

/** Segments of a seven-segment display by digit: top, upper left, upper right, middle, lower left, lower right, bottom. */
const DIGITS = [
  0b1110111, 0b0010010, 0b1011101, 0b1011011, 0b0111010, 0b1101011, 0b1101111, 0b1010010, 0b1111111, 0b1111011,
] as const;
const SEGMENTS = 7;
const LED_FEATURES = 24;
/** Each segment is inverted with this probability. */
const LED_NOISE = 0.1;
const LED_CONCEPTS = 4;

/** Where segment s stands under a concept: each concept exchanges two more of the seven with features that said nothing. */
const placeOf = (segment: number, concept: number): number => (segment < 2 * concept ? SEGMENTS + segment : segment);

/**
 * LED: Breiman, Friedman, Olshen and Stone, "Classification and Regression Trees", 1984, §2.6.1; with 17 features that say nothing and
 * drift by exchanging features. Digits are drawn evenly; the class is the digit.
 */
export const LED: ConceptFamily = {
  name: 'LED',
  features: Array.from({ length: LED_FEATURES }, (_, i) => `s${i}`),
  concepts: LED_CONCEPTS,
  draw(random, concept, x) {
    const digit = pick(random, 10);
    for (let i = 0; i < LED_FEATURES; i++) x[i] = random.chance(0.5) ? 1 : 0;
    for (let s = 0; s < SEGMENTS; s++) {
      const isLit = ((DIGITS[digit] as number) >> (SEGMENTS - 1 - s)) & 1;
      x[placeOf(s, concept)] = random.chance(LED_NOISE) ? 1 - isLit : isLit;
    }
    return digit;
  },
  predict(x, concept) {
    // The digit with the fewest wrong segments is the most likely one while fewer than half are inverted.
    let [best, least] = [0, SEGMENTS + 1];
    for (let digit = 0; digit < 10; digit++) {
      let wrong = 0;
      for (let s = 0; s < SEGMENTS; s++)
        if (x[placeOf(s, concept)] !== (((DIGITS[digit] as number) >> (SEGMENTS - 1 - s)) & 1)) wrong++;
      if (wrong < least) [best, least] = [digit, wrong];
    }
    return best;
  },
};
