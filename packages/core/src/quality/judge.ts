// Decides what is said of a model's quality from the labels of many devices: a number only where enough rows define it, and an
// interval over devices where there are enough of them. Never reads a clock.
import type { LabelledCounts } from '@drover/sketch/labelled';
import { type Interval, jackknife, widest } from './interval.ts';
import { type Measured, type MetricName, measure } from './metrics.ts';

/** Rows below which no number is said (design: no metric below n = 30). */
export const LEAST_ROWS = 30;
/** Devices from which on they are what an interval counts. */
export const LEAST_DEVICES = 8;

export interface Judged {
  readonly metric: MetricName;
  readonly of: number | undefined;
  /** Undefined while rows are wanting, or where the labels do not define it. */
  readonly value: number | undefined;
  readonly interval: Interval | undefined;
  /** `devices`: the jackknife over devices, never narrower than rows give it. `rows`: says nothing of other devices. */
  readonly by: 'devices' | 'rows' | undefined;
  readonly n: number;
  /** Rows of its kind that are wanting. */
  readonly needed: number;
  readonly byChance: number | undefined;
}

function judgeOne(one: Measured, without: readonly number[]): Judged {
  const { metric, of, value, n, rows, byChance, isShare } = one;
  const needed = Math.max(0, LEAST_ROWS - n);
  const shared = { metric, of, n, needed, byChance };
  if (needed > 0 || !Number.isFinite(value)) return { ...shared, value: undefined, interval: undefined, by: undefined };
  const overDevices =
    without.length >= LEAST_DEVICES && without.every(Number.isFinite)
      ? jackknife(value, without, isShare, n)
      : undefined;
  const interval = overDevices ? widest(overDevices, rows) : rows;
  return { ...shared, value, interval, by: interval && (overDevices ? 'devices' : 'rows') };
}

/**
 * @param all counts of all devices together; it is changed and changed back. @param clusters the same by device, or by groups of
 * devices where there are very many: groups are as independent as their devices.
 */
export function judge(all: LabelledCounts, clusters: readonly LabelledCounts[]): Judged[] {
  const measured = measure(all);
  const without: number[][] = measured.map(() => []);
  if (clusters.length >= LEAST_DEVICES)
    for (const cluster of clusters) {
      all.subtract(cluster);
      for (const [at, { value }] of measure(all).entries()) without[at]?.push(value);
      all.merge(cluster);
    }
  return measured.map((one, at) => judgeOne(one, without[at] as number[]));
}
