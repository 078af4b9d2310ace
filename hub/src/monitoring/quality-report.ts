// Gathers what labels and scores say of each model version from its windows, afresh with each question, so that a label that comes
// late counts where it belongs. Never decides what a number means: core does.
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Change, DetectorName, Step } from '@drover/core/quality/error-drift';
import { addPortions, portionsOf } from '@drover/core/quality/slices';
import { addCounts } from '@drover/sketch/counts';
import { decodeLabelled, LabelledCounts } from '@drover/sketch/labelled';
import { SCORE_BINS } from '@drover/sketch/scores';
import { NO_BASELINE } from '@drover/sketch/sketch';
import { decodeWindow, WindowSketch } from '@drover/sketch/window-sketch';
import type { QualityItem, QualityReport } from '@drover/wire/http/quality';
import { listLabels } from '../db/drift.ts';
import { type LabelledWindow, listLabelledDays, listLabelledWindows, listModelSlices } from '../db/quality.ts';
import type { Store } from '../db/store.ts';
import { listDayStats, listWindowStats, type StreamBytes, sumStreams } from '../db/summaries.ts';
import type { ReadModelFacts } from './model-facts.ts';
import {
  type ErrorChanges,
  findErrorChanges,
  kindOf,
  type SliceLabel,
  type StreamQuality,
  viewStreamQuality,
} from './quality-view.ts';

export interface QualityFilter {
  readonly model?: string | undefined;
  readonly version?: number | undefined;
  readonly slot?: string | undefined;
  readonly device?: string | undefined;
  readonly since?: number | undefined;
  readonly detector: DetectorName;
  /** A label of devices by whose values the fleet is compared. */
  readonly by?: string | undefined;
}

const PAGE = 500;
/** Windows of each kind that one question reads, the newest: about a second of one core. */
const MAX_WINDOWS = 20_000;
/** Of counts by device; beyond it devices share one, in turns. */
const CLUSTER_BYTES = 16 * 1024 * 1024;
const MOST_CLUSTERS = 200;

const streamKey = ({ slot, manifest }: { slot: string; manifest: string }): string => `${slot}\n${manifest}`;

function mostClusters({ confusion, scoreByLabel }: LabelledCounts): number {
  const bytes = 8 * (confusion.length + scoreByLabel.length + 2 * SCORE_BINS + 4);
  return Math.max(16, Math.min(MOST_CLUSTERS, Math.floor(CLUSTER_BYTES / bytes)));
}

function addLabels(stream: StreamQuality, { device, startAt, counts }: LabelledWindow): void {
  const decoded = decodeLabelled(counts);
  if (!decoded.ok || decoded.value.prefix !== (stream.facts.reference?.prefix ?? NO_BASELINE)) return;
  const labels = decoded.value;
  stream.all ??= new LabelledCounts(labels.shape, labels.prefix);
  if (labels.count === 0 || !stream.all.fits(labels)) return;
  stream.all.merge(labels);
  stream.portions.set(device, addPortions(stream.portions.get(device), portionsOf(labels)));
  const at = stream.clusterOf.get(device) ?? stream.clusterOf.size % mostClusters(labels);
  stream.clusterOf.set(device, at);
  const cluster = stream.clusters[at];
  if (cluster) cluster.merge(labels);
  else stream.clusters[at] = labels;
  const ofDevice = stream.steps.get(device) ?? new Map<number, Step>();
  stream.steps.set(device, ofDevice);
  const before = ofDevice.get(startAt) ?? { at: startAt, n: 0, sum: 0 };
  const n = decoded.value.count;
  const sum = labels.shape.kind === 'regression' ? labels.errors.mae * n : n - labels.accuracy * n;
  ofDevice.set(startAt, { at: startAt, n: before.n + n, sum: before.sum + sum });
}

/** Newest first, a page at a time, so that ingest gets its turns. */
async function readPages<Row>(
  list: (page: { limit: number; offset: number }) => Promise<readonly Row[]>,
  take: (row: Row) => void,
): Promise<boolean> {
  for (let offset = 0; offset < MAX_WINDOWS; offset += PAGE) {
    const rows = await list({ limit: PAGE, offset });
    for (const row of rows) take(row);
    if (rows.length < PAGE) return false;
    await nextTurn();
  }
  return true;
}

/** Changes of the errors, a device at a time, so that ingest gets its turns. */
async function findAllChanges(stream: StreamQuality, detector: DetectorName): Promise<ErrorChanges> {
  const changes = new Map<string, readonly Change[]>([['', findErrorChanges(stream, detector)]]);
  for (const device of stream.steps.keys()) {
    changes.set(device, findErrorChanges(stream, detector, device));
    await nextTurn();
  }
  return changes;
}

