// Decides what each column of a table is for: label, device, time, feature, or dropped with the reason said. Trains nothing.
import { accept, type Result, refuse } from '@drover/core/reasons';
import { buildLabel, type Label, type LabelSpec } from './label.ts';
import type { Column, NumberColumn, Table, TextColumn } from './table.ts';
import type { Task } from './task.ts';

export interface PrepareOptions {
  /** A column, or a label derived from where a row stands in its device's life. */
  readonly label: string | LabelSpec;
  readonly task?: Task | 'auto' | undefined;
  readonly exclude?: readonly string[] | undefined;
  /** Only these become features; without it all columns that are left. */
  readonly features?: readonly string[] | undefined;
  /** Names the device of a row: never a feature; whole devices go to one part of a split. */
  readonly deviceColumn?: string | undefined;
  /** Orders rows in time: never a feature. Without it the file's order is the order in time. */
  readonly timeColumn?: string | undefined;
}

export type DropReason =
  | 'excluded'
  | 'constant'
  | 'all_missing'
  | 'identifier'
  | 'counter'
  | 'too_many_values'
  | 'too_large';

export interface DroppedColumn {
  readonly name: string;
  readonly reason: DropReason;
  /** One sentence for a person. */
  readonly says: string;
}

/** Columns chosen, rows that carry a label only, in time order. */
export interface Prepared {
  readonly rows: number;
  readonly numeric: readonly NumberColumn[];
  readonly categorical: readonly TextColumn[];
  readonly label: Label;
  readonly dropped: readonly DroppedColumn[];
  /** Rows left out because their label is missing. */
  readonly unlabelled: number;
  /** Device number per row, and names by that number; absent without a device column. */
  readonly devices: { readonly codes: Int32Array; readonly names: readonly string[] } | undefined;
}

/** Above this share of distinct texts a column names rows instead of describing them. */
const IDENTIFIER_SHARE = 0.5;
const MAX_TEXT_LEVELS = 1000;
/** Beyond it neither float32 steps nor the statistics on devices hold a value. */
const MAX_VALUE = 1e28;

/** Reasons that no wish overrules. */
const EMPTY: ReadonlySet<DropReason> = new Set(['all_missing', 'constant', 'too_large']);

function judgeNumber(column: NumberColumn): DroppedColumn | undefined {
  const { name, values } = column;
  let present = 0;
  let first = Number.NaN;
  let constant = true;
  let ascending = true;
  let last = Number.NEGATIVE_INFINITY;
  let integers = true;
  let largest = 0;
  for (const value of values) {
    if (value !== value) continue;
    if (present++ === 0) first = value;
    if (value !== first) constant = false;
    if (value <= last) ascending = false;
    largest = Math.max(largest, Math.abs(value));
    last = value;
    if (integers && !Number.isInteger(value)) integers = false;
  }
  if (present === 0) return { name, reason: 'all_missing', says: 'It has no value in any row.' };
  if (largest > MAX_VALUE) return { name, reason: 'too_large', says: `It holds values beyond ${MAX_VALUE}.` };
  if (constant) return { name, reason: 'constant', says: `It is ${first} in every row that has a value.` };
  if (!integers || present < values.length || present < 8) return undefined;
  if (ascending) return { name, reason: 'counter', says: 'It counts up with the rows, as a row number does.' };
  if (new Set(values).size === values.length) {
    return { name, reason: 'identifier', says: 'It is another integer in every row, as an id is.' };
  }
  return undefined;
}

function judgeText(column: TextColumn): DroppedColumn | undefined {
  const { name, codes, levels } = column;
  let present = 0;
  for (const code of codes) if (code >= 0) present++;
  if (present === 0) return { name, reason: 'all_missing', says: 'It has no value in any row.' };
  if (levels.length === 1)
    return { name, reason: 'constant', says: `It is "${levels[0]}" in every row that has a value.` };
  if (present >= 8 && levels.length > IDENTIFIER_SHARE * present) {
    return { name, reason: 'identifier', says: `${levels.length} different texts in ${present} rows: it names rows.` };
  }
  if (levels.length > MAX_TEXT_LEVELS) {
    return {
      name,
      reason: 'too_many_values',
      says: `${levels.length} different texts, the limit is ${MAX_TEXT_LEVELS}.`,
    };
  }
  return undefined;
}

