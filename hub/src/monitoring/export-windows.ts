// Tells the kept windows as a table: a line for each feature of each window of each device, with what its counts say. A page at a time, so
// that memory does not grow with the table. Never writes.
import { csvLine, csvNumber, csvText } from '@drover/core/csv';
import type { NumericDistribution } from '@drover/sketch/baseline-document';
import { decodeWindow } from '@drover/sketch/window-sketch';
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
const COLUMNS = [
  'device', 'slot', 'model', 'version', 'manifest', 'start', 'end', 'rows', 'errors', 'feature', 'kind', 'seen', 'missing', 'unusable_share',
  'outside_share', 'level', 'spread', 'mean', 'sd', 'min', 'max', 'p05', 'p25', 'p50', 'p75', 'p95',
] as const; // biome-ignore format: one list

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

function numbersOf({ observation, numeric }: Seen): string[] {
  const { unusable, tail, level, spread, rows } = observation;
  const shared = [unusable, tail, level, spread].map(csvNumber);
  if (!numeric) return [csvNumber(rows), '', ...shared, ...Array.from({ length: 4 + QUANTILES.length }, () => '')];
  const { moments, hist, validity } = numeric.sketch;
  const known =
    moments.count > 0
      ? [moments.mean, Math.sqrt(moments.variance), moments.min, moments.max]
      : [null, null, null, null];
  const quantiles = QUANTILES.map((q) =>
    moments.count > 0 ? quantileOf(hist.counts, numeric.reference, q, moments.min, moments.max) : null,
  );
  return [
    csvNumber(rows),
    csvNumber(validity.missing),
    ...shared,
    ...known.map(csvNumber),
    ...quantiles.map(csvNumber),
  ];
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

export async function* exportWindows({ store, readFacts }: ExportDeps, filter: ExportFilter): AsyncGenerator<string> {
  yield csvLine(COLUMNS);
  const devices =
    filter.device === undefined ? (await listLabels(store)).map(({ id }) => id).toSorted() : [filter.device];
  for (const device of devices)
    for await (const rows of pagesOf(store, device, filter.since, filter.until)) {
      let text = '';
      for (const row of rows) {
        const facts = await readFacts(row.manifest);
        if (filter.model !== undefined && facts.model !== filter.model) continue;
        const window = facts.reference ? decodeWindow(row.stats, facts.reference) : undefined;
        if (!window?.ok) continue;
        const head = [
          device, row.slot, csvText(facts.model ?? ''), csvNumber(facts.version), row.manifest, new Date(row.startAt).toISOString(),
          new Date(row.endAt).toISOString(), csvNumber(row.rows), csvNumber(row.errors),
        ]; // biome-ignore format: one line of the table
        for (const seen of observe(window.value, facts))
          text += csvLine([...head, csvText(seen.feature), seen.kind, ...numbersOf(seen)]);
      }
      if (text !== '') yield text;
    }
}
