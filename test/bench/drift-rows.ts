// Measures drift from rows: real baselines, sketches, bytes and folds; what is called where nothing changes, and how soon what
// changes is, beside rules of the field on the same counts. Never asserts.
import { observeNumeric } from '@drover/core/drift/observe';
import { type FeatureState, foldWindow, newFeature } from '@drover/core/drift/verdict';
import { buildBaseline } from '@drover/sketch/baseline';
import type { NumericFeature } from '@drover/sketch/baseline-document';
import { kolmogorovTest, stabilityIndex } from '@drover/sketch/count-tests';
import type { NumericSketch } from '@drover/sketch/numeric-sketch';
import { bindBaseline, decodeWindow, WindowSketch } from '@drover/sketch/window-sketch';
import type { BenchReport, BenchRow } from './report.ts';
import { makeUniform } from './sample-window.ts';

const REFERENCE_ROWS = 20_000;
/** Devices that the training rows are of. */
const TRAINED = 100;
const ROWS = 200;
/** A week of quarter hours. */
const WEEK = 672;
const DEVICES = 12;
const FEATURES = 20;
const MOVED = 60;
const BEFORE = 200;
const AFTER = 200;

type Draw = () => number;

const normalOf =
  (uniform: Draw): Draw =>
  () =>
    Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform());

/** What one value of a device is, healthy. */
interface World {
  readonly name: string;
  open(normal: Draw, uniform: Draw): Draw;
}

const WORLDS: readonly World[] = [
  {
    name: 'normal, offsets of 0.15 σ',
    open(normal) {
      const offset = 0.15 * normal();
      return () => offset + normal();
    },
  },
  {
    name: 'values that follow each other (0.9)',
    open(normal) {
      const offset = 0.15 * normal();
      let x = normal();
      return () => {
        x = 0.9 * x + Math.sqrt(1 - 0.81) * normal();
        return offset + x;
      };
    },
  },
  {
    name: 'lognormal',
    open(normal) {
      const offset = 0.15 * normal();
      return () => Math.exp(offset + normal());
    },
  },
];

function baselineOf(world: World) {
  const uniform = makeUniform(1);
  const normal = normalOf(uniform);
  // A fleet's training rows: of many devices.
  const rows = new Float32Array(REFERENCE_ROWS);
  for (let at = 0; at < rows.length; at += REFERENCE_ROWS / TRAINED) {
    const next = world.open(normal, uniform);
    for (let i = at; i < at + REFERENCE_ROWS / TRAINED; i++) rows[i] = next();
  }
  const built = buildBaseline([{ name: 'x', values: rows }]);
  if (!built.ok) throw new Error(built.detail);
  const [feature] = built.value.features;
  if (feature?.kind !== 'numeric') throw new Error('one numeric feature');
  return { feature, reference: bindBaseline(built.value, 'a'.repeat(64)) };
}

/** A rule sees the sketch of each window of one feature of one device. */
interface Rule {
  readonly name: string;
  open(feature: NumericFeature, seed: number): (sketch: NumericSketch, at: number) => boolean;
}

const groupsOf = (counts: ArrayLike<number>, groups: number): Float64Array => {
  const out = new Float64Array(groups);
  for (let i = 0; i < counts.length; i++) {
    const at = Math.min(groups - 1, Math.floor((i * groups) / counts.length));
    out[at] = (out[at] as number) + (counts[i] as number);
  }
  return out;
};

const RULES: readonly Rule[] = [
  {
    name: 'drover',
    open(feature, seed) {
      let state: FeatureState = newFeature(seed);
      return (sketch, at) => {
        const folded = foldWindow(state, { ...observeNumeric(sketch, feature), startAt: at * 900_000 });
        state = folded.state;
        return folded.verdict.verdict === 'material';
      };
    },
  },
  {
    name: 'PSI > 0.2, 10 bins',
    open: (feature) => {
      const reference = groupsOf(feature.refCounts, 10);
      return (sketch) => stabilityIndex(groupsOf(sketch.hist.counts, 10), reference).psi > 0.2;
    },
  },
  {
    name: 'KS p < 0.05',
    open: (feature) => (sketch) => kolmogorovTest(sketch.hist.counts, feature.refCounts).p < 0.05,
  },
  {
    name: 'W1/σ >= 0.1',
    open: (feature) => (sketch) => {
      const { level, spread } = observeNumeric(sketch, feature);
      return (Math.abs(level) + spread) / 0.74 >= 0.1;
    },
  },
  { name: 'every 100th window', open: () => (_, at) => at % 100 === 99 },
  { name: 'always', open: () => () => true },
];

interface Counted {
  readonly alarms: readonly number[];
  readonly bytes: number;
  readonly foldUs: number;
}

