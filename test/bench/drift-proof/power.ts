// Measures what tests from counts see in one window, and how soon each rule says so on devices that differ. Never asserts.

import { openStream } from '@drover/sim/random';
import { CHANGES, type Change } from '@drover/sim/streams/changes';
import { drawReference, openNullFeature, spreadOfFamily } from '@drover/sim/streams/null-fleet';
import { chiSquareTest, kolmogorovTest, rateTest, shiftBetween, stabilityIndex } from '@drover/sketch/count-tests';
import { NumericSketch } from '@drover/sketch/numeric-sketch';
import { type Ground, makeGround, openDevice } from './fleet.ts';
import { RULES, testValues } from './rules.ts';
import { medianOf, say, show, showShare, type Table } from './table.ts';

const ROWS = 500;
const TRAINING = 20_000;
const NULL_DRAWS = 2000;
const DRAWS = 1000;
const SEED = 43;

/** Larger is stranger, for each test. */
type Statistics = readonly number[];
const TESTS = ['KS on values', 'KS on counts', 'W1', 'X²', 'PSI', 'tail'] as const;
const COMBINED = [2, 3, 5] as const;

const quantile = (values: readonly number[], q: number): number =>
  values.toSorted((a, b) => a - b)[Math.min(values.length - 1, Math.floor(q * values.length))] as number;

/** One window of a device that is like training, with a change or none. */
function drawStatistics(ground: Ground, change: Change | undefined, draw: number): Statistics {
  const random = openStream(SEED, `${change?.name ?? 'none'}/${draw}`);
  const values = Float64Array.from({ length: ROWS }, () => random.normal());
  // Of a standard normal.
  change?.apply(values, { mean: 0, sd: 1, high: 2.0537 }, random);
  const [training, reference] = [ground.trainings[0], ground.reference.numeric[0]];
  if (!training || !reference) throw new Error('a ground without a feature');
  const sketch = new NumericSketch(reference);
  for (const x of values) sketch.add(Math.fround(x), 0);
  const { edges, refCounts, iqr } = training.feature;
  const { counts, belowReference, aboveReference, total } = sketch.hist;
  const inside = refCounts.slice(4, refCounts.length - 4).reduce((a, b) => a + b, 0);
  const all = refCounts.reduce((a, b) => a + b, 0);
  const sorted = Float32Array.from(values)
    .filter((x) => !Number.isNaN(x))
    .sort();
  return [
    -testValues(sorted, training.sorted),
    -kolmogorovTest(counts, refCounts).p,
    shiftBetween(counts, refCounts, edges, iqr).distance,
    -chiSquareTest(counts, refCounts).p,
    stabilityIndex(counts, refCounts).psi,
    Math.abs(rateTest(belowReference + aboveReference, total, all - inside, all).statistic),
  ];
}

/** Power of one window where the limit of each test is that of its own null: 5 %, or a third of it for each of three. */
export function measurePower(isQuick: boolean): Table {
  const random = openStream(SEED, 'training');
  const ground = makeGround([Float32Array.from({ length: TRAINING }, () => random.normal())]);
  const scale = isQuick ? 0.2 : 1;
  const drawMany = (change: Change | undefined, many: number): Statistics[] =>
    Array.from({ length: many }, (_, i) => drawStatistics(ground, change, i));
  const nulls = drawMany(undefined, NULL_DRAWS * scale);
  const limit = (test: number, alpha: number): number =>
    quantile(
      nulls.map((s) => s[test] as number),
      1 - alpha,
    );
  const single = TESTS.map((_, test) => limit(test, 0.05));
  const thirds = COMBINED.map((test) => limit(test, 0.05 / 3));
  const rows = CHANGES.map((change) => {
    say(`power: ${change.name}`);
    const draws = drawMany(change, DRAWS * scale);
    const share = (hit: (s: Statistics) => boolean): string => show(draws.filter(hit).length / draws.length);
    const each = TESTS.map((_, test) => share((s) => (s[test] as number) > (single[test] as number)));
    const combined = share((s) => COMBINED.some((test, i) => (s[test] as number) > (thirds[i] as number)));
    return [change.name, ...each, combined];
  });
  return {
    title: `Power of one window of ${ROWS} rows against ${show(TRAINING)} of training, 5 % false alarms by simulation`,
    heads: ['change', ...TESTS, 'W1, X² and tail together'],
    rows,
    notes: [
      'Independent normal rows of a device like training. W1, X², PSI and tail are from the 64 + 8 bins of the baseline.',
    ],
  };
}

const BEFORE = 100;
const AFTER = 100;

/** Windows from a change until an alarm on `devices` devices, by rule; infinite where none came. */
function measureDelays(change: Change, ground: Ground, devices: number): number[][] {
  const delays: number[][] = RULES.map(() => []);
  const values = new Float64Array(ROWS);
  const healthyRows = new Float64Array(20 * ROWS);
  for (let d = 0; d < devices; d++) {
    const feature = openNullFeature(SEED, `d${d}`, 'normal');
    const random = openStream(SEED, `d${d}/${change.name}`);
    const device = openDevice(ground, d);
    const judges = RULES.map((rule) => rule.open());
    const first = RULES.map(() => Number.POSITIVE_INFINITY);
    for (let w = 0; w < BEFORE; w++) {
      feature.fill(values);
      if (w < 20) healthyRows.set(values, w * ROWS);
      const [look] = device.next([values]);
      if (look) for (const judge of judges) judge(look);
    }
    const sorted = healthyRows.toSorted();
    const mean = sorted.reduce((a, b) => a + b, 0) / sorted.length;
    const healthy = { mean, sd: spreadOfFamily('normal'), high: sorted[Math.floor(0.98 * sorted.length)] as number };
    for (let w = 1; w <= AFTER; w++) {
      feature.fill(values);
      change.apply(values, healthy, random);
      const [look] = device.next([values]);
      if (!look) continue;
      for (const [r, judge] of judges.entries()) if (judge(look) && first[r] === Number.POSITIVE_INFINITY) first[r] = w;
    }
    for (const [r, at] of first.entries()) delays[r]?.push(at);
  }
  return delays;
}

/** Rules whose delay means something beside their false alarms. */
export function measureDelay(isQuick: boolean): Table {
  const ground = makeGround([drawReference(SEED, 'normal', TRAINING)]);
  const devices = isQuick ? 20 : 100;
  const shown = RULES.map((_, i) => i).filter((i) => !['always', 'never'].includes(RULES[i]?.name ?? ''));
  const rows = CHANGES.map((change) => {
    say(`delay: ${change.name}`);
    const delays = measureDelays(change, ground, devices);
    return [
      change.name,
      ...shown.map((r) => {
        const all = delays[r] as number[];
        const found = all.filter(Number.isFinite);
        return `${show(medianOf(found))} (${showShare(1 - found.length / all.length)})`;
      }),
    ];
  });
  return {
    title: `Windows until a change is seen, and the share of devices on which it was missed: ${devices} devices, ${BEFORE} windows before, ${AFTER} after`,
    heads: ['change', ...shown.map((r) => RULES[r]?.name ?? '')],
    rows,
    notes: [
      'Median of the devices on which it was seen; hourly windows of 500 rows, offsets and wandering of the family `normal`. ' +
        '"always" takes 1 window and misses nothing, "never" misses all. A rule that is in alarm before the change has a delay of 1: read it beside its false alarms.',
    ],
  };
}
