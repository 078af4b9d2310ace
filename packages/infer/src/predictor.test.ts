import type { Result } from '@drover/core/reasons';
import { buildModel, node } from '@drover/onnx/build';
import { buildPipelineModel, buildSoftmaxModel, buildTreeModel } from '@drover/testkit/models';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Layout } from './layout.ts';
import { openNative } from './native.ts';
import { openRuntime } from './open.ts';
import { createPredictor } from './predictor.ts';
import type { InferenceRuntime, ModelSession, Outputs } from './runtime.ts';
import { openWasm } from './wasm.ts';

function take<T>(result: Result<T>): T {
  if (!result.ok) throw new Error(`${result.code}: ${result.detail}`);
  return result.value;
}

const numeric = (name: string, index: number) => ({ name, kind: 'numeric', input: 'x', index }) as const;

const SOFTMAX: Layout = {
  features: [numeric('a', 0), numeric('b', 1)],
  answer: { kind: 'classification', classes: ['p', 'q', 'r'], label: 'label', probabilities: 'probabilities' },
};
const TREE: Layout = { features: [numeric('a', 0), numeric('b', 1)], answer: { kind: 'regression', output: 'y' } };
const PIPELINE: Layout = {
  features: [numeric('a', 0), { name: 'colour', kind: 'categorical', input: 'c', index: 0 }, numeric('b', 1)],
  answer: { kind: 'classification', classes: ['low', 'high'], label: 'label', probabilities: 'probabilities' },
};

function softmax(a: number, b: number): number[] {
  const exps = [a + 0.5 * b, 0.25 - 0.5 * b, -0.25 - a + 2 * b].map(Math.exp);
  const sum = exps.reduce((total, each) => total + each, 0);
  return exps.map((each) => each / sum);
}
const sigmoid = (score: number): number => 1 / (1 + Math.exp(-score));

const RUNTIMES: Record<string, () => Promise<Result<InferenceRuntime>>> = {
  'native, synchronous binding': () => openNative(),
  'native, public API': () => openNative({ publicOnly: true }),
  wasm: () => openWasm(),
};

