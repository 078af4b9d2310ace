// Merges what the fleet reported into one summary per slot and manifest: totals, latency, missing values, quality. Totals
// are exact; statistics come from the newest windows up to a limit. What was counted on other edges is never mixed in.
import { setImmediate as nextTurn } from 'node:timers/promises';
import { decodeLabelled, type LabelledCounts } from '@drover/sketch/labelled';
import { NO_BASELINE } from '@drover/sketch/sketch';
import { decodeWindow, type WindowSketch } from '@drover/sketch/window-sketch';
import type { LatencyView, SlotSummary } from '@drover/wire/http/monitoring';
import type { Static } from 'typebox';
import type { Store } from '../db/store.ts';
import {
  listDayLabels,
  listDayStats,
  listLabelCounts,
  listWindowStats,
  type StreamBytes,
  type StreamTotals,
  type SummaryFilter,
  sumStreams,
} from '../db/summaries.ts';
import { type ModelFacts, type ReadModelFacts, UNKNOWN_MODEL } from './model-facts.ts';
import { viewQuality } from './quality.ts';

export interface SummaryDeps {
  readonly store: Store;
  readonly readFacts: ReadModelFacts;
}

const PAGE = 256;
/** Windows merged for one summary: about half a second of one core. */
const MAX_WINDOWS = 20_000;

interface Merged {
  readonly facts: ModelFacts;
  window: WindowSketch | undefined;
  labels: LabelledCounts | undefined;
}

function mergeWindow(into: Merged, bytes: Uint8Array): void {
  const decoded = decodeWindow(bytes, into.facts.reference);
  // Refused bytes are of another baseline or damaged: their rows are in the totals, their statistics nowhere.
  if (!decoded.ok) return;
  if (into.window === undefined) into.window = decoded.value;
  else into.window.merge(decoded.value);
}

function mergeLabels(into: Merged, bytes: Uint8Array): void {
  const decoded = decodeLabelled(bytes);
  if (!decoded.ok || decoded.value.prefix !== (into.facts.reference?.prefix ?? NO_BASELINE)) return;
  if (into.labels === undefined) into.labels = decoded.value;
  else if (into.labels.fits(decoded.value)) into.labels.merge(decoded.value);
}

const streamKey = ({ slot, manifest }: { slot: string; manifest: string }): string => `${slot}\n${manifest}`;

type Lister = (
  store: Store,
  filter: SummaryFilter,
  page: { limit: number; offset: number },
) => Promise<readonly StreamBytes[]>;

/** Newest first, a page at a time, so that ingest gets its turns. */
async function mergeAll(
  deps: SummaryDeps,
  filter: SummaryFilter,
  streams: ReadonlyMap<string, Merged>,
  list: Lister,
  merge: (into: Merged, bytes: Uint8Array) => void,
): Promise<void> {
  for (let offset = 0; offset < MAX_WINDOWS; offset += PAGE) {
    const rows = await list(deps.store, filter, { limit: PAGE, offset });
    for (const row of rows) {
      const stream = streams.get(streamKey(row));
      if (stream !== undefined) merge(stream, row.bytes);
    }
    if (rows.length < PAGE) return;
    await nextTurn();
  }
}

function viewLatency(window: WindowSketch | undefined): Static<typeof LatencyView> | null {
  const p50Us = window?.latency.quantile(0.5);
  const p99Us = window?.latency.quantile(0.99);
  if (window === undefined || p50Us === undefined || p99Us === undefined) return null;
  return { p50Us, p99Us, count: window.latency.total };
}

/** Values that were absent, NaN or of the wrong type, by feature; features that were always there are left out. */
function viewMissing(window: WindowSketch | undefined): Record<string, number> {
  if (window === undefined) return {};
  const { numericNames, categoricalNames } = window.reference;
  const counts: [string, number][] = [
    ...window.numeric.map(({ validity }, at): [string, number] => [
      numericNames[at] ?? '',
      validity.missing + validity.notANumber + validity.wrongType,
    ]),
    ...window.categorical.map(({ missing }, at): [string, number] => [categoricalNames[at] ?? '', missing]),
  ];
  return Object.fromEntries(counts.filter(([, count]) => count > 0));
}

function viewStream(totals: StreamTotals, merged: Merged): Static<typeof SlotSummary> {
  const { facts, window, labels } = merged;
  return {
    slot: totals.slot,
    manifest: totals.manifest,
    model: facts.model,
    version: facts.version,
    devices: totals.devices,
    windows: totals.windows,
    predictions: totals.rows,
    errors: totals.errors,
    fromAt: new Date(totals.fromAt).toISOString(),
    toAt: new Date(totals.toAt).toISOString(),
    latency: viewLatency(window),
    quality: labels === undefined ? null : viewQuality(labels, totals.rows),
    missing: viewMissing(window),
  };
}

export type Summarise = (filter: SummaryFilter) => Promise<Static<typeof SlotSummary>[]>;

export function openSummaries(deps: SummaryDeps): Summarise {
  return async (filter) => {
    const totals = await sumStreams(deps.store, filter);
    const streams = new Map<string, Merged>();
    for (const stream of totals) {
      streams.set(streamKey(stream), {
        facts: await deps.readFacts(stream.manifest),
        window: undefined,
        labels: undefined,
      });
    }
    await mergeAll(deps, filter, streams, listWindowStats, mergeWindow);
    await mergeAll(deps, filter, streams, listDayStats, mergeWindow);
    await mergeAll(deps, filter, streams, listLabelCounts, mergeLabels);
    await mergeAll(deps, filter, streams, listDayLabels, mergeLabels);
    return totals.map((stream) =>
      viewStream(
        stream,
        streams.get(streamKey(stream)) ?? { facts: UNKNOWN_MODEL, window: undefined, labels: undefined },
      ),
    );
  };
}
