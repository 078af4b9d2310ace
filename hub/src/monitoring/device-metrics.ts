// Computes the metrics of the catalogue for one device: from its newest report, from what the hub knows, and from the windows of the
// time that was asked for. A number that is not known is null, never 0.
import type { DeviceMetric, ModelMetric } from '@drover/core/health/catalogue';
import { decodeLabelled } from '@drover/sketch/labelled';
import { SCORE_BINS } from '@drover/sketch/scores';
import { decodeWindow, type WindowSketch } from '@drover/sketch/window-sketch';
import { listRecentLabels, sumOutboxes } from '../db/device-metrics.ts';
import { readDevice } from '../db/devices.ts';
import { type DriftWindow, listWindowsBetween } from '../db/drift.ts';
import { listIdentities } from '../db/identities.ts';
import type { Store } from '../db/store.ts';
import type { FeatureDrift } from './drift.ts';
import type { ModelFacts, ReadModelFacts } from './model-facts.ts';

export type DeviceValues = Readonly<Record<DeviceMetric, number | null>>;
export type ModelValues = Readonly<Record<ModelMetric, number | null>>;

export interface ModelHealth {
  readonly slot: string;
  readonly manifest: string;
  readonly model: string | null;
  readonly version: number | null;
  readonly values: ModelValues;
}

export interface DeviceHealth {
  readonly device: DeviceValues;
  readonly models: readonly ModelHealth[];
}

export interface DeviceMetricsDeps {
  readonly store: Store;
  readonly readFacts: ReadModelFacts;
  readonly readDrift: () => Promise<readonly FeatureDrift[]>;
  readonly now: () => number;
}

const DAY_MS = 86_400_000;
/** Windows that are merged for one answer: some 100 ms. */
const MOST_WINDOWS = 2000;

interface Report {
  readonly rssBytes: number;
  readonly cpuRatio: number;
  readonly diskFreeBytes: number;
  readonly uptimeMs: number;
  readonly outboxEntries: number;
  readonly outboxBytes: number;
  readonly outboxDropped: number;
  readonly answerReasons?: readonly { readonly count: number }[];
  readonly readings?: readonly { readonly name: string; readonly value: number }[];
}

const share = (part: number, whole: number): number | null => (whole > 0 ? part / whole : null);
const sumOf = (numbers: readonly number[]): number => numbers.reduce((a, b) => a + b, 0);

async function measureDevice(
  { store, now }: DeviceMetricsDeps,
  row: NonNullable<Awaited<ReturnType<typeof readDevice>>>,
): Promise<DeviceValues> {
  const report = row.healthJson === null ? undefined : (JSON.parse(row.healthJson) as Report);
  const [identity] = await listIdentities(store, [row.id]);
  const outboxes = await sumOutboxes(store, row.id);
  const read = (name: string): number | null => report?.readings?.find((one) => one.name === name)?.value ?? null;
  return {
    'device.online': row.presence === 'never' ? null : Number(row.presence === 'online'),
    'device.silence': row.lastSeenAt === null ? null : Math.max(0, (now() - row.lastSeenAt) / 1000),
    'device.uptime': report ? report.uptimeMs / 1000 : null,
    'device.memory': report?.rssBytes ?? null,
    'device.cpu': report?.cpuRatio ?? null,
    'device.disk_free': report?.diskFreeBytes ?? null,
    'device.outbox_entries': report?.outboxEntries ?? null,
    'device.outbox_bytes': report?.outboxBytes ?? null,
    'device.dropped_entries': report?.outboxDropped ?? null,
    'device.lost_entries': outboxes?.lost ?? null,
    'device.loss_age': typeof outboxes?.lostAt === 'number' ? Math.max(0, (now() - outboxes.lostAt) / 1000) : null,
    'device.refused_entries': outboxes?.refused ?? null,
    'device.own_answers': report ? sumOf((report.answerReasons ?? []).map(({ count }) => count)) : null,
    'device.temperature': read('temperature'),
    'device.machine_cpu': read('machine_cpu'),
    'device.machine_memory_free': read('machine_memory_free'),
    'device.connections': read('connections'),
    'device.certificate_left': identity ? (identity.notAfter - now()) / DAY_MS : null,
  };
}

