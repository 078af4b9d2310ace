// Builds small signed bundles whose answers are known by formula. Tests only; real keys, real ONNX.
import { buildModel, f, floats, fs, i, ints64, node, ss } from '@drover/onnx/build';
import { buildBaseline, encodeBaseline } from '@drover/sketch/baseline';
import { chunkListOf } from '@drover/trust/chunk-list';
import { encodeDocument, type Manifest, PAYLOAD_TYPES } from '@drover/trust/documents';
import { digestOf, type Signer, signPayload } from '@drover/trust/dsse';
import type { Vectors } from '@drover/trust/vectors';
import type { SignedEnvelope } from '@drover/wire/messages';

export interface TinyOptions {
  readonly version?: number;
  /** Added to the score: two biases give two models with different answers and digests. */
  readonly bias?: number;
  /** Promise other answers than the model gives. */
  readonly wrongVectors?: boolean;
  readonly withBaseline?: boolean;
  /** Bytes of ballast inside the ONNX file, so that it takes several chunks. */
  readonly ballast?: number;
  readonly rules?: Manifest['rules'];
  /** As manifests of 0.1: no list of chunk hashes. */
  readonly withoutList?: boolean;
  /** Replaces the ONNX bytes, for files that must be refused. */
  readonly model?: Uint8Array;
}

export interface TinyBundle {
  readonly manifest: Manifest;
  readonly envelope: SignedEnvelope;
  /** Manifest digest. */
  readonly digest: string;
  readonly blobs: ReadonlyMap<string, Uint8Array>;
}

export const SHIFTS = { day: 0, night: 1 } as const;
const CLASSES = ['ok', 'fault'];

/** Probability of "fault": sigmoid(2·load − heat + shift + bias), missing numbers count as 0. */
export function tinyProbability(load: number, heat: number, shift: keyof typeof SHIFTS, bias = 0): number {
  return (
    1 / (1 + Math.exp(-(2 * (Number.isNaN(load) ? 0 : load) - (Number.isNaN(heat) ? 0 : heat) + SHIFTS[shift] + bias)))
  );
}

/** Inputs x [N,2] (load, heat) and c [N,1] (shift); outputs label (int64) and probabilities [N,2]. */
export function buildTinyModel(bias = 0, ballast = 0): Uint8Array {
  const ML = 'ai.onnx.ml';
  return buildModel({
    name: 'tiny',
    nodes: [
      node('Imputer', ['x'], ['filled'], { imputed_value_floats: fs([0, 0]), replaced_value_float: f(Number.NaN) }, ML),
      node(
        'LabelEncoder',
        ['c'],
        ['shift'],
        { keys_strings: ss(Object.keys(SHIFTS)), values_floats: fs(Object.values(SHIFTS)), default_float: f(0) },
        ML,
      ),
      node('MatMul', ['filled', 'w'], ['linear']),
      node('Add', ['linear', 'shift'], ['shifted']),
      node('Add', ['shifted', 'bias'], ['score']),
      node('Sigmoid', ['score'], ['p1']),
      node('Sub', ['one', 'p1'], ['p0']),
      node('Concat', ['p0', 'p1'], ['probabilities'], { axis: i(1) }),
      node('ArgMax', ['probabilities'], ['label'], { axis: i(1), keepdims: i(0) }),
    ],
    inputs: [
      { name: 'x', dtype: 'float32', shape: ['N', 2] },
      { name: 'c', dtype: 'string', shape: ['N', 1] },
    ],
    outputs: [
      { name: 'label', dtype: 'int64', shape: ['N'] },
      { name: 'probabilities', dtype: 'float32', shape: ['N', 2] },
    ],
    initializers: [
      floats('w', [2, 1], [2, -1]),
      floats('bias', [1], [bias]),
      floats('one', [1], [1]),
      ...(ballast > 0
        ? [
            ints64(
              'ballast',
              [Math.ceil(ballast / 8)],
              Array.from({ length: Math.ceil(ballast / 8) }, (_, n) => (n * 2654435761) % 2 ** 40),
            ),
          ]
        : []),
    ],
  });
}

