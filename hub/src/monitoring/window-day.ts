// Decides what is left of windows that were kept for long enough: their sum for a day, of each counted once. Reads no database.
import { addNumber, hasNumber, type Ranges } from '@drover/core/ranges';
import { decodeLabelled, type LabelledCounts } from '@drover/sketch/labelled';
import { NO_BASELINE } from '@drover/sketch/sketch';
import { decodeWindow, type WindowReference, type WindowSketch } from '@drover/sketch/window-sketch';
import type { WindowDaysTable } from '../db/schema-monitoring.ts';
import { DAY_MS, type DayKey } from '../db/window-days.ts';
import type { LabelledRow, WindowRow } from '../db/window-rows.ts';

interface Seen {
  readonly windows: Readonly<Record<string, Ranges>>;
  readonly labels: Readonly<Record<string, Ranges>>;
}

export const dayKeyOf = ({ startAt, device, slot, role, manifest }: WindowRow | LabelledRow): DayKey => ({
  day: Math.floor(startAt / DAY_MS), device, slot, role, manifest,
}); // biome-ignore format: one record

const emptyDay = (key: DayKey): WindowDaysTable => ({
  ...key,
  windows: 0,
  rows: 0,
  errors: 0,
  fromAt: Number.MAX_SAFE_INTEGER,
  toAt: 0,
  unread: 0,
  late: 0,
  seenJson: JSON.stringify({ windows: {}, labels: {} } satisfies Seen),
  stats: null,
  labels: null,
});

/**
 * The day with these windows and labels of it, in their order. Each counts once: one whose number is in here already is an amendment
 * that came too late, and only counted. Counts add exactly; sums of values are added in the order given, which is that of the
 * windows' keys for all that are there when their day is summed.
 */
export function addToDay(
  key: DayKey,
  held: WindowDaysTable | undefined,
  windows: readonly WindowRow[],
  labels: readonly LabelledRow[],
  reference: WindowReference | undefined,
): WindowDaysTable {
  const day = held ?? emptyDay(key);
  const seen = JSON.parse(day.seenJson) as Seen;
  const numbers = { windows: { ...seen.windows }, labels: { ...seen.labels } };
  let { rows, errors, fromAt, toAt, unread, late, windows: count } = day;
  const before = day.stats === null ? undefined : decodeWindow(day.stats, reference);
  let stats: WindowSketch | undefined = before?.ok === true ? before.value : undefined;
  for (const row of windows) {
    const boot = numbers.windows[row.bootId] ?? [];
    if (hasNumber(boot, row.number)) {
      late += 1;
      continue;
    }
    numbers.windows[row.bootId] = addNumber(boot, row.number);
    count += 1;
    rows += row.rows;
    errors += row.errors;
    fromAt = Math.min(fromAt, row.startAt);
    toAt = Math.max(toAt, row.endAt);
    const decoded = decodeWindow(row.stats, reference);
    if (!decoded.ok || (stats && !stats.merge(decoded.value).ok)) unread += 1;
    else stats ??= decoded.value;
  }
  const labelled = day.labels === null ? undefined : decodeLabelled(day.labels);
  let sum: LabelledCounts | undefined = labelled?.ok === true ? labelled.value : undefined;
  for (const row of labels) {
    const boot = numbers.labels[row.bootId] ?? [];
    if (hasNumber(boot, row.number)) {
      late += 1;
      continue;
    }
    numbers.labels[row.bootId] = addNumber(boot, row.number);
    const decoded = decodeLabelled(row.counts);
    if (!decoded.ok || decoded.value.prefix !== (reference?.prefix ?? NO_BASELINE)) continue;
    if (!sum) sum = decoded.value;
    else if (sum.fits(decoded.value)) sum.merge(decoded.value);
  }
  return {
    ...day, windows: count, rows, errors, fromAt, toAt, unread, late, seenJson: JSON.stringify(numbers satisfies Seen),
    stats: stats?.encode() ?? day.stats, labels: sum?.encode() ?? day.labels,
  }; // biome-ignore format: one record
}
