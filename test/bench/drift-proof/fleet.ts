// Runs windows of simulated rows through real sketches, their bytes and the detector, as a device and the hub would. Never judges.
import { createHash } from 'node:crypto';
import { observeCategories, observeNumeric } from '@drover/core/drift/observe';
import {
  DRIFT_SETTINGS,
  type DriftSettings,
  type FeatureState,
  foldWindow,
  newFeature,
} from '@drover/core/drift/verdict';
import { type Baseline, buildBaseline, encodeBaseline, parseBaseline } from '@drover/sketch/baseline';
import type { NumericFeature } from '@drover/sketch/baseline-document';
import type { Categories } from '@drover/sketch/categories';
import { truthOf } from '@drover/sketch/derive-columns';
import type { NumericSketch } from '@drover/sketch/numeric-sketch';
import { bindBaseline, decodeWindow, type WindowReference, WindowSketch } from '@drover/sketch/window-sketch';
import type { Look, Training } from './rules.ts';

export const HOUR_MS = 3_600_000;
/** Any instant on the hour. */
const BEGIN_MS = Date.UTC(2026, 0, 5);

export interface Ground {
  readonly reference: WindowReference;
  readonly trainings: readonly Training[];
}

function tenthsOf({ refCounts }: NumericFeature): Uint8Array {
  const total = refCounts.reduce((a, b) => a + b, 0);
  let before = 0;
  return Uint8Array.from(refCounts, (count) => {
    const tenth = Math.min(9, Math.floor((10 * (before + count / 2)) / total));
    before += count;
    return tenth;
  });
}

function sdOf(values: Float32Array): number {
  let sum = 0;
  for (const x of values) sum += x;
  const mean = sum / values.length;
  let squares = 0;
  for (const x of values) squares += (x - mean) ** 2;
  return Math.sqrt(squares / values.length);
}

/** The baseline of these training columns, through its signed bytes. */
function describe(columns: readonly Float32Array[]): {
  readonly baseline: Baseline;
  readonly reference: WindowReference;
} {
  const built = buildBaseline(columns.map((values, i) => ({ name: `f${i}`, values })));
  if (!built.ok) throw new Error(built.detail);
  const bytes = encodeBaseline(built.value);
  const parsed = parseBaseline(bytes);
  if (!parsed.ok) throw new Error(parsed.detail);
  const reference = bindBaseline(parsed.value, createHash('sha256').update(bytes).digest('hex'));
  return { baseline: parsed.value, reference };
}

/** Of columns that are numbers, none of them a truth value. */
export function makeGround(columns: readonly Float32Array[]): Ground {
  const { baseline, reference } = describe(columns);
  const trainings = baseline.features.map((feature, i): Training => {
    if (feature.kind !== 'numeric') throw new Error('a numeric column became another feature');
    const usable = (columns[i] as Float32Array).filter((x) => !Number.isNaN(x));
    return { feature, sorted: usable.slice().sort(), sd: sdOf(usable), tenths: tenthsOf(feature) };
  });
  return { reference, trainings };
}

/** The state of a detector may need to be told apart from others. */
const open: (seed: number) => FeatureState = newFeature;

/** One device whose columns may also be truth values: takes the rows of a window, and answers whether a feature is material. */
export function openMixedDevice(training: readonly Float32Array[], seed: number) {
  const { baseline, reference } = describe(training);
  const sketch = new WindowSketch(reference);
  const decoded = new WindowSketch(reference);
  const states = training.map((_, i) => open(seed * 1009 + i));
  const row = new Float32Array(reference.numericNames.length);
  let at = 0;
  return (columns: readonly Float64Array[]): boolean => {
    sketch.reset();
    for (let r = 0; r < (columns[0]?.length ?? 0); r++) {
      let [numbers, truths] = [0, 0];
      for (const [f, { kind }] of baseline.features.entries()) {
        const value = (columns[f] as Float64Array)[r] as number;
        if (kind === 'numeric') row[numbers++] = value;
        else sketch.addCategorical(truths++, truthOf(value));
      }
      sketch.addRow(row, 0);
    }
    const read = decodeWindow(sketch.encode(), reference, decoded);
    if (!read.ok) throw new Error(read.detail);
    const { numeric, categorical } = read.value;
    let [numbers, truths, isMaterial] = [0, 0, false];
    for (const [f, feature] of baseline.features.entries()) {
      const seen =
        feature.kind === 'numeric'
          ? observeNumeric(numeric[numbers++] as NumericSketch, feature)
          : observeCategories(categorical[truths++] as Categories, feature);
      const window = { ...seen, startAt: BEGIN_MS + at * HOUR_MS };
      const folded = foldWindow(states[f] as FeatureState, window, DRIFT_SETTINGS);
      states[f] = folded.state;
      isMaterial ||= folded.verdict.verdict === 'material';
    }
    at += 1;
    return isMaterial;
  };
}

export interface Device {
  /** Takes the rows of a window, one array for each feature, and answers what the hub sees of each feature. */
  next(columns: readonly Float64Array[]): readonly Look[];
  readonly bytes: number;
}

export interface DeviceOptions {
  readonly settings?: DriftSettings;
  readonly windowMs?: number;
  /** Values by size, for rules that need values; without it they get none. */
  readonly withValues?: boolean;
}

/** One device of the ground, from its first window on. The looks of a window are good until the next one. */
export function openDevice(ground: Ground, seed: number, options: DeviceOptions = {}): Device {
  const { settings = DRIFT_SETTINGS, windowMs = HOUR_MS, withValues = true } = options;
  const { reference, trainings } = ground;
  const sketch = new WindowSketch(reference);
  const decoded = new WindowSketch(reference);
  const states = trainings.map((_, i) => open(seed * 1009 + i));
  const row = new Float32Array(trainings.length);
  let [at, bytes] = [0, 0];
  return {
    next(columns) {
      sketch.reset();
      const rows = columns[0]?.length ?? 0;
      for (let r = 0; r < rows; r++) {
        for (let f = 0; f < columns.length; f++) row[f] = (columns[f] as Float64Array)[r] as number;
        sketch.addRow(row, 0);
      }
      const sent = sketch.encode();
      bytes = sent.length;
      const read = decodeWindow(sent, reference, decoded);
      if (!read.ok) throw new Error(read.detail);
      const numeric = read.value.numeric;
      const looks = trainings.map((training, f): Look => {
        const one = numeric[f];
        if (!one) throw new Error('a feature is wanting in its window');
        const seen = { ...observeNumeric(one, training.feature), startAt: BEGIN_MS + at * windowMs };
        const folded = foldWindow(states[f] as FeatureState, seen, settings);
        states[f] = folded.state;
        const sorted = withValues
          ? Float32Array.from(columns[f] as Float64Array)
              .filter((x) => !Number.isNaN(x))
              .sort()
          : new Float32Array(0);
        return { at, sketch: one, seen, training, verdict: folded.verdict, sorted };
      });
      at += 1;
      return looks;
    },
    get bytes() {
      return bytes;
    },
  };
}