/** Rows by time, the file's order among equals; a row without a time keeps to the front. */
function orderRows(rows: number, time: Column | undefined): Int32Array {
  const order = Int32Array.from({ length: rows }, (_, i) => i);
  if (!time) return order;
  const key =
    time.kind === 'number'
      ? Float64Array.from(time.values, (v) => (v !== v ? Number.NEGATIVE_INFINITY : v))
      : rankTexts(time);
  return order.sort((a, b) => (key[a] as number) - (key[b] as number) || a - b);
}

/** Places of texts in code-unit order: RFC 3339 times in one zone sort as they should. */
function rankTexts(column: TextColumn): Float64Array {
  const sorted = column.levels.map((level, code) => ({ level, code })).sort((a, b) => (a.level < b.level ? -1 : 1));
  const rank = new Float64Array(column.levels.length);
  sorted.forEach(({ code }, place) => {
    rank[code] = place;
  });
  return Float64Array.from(column.codes, (code) => (code < 0 ? -1 : (rank[code] as number)));
}

export const takeNumbers = (column: NumberColumn, rows: ArrayLike<number>): NumberColumn => ({
  ...column,
  values: Float64Array.from(rows, (row) => column.values[row] as number),
});
export const takeTexts = (column: TextColumn, rows: ArrayLike<number>): TextColumn => ({
  ...column,
  codes: Int32Array.from(rows, (row) => column.codes[row] as number),
});

function nameDevices(column: Column, rows: Int32Array): { codes: Int32Array; names: string[] } {
  const names = new Map<string, number>();
  const codes = Int32Array.from(rows, (row) => {
    const value =
      column.kind === 'text' ? (column.levels[column.codes[row] as number] ?? '') : String(column.values[row]);
    const known = names.get(value);
    if (known !== undefined) return known;
    names.set(value, names.size);
    return names.size - 1;
  });
  return { codes, names: [...names.keys()] };
}

export function prepareTable(table: Table, options: PrepareOptions): Result<Prepared> {
  const byName = new Map(table.columns.map((column) => [column.name, column]));
  const labelColumn = typeof options.label === 'string' ? options.label : undefined;
  const deviceColumn =
    options.deviceColumn ?? (typeof options.label === 'string' ? undefined : options.label.deviceColumn);
  const roles = [labelColumn, deviceColumn, options.timeColumn].filter((name) => name !== undefined);
  for (const name of [...roles, ...(options.exclude ?? []), ...(options.features ?? [])]) {
    if (byName.has(name)) continue;
    const listed = [...byName.keys()].slice(0, 60).join(', ');
    return refuse('data_column_missing', `There is no column "${name}"; columns: ${listed}.`);
  }
  const wanted = options.features ? new Set(options.features) : undefined;
  const excluded = new Set(options.exclude ?? []);
  const dropped: DroppedColumn[] = [];
  const chosen = table.columns.filter((column) => {
    if (roles.includes(column.name)) return false;
    if (excluded.has(column.name) || (wanted && !wanted.has(column.name))) {
      dropped.push({ name: column.name, reason: 'excluded', says: 'It was excluded.' });
      return false;
    }
    const verdict = column.kind === 'number' ? judgeNumber(column) : judgeText(column);
    // A column that was asked for by name is kept unless it holds nothing to learn from.
    if (!verdict || (wanted && !EMPTY.has(verdict.reason))) return true;
    dropped.push(verdict);
    return false;
  });
  if (chosen.length === 0) {
    const why = dropped.map((d) => `${d.name}: ${d.says}`).slice(0, 20);
    return refuse('data_no_features', `${why.join(' ')}`);
  }
  const inTime = orderRows(table.rows, options.timeColumn === undefined ? undefined : byName.get(options.timeColumn));
  const allDevices = deviceColumn === undefined ? undefined : nameDevices(byName.get(deviceColumn) as Column, inTime);
  const built = buildLabel(
    typeof options.label === 'string'
      ? { kind: 'column', column: byName.get(options.label) as Column, order: inTime }
      : { kind: 'derived', spec: options.label, devices: allDevices?.codes ?? new Int32Array(table.rows) },
    options.task ?? 'auto',
  );
  if (!built.ok) return built;
  const { label, kept } = built.value;
  const rows = Int32Array.from(kept, (place) => inTime[place] as number);
  return accept({
    rows: rows.length,
    numeric: chosen.flatMap((column) => (column.kind === 'number' ? [takeNumbers(column, rows)] : [])),
    categorical: chosen.flatMap((column) => (column.kind === 'text' ? [takeTexts(column, rows)] : [])),
    label,
    dropped,
    unlabelled: table.rows - rows.length,
    devices: allDevices && {
      codes: Int32Array.from(kept, (i) => allDevices.codes[i] as number),
      names: allDevices.names,
    },
  });
}
