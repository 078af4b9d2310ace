// Decides what a reader is shown of the quality of one model version: numbers with their limits, what changed when, and what is
// estimated where labels are wanting. Pure.
import { ADWIN_DELTA } from '@drover/core/detect/adwin';
import { type Change, type DetectorName, findChanges, type Step } from '@drover/core/quality/error-drift';
import { type Calibration, checkLabels, estimate } from '@drover/core/quality/estimate';
import { judge } from '@drover/core/quality/judge';
import { majorityOf } from '@drover/core/quality/metrics';
import { compareSlices, type Portion } from '@drover/core/quality/slices';
import type { LabelledCounts } from '@drover/sketch/labelled';
import { SCORE_BINS } from '@drover/sketch/scores';
import type { ErrorChange, QualityEstimate, QualityItem, QualityMetric } from '@drover/wire/http/quality';
import type { StreamTotals } from '../db/summaries.ts';
import type { ModelFacts } from './model-facts.ts';

/** All that is known of one slot and manifest. */
export interface StreamQuality {
  readonly totals: StreamTotals;
  readonly facts: ModelFacts;
  /** All devices together; undefined while there is no label. */
  all: LabelledCounts | undefined;
  /** The same by device or group of devices. */
  readonly clusters: LabelledCounts[];
  readonly clusterOf: Map<string, number>;
  /** By device and start of the window. */
  readonly steps: Map<string, Map<number, Step>>;
  /** What each device adds to rates that are compared between parts of the fleet. */
  readonly portions: Map<string, readonly Portion[]>;
  /** Answered classes by bins of their probability, of all predictions; undefined where the baseline has no classes. */
  readonly confidence: Float64Array | undefined;
}

const MOST_DEVICES = 100;

const instant = (at: number): string => new Date(at).toISOString();
const number = (value: number | undefined): number | null =>
  value === undefined || !Number.isFinite(value) ? null : value;

type NameClass = (of: number | undefined) => string | null;

function nameClasses({ baseline }: ModelFacts): NameClass {
  const names = baseline?.output?.kind === 'classification' ? baseline.output.classes : [];
  return (of) => (of === undefined ? null : (names[of] ?? String(of)));
}

function viewMetrics(all: LabelledCounts, clusters: readonly LabelledCounts[], nameOf: NameClass): QualityMetric[] {
  return judge(all, clusters).map(({ metric, of, value, interval, by, n, needed, byChance }) => ({
    metric,
    class: nameOf(of),
    value: number(value),
    low: number(interval?.low),
    high: number(interval?.high),
    by: by ?? null,
    n,
    needed,
    ...(byChance === undefined ? {} : { byChance }),
  }));
}

const viewChange = ({ at, foundAt, before, after, difference, rowsBefore, rowsAfter }: Change): ErrorChange => ({
  at: instant(at),
  foundAt: instant(foundAt),
  direction: after > before ? 'worse' : 'better',
  before,
  after,
  low: difference.low,
  high: difference.high,
  rowsBefore,
  rowsAfter,
});

const inTime = (steps: Iterable<Step>): Step[] => [...steps].sort((a, b) => a.at - b.at);

/** Windows of the same time of all devices as one. */
function together(byDevice: StreamQuality['steps']): Step[] {
  const all = new Map<number, Step>();
  for (const steps of byDevice.values())
    for (const { at, n, sum } of steps.values()) {
      const before = all.get(at);
      all.set(at, { at, n: n + (before?.n ?? 0), sum: sum + (before?.sum ?? 0) });
    }
  return inTime(all.values());
}

export const kindOf = ({ all }: StreamQuality) => (all?.shape.kind === 'regression' ? 'amount' : 'share');

/** Changes of the errors of one device, or of all together. */
export function findErrorChanges(stream: StreamQuality, detector: DetectorName, device?: string): readonly Change[] {
  const { steps } = stream;
  const own = device === undefined ? together(steps) : inTime((steps.get(device) ?? new Map<number, Step>()).values());
  return findChanges(own, kindOf(stream), detector);
}

/** By device; '' is all of them together. */
export type ErrorChanges = ReadonlyMap<string, readonly Change[]>;

function viewErrors(stream: StreamQuality, detector: DetectorName, found: ErrorChanges): QualityItem['errors'] {
  const { steps } = stream;
  const devices = [...found]
    .filter(([device, changes]) => device !== '' && changes.length > 0)
    .map(([device, changes]) => ({ device, changes: changes.map(viewChange) }));
  return {
    detector,
    ...(detector === 'adwin' ? { delta: ADWIN_DELTA } : {}),
    measure: kindOf(stream) === 'share' ? 'error rate' : 'mean absolute error',
    changes: (found.get('') ?? []).map(viewChange),
    devicesWatched: steps.size,
    devicesChanged: devices.length,
    devices: devices
      .toSorted((a, b) => ((a.changes.at(-1)?.at ?? '') < (b.changes.at(-1)?.at ?? '') ? 1 : -1))
      .slice(0, MOST_DEVICES),
  };
}

