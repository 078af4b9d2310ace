// Owns the models that the benches of agent and hub run: a trained forest of 100 trees x 31 leaves x 30 features, and a
// multilayer perceptron 30-64-32-2. Always the same; nothing here is measured.

import { describeBaseline } from '@drover/learn/describe-baseline';
import { exportModel } from '@drover/learn/export/to-onnx';
import { parseHyperparameters, parseJobSpec } from '@drover/learn/job-spec';
import { describeMetadata } from '@drover/learn/report';
import { finish } from '@drover/learn/run-steps';
import { parseTable } from '@drover/learn/table';
import { trainOnTable } from '@drover/learn/train-table';
import { makeVectors } from '@drover/learn/vectors';
import { buildBaseline, encodeBaseline } from '@drover/sketch/baseline';
import { buildMlpModel } from '@drover/testkit/models';
import { makeUniform } from './sample-window.ts';

export const WIDTH = 30;
export const CLASSES = ['0', '1'];
export const featureNames = Array.from({ length: WIDTH }, (_, i) => `f${i}`);
/** Distinct rows that predictions are made on, so that no branch predictor learns one row by heart. */
const LIVE_ROWS = 512;
const TRAINING_ROWS = 8000;

export interface SampleModel {
  readonly name: string;
  readonly model: Uint8Array;
  readonly baseline: Uint8Array;
  readonly vectors?: Uint8Array;
}

/** Standard normal values of a fixed sequence. */
function makeNormal(seed: number): () => number {
  const uniform = makeUniform(seed);
  return () => Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform());
}

export function makeLiveRows(): Float32Array[] {
  const normal = makeNormal(5);
  return Array.from({ length: LIVE_ROWS }, () => Float32Array.from({ length: WIDTH }, normal));
}

function must<T>(
  result: { readonly ok: true; readonly value: T } | { readonly ok: false; readonly detail: string },
): T {
  if (!result.ok) throw new Error(result.detail);
  return result.value;
}

export function makeForest(): SampleModel {
  const normal = makeNormal(3);
  const lines = Array.from({ length: TRAINING_ROWS }, () => {
    const x = Array.from({ length: WIDTH }, normal);
    const [a = 0, b = 0, c = 0, d = 0] = x;
    return [...x.map((value) => value.toFixed(4)), 1.5 * a + b * c + Math.sin(2 * d) + normal() > 0.3 ? 1 : 0].join(
      ',',
    );
  });
  const table = must(parseTable([[...featureNames, 'y'].join(','), ...lines].join('\n')));
  const spec = must(parseJobSpec({ label: 'y' }));
  const hyper = must(parseHyperparameters({ iterations: 100, maxLeaves: 31, patience: 0, threshold: 0.5 }, 'gbdt'));
  const trained = must(finish(trainOnTable(table, spec, hyper)));
  return {
    name: 'GBDT, 100 trees x 31 leaves x 30 features',
    model: exportModel(trained.model, describeMetadata(trained, spec, hyper, '00'.repeat(32))),
    baseline: encodeBaseline(must(describeBaseline(trained))),
    vectors: Buffer.from(JSON.stringify(makeVectors(trained.model, trained.test))),
  };
}

export function makePerceptron(): SampleModel {
  const normal = makeNormal(3);
  const uniform = makeUniform(4);
  const probabilities = Float32Array.from({ length: 2 * TRAINING_ROWS }, uniform);
  for (let i = 0; i < probabilities.length; i += 2) probabilities[i] = 1 - (probabilities[i + 1] ?? 0);
  const columns = featureNames.map((name) => ({ name, values: Float32Array.from({ length: TRAINING_ROWS }, normal) }));
  const built = buildBaseline(columns, { kind: 'classification', classes: CLASSES, probabilities });
  return {
    name: 'MLP 30-64-32-2',
    model: buildMlpModel([WIDTH, 64, 32, 2], makeUniform(7)),
    baseline: encodeBaseline(must(built)),
  };
}
