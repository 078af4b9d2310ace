import { openRuntime } from '@drover/infer/open';
import type { Feeds, InferenceRuntime } from '@drover/infer/runtime';
import { beforeAll, describe, expect, it } from 'vitest';
import { expandFeatures, type FeatureRows, planLayout, takeFeatures, toInputs } from '../features.ts';
import { parseTreeParams } from '../gbdt/params.ts';
import { trainTrees } from '../gbdt/train.ts';
import { parseLinearParams, trainLinear } from '../linear/train.ts';
import { predictRows, type TrainedModel } from '../model.ts';
import { createRandom } from '../random.ts';
import { finish } from '../run-steps.ts';
import type { NumberColumn, TextColumn } from '../table.ts';
import type { Task } from '../task.ts';
import { exportModel } from './to-onnx.ts';

const ROWS = 1500;
const FIT = 1000;

function takeValue<T>(result: { ok: true; value: T } | { ok: false; detail: string }): T {
  if (!result.ok) throw new Error(result.detail);
  return result.value;
}

/** Numbers over eight orders of magnitude, texts that are not ASCII, missing values, and texts that only occur after the fitted rows. */
function makeTable(seed: number): { numeric: NumberColumn[]; categorical: TextColumn[] } {
  const random = createRandom(seed);
  const numeric = Array.from(
    { length: 6 },
    (_, j): NumberColumn => ({
      kind: 'number',
      name: `f${j}`,
      values: Float64Array.from({ length: ROWS }, () =>
        random.next() < 0.1 ? Number.NaN : random.normal() * 10 ** (j - 3) + (j === 4 ? 5e5 : 1),
      ),
    }),
  );
  const levels = ['L', 'M', 'é "quoted"', '日本', 'late'];
  const categorical: TextColumn[] = [
    {
      kind: 'text',
      name: 'type',
      levels,
      codes: Int32Array.from({ length: ROWS }, (_, i) => random.below(i < FIT ? 5 : 6) - 1),
    },
    { kind: 'text', name: 'site', levels: ['a', 'b'], codes: Int32Array.from({ length: ROWS }, () => random.below(2)) },
  ];
  return { numeric, categorical };
}

function fitModel(
  task: Task,
  kind: 'trees' | 'linear',
  with_: { numbers: boolean; texts: boolean },
): { model: TrainedModel; rows: FeatureRows } {
  const made = makeTable(7);
  const numeric = with_.numbers ? made.numeric : [];
  const categorical = with_.texts ? made.categorical : [];
  const fitRows = Array.from({ length: FIT }, (_, i) => i);
  const layout = planLayout(numeric, categorical, fitRows);
  const columns = expandFeatures(layout, takeFeatures(numeric, categorical, fitRows));
  const random = createRandom(2);
  const classes = task === 'binary' ? ['good', 'worn'] : task === 'multiclass' ? ['0', '1', '2', '3'] : [];
  const target = Float64Array.from(fitRows, (row) => {
    const z =
      (made.numeric[3]?.values[row] || 0) + (made.categorical[0]?.codes[row] ?? 0) * 0.5 - 1.5 + random.normal() * 0.4;
    return task === 'regression'
      ? z * 1e4 - 3e5
      : Math.max(0, Math.min(classes.length - 1, Math.floor(z + classes.length / 2)));
  });
  const shared = { task, classes: classes.length, fit: { columns, target } };
  const estimator =
    kind === 'trees'
      ? finish(
          trainTrees({ ...shared, params: takeValue(parseTreeParams({ iterations: 60, minLeafRows: 5 })), seed: 3 }),
        )
      : finish(trainLinear({ ...shared, params: takeValue(parseLinearParams({})) }));
  const model = {
    estimator,
    layout,
    classes,
    indexClasses: task === 'multiclass',
    threshold: task === 'binary' ? Math.fround(0.37) : undefined,
  };
  return {
    model,
    rows: takeFeatures(
      numeric,
      categorical,
      Array.from({ length: ROWS }, (_, i) => i),
    ),
  };
}

