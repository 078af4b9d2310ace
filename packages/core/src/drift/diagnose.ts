// Decides what a numeric feature that moved looks like: a sensor that fails in a known way, another unit, a world that changed.
// Compares one window with the baseline; never decides whether it moved.
import type { NumericDistribution } from '@drover/sketch/baseline-document';
import { TAIL_BINS } from '@drover/sketch/ref-hist';
import type { Aspect } from './verdict.ts';

/**
 * `stuck`, `dropout`: one value, none. `losses`: more values than usual cannot be used. `spikes`: some lie far out, the others
 * where they did. `saturation`: many end in one narrow place and nothing lies beyond. `unit`: the numbers are those of training in another
 * unit. `bias`: all lie elsewhere by as much. `gain`: all are multiplied. `noise`, `flattened`: around the same place, wider or narrower. `relation`: two features do not go with each other as they did.
 * `categories`: values that training never met. `shape`: none of these.
 */
export const DIAGNOSES = [
  'stuck', 'dropout', 'losses', 'spikes', 'saturation', 'unit', 'bias', 'gain', 'noise', 'flattened', 'relation', 'shape', 'categories',
] as const; // biome-ignore format: one list
export type DiagnosisKind = (typeof DIAGNOSES)[number];

export interface Diagnosis {
  readonly kind: DiagnosisKind;
  /** now ≈ slope · training + offset, in the unit of the feature; undefined where that says nothing. */
  readonly slope: number | undefined;
  readonly offset: number | undefined;
  /** Of a unit: from and to. */
  readonly unit: string | undefined;
  /** Of a relation: its two features. */
  readonly between: readonly string[] | undefined;
  /** Of categories: how many different ones, and the share of the most frequent among them. */
  readonly unseen: { readonly distinct: number; readonly most: number } | undefined;
}

export const NO_DETAIL = {
  slope: undefined,
  offset: undefined,
  unit: undefined,
  between: undefined,
  unseen: undefined,
} as const;

/** What one window says of the values, in the unit of the feature. */
export interface SeenValues {
  readonly mean: number;
  readonly sd: number;
  readonly counts: ArrayLike<number>;
}

const UNITS: readonly (readonly [name: string, slope: number, offset: number])[] = [
  ['°C → °F', 1.8, 32],
  ['°F → °C', 1 / 1.8, -32 / 1.8],
  ['°C → K', 1, 273.15],
  ['K → °C', 1, -273.15],
  ['×1000 (such as k → 1, 1 → m)', 1000, 0],
  ['×0.001 (such as m → 1, 1 → k)', 0.001, 0],
  ['×100 (such as share → %)', 100, 0],
  ['×0.01 (such as % → share)', 0.01, 0],
  ['×10', 10, 0],
  ['×0.1', 0.1, 0],
  ['in → mm', 25.4, 0],
  ['mm → in', 1 / 25.4, 0],
  ['lb → kg', 0.45359, 0],
  ['kg → lb', 2.20462, 0],
  ['psi → kPa', 6.89476, 0],
  ['kPa → psi', 0.145038, 0],
  ['bar → psi', 14.5038, 0],
  ['psi → bar', 0.0689476, 0],
  ['rad/s → rpm', 9.5493, 0],
  ['rpm → rad/s', 0.10472, 0],
  ['m/s → km/h', 3.6, 0],
  ['km/h → m/s', 1 / 3.6, 0],
  ['×60 (such as min → s)', 60, 0],
  ['×1/60 (such as s → min)', 1 / 60, 0],
];

/** A spread is that of a unit within this factor, and a mean within as many spreads: devices differ from training. */
const UNIT_SPREAD = 1.2;
const UNIT_MEAN = 0.5;
/** Spreads within this factor are the same. */
const SAME_SPREAD = 1.33;
/** A sensor at its end: so much in the outermost bin, where training had less than a fifth of it. */
const SATURATED_SHARE = 0.2;

