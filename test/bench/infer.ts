// Measures one prediction through `predictRow` against ONNX Runtime's public `session.run` on the same model, in turn in
// the same process, so that a busy machine slows both. It asserts nothing.
import type { Result } from '@drover/core/reasons';
import { openNative } from '@drover/infer/native';
import { createPredictor, type Predictor } from '@drover/infer/predictor';
import { openWasm } from '@drover/infer/wasm';
import { buildMlpModel, buildPipelineModel } from '@drover/testkit/models';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { type BenchReport, type BenchRow, below, ratioAtMost } from './report.ts';
import { measureInTurn, quantile, type Sample } from './turns.ts';

function take<T>(result: Result<T>): T {
  if (!result.ok) throw new Error(`${result.code}: ${result.detail}`);
  return result.value;
}

/** Park–Miller: the weights decide no timing, but the same run must measure the same model. */
function drawFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 48_271) % 2_147_483_647;
    return state / 2_147_483_647;
  };
}

/** Median and p99 of both sides; `medianBudget` is how many times the reference the median may take. */
const compare = (name: string, ours: Float64Array, theirs: Float64Array, medianBudget?: number): BenchRow[] =>
  [
    { what: 'median', share: 0.5, budget: medianBudget === undefined ? undefined : ratioAtMost(medianBudget) },
    { what: 'p99', share: 0.99, budget: below(1000) },
  ].map(({ what, share, budget }) => ({
    name: `${name}: ${what}`,
    unit: 'µs',
    value: quantile(ours, share),
    reference: { name: 'public session.run', value: quantile(theirs, share) },
    ...(budget && { budget }),
  }));

const callSync = (predictor: Predictor, x: Float32Array, c?: readonly string[]): Sample => {
  const { predictRowSync } = predictor;
  if (predictRowSync === undefined) return () => predictor.predictRow(x, c);
  return () => {
    const answer = predictRowSync(x, c);
    if (!answer.ok) throw new Error(answer.detail);
    return undefined;
  };
};

async function benchMlp(): Promise<BenchRow[]> {
  const model = buildMlpModel([30, 64, 32, 2], drawFrom(7));
  const layout = {
    features: Array.from(
      { length: 30 },
      (_, index) => ({ name: `f${index}`, kind: 'numeric', input: 'x', index }) as const,
    ),
    answer: { kind: 'classification', classes: ['no', 'yes'], label: 'label', probabilities: 'probabilities' } as const,
  };
  const x = Float32Array.from({ length: 30 }, drawFrom(11));
  const native = take(createPredictor(take(await take(await openNative()).load(model)), layout));
  const wasm = take(createPredictor(take(await take(await openWasm()).load(model)), layout));
  const session = await InferenceSession.create(model, { intraOpNumThreads: 1 });
  const feeds = { x: new Tensor('float32', x, [1, 30]) };
  const [ours, awaited, inWasm, theirs] = (await measureInTurn([
    callSync(native, x),
    () => native.predictRow(x),
    () => wasm.predictRow(x),
    () => session.run(feeds),
  ])) as [Float64Array, Float64Array, Float64Array, Float64Array];
  return [
    ...compare('MLP 30-64-32-2, predictRowSync', ours, theirs, 1.15),
    ...compare('MLP 30-64-32-2, predictRow (promise)', awaited, theirs),
    ...compare('MLP 30-64-32-2, predictRow on wasm', inWasm, theirs),
  ];
}

async function benchPipeline(): Promise<BenchRow[]> {
  const model = buildPipelineModel();
  const layout = {
    features: [
      { name: 'a', kind: 'numeric', input: 'x', index: 0 },
      { name: 'b', kind: 'numeric', input: 'x', index: 1 },
      { name: 'colour', kind: 'categorical', input: 'c', index: 0 },
    ],
    answer: { kind: 'classification', classes: ['low', 'high'], label: 'label', probabilities: 'probabilities' },
  } as const;
  const x = Float32Array.of(0.5, Number.NaN);
  const native = take(createPredictor(take(await take(await openNative()).load(model)), layout));
  const session = await InferenceSession.create(model, { intraOpNumThreads: 1 });
  const feeds = { x: new Tensor('float32', x, [1, 2]), c: new Tensor('string', ['red'], [1, 1]) };
  const [ours, theirs] = (await measureInTurn([callSync(native, x, ['red']), () => session.run(feeds)])) as [
    Float64Array,
    Float64Array,
  ];
  return compare('pipeline of 10 nodes with text, predictRowSync', ours, theirs, 1.15);
}

/** One row at a time, in microseconds; `ratio` is ours over the reference. The budgets are those of DESIGN.md §12. */
export async function bench(): Promise<BenchReport> {
  return { title: 'One prediction in process', rows: [...(await benchMlp()), ...(await benchPipeline())] };
}
