// Decides how detailed windows are where a day may cost only so many bytes: first without products, then longer, then without
// features. Pure; never sends one.
import type { WindowDetail } from '@drover/sketch/window-sketch';

const DAY_MS = 86_400_000;

export interface Detail {
  readonly windows: WindowDetail;
  /** How many lengths of the policy a window lasts; Infinity: until the day (UTC) is over. */
  readonly lengths: number;
}

/**
 * The order in which detail goes. Longer windows lose no row: counts of a long window are the sum of those of short ones, and only when
 * something happened is known less well. Without features drift says nothing any more; rows, errors, latency and answers are still told.
 */
export const DETAILS: readonly Detail[] = [
  { windows: 'full', lengths: 1 },
  { windows: 'plain', lengths: 1 },
  { windows: 'plain', lengths: 2 },
  { windows: 'plain', lengths: 4 },
  { windows: 'plain', lengths: 8 },
  { windows: 'plain', lengths: 16 },
  { windows: 'lean', lengths: 16 },
  { windows: 'lean', lengths: Number.POSITIVE_INFINITY },
];

/** What a window of a stream costs, by its detail. */
export type WindowCost = Readonly<Record<WindowDetail, number>>;

const dayLeft = (now: number): number => DAY_MS - (now % DAY_MS);

/** When a window that begins now ends, on its own boundaries or with the day. */
export function boundaryAfter(windowMs: number, epochAt: number, { lengths }: Detail, now: number): number {
  if (!Number.isFinite(lengths)) return now + dayLeft(now);
  const length = windowMs * lengths;
  const end = epochAt + (Math.floor((now - epochAt) / length) + 1) * length;
  return lengths === 1 ? end : Math.min(end, now + Math.max(windowMs, dayLeft(now)));
}

/**
 * Index of the first detail with which the rest of the day costs no more than is left.
 * @param costs of one window of each stream that is open.
 */
export function chooseDetail(costs: readonly WindowCost[], left: number, windowMs: number, now: number): number {
  const fits = ({ windows, lengths }: Detail): boolean => {
    const count = Number.isFinite(lengths) ? Math.ceil(dayLeft(now) / (windowMs * lengths)) : 1;
    let sum = 0;
    for (const cost of costs) sum += cost[windows];
    return sum * count <= left;
  };
  const found = DETAILS.findIndex(fits);
  return found < 0 ? DETAILS.length - 1 : found;
}