/** Of the windows that were numbered in a boot, those that came. */
function coverageOf(rows: readonly DriftWindow[]): number | null {
  const boots = new Map<string, number[]>();
  for (const { bootId, number } of rows) {
    const numbers = boots.get(bootId);
    if (numbers) numbers.push(number);
    else boots.set(bootId, [number]);
  }
  const expected = sumOf([...boots.values()].map((numbers) => Math.max(...numbers) - Math.min(...numbers) + 1));
  return share(rows.length, expected);
}

function measureValues(
  merged: WindowSketch,
): Pick<
  ModelValues,
  | 'model.values'
  | 'model.missing_share'
  | 'model.nan_share'
  | 'model.infinite_share'
  | 'model.wrong_type_share'
  | 'model.impossible_share'
  | 'model.outside_share'
  | 'model.longest_run'
  | 'model.inflation'
  | 'model.unknown_categories'
> {
  // biome-ignore format: a list of names
  const { numeric, categorical } = merged;
  const seen = sumOf(numeric.map((one) => one.seen));
  const usable = sumOf(numeric.map(({ hist }) => hist.total));
  const count = (read: (one: (typeof numeric)[number]) => number): number => sumOf(numeric.map(read));
  const inflations = numeric.map(({ inflation }) => inflation).filter((x) => Number.isFinite(x));
  const present = sumOf(categorical.map((one) => one.seen - one.missing));
  return {
    'model.values': seen,
    'model.missing_share': share(
      count(({ validity }) => validity.missing),
      seen,
    ),
    'model.nan_share': share(
      count(({ validity }) => validity.notANumber),
      seen,
    ),
    'model.infinite_share': share(
      count(({ validity }) => validity.positiveInfinity + validity.negativeInfinity),
      seen,
    ),
    'model.wrong_type_share': share(
      count(({ validity }) => validity.wrongType),
      seen,
    ),
    'model.impossible_share': share(
      count(({ validity }) => validity.belowHard + validity.aboveHard),
      seen,
    ),
    'model.outside_share': share(
      count(({ hist }) => hist.belowReference + hist.aboveReference),
      usable,
    ),
    'model.longest_run': numeric.length === 0 ? null : Math.max(...numeric.map(({ validity }) => validity.longestRun)),
    'model.inflation': inflations.length === 0 ? null : Math.max(...inflations),
    'model.unknown_categories': share(sumOf(categorical.map(({ other }) => other)), present),
  };
}

function measureAnswers({
  scores,
}: WindowSketch): Pick<ModelValues, 'model.invalid_scores' | 'model.confidence' | 'model.top_class_share'> {
  if (!scores) return { 'model.invalid_scores': null, 'model.confidence': null, 'model.top_class_share': null };
  const { total, invalid, classCount, confidence } = scores;
  let sum = 0;
  for (const [place, count] of confidence.entries()) sum += (count * ((place % SCORE_BINS) + 0.5)) / SCORE_BINS;
  const most = Math.max(...Array.from({ length: classCount }, (_, c) => scores.predictedCount(c)));
  return {
    'model.invalid_scores': share(invalid, total + invalid),
    'model.confidence': share(sum, total),
    'model.top_class_share': share(most, total),
  };
}

const UNKNOWN_VALUES = {
  'model.values': null, 'model.missing_share': null, 'model.nan_share': null, 'model.infinite_share': null, 'model.wrong_type_share': null,
  'model.impossible_share': null, 'model.outside_share': null, 'model.longest_run': null, 'model.inflation': null,
  'model.unknown_categories': null, 'model.invalid_scores': null, 'model.confidence': null, 'model.top_class_share': null,
} as const; // biome-ignore format: a list of names

