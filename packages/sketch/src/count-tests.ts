// Compares two windows by their counts on the same bins: how far apart they are, in which unit, and how likely that is by
// chance. Never decides what is drift, and never sees a value.
import { chiSquareSf, kolmogorovSf, normalSf } from './special.ts';

/** A statistic, its probability by chance, and 0 degrees of freedom or an empty side give p = 1. */
export interface CountTest {
  readonly statistic: number;
  readonly p: number;
}

/** Fewest expected counts of a bin; neighbours are pooled until each has so many (Cochran's rule). */
const LEAST_EXPECTED = 5;

const totalOf = (counts: ArrayLike<number>): number => {
  let total = 0;
  for (let i = 0; i < counts.length; i++) total += counts[i] as number;
  return total;
};

/**
 * Two-sample chi-square test of homogeneity: the reference is a sample too (taking it for exact makes false alarms).
 * X² = Σ (c·m − r·n)² / (n·m·(c + r)), on bins pooled with their right neighbours.
 * @param inflation variance inflation of the current counts from autocorrelation, at least 1: X² is divided by it
 * (Rao and Scott 1981, first-order correction).
 */
export function chiSquareTest(current: ArrayLike<number>, reference: ArrayLike<number>, inflation = 1): CountTest {
  const n = totalOf(current);
  const m = totalOf(reference);
  if (n === 0 || m === 0) return { statistic: 0, p: 1 };
  const least = (LEAST_EXPECTED * (n + m)) / Math.min(n, m);
  let statistic = 0;
  let bins = 0;
  let [c, r] = [0, 0];
  let rest = n + m;
  for (let i = 0; i < current.length; i++) {
    c += current[i] as number;
    r += reference[i] as number;
    // What is left behind must fill a bin of its own, or it goes into this one.
    if (c + r < least || (rest - c - r < least && i < current.length - 1)) continue;
    rest -= c + r;
    statistic += (c * m - r * n) ** 2 / (n * m * (c + r));
    bins += 1;
    c = 0;
    r = 0;
  }
  if (c + r > 0) statistic += (c * m - r * n) ** 2 / (n * m * (c + r));
  const corrected = statistic / Math.max(1, inflation);
  return { statistic: corrected, p: bins < 2 ? 1 : chiSquareSf(corrected, bins - 1) };
}

/**
 * Population stability index with half a count added to each bin (Krichevsky and Trofimov 1981), and what is left of it after
 * what chance alone gives, κ(B−1) with κ = 1/n + 1/m (Yurdakul 2018). Jensen–Shannon divergence (nats) and squared Hellinger
 * distance are an eighth of it near 0: the same test in other units.
 */
export function stabilityIndex(
  current: ArrayLike<number>,
  reference: ArrayLike<number>,
): { readonly psi: number; readonly unbiased: number } {
  const bins = current.length;
  const n = totalOf(current);
  const m = totalOf(reference);
  if (n === 0 || m === 0 || bins === 0) return { psi: 0, unbiased: 0 };
  let psi = 0;
  for (let i = 0; i < bins; i++) {
    const p = ((current[i] as number) + 0.5) / (n + bins / 2);
    const q = ((reference[i] as number) + 0.5) / (m + bins / 2);
    psi += (p - q) * Math.log(p / q);
  }
  return { psi, unbiased: Math.max(0, psi - (bins - 1) * (1 / n + 1 / m)) };
}

/** Kolmogorov–Smirnov on the cut points, with Stephens' correction (1970) for finite samples; on a grid it errs to the safe side. */
export function kolmogorovTest(current: ArrayLike<number>, reference: ArrayLike<number>): CountTest {
  const n = totalOf(current);
  const m = totalOf(reference);
  if (n === 0 || m === 0) return { statistic: 0, p: 1 };
  let [c, r, most] = [0, 0, 0];
  for (let i = 0; i < current.length; i++) {
    c += current[i] as number;
    r += reference[i] as number;
    most = Math.max(most, Math.abs(c / n - r / m));
  }
  const root = Math.sqrt((n * m) / (n + m));
  return { statistic: most, p: kolmogorovSf((root + 0.12 + 0.11 / root) * most) };
}

export interface Shift {
  /** Wasserstein-1 distance over the bins between the first and the last cut, in units of `scale`. */
  readonly distance: number;
  /** The same with its sign: positive where the current values are larger. */
  readonly signed: number;
}

/**
 * How far the mass moved: ∫|F − G| over the bins that have two ends, in which it is spread evenly; mass beyond the outer cuts is
 * counted as lying on them.
 * @param cuts one fewer than the bins, ascending. @param scale above 0, such as the interquartile range of the reference.
 */
export function shiftBetween(
  current: ArrayLike<number>,
  reference: ArrayLike<number>,
  cuts: ArrayLike<number>,
  scale: number,
): Shift {
  const n = totalOf(current);
  const m = totalOf(reference);
  if (n === 0 || m === 0) return { distance: 0, signed: 0 };
  let c = current[0] as number;
  let r = reference[0] as number;
  let gap = r / m - c / n;
  let [distance, signed] = [0, 0];
  for (let i = 1; i < cuts.length; i++) {
    c += current[i] as number;
    r += reference[i] as number;
    const next = r / m - c / n;
    const half = ((cuts[i] as number) - (cuts[i - 1] as number)) / 2;
    distance += (Math.abs(gap) + Math.abs(next)) * half;
    signed += (gap + next) * half;
    gap = next;
  }
  return { distance: distance / scale, signed: signed / scale };
}

/**
 * Whether two rates differ: k of n against l of m, two-sided, by the arcsine transform (Cohen 1988, ch. 6), which holds for rare
 * events down to none. @param inflation as for chiSquareTest.
 */
export function rateTest(k: number, n: number, l: number, m: number, inflation = 1): CountTest {
  if (n <= 0 || m <= 0) return { statistic: 0, p: 1 };
  // Anscombe 1948: 3/8 keeps the variance even for small counts.
  const angle = (x: number, of: number): number => 2 * Math.asin(Math.sqrt(Math.min(1, (x + 0.375) / (of + 0.75))));
  const z = (angle(k, n) - angle(l, m)) / Math.sqrt(Math.max(1, inflation) / n + 1 / m);
  return { statistic: z, p: Math.min(1, 2 * normalSf(Math.abs(z))) };
}