describe.each(Object.entries(RUNTIMES))('%s', (name, open) => {
  let runtime: InferenceRuntime;
  const sessions: ModelSession[] = [];
  const load = async (model: Uint8Array): Promise<ModelSession> => {
    const session = take(await runtime.load(model));
    sessions.push(session);
    return session;
  };
  beforeAll(async () => {
    runtime = take(await open());
  });
  afterAll(async () => {
    await Promise.all(sessions.map((session) => session.release()));
  });

  it('offers the synchronous call only through the private binding', async () => {
    const session = await load(buildTreeModel());
    expect(session.runSync !== undefined).toBe(name === 'native, synchronous binding');
    expect(take(createPredictor(session, TREE)).predictRowSync !== undefined).toBe(session.runSync !== undefined);
  });

  it('computes a softmax layer', async () => {
    const predictor = take(createPredictor(await load(buildSoftmaxModel()), SOFTMAX));
    for (const [a, b] of [
      [0.3, -1.25],
      [2, 2],
      [-3, 0.5],
    ] as const) {
      const answer = await predictor.predictRow(Float32Array.of(a, b));
      const expected = softmax(a, b);
      if (!answer.ok) throw new Error(answer.detail);
      expect(answer.classIndex).toBe(expected.indexOf(Math.max(...expected)));
      for (const [at, p] of answer.probabilities.entries()) expect(p).toBeCloseTo(expected[at] ?? Number.NaN, 6);
    }
  });

  it('walks a tree, with missing values', async () => {
    const predictor = take(createPredictor(await load(buildTreeModel()), TREE));
    const batch = take(await predictor.predictBatch(4, Float32Array.of(0.5, 9, Number.NaN, 9, 0.51, -1, 0.51, -0.9)));
    expect([...batch.values]).toEqual([10, 10, 20, 30]);
    expect(batch.classIndexes.length + batch.probabilities.length).toBe(0);
  });

  it('runs a pipeline of numbers and text, also unknown text and missing values', async () => {
    const predictor = take(createPredictor(await load(buildPipelineModel()), PIPELINE));
    const x = Float32Array.of(0.5, 0.25, Number.NaN, Number.NaN, -1, 0, 3, Number.NaN);
    const batch = take(await predictor.predictBatch(4, x, ['red', '', 'blue', 'green']));
    const high = [0.75 + 2, 0, -1 - 2, 3 - 1].map(sigmoid);
    expect([...batch.classIndexes]).toEqual([1, 0, 0, 1]);
    for (const [row, p] of high.entries()) {
      expect(batch.probabilities[2 * row + 1]).toBeCloseTo(p, 6);
      expect(batch.probabilities[2 * row]).toBeCloseTo(1 - p, 6);
    }
  });

  it('gives a row what a raw run gives', async () => {
    const session = await load(buildPipelineModel());
    const predictor = take(createPredictor(session, PIPELINE));
    const x = Float32Array.of(-0.7, 0.9);
    const raw = await session.run({
      x: { dtype: 'float32', data: x, dims: [1, 2] },
      c: { dtype: 'string', data: ['red'], dims: [1, 1] },
    });
    const answer = await predictor.predictRow(x, ['red']);
    if (!answer.ok) throw new Error(answer.detail);
    expect(answer.probabilities).toEqual(raw['probabilities']?.data);
    expect(PIPELINE.answer.kind === 'classification' && PIPELINE.answer.classes[answer.classIndex]).toBe(
      raw['label']?.data[0],
    );
  });

  it('keeps answers of overlapping predictions apart', async () => {
    const predictor = take(createPredictor(await load(buildTreeModel()), TREE));
    const rows = [
      [0, 0],
      [1, -2],
      [1, 2],
    ].map((row) => predictor.predictRow(Float32Array.from(row)));
    const answers = await Promise.all(rows);
    expect(answers.map((answer) => answer.ok && answer.value)).toEqual([10, 20, 30]);
  });

  it('refuses rows of another size and goes on', async () => {
    const predictor = take(createPredictor(await load(buildTreeModel()), TREE));
    expect(await predictor.predictRow(Float32Array.of(1))).toMatchObject({ ok: false, code: 'input_shape' });
    expect(await predictor.predictRow(Float32Array.of(1, 2), ['red'])).toMatchObject({ code: 'input_shape' });
    expect(await predictor.predictBatch(2, Float32Array.of(1, 2))).toMatchObject({ code: 'input_shape' });
    expect(await predictor.predictRow(Float32Array.of(1, 2))).toMatchObject({ ok: true, value: 30 });
  });

  it('returns a failure of the computation and goes on', async () => {
    const model = buildModel({
      name: 'fails',
      nodes: [node('Add', ['x', 'w'], ['y'])],
      inputs: [
        { name: 'x', dtype: 'float32', shape: ['N', 2] },
        { name: 'w', dtype: 'float32', shape: ['M', 1] },
      ],
      outputs: [{ name: 'y', dtype: 'float32', shape: ['N', 2] }],
    });
    const session = await load(model);
    const x = { dtype: 'float32', data: new Float32Array(6), dims: [3, 2] } as const;
    const bad = { dtype: 'float32', data: new Float32Array(2), dims: [2, 1] } as const;
    await expect(session.run({ x, w: bad })).rejects.toThrow(/broadcast/);
    const good = { dtype: 'float32', data: new Float32Array([1, 2, 3]), dims: [3, 1] } as const;
    expect((await session.run({ x, w: good }))['y']?.data).toEqual(new Float32Array([1, 1, 2, 2, 3, 3]));
  });

  it('refuses a model before the runtime sees it, and what the runtime refuses', async () => {
    const io = {
      inputs: [{ name: 'x', dtype: 'float32', shape: ['N'] }],
      outputs: [{ name: 'y', dtype: 'float32', shape: ['N'] }],
    } as const;
    const unknown = buildModel({ name: 'bad', nodes: [node('Explode', ['x'], ['y'])], ...io });
    expect(await runtime.load(unknown)).toMatchObject({ ok: false, code: 'onnx_unknown_operator' });
    const dangling = buildModel({ name: 'bad', nodes: [node('Abs', ['nowhere'], ['y'])], ...io });
    expect(await runtime.load(dangling)).toMatchObject({ ok: false, code: 'onnx_load_failed' });
    const cut = buildTreeModel().subarray(0, 200);
    expect(await runtime.load(cut)).toMatchObject({ ok: false, code: 'onnx_malformed' });
  });
});