interface ModelRows {
  readonly slot: string;
  readonly manifest: string;
  readonly windows: readonly DriftWindow[];
  readonly labels: readonly { readonly labelled: number; readonly counts: Uint8Array }[];
  readonly drift: readonly FeatureDrift[];
}

function measureModel({ windows, labels, drift }: ModelRows, facts: ModelFacts): ModelValues {
  let merged: WindowSketch | undefined;
  for (const row of windows) {
    const decoded = decodeWindow(row.stats, facts.reference);
    if (!decoded.ok) continue;
    if (merged) merged.merge(decoded.value);
    else merged = decoded.value;
  }
  const predictions = sumOf(windows.map(({ rows }) => rows));
  const errors = sumOf(windows.map((row) => row.errors));
  const labelled = sumOf(labels.map((row) => row.labelled));
  let [right, judged] = [0, 0];
  for (const { counts } of labels) {
    const decoded = decodeLabelled(counts);
    if (!decoded.ok || decoded.value.shape.kind !== 'classification') continue;
    const { confusion, shape } = decoded.value;
    for (let c = 0; c < shape.classCount; c++) right += confusion[c * shape.classCount + c] ?? 0;
    judged += decoded.value.count;
  }
  const lags = windows.map(({ receivedAt, endAt }) => (receivedAt - endAt) / 1000);
  return {
    'model.windows': windows.length,
    'model.window_coverage': coverageOf(windows),
    'model.report_lag': lags.length === 0 ? null : Math.min(...lags),
    'model.predictions': predictions,
    'model.errors': errors,
    'model.error_share': share(errors, predictions + errors),
    'model.latency_p50': merged?.latency.quantile(0.5) ?? null,
    'model.latency_p90': merged?.latency.quantile(0.9) ?? null,
    'model.latency_p99': merged?.latency.quantile(0.99) ?? null,
    'model.latency_beyond': merged?.latency.clampedAbove ?? null,
    ...UNKNOWN_VALUES,
    ...(merged && facts.baseline ? { ...measureValues(merged), ...measureAnswers(merged) } : {}),
    'model.labelled': labelled,
    'model.label_coverage': share(labelled, predictions),
    'model.accuracy': share(right, judged),
    'model.material_drift': drift.filter(({ verdict }) => verdict === 'material').length,
    'model.learning': drift.filter(({ verdict }) => verdict === 'learning').length,
  };
}

/** Undefined where there is no such device. @param since ms since epoch: windows that began at or after it. */
export async function measureHealth(
  deps: DeviceMetricsDeps,
  id: string,
  since: number,
): Promise<DeviceHealth | undefined> {
  const { store, readDrift } = deps;
  const row = await readDevice(store, id);
  if (!row) return undefined;
  const drift = (await readDrift()).filter(({ device }) => device === id);
  return { device: await measureDevice(deps, row), models: await measureModels(deps, id, since, drift) };
}

/** Of each model whose windows began at or after `since`. */
export async function measureModels(
  { store, readFacts, now }: Omit<DeviceMetricsDeps, 'readDrift'>,
  id: string,
  since: number,
  drift: readonly FeatureDrift[],
): Promise<ModelHealth[]> {
  const windows = await listWindowsBetween(store, id, since, now() + DAY_MS, MOST_WINDOWS);
  const labels = await listRecentLabels(store, id, since, MOST_WINDOWS);
  const streams = new Map(windows.map(({ slot, manifest }) => [`${slot}\n${manifest}`, { slot, manifest }]));
  const models: ModelHealth[] = [];
  for (const { slot, manifest } of streams.values()) {
    const facts = await readFacts(manifest);
    const mine = <T extends { readonly slot: string; readonly manifest: string }>(rows: readonly T[]): T[] =>
      rows.filter((one) => one.slot === slot && one.manifest === manifest);
    const rows = { slot, manifest, windows: mine(windows), labels: mine(labels), drift: mine(drift) };
    models.push({ slot, manifest, model: facts.model, version: facts.version, values: measureModel(rows, facts) });
  }
  return models;
}
