// Decides how far the answers for one part of the fleet differ from those for the rest, with limits that count devices: the differences
// of demographic parity and equalised odds, of accuracy, and of errors. Never says which difference is just.
import type { LabelledCounts } from '@drover/sketch/labelled';
import { type Interval, LEVEL, studentLimit } from './interval.ts';
import { LEAST_DEVICES } from './judge.ts';

/** Rows below which nothing is said of a part: neither is it sure, nor may it point to one person. */
export const LEAST_SLICE_ROWS = 50;

/** `selectionRate`: answers of the second class. `recall` and `falsePositiveRate`: such answers where it is, and is not, the truth. */
export type SliceMetric = 'accuracy' | 'selectionRate' | 'recall' | 'falsePositiveRate' | 'mae' | 'bias';

/** Sums of one device: a number is Σ amount / Σ rows. */
export interface Portion {
  readonly metric: SliceMetric;
  readonly amount: number;
  readonly rows: number;
}

/** In the same order for the same shape. With more than two classes only how many were right. */
export function portionsOf({ shape, confusion, count, errors, accuracy }: LabelledCounts): Portion[] {
  if (count === 0) return [];
  const of = (metric: SliceMetric, amount: number, rows: number): Portion => ({ metric, amount, rows });
  if (shape.kind === 'regression')
    return [of('mae', errors.mae * count, count), of('bias', errors.bias * count, count)];
  const right = of('accuracy', accuracy * count, count);
  if (shape.classCount !== 2) return [right];
  const [tn = 0, fp = 0, fn = 0, tp = 0] = confusion;
  return [right, of('selectionRate', fp + tp, count), of('recall', tp, fn + tp), of('falsePositiveRate', fp, tn + fp)];
}

export const addPortions = (a: readonly Portion[] | undefined, b: readonly Portion[]): readonly Portion[] =>
  a === undefined || a.length === 0
    ? b
    : a.map((one, at) => ({
        ...one,
        amount: one.amount + (b[at]?.amount ?? 0),
        rows: one.rows + (b[at]?.rows ?? 0),
      }));

export interface Gap {
  readonly metric: SliceMetric;
  /** Undefined while rows are wanting, here or in the rest. */
  readonly value: number | undefined;
  readonly rest: number | undefined;
  /** Limits of value − rest that hold for all gaps of all parts together; undefined where devices or rows are wanting. */
  readonly difference: Interval | undefined;
  readonly rows: number;
  /** Rows that are wanting in the part or in the rest. */
  readonly needed: number;
}
export interface SliceGaps {
  readonly name: string;
  readonly devices: number;
  readonly gaps: readonly Gap[];
}

interface Ratio {
  readonly value: number;
  readonly rows: number;
  readonly variance: number;
  readonly devices: number;
}

/** A ratio of sums over devices, with its linearised variance (Cochran 1977, §6.4), of a share never less than independent rows give. */
function ratioOf(parts: readonly Portion[], isShare: boolean): Ratio {
  const some = parts.filter(({ rows }) => rows > 0);
  let [amount, rows] = [0, 0];
  for (const part of some) {
    amount += part.amount;
    rows += part.rows;
  }
  const value = amount / rows;
  const squares = some.reduce((sum, part) => sum + (part.amount - value * part.rows) ** 2, 0);
  const overDevices = ((some.length / (some.length - 1)) * squares) / rows ** 2;
  const near = (amount + 2) / (rows + 4);
  return {
    value,
    rows,
    variance: Math.max(overDevices, isShare ? (near * (1 - near)) / rows : 0),
    devices: some.length,
  };
}

function gapOf(metric: SliceMetric, part: Ratio, rest: Ratio, chance: number): Gap {
  const fewest = Math.min(part.rows, rest.rows);
  const needed = Math.max(0, LEAST_SLICE_ROWS - fewest);
  if (needed > 0) return { metric, value: undefined, rest: undefined, difference: undefined, rows: part.rows, needed };
  const devices = Math.min(part.devices, rest.devices);
  const apart = part.value - rest.value;
  const half =
    devices < LEAST_DEVICES ? Number.NaN : studentLimit(devices - 1, chance) * Math.sqrt(part.variance + rest.variance);
  const difference = Number.isFinite(half) ? { low: apart - half, high: apart + half } : undefined;
  return { metric, value: part.value, rest: rest.value, difference, rows: part.rows, needed };
}

/** @param slices by name, what each of their devices counted. A device is in one part only. */
export function compareSlices(slices: ReadonlyMap<string, readonly (readonly Portion[])[]>): SliceGaps[] {
  const metrics = [...slices.values()].flat().find((portions) => portions.length > 0) ?? [];
  // Two parts mirror each other: each gap of theirs is one and not two.
  const gaps = metrics.length * (slices.size === 2 ? 1 : slices.size);
  const chance = (1 - LEVEL) / Math.max(1, gaps);
  return [...slices].map(([name, devices]) => {
    const others = [...slices].flatMap(([other, own]) => (other === name ? [] : own));
    const at = (all: readonly (readonly Portion[])[], place: number): Portion[] =>
      all.flatMap((portions) => portions[place] ?? []);
    return {
      name,
      devices: devices.length,
      gaps: metrics.map(({ metric }, place) => {
        const isShare = metric !== 'mae' && metric !== 'bias';
        return gapOf(metric, ratioOf(at(devices, place), isShare), ratioOf(at(others, place), isShare), chance);
      }),
    };
  });
}