async function compare(runtime: InferenceRuntime, model: TrainedModel, rows: FeatureRows): Promise<void> {
  const session = takeValue(await runtime.load(exportModel(model, {})));
  const { x, c } = toInputs(rows);
  const feeds: Feeds = {
    ...(rows.numeric.length > 0
      ? { x: { dtype: 'float32', data: x, dims: [rows.rows, rows.numeric.length] } as const }
      : {}),
    ...(rows.categorical.length > 0
      ? { c: { dtype: 'string', data: c, dims: [rows.rows, rows.categorical.length] } as const }
      : {}),
  };
  const outputs = await session.run(feeds);
  const own = predictRows(model, rows);
  if (model.classes.length === 0) {
    const y = outputs['y'];
    if (y?.dtype !== 'float32') throw new Error('no y');
    expect(y.dims).toEqual([rows.rows, 1]);
    const largest = own.values.reduce((top, value) => Math.max(top, Math.abs(value)), 0);
    const worst = own.values.reduce((top, value, i) => Math.max(top, Math.abs(value - (y.data[i] ?? Number.NaN))), 0);
    expect(worst).toBeLessThanOrEqual(1e-5 * largest);
    expect(new Set(y.data).size).toBeGreaterThan(5);
  } else {
    const { probabilities, label } = outputs;
    if (probabilities?.dtype !== 'float32') throw new Error('no probabilities');
    expect(probabilities.dims).toEqual([rows.rows, model.classes.length]);
    const worst = own.probabilities.reduce(
      (top, p, i) => Math.max(top, Math.abs(p - (probabilities.data[i] ?? Number.NaN))),
      0,
    );
    expect(worst).toBeLessThanOrEqual(1e-6);
    expect(label?.dtype).toBe(model.indexClasses ? 'int64' : 'string');
    expect(Array.from<unknown>(label?.data ?? []).map(String)).toEqual(Array.from(own.chosen, (k) => model.classes[k]));
    expect(new Set(own.chosen).size).toBe(model.classes.length);
  }
  await session.release();
}

describe.each(['native', 'wasm'] as const)('exported models on %s', (name) => {
  let runtime: InferenceRuntime;
  beforeAll(async () => {
    runtime = takeValue(await openRuntime(name));
  });

  const both = { numbers: true, texts: true };
  it.each([
    ['binary', 'trees'],
    ['binary', 'linear'],
    ['multiclass', 'trees'],
    ['multiclass', 'linear'],
    ['regression', 'trees'],
    ['regression', 'linear'],
  ] as const)('answer as the trainer does on every row: %s %s', async (task, kind) => {
    const { model, rows } = fitModel(task, kind, both);
    await compare(runtime, model, rows);
  });

  it.each(['trees', 'linear'] as const)('take numbers alone and texts alone: %s', async (kind) => {
    const numbers = fitModel('binary', kind, { numbers: true, texts: false });
    await compare(runtime, numbers.model, numbers.rows);
    const texts = fitModel('binary', kind, { numbers: false, texts: true });
    await compare(runtime, texts.model, texts.rows);
  });

  it('answer the base score when no tree was worth growing', async () => {
    const columns = [Float32Array.from({ length: 10 }, (_, i) => i)];
    const target = Float64Array.from({ length: 10 }, (_, i) => (i % 5 === 0 ? 1 : 0));
    const estimator = finish(
      trainTrees({
        task: 'binary',
        classes: 2,
        fit: { columns, target },
        params: takeValue(parseTreeParams({})),
        seed: 1,
      }),
    );
    expect(estimator.rounds).toEqual([]);
    const layout = { numeric: ['n'], categorical: [] };
    const session = takeValue(
      await runtime.load(
        exportModel({ estimator, layout, classes: ['0', '1'], indexClasses: true, threshold: 0.5 }, {}),
      ),
    );
    const { probabilities } = await session.run({
      x: { dtype: 'float32', data: Float32Array.of(3, Number.NaN), dims: [2, 1] },
    });
    expect(Array.from<unknown>(probabilities?.data ?? []).map((p) => Math.round(Number(p) * 1e6) / 1e6)).toEqual([
      0.8, 0.2, 0.8, 0.2,
    ]);
  });
});

describe('exported bytes', () => {
  it('are the same for the same data, parameters and seed', () => {
    const once = exportModel(fitModel('multiclass', 'trees', { numbers: true, texts: true }).model, {
      'drover.kind': 'k',
    });
    const again = exportModel(fitModel('multiclass', 'trees', { numbers: true, texts: true }).model, {
      'drover.kind': 'k',
    });
    expect(Buffer.from(once).equals(Buffer.from(again))).toBe(true);
  });
});
