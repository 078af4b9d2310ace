// Owns the seeded randomness of simulations: sfc32 with named, independent streams. Never used for keys, ids or nonces.

/**
 * One stream of pseudo-random numbers. The generator is sfc32 ("small fast counter", Chris Doty-Humphrey, PractRand):
 * 128 bits of state with a 32-bit counter, so no seed falls into a cycle shorter than 2^32.
 */
export interface Random {
  /** Uniform in [0, 1), 32 bits of resolution. */
  uniform(): number;
  /** Uniform in [low, high). */
  between(low: number, high: number): number;
  /** Standard normal (polar method of Marsaglia and Bray, 1964; the second value of a pair is thrown away). */
  normal(): number;
  /** True with the given probability; a probability of 0 or less is never, of 1 or more always. Draws exactly once. */
  chance(probability: number): boolean;
}

/** FNV-1a over the UTF-16 code units, then the finaliser of MurmurHash3: near labels give far seeds. */
function hashLabel(label: string, seed: number): number {
  let hash = (0x811c9dc5 ^ seed) >>> 0;
  for (let i = 0; i < label.length; i++) hash = Math.imul(hash ^ label.charCodeAt(i), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

/**
 * The stream called `label` of the simulation `seed`. The same pair always gives the same numbers, and streams do not
 * influence each other: a device that is added, or a sensor that breaks, changes no number of any other stream.
 *
 * @param seed any finite number; its 53 bits all count
 */
export function openStream(seed: number, label: string): Random {
  const low = Math.trunc(seed) | 0;
  const high = Math.trunc(Math.trunc(seed) / 4294967296) | 0;
  let a = hashLabel(label, low);
  let b = hashLabel(label, high ^ 0x9e3779b9);
  let c = low ^ 0x243f6a88;
  let counter = 1;

  const next = (): number => {
    const sum = (((a + b) | 0) + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = (((c << 21) | (c >>> 11)) + sum) | 0;
    return sum >>> 0;
  };
  // The reference seeds by discarding outputs until the state words have mixed.
  for (let i = 0; i < 20; i++) next();

  const uniform = (): number => next() / 4294967296;
  return {
    uniform,
    between: (low, high) => low + (high - low) * uniform(),
    normal: () => {
      for (;;) {
        const x = 2 * uniform() - 1;
        const y = 2 * uniform() - 1;
        const square = x * x + y * y;
        if (square > 0 && square < 1) return x * Math.sqrt((-2 * Math.log(square)) / square);
      }
    },
    chance: (probability) => uniform() < probability,
  };
}