interface Source {
  readonly source: 'baseline' | 'labels';
  readonly table: Calibration;
}

/** The table that was signed with the model; else of labels that came, which know no classes. */
function calibrate({ baseline }: ModelFacts, all: LabelledCounts | undefined): Source | undefined {
  const output = baseline?.output;
  if (output?.kind !== 'classification') return undefined;
  if (output.correctCounts)
    return {
      source: 'baseline',
      table: {
        classCount: output.classes.length,
        rows: Float64Array.from(output.confidenceCounts.flat()),
        right: Float64Array.from(output.correctCounts.flat()),
      },
    };
  return all && { source: 'labels', table: { classCount: 1, rows: all.confidence, right: all.correct } };
}

const poolClasses = (confidence: Float64Array): Float64Array => {
  const pooled = new Float64Array(SCORE_BINS);
  for (const [at, n] of confidence.entries()) pooled[at % SCORE_BINS] = (pooled[at % SCORE_BINS] as number) + n;
  return pooled;
};

function viewEstimate({ facts, all, confidence }: StreamQuality, nameOf: NameClass): QualityEstimate | null {
  const calibration = calibrate(facts, all);
  if (!calibration || !confidence) return null;
  const { source, table } = calibration;
  const estimated = estimate(table, source === 'labels' ? poolClasses(confidence) : confidence);
  if (!estimated) return null;
  const check = source === 'baseline' && all ? checkLabels(table, all) : undefined;
  const limits = [
    'It cannot see concept drift: it assumes that the model is as often right as in its calibration when it is as sure.',
    ...(source === 'labels' ? ['It is calibrated on labels of the field, because the baseline has none.'] : []),
    ...(estimated.isExtrapolated
      ? ['Scores moved far from those of the calibration: it extrapolates, and intervals are widened.']
      : []),
    ...(check?.isContradicted ? ['Labels contradict it: believe the labels.'] : []),
  ];
  const { rows, calibrationRows, scorePsi, uncalibrated, isExtrapolated, metrics } = estimated;
  return {
    source,
    predictions: rows,
    calibrationRows,
    metrics: metrics.map(({ metric, of, value, interval }) => ({
      metric,
      class: nameOf(of),
      value,
      low: number(interval?.low),
      high: number(interval?.high),
    })),
    scorePsi,
    uncalibrated,
    isExtrapolated,
    labelCheck: check ?? null,
    limits,
  };
}

/** A label, and its value by device. */
export interface SliceLabel {
  readonly label: string;
  readonly valueOf: ReadonlyMap<string, string>;
}

const MOST_SLICES = 100;

function viewSlices({ portions }: StreamQuality, { label, valueOf }: SliceLabel): QualityItem['slices'][number] {
  const slices = new Map<string, (readonly Portion[])[]>();
  let unlabelledDevices = 0;
  for (const [device, own] of portions) {
    const value = valueOf.get(device);
    if (value === undefined) unlabelledDevices += 1;
    else if (slices.has(value)) slices.get(value)?.push(own);
    else if (slices.size < MOST_SLICES) slices.set(value, [own]);
  }
  const items = compareSlices(slices).map(({ name, devices, gaps }) => ({
    value: name,
    devices,
    gaps: gaps.map(({ metric, value, rest, difference, rows, needed }) => ({
      metric, value: number(value), rest: number(rest), low: number(difference?.low), high: number(difference?.high), rows, needed,
    })), // biome-ignore format: one record
  }));
  return { label, items: items.toSorted((a, b) => (a.value < b.value ? -1 : 1)), unlabelledDevices };
}

export interface ViewOptions {
  readonly detector: DetectorName;
  readonly changes: ErrorChanges;
  readonly by: readonly SliceLabel[];
}

export function viewStreamQuality(stream: StreamQuality, { detector, changes, by }: ViewOptions): QualityItem {
  const { totals, facts, all, clusters, clusterOf } = stream;
  const nameOf = nameClasses(facts);
  const labelled = all?.count ?? 0;
  return {
    slot: totals.slot,
    manifest: totals.manifest,
    model: facts.model,
    version: facts.version,
    predictions: totals.rows,
    labelled,
    coverage: totals.rows > 0 ? Math.min(1, labelled / totals.rows) : 0,
    devices: clusterOf.size,
    fromAt: instant(totals.fromAt),
    toAt: instant(totals.toAt),
    metrics: all && labelled > 0 ? viewMetrics(all, clusters, nameOf) : [],
    majorityBaseline: number(all && majorityOf(all)),
    errors: viewErrors(stream, detector, changes),
    estimate: viewEstimate(stream, nameOf),
    slices: by.map((label) => viewSlices(stream, label)),
  };
}