describe('createPredictor', () => {
  it.each<[string, Partial<Layout>]>([
    ['a feature for an input that is not there', { features: [numeric('a', 0), { ...numeric('b', 1), input: 'z' }] }],
    ['a column that no feature fills', { features: [numeric('a', 0)] }],
    ['two features in one column', { features: [numeric('a', 0), numeric('b', 0)] }],
    ['text in a numeric input', { features: [numeric('a', 0), { ...numeric('b', 1), kind: 'categorical' }] }],
    ['an output that is not there', { answer: { kind: 'regression', output: 'z' } }],
    [
      'classes of another number',
      { answer: { kind: 'classification', classes: ['p'], probabilities: 'probabilities' } },
    ],
    ['no output at all', { answer: { kind: 'classification', classes: ['p', 'q', 'r'] } }],
    ['a class twice', { answer: { kind: 'classification', classes: ['p', 'q', 'q'], label: 'label' } }],
    ['a regression of three columns', { answer: { kind: 'regression', output: 'probabilities' } }],
  ])('refuses %s', async (_what, change) => {
    const session = take(await take(await openRuntime('native')).load(buildSoftmaxModel()));
    expect(createPredictor(session, { ...SOFTMAX, ...change })).toMatchObject({
      ok: false,
      code: 'onnx_signature_mismatch',
    });
    await session.release();
  });

  it('puts features where the layout says and picks the largest probability without a label', async () => {
    const session = take(await take(await openRuntime('auto')).load(buildSoftmaxModel()));
    const layout: Layout = {
      features: [numeric('b', 1), numeric('a', 0)],
      answer: { kind: 'classification', classes: ['p', 'q', 'r'], probabilities: 'probabilities' },
    };
    const answer = await take(createPredictor(session, layout)).predictRow(Float32Array.of(-1.25, 0.3));
    const expected = softmax(0.3, -1.25);
    if (!answer.ok) throw new Error(answer.detail);
    expect(answer.classIndex).toBe(expected.indexOf(Math.max(...expected)));
    expect(answer.probabilities[2]).toBeCloseTo(expected[2] ?? Number.NaN, 6);
    await session.release();
  });

  it.each<[string, () => Outputs]>([
    [
      'the runtime throws',
      () => {
        throw new Error('kernel failed');
      },
    ],
    ['an output is missing', () => ({})],
    [
      'an output has rows that were not asked for',
      () => ({ y: { dtype: 'float32', data: new Float32Array(2), dims: [2, 1] } }),
    ],
    ['an output has another type', () => ({ y: { dtype: 'string', data: ['7'], dims: [1, 1] } })],
  ])('returns run_failed when %s', async (_what, run) => {
    const { info, inputs, outputs, release } = take(await take(await openRuntime('native')).load(buildTreeModel()));
    const broken: ModelSession = { info, inputs, outputs, release, run: async () => run(), bind: () => run };
    const predictor = take(createPredictor(broken, TREE));
    const row = new Float32Array(2);
    expect(predictor.predictRowSync?.(row)).toMatchObject({ ok: false, code: 'run_failed' });
    expect(await predictor.predictRow(row)).toMatchObject({ ok: false, code: 'run_failed' });
    expect(await predictor.predictBatch(1, row)).toMatchObject({ ok: false, code: 'run_failed' });
    await release();
  });
});
