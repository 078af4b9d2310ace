// Measures drift on simulated fleets: what one window costs, how often nothing is called something, and how soon something is
// seen; beside rules of the field on the same numbers. Never asserts.
import { type FeatureState, foldWindow, newFeature, type Observation } from '@drover/core/drift/verdict';
import { type BenchReport, type BenchRow, below } from './report.ts';
import { makeUniform } from './sample-window.ts';

const FEATURES = 20;
/** A week of quarter hours. */
const WEEK = 672;
const NULL_DEVICES = 40;
const MOVED_DEVICES = 200;
/** Windows before a change, and after it. */
const BEFORE = 100;
const AFTER = 100;

interface Rule {
  readonly name: string;
  /** One feature of one device: whether this window raises an alarm. */
  open(): (seen: Observation) => boolean;
}

const ours: Rule = {
  name: 'drover',
  open() {
    let state: FeatureState = newFeature();
    return (seen) => {
      const next = foldWindow(state, seen);
      state = next.state;
      return next.verdict.verdict === 'material';
    };
  },
};
/** evidently's default for more than 1,000 reference rows; a σ is 0.74 interquartile ranges. */
const wasserstein: Rule = {
  name: 'W1/σ >= 0.1',
  open: () => (seen) => (Math.abs(seen.level) + seen.spread) / 0.74 >= 0.1,
};
/** NannyML's: three standard deviations of the first windows. */
const threeSigma: Rule = {
  name: '3 SD of its first 30',
  open() {
    const first: number[] = [];
    return ({ level }) => {
      if (first.length < 30) {
        first.push(level);
        return false;
      }
      const mean = first.reduce((a, b) => a + b, 0) / first.length;
      const variance = first.reduce((sum, each) => sum + (each - mean) ** 2, 0) / (first.length - 1);
      return Math.abs(level - mean) > 3 * Math.sqrt(variance);
    };
  },
};

/** Standard normals of a seed (Box and Muller). */
function makeNormal(seed: number): () => number {
  const uniform = makeUniform(seed);
  return () => Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform());
}

interface World {
  /** Innovation of the wandering of a device, in interquartile ranges; its autocorrelation is 0.8. */
  readonly wander: number;
}

/** Windows of one healthy feature: an offset of its own, wandering, and what 500 values vary by. */
function makeFeature(normal: () => number, { wander }: World): (shift: number) => Observation {
  const offset = 0.11 * normal();
  let drift = 0;
  return (shift) => {
    drift = 0.8 * drift + wander * normal();
    return {
      unusable: 0, level: offset + drift + shift + 0.033 * normal(), spread: 0.02 + 0.008 * Math.abs(normal()), shape: 0.03, tail: 0.001,
      rows: 500, effectiveRows: 500, unchanged: 0.01,
    }; // biome-ignore format: one record
  };
}

/** Alarms that begin, for each device and week. */
function countFalse(rule: Rule, world: World): number {
  const normal = makeNormal(11);
  let begun = 0;
  for (let i = 0; i < NULL_DEVICES * FEATURES; i++) {
    const next = makeFeature(normal, world);
    const judge = rule.open();
    let was = false;
    for (let w = 0; w < WEEK; w++) {
      const is = judge(next(0));
      if (is && !was) begun += 1;
      was = is;
    }
  }
  return begun / NULL_DEVICES;
}

/** Median windows until an alarm after a shift, and the share of devices on which none came. */
function measureDelay(rule: Rule, world: World, shift: number): { readonly delay: number; readonly missed: number } {
  const normal = makeNormal(12);
  const delays: number[] = [];
  for (let d = 0; d < MOVED_DEVICES; d++) {
    const next = makeFeature(normal, world);
    const judge = rule.open();
    for (let w = 0; w < BEFORE; w++) judge(next(0));
    let delay = 1;
    while (delay <= AFTER && !judge(next(shift))) delay += 1;
    delays.push(delay);
  }
  const sorted = delays.toSorted((a, b) => a - b);
  return {
    delay: sorted[MOVED_DEVICES >> 1] ?? Number.NaN,
    missed: delays.filter((delay) => delay > AFTER).length / MOVED_DEVICES,
  };
}

function measureCost(): BenchRow[] {
  const normal = makeNormal(13);
  const next = makeFeature(normal, { wander: 0.02 });
  let state = newFeature();
  for (let w = 0; w < 2000; w++) state = foldWindow(state, next(0)).state;
  const seen = Array.from({ length: 20_000 }, () => next(0));
  const startAt = performance.now();
  for (const one of seen) state = foldWindow(state, one).state;
  const each = (performance.now() - startAt) / seen.length;
  return [
    { name: 'one window of one feature', value: each * 1000, unit: 'µs' },
    {
      name: '10,000 devices of 20 features, one window each',
      value: (each * 200_000) / 1000,
      unit: 's',
      budget: below(2),
    },
  ];
}

export async function bench(): Promise<BenchReport> {
  const rows = measureCost();
  const worlds: readonly (readonly [string, World])[] = [
    ['independent windows', { wander: 0 }],
    ['windows that wander', { wander: 0.03 }],
  ];
  for (const [title, world] of worlds) {
    const mine = countFalse(ours, world);
    for (const rule of [wasserstein, threeSigma])
      rows.push({
        name: `${title}: false alarms for each device and week`,
        value: mine,
        unit: '',
        reference: { name: rule.name, value: countFalse(rule, world) },
      });
    for (const shift of [0.3, 0.6]) {
      const { delay, missed } = measureDelay(ours, world, shift);
      const theirs = measureDelay(threeSigma, world, shift);
      rows.push(
        {
          name: `${title}: windows until a shift of ${shift} IQR is seen`,
          value: delay,
          unit: '',
          reference: { name: threeSigma.name, value: theirs.delay },
        },
        { name: `${title}: a shift of ${shift} IQR that was missed`, value: 100 * missed, unit: '%' },
      );
    }
  }
  return {
    title: 'Drift: simulated fleets of devices with offsets of their own (20 features, windows of 500 values)',
    rows,
    notes: [
      'An alarm counts once, however many windows it lasts. A detector that always or never fires would have a delay of 1 with alarms for ever, or none with all missed.',
      'Levels are simulated, not counts: the tests of unit suites count.',
    ],
  };
}
