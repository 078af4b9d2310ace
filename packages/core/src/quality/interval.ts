// Decides between which limits a measured number lies. Never knows what was measured, nor draws a random number.
import { normalQuantile, studentCdf } from '@drover/sketch/special';

export interface Interval {
  readonly low: number;
  readonly high: number;
}

/** Every interval of quality is meant to hold the truth this often. */
export const LEVEL = 0.95;
const Z = normalQuantile(1 - (1 - LEVEL) / 2);

/** Wilson's score interval of `hits` of `n` independent rows. */
export function wilson(hits: number, n: number): Interval {
  const p = hits / n;
  const z2n = (Z * Z) / n;
  const centre = (p + z2n / 2) / (1 + z2n);
  const half = (Z * Math.sqrt((p * (1 - p)) / n + z2n / (4 * n))) / (1 + z2n);
  return { low: hits === 0 ? 0 : centre - half, high: hits === n ? 1 : centre + half };
}

/** t with P(|T| > t) = chance. */
export function studentLimit(df: number, chance: number = 1 - LEVEL): number {
  let [low, high] = [0, 1e3];
  for (let i = 0; i < 60; i++) {
    const middle = (low + high) / 2;
    if (studentCdf(middle, df) < 1 - chance / 2) low = middle;
    else high = middle;
  }
  return high;
}

const logit = (p: number): number => Math.log(p / (1 - p));
const inverse = (x: number): number => 1 / (1 + Math.exp(-x));

/** Of a share, on the scale of its log odds so that it stays within 0 and 1; of 0 and 1 nothing can be said. */
export function aroundShare(value: number, deviation: number, factor = Z): Interval | undefined {
  if (!(value > 0 && value < 1) || !Number.isFinite(deviation)) return undefined;
  const half = (factor * deviation) / (value * (1 - value));
  return { low: inverse(logit(value) - half), high: inverse(logit(value) + half) };
}

export function aroundNumber(value: number, deviation: number, factor = Z): Interval | undefined {
  if (!Number.isFinite(deviation)) return undefined;
  return { low: value - factor * deviation, high: value + factor * deviation };
}

/**
 * The delete-one jackknife over clusters (Efron 1982, §3): rows of one device resemble each other, so that devices and not rows are
 * what is counted.
 * @param without the number without each cluster in turn. @param n rows: no share of so many is known to be nearer to 0 or 1.
 */
export function jackknife(
  value: number,
  without: readonly number[],
  isShare: boolean,
  n: number,
): Interval | undefined {
  const clusters = without.length;
  const inside = isShare && value > 0 && value < 1;
  const least = 1 / (2 * n + 2);
  const scale = (x: number): number => (inside ? logit(Math.min(1 - least, Math.max(least, x))) : x);
  const scaled = without.map(scale);
  const mean = scaled.reduce((a, b) => a + b, 0) / clusters;
  const squares = scaled.reduce((sum, x) => sum + (x - mean) ** 2, 0);
  const half = studentLimit(clusters - 1) * Math.sqrt(((clusters - 1) / clusters) * squares);
  if (!Number.isFinite(half)) return undefined;
  if (inside) return { low: inverse(logit(value) - half), high: inverse(logit(value) + half) };
  const [low, high] = [value - half, value + half];
  return isShare ? { low: Math.max(0, low), high: Math.min(1, high) } : { low, high };
}

/** What both leave possible. */
export const widest = (a: Interval | undefined, b: Interval | undefined): Interval | undefined =>
  a && b ? { low: Math.min(a.low, b.low), high: Math.max(a.high, b.high) } : (a ?? b);