/** Mean and standard deviation of the training values, from the middles of their bins. */
export function momentsOf({ edges, refCounts }: NumericDistribution): { readonly mean: number; readonly sd: number } {
  let [n, sum, squares] = [0, 0, 0];
  const middle = edges[edges.length >> 1] as number;
  for (const [i, count] of refCounts.entries()) {
    const low = edges[Math.max(0, i - 1)] as number;
    const high = edges[Math.min(edges.length - 1, i)] as number;
    const d = (low + high) / 2 - middle;
    n += count;
    sum += count * d;
    squares += count * d * d;
  }
  if (n === 0) return { mean: middle, sd: 0 };
  return { mean: middle + sum / n, sd: Math.sqrt(Math.max(0, squares / n - (sum / n) ** 2)) };
}

/** Whether much ends in one bin inside the reference range, with nothing beyond it. */
function isSaturated({ counts }: SeenValues, { refCounts, edges }: NumericDistribution): boolean {
  let [total, first, last] = [0, -1, -1];
  for (let i = 0; i < counts.length; i++) {
    if (counts[i] === 0) continue;
    if (first < 0) first = i;
    last = i;
    total += counts[i] as number;
  }
  const trained = refCounts.reduce((a, b) => a + b, 0);
  const [from, to] = [TAIL_BINS + 1, edges.length - TAIL_BINS];
  const isEnd = (bin: number): boolean =>
    bin >= from &&
    bin < to &&
    (counts[bin] as number) >= SATURATED_SHARE * total &&
    (refCounts[bin] as number) * 5 < SATURATED_SHARE * trained;
  return total > 0 && first !== last && (isEnd(first) || isEnd(last));
}

const within = (ratio: number, factor: number): boolean => ratio < factor && ratio > 1 / factor;

export function diagnose(
  aspect: Aspect | 'stuck' | 'dropout',
  seen: SeenValues,
  reference: NumericDistribution,
): Diagnosis {
  const plain = (kind: DiagnosisKind): Diagnosis => ({ kind, ...NO_DETAIL });
  if (aspect === 'stuck' || aspect === 'dropout') return plain(aspect);
  if (aspect === 'unusable') return plain('losses');
  const trained = momentsOf(reference);
  if (!(trained.sd > 0) || !Number.isFinite(seen.mean) || !Number.isFinite(seen.sd)) return plain('shape');
  if (isSaturated(seen, reference)) return plain('saturation');
  const ratio = seen.sd / trained.sd;
  const line = { slope: ratio, offset: seen.mean - ratio * trained.mean };
  for (const [unit, slope, offset] of UNITS) {
    const isMean = Math.abs(seen.mean - (slope * trained.mean + offset)) <= UNIT_MEAN * slope * trained.sd;
    if (isMean && within(ratio / slope, UNIT_SPREAD)) return { kind: 'unit', ...NO_DETAIL, slope, offset, unit };
  }
  const moved = Math.abs(seen.mean - trained.mean) / trained.sd;
  if (within(ratio, SAME_SPREAD)) {
    if (aspect === 'shape' && moved < UNIT_MEAN) return plain('shape');
    const isTail = aspect === 'tail' && moved < UNIT_MEAN;
    return isTail ? plain('spikes') : { kind: 'bias', ...NO_DETAIL, slope: 1, offset: seen.mean - trained.mean };
  }
  // A wrong gain multiplies the mean as it does the spread; where the mean is near zero that cannot be seen.
  const ofMeans = seen.mean / trained.mean;
  if (Math.abs(trained.mean) > trained.sd && within(ofMeans / ratio, UNIT_SPREAD))
    return { kind: 'gain', ...NO_DETAIL, slope: ofMeans, offset: 0 };
  if (moved < UNIT_MEAN) return plain(aspect === 'tail' ? 'spikes' : ratio > 1 ? 'noise' : 'flattened');
  return { kind: 'shape', ...NO_DETAIL, ...line };
}