async function readLabel(store: Store, label: string): Promise<SliceLabel> {
  const valueOf = new Map<string, string>();
  for (const { id, labelsJson } of await listLabels(store)) {
    const value = (JSON.parse(labelsJson) as Record<string, string>)[label];
    if (value !== undefined) valueOf.set(id, value);
  }
  return { label, valueOf };
}

/** By the label that was asked for, else by those that are declared for the model. */
async function readSlices(store: Store, by: string | undefined, model: string | null): Promise<SliceLabel[]> {
  const labels = by !== undefined ? [by] : model === null ? [] : await listModelSlices(store, model);
  const slices: SliceLabel[] = [];
  for (const label of labels) slices.push(await readLabel(store, label));
  return slices;
}

interface QualityDeps {
  readonly store: Store;
  readonly readFacts: ReadModelFacts;
}

/** @param withScores what the models said of all rows, beside what the labels say of some. */
async function readStreams(
  { store, readFacts }: QualityDeps,
  { model, version, slot, device, since }: Omit<QualityFilter, 'detector' | 'by'>,
  withScores: boolean,
): Promise<{ readonly streams: readonly StreamQuality[]; readonly isCut: boolean }> {
  const filter = {
    ...(slot === undefined ? {} : { slot }),
    ...(device === undefined ? {} : { device }),
    ...(since === undefined ? {} : { since }),
  };
  const streams = new Map<string, StreamQuality>();
  for (const totals of await sumStreams(store, filter)) {
    const facts = await readFacts(totals.manifest);
    if (model !== undefined && facts.model !== model) continue;
    if (version !== undefined && facts.version !== version) continue;
    const k = facts.reference?.classCount;
    streams.set(streamKey(totals), {
      totals,
      facts,
      all: undefined,
      clusters: [],
      clusterOf: new Map(),
      steps: new Map(),
      portions: new Map(),
      confidence: k === undefined ? undefined : new Float64Array(k * SCORE_BINS),
    });
  }
  const windows = new Map<string, WindowSketch>();
  const takeLabels = (row: LabelledWindow): void => {
    const stream = streams.get(streamKey(row));
    if (stream) addLabels(stream, row);
  };
  const takeScores = ({ bytes, ...row }: StreamBytes): void => {
    const stream = streams.get(streamKey(row));
    if (!stream?.confidence) return;
    const { reference } = stream.facts;
    const window = windows.get(row.manifest) ?? new WindowSketch(reference);
    windows.set(row.manifest, window);
    const decoded = decodeWindow(bytes, reference, window);
    if (decoded.ok && decoded.value.scores) addCounts(stream.confidence, decoded.value.scores.confidence);
  };
  const isCut = [
    await readPages((page) => listLabelledWindows(store, filter, page), takeLabels),
    await readPages((page) => listLabelledDays(store, filter, page), takeLabels),
    withScores && (await readPages((page) => listWindowStats(store, filter, page), takeScores)),
    withScores && (await readPages((page) => listDayStats(store, filter, page), takeScores)),
  ].some(Boolean);
  return { streams: [...streams.values()], isCut };
}

export type ReportQuality = (filter: QualityFilter) => Promise<QualityReport>;

export function openQuality(deps: QualityDeps): ReportQuality {
  return async (filter) => {
    const { detector, by } = filter;
    const { streams, isCut } = await readStreams(deps, filter, true);
    const items: QualityItem[] = [];
    for (const stream of streams) {
      const changes = await findAllChanges(stream, detector);
      const slices = await readSlices(deps.store, by, stream.facts.model);
      items.push(viewStreamQuality(stream, { detector, changes, by: slices }));
    }
    return { items, isCut };
  };
}

/** What labels say of the errors of one model version in a slot. */
export interface LabelledErrors {
  readonly slot: string;
  readonly manifest: string;
  readonly model: string | null;
  readonly kind: 'share' | 'amount';
  /** By device that has labels, also where nothing changed; '' is all of them together. */
  readonly changes: ErrorChanges;
}

/** Reads labels only: the half of a report. */
export async function readErrors(deps: QualityDeps, since: number, detector: DetectorName): Promise<LabelledErrors[]> {
  const found: LabelledErrors[] = [];
  for (const stream of (await readStreams(deps, { since }, false)).streams) {
    if (stream.steps.size === 0) continue;
    const { slot, manifest } = stream.totals;
    const changes = await findAllChanges(stream, detector);
    found.push({ slot, manifest, model: stream.facts.model, kind: kindOf(stream), changes });
  }
  return found;
}
