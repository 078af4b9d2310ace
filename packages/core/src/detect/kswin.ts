// Decides when the latest values of a stream come from another distribution than a sample of those before, by the exact two-sample
// Kolmogorov–Smirnov test: KSWIN (Raab, Heusinger and Schleif 2020). Draws its sample from a seed, so that it is a fold like any other.
import { lnChoose } from '@drover/sketch/special';
import type { Finding } from './finding.ts';

export interface KswinSettings {
  readonly alpha: number;
  /** Values that are kept, and how many of them, the latest, are compared with as many of the others. */
  readonly width: number;
  readonly compared: number;
}
export const KSWIN: KswinSettings = { alpha: 0.005, width: 100, compared: 30 };
/** Differences of the distribution functions that are no drift, however sure they are. */
const LEAST_DISTANCE = 0.1;

export interface Kswin {
  readonly values: number[];
  draw: number;
}
export const newKswin = (seed = 1): Kswin => ({ values: [], draw: seed | 0 });

/** The next whole number below `n` (Mulberry32). */
function drawBelow(state: Kswin, n: number): number {
  state.draw = (state.draw + 0x6d2b79f5) | 0;
  let t = Math.imul(state.draw ^ (state.draw >>> 15), 1 | state.draw);
  t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
  return Math.floor((((t ^ (t >>> 14)) >>> 0) / 2 ** 32) * n);
}

/** Floyd's choice of `count` different places of the first `n`. */
function sample(state: Kswin, n: number, count: number): number[] {
  const places = new Set<number>();
  for (let last = n - count; last < n; last++) {
    const place = drawBelow(state, last + 1);
    places.add(places.has(place) ? last : place);
  }
  return [...places].map((place) => state.values[place] as number);
}

/** Largest difference of two distribution functions of n values each, in units of 1/n. */
function stepsApart(a: readonly number[], b: readonly number[]): number {
  const [x, y] = [a.toSorted((l, r) => l - r), b.toSorted((l, r) => l - r)];
  let [i, j, most] = [0, 0, 0];
  while (i < x.length && j < y.length) {
    const value = Math.min(x[i] as number, y[j] as number);
    while (i < x.length && (x[i] as number) <= value) i++;
    while (j < y.length && (y[j] as number) <= value) j++;
    most = Math.max(most, Math.abs(i - j));
  }
  return most;
}

/** P(D ≥ steps/n) of two samples of n without ties (Gnedenko and Korolyuk 1951): ties make it the larger, never the smaller. */
function chanceOf(steps: number, n: number): number {
  if (steps === 0) return 1;
  let sum = 0;
  for (let k = 1; k * steps <= n; k++)
    sum += (k % 2 === 1 ? 2 : -2) * Math.exp(lnChoose(2 * n, n - k * steps) - lnChoose(2 * n, n));
  return Math.min(1, Math.max(0, sum));
}

/** @public For streams of single values; the hub gets counts of windows. */
export function foldKswin(state: Kswin, value: number, settings = KSWIN): Finding {
  const { alpha, width, compared } = settings;
  const { values } = state;
  values.push(value);
  if (values.length > width) values.shift();
  if (values.length < width) return 'none';
  const steps = stepsApart(sample(state, width - compared, compared), values.slice(width - compared));
  if (chanceOf(steps, compared) > alpha || steps / compared <= LEAST_DISTANCE) return 'none';
  values.length = 0;
  return 'drift';
}
