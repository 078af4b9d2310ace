// Decides which model version each business number of a device belongs to, and how the numbers of two versions differ on the devices
// that ran both. Never says that a model is the cause.
import { type Interval, LEVEL, studentLimit } from './interval.ts';
import { LEAST_DEVICES } from './judge.ts';

/** A number belongs to what answered last before it, if that was not longer ago. */
export const LONGEST_GAP_MS = 86_400_000;

export interface Ran {
  readonly startAt: number;
  readonly slot: string;
  readonly manifest: string;
}
interface Sum {
  readonly n: number;
  readonly sum: number;
}
/** All that belongs to one slot and manifest. */
export interface KpiStream {
  readonly slot: string;
  readonly manifest: string;
  /** Time of the first number. */
  firstAt: number;
  readonly byDevice: Map<string, Sum>;
}
export interface KpiJoin {
  readonly streams: Map<string, KpiStream>;
  /** Numbers that belong to no version. */
  unjoined: number;
}
export const newJoin = (): KpiJoin => ({ streams: new Map(), unjoined: 0 });

/** Takes the numbers of one device in, with what ran on it; both in the order of time. */
export function joinDevice(
  join: KpiJoin,
  device: string,
  points: readonly { readonly at: number; readonly value: number }[],
  ran: readonly Ran[],
): void {
  const last = new Map<string, Ran>();
  let next = 0;
  for (const { at, value } of points) {
    for (; next < ran.length && (ran[next] as Ran).startAt <= at; next++) {
      const one = ran[next] as Ran;
      last.set(one.slot, one);
    }
    const here = [...last.values()].filter(({ startAt }) => at - startAt <= LONGEST_GAP_MS);
    if (here.length === 0) join.unjoined += 1;
    for (const { slot, manifest } of here) {
      const key = `${slot}\n${manifest}`;
      const stream = join.streams.get(key) ?? { slot, manifest, firstAt: at, byDevice: new Map<string, Sum>() };
      join.streams.set(key, stream);
      stream.firstAt = Math.min(stream.firstAt, at);
      const before = stream.byDevice.get(device);
      stream.byDevice.set(device, { n: (before?.n ?? 0) + 1, sum: (before?.sum ?? 0) + value });
    }
  }
}

export interface Averaged {
  readonly mean: number;
  readonly points: number;
  readonly devices: number;
  /** Over devices; undefined below 8 of them. */
  readonly interval: Interval | undefined;
}

/** The mean of the means of devices, so that one that reports often does not speak for the others. */
function average(means: readonly number[], points: number): Averaged {
  const n = means.length;
  const mean = means.reduce((a, b) => a + b, 0) / n;
  const variance = means.reduce((sum, x) => sum + (x - mean) ** 2, 0) / (n - 1);
  const half = n < LEAST_DEVICES ? Number.NaN : studentLimit(n - 1, 1 - LEVEL) * Math.sqrt(variance / n);
  return {
    mean,
    points,
    devices: n,
    interval: Number.isFinite(half) ? { low: mean - half, high: mean + half } : undefined,
  };
}

export function averageOf({ byDevice }: KpiStream): Averaged {
  const sums = [...byDevice.values()];
  return average(
    sums.map(({ n, sum }) => sum / n),
    sums.reduce((all, { n }) => all + n, 0),
  );
}

/** How much more it is with the second than with the first, device by device; undefined where no device ran both. */
export function compareStreams(first: KpiStream, second: KpiStream): Averaged | undefined {
  let points = 0;
  const apart = [...second.byDevice].flatMap(([device, after]) => {
    const before = first.byDevice.get(device);
    if (before === undefined) return [];
    points += after.n + before.n;
    return [after.sum / after.n - before.sum / before.n];
  });
  return apart.length === 0 ? undefined : average(apart, points);
}
