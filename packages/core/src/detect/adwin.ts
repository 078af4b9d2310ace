// Decides when the mean of a stream has moved, by the widest window whose parts agree: ADWIN2 (Bifet and Gavaldà 2007, §4).
// Never keeps a value: buckets of 2^i values hold sum and variance, so that memory grows with the logarithm of the window.
import type { Finding } from './finding.ts';

/** Buckets of one size before the two oldest become one of the next. */
const MOST_BUCKETS = 5;
const CHECK_EVERY = 32;
/** Values before a first look, and the least that a part holds. */
const LEAST_WIDTH = 10;
const LEAST_PART = 5;

/** Chance that a stream whose mean never moves is said to have moved at one look, by the bound of the paper. */
export const ADWIN_DELTA = 0.002;

interface Bucket {
  readonly sum: number;
  /** Σ (x − mean of the bucket)². */
  readonly spread: number;
}

export interface Adwin {
  /** Row i: buckets of 2^i values, the oldest first. */
  readonly rows: Bucket[][];
  width: number;
  sum: number;
  spread: number;
  values: number;
}

export const newAdwin = (): Adwin => ({ rows: [[]], width: 0, sum: 0, spread: 0, values: 0 });

/** What two parts of a window differ by adds to its Σ (x − mean)² (Babcock et al. 2003, §3). */
const between = (n1: number, sum1: number, n2: number, sum2: number): number =>
  (n1 * n2 * (sum1 / n1 - sum2 / n2) ** 2) / (n1 + n2);

function insert(state: Adwin, value: number): void {
  if (state.width > 0) state.spread += between(1, value, state.width, state.sum);
  state.width += 1;
  state.sum += value;
  state.rows[0]?.push({ sum: value, spread: 0 });
  for (const [at, row] of state.rows.entries()) {
    if (row.length <= MOST_BUCKETS) return;
    const [a, b] = row.splice(0, 2) as [Bucket, Bucket];
    const size = 2 ** at;
    const next = state.rows[at + 1] ?? [];
    state.rows[at + 1] = next;
    next.push({ sum: a.sum + b.sum, spread: a.spread + b.spread + between(size, a.sum, size, b.sum) });
  }
}

function dropOldest(state: Adwin): void {
  const at = state.rows.length - 1;
  const row = state.rows[at];
  const oldest = row?.shift();
  if (row === undefined || oldest === undefined) return;
  const size = 2 ** at;
  state.width -= size;
  state.sum -= oldest.sum;
  state.spread -= oldest.spread + between(size, oldest.sum, state.width, state.sum);
  if (row.length === 0 && at > 0) state.rows.pop();
}

/** Whether the mean of the older `n0` values differs from that of the newer `n1` by more than ε_cut. */
function differs({ width, spread }: Adwin, n0: number, n1: number, difference: number, delta: number): boolean {
  const term = Math.log((2 * Math.log(width)) / delta);
  const share = 1 / (n0 - LEAST_PART + 1) + 1 / (n1 - LEAST_PART + 1);
  return Math.abs(difference) > Math.sqrt((2 * share * spread * term) / width) + (2 / 3) * term * share;
}

function hasCut(state: Adwin, delta: number): boolean {
  let [n0, sum0] = [0, 0];
  for (let at = state.rows.length - 1; at >= 0; at--) {
    for (const { sum } of state.rows[at] as Bucket[]) {
      n0 += 2 ** at;
      sum0 += sum;
      const n1 = state.width - n0;
      if (n0 < LEAST_PART || n1 < LEAST_PART) continue;
      if (differs(state, n0, n1, sum0 / n0 - (state.sum - sum0) / n1, delta)) return true;
    }
  }
  return false;
}

/** Takes the next value in, in place; it should be within [0, 1] for δ to hold. After a drift `width` values are left, all of the new mean. */
export function foldAdwin(state: Adwin, value: number, delta = ADWIN_DELTA): Finding {
  insert(state, value);
  state.values += 1;
  if (state.values % CHECK_EVERY !== 0 || state.width <= LEAST_WIDTH) return 'none';
  let found: Finding = 'none';
  while (hasCut(state, delta)) {
    found = 'drift';
    dropOldest(state);
  }
  return found;
}