/** Alarms that begin, by rule; bytes of a window of one feature; time of one fold with its decoding. */
function countNull(world: World): Counted {
  const { feature, reference } = baselineOf(world);
  const uniform = makeUniform(2);
  const normal = normalOf(uniform);
  const alarms = RULES.map(() => 0);
  let [bytes, ms] = [0, 0];
  for (let d = 0; d < DEVICES * FEATURES; d++) {
    const next = world.open(normal, uniform);
    const judges = RULES.map((rule) => rule.open(feature, d));
    const was = RULES.map(() => false);
    const sketch = new WindowSketch(reference);
    const row = new Float32Array(1);
    for (let w = 0; w < WEEK; w++) {
      sketch.reset();
      for (let i = 0; i < ROWS; i++) {
        row[0] = next();
        sketch.addRow(row, 0);
      }
      const encoded = sketch.encode();
      bytes += encoded.length;
      const startAt = performance.now();
      const decoded = decodeWindow(encoded, reference);
      const numeric = decoded.ok ? decoded.value.numeric[0] : undefined;
      if (!numeric) throw new Error('a window that was written can be read');
      for (const [r, judge] of judges.entries()) {
        const is = judge(numeric, w);
        if (r === 0) ms += performance.now() - startAt;
        if (is && !was[r]) alarms[r] = (alarms[r] ?? 0) + 1;
        was[r] = is;
      }
    }
  }
  const windows = DEVICES * FEATURES * WEEK;
  return { alarms, bytes: bytes / windows, foldUs: (ms * 1000) / windows };
}

/** What becomes of a value when a device changes. */
const CHANGES: readonly (readonly [name: string, change: (x: number, uniform: Draw) => number])[] = [
  ['mean +0.15 σ', (x) => x + 0.15],
  ['mean +0.5 σ', (x) => x + 0.5],
  ['mean +2 σ', (x) => x + 2],
  ['scale ×1.15', (x) => 1.15 * x],
  ['scale ×1.5', (x) => 1.5 * x],
  ['5 % at +4 σ', (x, uniform) => (uniform() < 0.05 ? 4 : x)],
  ['5 % of one value', (x, uniform) => (uniform() < 0.05 ? 0.3 : x)],
  ['top 2 % ×3', (x) => (x > 2.05 ? 3 * x : x)],
  ['1 % spikes of ±8 σ', (x, uniform) => (uniform() < 0.01 ? (uniform() < 0.5 ? -8 : 8) : x)],
  ['10 % missing', (x, uniform) => (uniform() < 0.1 ? Number.NaN : x)],
  ['all of one value', () => 0.3],
];

interface Seen {
  readonly delay: number;
  readonly missed: number;
}

function measureChange(change: (x: number, uniform: Draw) => number, rows: number): Seen {
  const [world] = WORLDS as [World, ...World[]];
  const { feature, reference } = baselineOf(world);
  const uniform = makeUniform(3);
  const normal = normalOf(uniform);
  const delays: number[] = [];
  for (let d = 0; d < MOVED; d++) {
    const next = world.open(normal, uniform);
    let state = newFeature(d);
    const sketch = new WindowSketch(reference);
    const row = new Float32Array(1);
    const look = (at: number, isChanged: boolean): boolean => {
      sketch.reset();
      for (let i = 0; i < rows; i++) {
        const x = next();
        row[0] = isChanged ? change(x, uniform) : x;
        sketch.addRow(row, 0);
      }
      const [numeric] = sketch.numeric as [NumericSketch];
      const folded = foldWindow(state, { ...observeNumeric(numeric, feature), startAt: at * 900_000 });
      state = folded.state;
      return folded.verdict.verdict === 'material';
    };
    for (let w = 0; w < BEFORE; w++) look(w, false);
    let delay = 1;
    while (delay <= AFTER && !look(BEFORE + delay, true)) delay += 1;
    delays.push(delay);
  }
  const sorted = delays.toSorted((a, b) => a - b);
  const missed = delays.filter((delay) => delay > AFTER).length / MOVED;
  return { delay: Math.min(AFTER, sorted[MOVED >> 1] ?? AFTER), missed };
}

export async function bench(): Promise<BenchReport> {
  const rows: BenchRow[] = [];
  for (const world of WORLDS) {
    const { alarms, bytes, foldUs } = countNull(world);
    const [mine = 0, ...others] = alarms.map((count) => count / DEVICES);
    for (const [at, value] of others.entries())
      rows.push({
        name: `${world.name}: alarms that begin, for each device and week`,
        value: mine,
        unit: '',
        reference: { name: RULES[at + 1]?.name ?? '', value },
      });
    rows.push({ name: `${world.name}: one feature of a window`, value: bytes, unit: 'B' });
    rows.push({ name: `${world.name}: decode, observe and fold one feature`, value: foldUs, unit: 'µs' });
  }
  for (const [name, change] of CHANGES) {
    const { delay, missed } = measureChange(change, 500);
    rows.push({
      name: `${name}: windows of 500 values until material`,
      value: delay,
      unit: '',
      note: `${(100 * missed).toFixed(0)} % missed in ${AFTER}`,
    });
  }
  return {
    title: `Drift from rows: ${DEVICES} devices of ${FEATURES} features, a week of windows of ${ROWS} values; changes on ${MOVED} devices that are known for ${BEFORE} windows`,
    rows,
    notes: [
      `Material is what matters by the shipped thresholds: what is smaller than 0.15 interquartile ranges (0.2 σ) is meant to be missed. A median of ${AFTER} stands for more than half missed.`,
      'Never firing has no alarms and misses all.',
    ],
  };
}
