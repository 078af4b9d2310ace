// Owns what a stream with concept drift is: which concept rules at which row, and how one gives way to the next. Never knows a rule.
import { openStream, type Random } from '../random.ts';

/** Rows and the rule that labels them; a concept is a number below `concepts`. */
export interface ConceptFamily {
  readonly name: string;
  readonly features: readonly string[];
  readonly concepts: number;
  /** Fills one row as drawn under the concept and answers its true class. */
  draw(random: Random, concept: number, x: Float64Array): number;
  /** What a model that learnt this concept perfectly would answer. */
  predict(x: Float64Array, concept: number): number;
}

/**
 * A change of concept, with its middle at row `at`. Over `width` rows the new concept rules with probability
 * 1 / (1 + e^(−4(t − at)/width)), as in MOA (Bifet et al. 2010); width 0 is abrupt. `isIncremental`: the rule itself moves in a
 * straight line from one concept to the next over these rows; only a family whose concepts can lie between numbers is so.
 */
export interface ConceptDrift {
  readonly at: number;
  readonly width: number;
  readonly to: number;
  readonly isIncremental?: boolean;
}

export interface ConceptStreamOptions {
  readonly seed: number;
  readonly from: number;
  readonly drifts: readonly ConceptDrift[];
  /** Share of rows whose class is another one. */
  readonly noise: number;
}

export interface ConceptRow {
  /** Overwritten by the next row. */
  readonly x: Float64Array;
  readonly y: number;
  readonly concept: number;
}

/** The concept of row t. Draws at most once for each drift that is under way. */
export function conceptAt(t: number, { from, drifts }: Pick<ConceptStreamOptions, 'from' | 'drifts'>, random: Random) {
  let concept = from;
  for (const { at, width, to, isIncremental } of drifts) {
    if (width === 0 || t > at + 4 * width) {
      if (t >= at) concept = to;
    } else if (isIncremental === true) {
      const share = Math.min(1, Math.max(0, (t - at) / width + 0.5));
      concept += share * (to - concept);
    } else if (t > at - 4 * width && random.chance(1 / (1 + Math.exp((-4 * (t - at)) / width)))) concept = to;
  }
  return concept;
}

/** Rows without end, the same for the same options. */
export function* openConceptStream(family: ConceptFamily, options: ConceptStreamOptions): Generator<ConceptRow> {
  const rows = openStream(options.seed, `${family.name}/rows`);
  const rule = openStream(options.seed, `${family.name}/concept`);
  const noise = openStream(options.seed, `${family.name}/noise`);
  const x = new Float64Array(family.features.length);
  for (let t = 0; ; t++) {
    const concept = conceptAt(t, options, rule);
    const y = family.draw(rows, concept, x);
    yield { x, y: noise.chance(options.noise) ? 1 - Math.min(1, y) : y, concept };
  }
}
