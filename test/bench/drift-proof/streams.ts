// Measures detectors of concept drift on streams whose drift points are known, on the errors of a model that learnt the first
// concept perfectly; and ours on their features, which cannot see such a drift where the features stay. Never asserts.
import { existsSync } from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { AGRAWAL } from '@drover/sim/streams/agrawal';
import { HYPERPLANE, LED, SEA, SINE, STAGGER } from '@drover/sim/streams/classic';
import { type ConceptFamily, openConceptStream } from '@drover/sim/streams/concept';
import { openMixedDevice } from './fleet.ts';
import { medianOf, say, show, showShare, type Table } from './table.ts';

const CASES: readonly { readonly family: ConceptFamily; readonly to: number }[] = [
  { family: SEA, to: 2 },
  { family: STAGGER, to: 1 },
  { family: SINE, to: 1 },
  { family: AGRAWAL, to: 1 },
  { family: HYPERPLANE, to: 1 },
  { family: LED, to: 3 },
];
const AT = 10_000;
const ROWS = 20_000;
const GRADUAL = 2000;
const NOISE = 0.1;
/** Rows of a window for the detector on features. */
const WINDOW = 200;

interface Detector {
  readonly name: string;
  /** One stream: whether this row raises an alarm. `row` counts from 0. */
  open(family: ConceptFamily): (wrong: number, row: number, x: Float64Array) => boolean;
}

type Fold = (state: unknown, value: number) => unknown;

/** Detectors of errors that this tree has: file below packages/core/src/detect, and the names of what opens and folds. */
const ERROR_DETECTORS = [
  ['ADWIN', 'adwin', 'newAdwin', 'foldAdwin'],
  ['DDM', 'error-rate', 'newDdm', 'foldDdm'],
  ['EDDM', 'error-rate', 'newEddm', 'foldEddm'],
  ['HDDM_A', 'hoeffding', 'newHddmA', 'foldHddmA'],
  ['HDDM_W', 'hoeffding', 'newHddmW', 'foldHddmW'],
  ['KSWIN', 'kswin', 'newKswin', 'foldKswin'],
  ['Page–Hinkley', 'page-hinkley', 'newPageHinkley', 'foldPageHinkley'],
] as const;

async function findErrorDetectors(): Promise<Detector[]> {
  const found: Detector[] = [];
  for (const [name, file, opens, folds] of ERROR_DETECTORS) {
    const at = path.join(import.meta.dirname, '../../../packages/core/src/detect', `${file}.ts`);
    if (!existsSync(at)) continue;
    const module = (await import(pathToFileURL(at).href)) as Record<string, unknown>;
    const [newState, fold] = [module[opens] as () => unknown, module[folds] as Fold];
    found.push({
      name,
      open() {
        const state = newState();
        return (wrong) => fold(state, wrong) === 'drift';
      },
    });
  }
  return found;
}

/** Ours, on windows of the features alone. */
const onFeatures: Detector = {
  name: 'drover on the features',
  open(family) {
    const training = family.features.map(() => new Float32Array(5000));
    let t = 0;
    for (const { x } of openConceptStream(family, { seed: 99, from: 0, drifts: [], noise: 0 })) {
      for (const [f, column] of training.entries()) column[t] = x[f] as number;
      t += 1;
      if (t === 5000) break;
    }
    const isMaterial = openMixedDevice(training, 1);
    const columns = family.features.map(() => new Float64Array(WINDOW));
    return (_, row, x) => {
      for (const [f, column] of columns.entries()) column[row % WINDOW] = x[f] as number;
      if (row % WINDOW !== WINDOW - 1) return false;
      return isMaterial(columns);
    };
  },
};

const BLIND: readonly Detector[] = [
  { name: 'always', open: () => () => true },
  { name: 'never', open: () => () => false },
  { name: 'every 1,000 rows', open: () => (_, row) => row % 1000 === 500 },
];

interface Outcome {
  readonly falseAlarms: number;
  readonly delay: number;
}

function runOne(detector: Detector, { family, to }: (typeof CASES)[number], width: number, seed: number): Outcome {
  const judge = detector.open(family);
  let [falseAlarms, was, row] = [0, false, 0];
  // A gradual drift begins before its middle: with a width of rows, 12 % of them are of the new concept half a width before.
  const begin = AT - width / 2;
  for (const { x, y } of openConceptStream(family, { seed, from: 0, drifts: [{ at: AT, width, to }], noise: NOISE })) {
    const is = judge(family.predict(x, 0) === y ? 0 : 1, row, x);
    if (row < AT - 2 * width) {
      if (is && !was) falseAlarms += 1;
    } else if (is && row >= begin) return { falseAlarms, delay: row - begin + 1 };
    was = is;
    row += 1;
    if (row === ROWS) break;
  }
  return { falseAlarms, delay: Number.POSITIVE_INFINITY };
}

export async function measureStreams(isQuick: boolean): Promise<readonly Table[]> {
  const errors = await findErrorDetectors();
  const detectors = [...errors, onFeatures, ...BLIND];
  const runs = isQuick ? 5 : 20;
  const tables: Table[] = [];
  for (const width of [0, GRADUAL]) {
    const kind = width === 0 ? 'abrupt' : `gradual, over ${show(width)} rows`;
    const rows = detectors.map((detector) => {
      say(`streams, ${kind}: ${detector.name}`);
      return [
        detector.name,
        ...CASES.map((one) => {
          const outcomes = Array.from({ length: runs }, (_, seed) => runOne(detector, one, width, seed));
          const delays = outcomes.map(({ delay }) => delay).filter(Number.isFinite);
          const falseAlarms = outcomes.reduce((sum, o) => sum + o.falseAlarms, 0) / runs;
          return `${show(medianOf(delays))} (${showShare(1 - delays.length / runs)}) ${show(falseAlarms)}`;
        }),
      ];
    });
    const notes = [
      `Median rows from the drift${width === 0 ? '' : ' (half its width before its middle)'} until an alarm, (share of ${runs} streams on which none came), false alarms in the ${show(AT)} rows before. ` +
        `${showShare(NOISE)} of the classes are wrong from the start; LED besides inverts a tenth of the segments.`,
      ...(errors.length === 0 ? ['This tree has no detectors of errors: ADWIN and its like were not measured.'] : []),
    ];
    tables.push({
      title: `Concept drift, ${kind}`,
      heads: ['detector', ...CASES.map(({ family }) => family.name)],
      rows,
      notes,
    });
  }
  return tables;
}
