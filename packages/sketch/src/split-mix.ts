// Owns the numbers that a seed and a place decide, the same on every machine: what signs of projections are drawn from. Never for secrets.

/** Number `at` of SplitMix32 from the seed, as a signed whole number of 32 bits: each bit hangs on all bits of both. */
export function splitMix(seed: number, at: number): number {
  const state = (seed + Math.imul(at + 1, 0x9e3779b9)) | 0;
  let z = Math.imul(state ^ (state >>> 16), 0x21f0aaad);
  z = Math.imul(z ^ (z >>> 15), 0x735a2d97);
  return z ^ (z >>> 15);
}
