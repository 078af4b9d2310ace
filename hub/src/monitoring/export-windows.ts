// Tells the kept windows as a table: a line for each feature of each window of each device, with what its counts say. A page at a time, so
// that memory does not grow with the table. Never writes.
import type { NumericDistribution } from '@drover/sketch/baseline-document';
import { decodeWindow } from '@drover/sketch/window-sketch';
import { openParquet } from '@drover/tables/parquet';
import { type Cell, type Column, csvHead, csvRows, type Row } from '@drover/tables/table';
import { type DriftWindow, listLabels, listWindowsBetween } from '../db/drift.ts';
import type { Store } from '../db/store.ts';
import type { ReadModelFacts } from './model-facts.ts';
import { observe, type Seen } from './observe-window.ts';

export interface ExportDeps {
  readonly store: Store;
  readonly readFacts: ReadModelFacts;
}

export interface ExportFilter {
  readonly device?: string | undefined;
  readonly model?: string | undefined;
  readonly since: number;
  readonly until: number;
}

const PAGE = 256;
const QUANTILES = [0.05, 0.25, 0.5, 0.75, 0.95] as const;
const textColumns = (...names: readonly string[]): Column[] => names.map((name) => ({ name, kind: 'text' }));
const countColumns = (...names: readonly string[]): Column[] => names.map((name) => ({ name, kind: 'count' }));
const numberColumns = (...names: readonly string[]): Column[] => names.map((name) => ({ name, kind: 'number' }));

const COLUMNS: readonly Column[] = [
  ...textColumns('device', 'slot', 'model'),
  ...countColumns('version'),
  ...textColumns('manifest'),
  { name: 'start', kind: 'instant' },
  { name: 'end', kind: 'instant' },
  ...countColumns('rows', 'errors'),
  ...textColumns('feature', 'kind'),
  ...countColumns('seen', 'missing'),
  ...numberColumns(
    'unusable_share', 'outside_share', 'level', 'spread', 'mean', 'sd', 'min', 'max', 'p05', 'p25', 'p50', 'p75', 'p95',
  ), // biome-ignore format: one list
  ...numberColumns('unseen_distinct', 'unseen_most_share'),
];

/** The value below which this share of the counts lies, straight within a bin; the outer bins end where the extremes lie. */
export function quantileOf(
  counts: ArrayLike<number>,
  { edges }: Pick<NumericDistribution, 'edges'>,
  q: number,
  min: number,
  max: number,
): number {
  let total = 0;
  for (let i = 0; i < counts.length; i++) total += counts[i] as number;
  let rest = q * total;
  for (let i = 0; i < counts.length; i++) {
    const here = counts[i] as number;
    if (here > 0 && rest <= here) {
      const low = Math.max(min, i === 0 ? min : (edges[i - 1] as number));
      const high = Math.min(max, i === edges.length ? max : (edges[i] as number));
      return low + Math.max(0, high - low) * (rest / here);
    }
    rest -= here;
  }
  return max;
}

function numbersOf({ observation, numeric }: Seen): Cell[] {
  const { unusable, tail, level, spread, rows } = observation;
  const shared = [unusable, tail, level, spread];
  if (!numeric) return [rows, null, ...shared, ...Array.from({ length: 4 + QUANTILES.length }, () => null)];
  const { moments, hist, validity } = numeric.sketch;
  const isKnown = moments.count > 0;
  const known = isKnown
    ? [moments.mean, Math.sqrt(moments.variance), moments.min, moments.max]
    : [null, null, null, null];
  const quantiles = QUANTILES.map((q) =>
    isKnown ? quantileOf(hist.counts, numeric.reference, q, moments.min, moments.max) : null,
  );
  return [rows, validity.missing, ...shared, ...known, ...quantiles];
}

const keyOf = ({ slot, manifest, bootId, number }: DriftWindow): string => `${slot}/${manifest}/${bootId}/${number}`;

/** Windows of one device, in the order of time, each once. */
async function* pagesOf(
  store: Store,
  device: string,
  since: number,
  until: number,
): AsyncGenerator<readonly DriftWindow[]> {
  let from = since;
  let seen = new Set<string>();
  for (;;) {
    const rows = await listWindowsBetween(store, device, from, until, PAGE);
    const fresh = rows.filter((row) => row.startAt !== from || !seen.has(keyOf(row)));
    if (fresh.length > 0) yield fresh;
    const last = rows.at(-1);
    if (rows.length < PAGE || !last) return;
    // Windows of several slots begin at one moment: the next page begins with those that were told.
    if (last.startAt === from) from += 1;
    else from = last.startAt;
    seen = new Set(rows.filter((row) => row.startAt === from).map(keyOf));
  }
}

/** Lines of the table, a page at a time. */
async function* listRows({ store, readFacts }: ExportDeps, filter: ExportFilter): AsyncGenerator<readonly Row[]> {
  const devices =
    filter.device === undefined ? (await listLabels(store)).map(({ id }) => id).toSorted() : [filter.device];
  for (const device of devices)
    for await (const windows of pagesOf(store, device, filter.since, filter.until)) {
      const rows: Row[] = [];
      for (const row of windows) {
        const facts = await readFacts(row.manifest);
        if (filter.model !== undefined && facts.model !== filter.model) continue;
        const window = facts.reference ? decodeWindow(row.stats, facts.reference) : undefined;
        if (!window?.ok) continue;
        const head = [
          device, row.slot, facts.model, facts.version, row.manifest, row.startAt, row.endAt, row.rows, row.errors,
        ]; // biome-ignore format: one line of the table
        for (const seen of observe(window.value, facts))
          rows.push([
            ...head,
            seen.feature,
            seen.kind,
            ...numbersOf(seen),
            seen.unseen?.distinct ?? null,
            seen.unseen?.most ?? null,
          ]);
      }
      if (rows.length > 0) yield rows;
    }
}

export type ExportFormat = 'csv' | 'parquet';

export async function* exportWindows(
  deps: ExportDeps,
  filter: ExportFilter,
  format: ExportFormat,
): AsyncGenerator<string | Uint8Array> {
  if (format === 'csv') {
    yield csvHead(COLUMNS);
    for await (const rows of listRows(deps, filter)) yield csvRows(COLUMNS, rows);
    return;
  }
  const table = openParquet(COLUMNS);
  for await (const rows of listRows(deps, filter)) {
    const ready = table.add(rows);
    // An empty part would end the stream of a reader that takes it for the end.
    if (ready.length > 0) yield ready;
  }
  yield table.finish();
}