function buildTinyBaseline(): Uint8Array {
  const rows = 400;
  const load = Float64Array.from({ length: rows }, (_, n) => Math.sin(n) * 2);
  const heat = Float64Array.from({ length: rows }, (_, n) => Math.cos(n * 1.7) * 3);
  const shift = Array.from({ length: rows }, (_, n) => (n % 3 === 0 ? 'night' : 'day'));
  const p = Array.from({ length: rows }, (_, n) =>
    tinyProbability(load[n] ?? 0, heat[n] ?? 0, n % 3 === 0 ? 'night' : 'day'),
  );
  const baseline = buildBaseline(
    [
      { name: 'heat', values: heat },
      { name: 'load', values: load },
      { name: 'shift', values: shift },
    ],
    { kind: 'classification', classes: CLASSES, probabilities: Float64Array.from(p.flatMap((one) => [1 - one, one])) },
  );
  if (!baseline.ok) throw new Error(baseline.detail);
  return encodeBaseline(baseline.value);
}

function buildVectors(bias: number, isWrong: boolean): Vectors {
  const rows = [
    { load: 1, heat: 0.5, shift: 'day' },
    { load: -2, heat: 1, shift: 'night' },
    { load: null, heat: 0.25, shift: 'day' },
  ] as const;
  return {
    type: 'drover.vectors/1',
    tolerance: 1e-6,
    x: rows.map(({ load, heat }) => [load, heat]),
    c: rows.map(({ shift }) => [shift]),
    expected: rows.map(({ load, heat, shift }) => {
      const p = tinyProbability(load ?? Number.NaN, heat, shift, bias) + (isWrong ? 0.1 : 0);
      return [1 - p, p];
    }),
  };
}

export async function buildTinyBundle(release: Signer, options: TinyOptions = {}): Promise<TinyBundle> {
  const { version = 1, bias = 0, withBaseline = true, ballast = 0 } = options;
  const model = options.model ?? buildTinyModel(bias, ballast);
  const vectors = Buffer.from(JSON.stringify(buildVectors(bias, options.wrongVectors ?? false)));
  const baseline = withBaseline ? buildTinyBaseline() : undefined;
  const blobs = new Map([model, vectors, ...(baseline ? [baseline] : [])].map((bytes) => [digestOf(bytes), bytes]));
  const list = options.withoutList ? undefined : chunkListOf(model);
  if (list) blobs.set(digestOf(list), list);
  const ref = (bytes: Uint8Array) => ({ sha256: digestOf(bytes), size: bytes.length });
  const manifest: Manifest = {
    type: 'drover.manifest/1',
    project: 'default',
    model: 'tiny',
    version,
    createdAt: '2026-01-02T03:04:05Z',
    release: version,
    blobs: {
      model: { ...ref(model), ...(list && { chunkList: digestOf(list) }) },
      vectors: ref(vectors),
      ...(baseline && { baseline: ref(baseline) }),
    },
    inputs: [
      { name: 'x', dtype: 'float32', shape: ['N', 2] },
      { name: 'c', dtype: 'string', shape: ['N', 1] },
    ],
    outputs: [
      { name: 'label', dtype: 'int64', shape: ['N'] },
      { name: 'probabilities', dtype: 'float32', shape: ['N', 2] },
    ],
    features: [
      { name: 'load', kind: 'numeric', input: 'x', index: 0 },
      { name: 'heat', kind: 'numeric', input: 'x', index: 1 },
      { name: 'shift', kind: 'categorical', input: 'c', index: 0 },
    ],
    task: { kind: 'classification', classes: CLASSES, label: 'label', probabilities: 'probabilities' },
    ...(options.rules && { rules: options.rules }),
    runtime: { irVersion: 10, opset: 18, mlOpset: 5 },
    lineage: { source: 'uploaded' },
  };
  const payload = encodeDocument(manifest);
  return {
    manifest,
    envelope: await signPayload(PAYLOAD_TYPES.manifest, payload, [release]),
    digest: digestOf(payload),
    blobs,
  };
}
