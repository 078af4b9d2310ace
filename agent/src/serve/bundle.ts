// Turns the verified bytes of a bundle into a loaded model that has passed its own self-test. Never touches a slot.
import { accept, type Refusal, type Result, refuse } from '@drover/core/reasons';
import { type Layout, layoutOf } from '@drover/infer/layout';
import { createPredictor, type Predictor } from '@drover/infer/predictor';
import type { InferenceRuntime, ModelSession } from '@drover/infer/runtime';
import { checkModel, type ModelInfo, type ValueInfo } from '@drover/onnx/check';
import { type Baseline, parseBaseline } from '@drover/sketch/baseline';
import { findMisfit } from '@drover/sketch/fit-baseline';
import { cutFor, Novelty, type NoveltyShare } from '@drover/sketch/novelty';
import { bindBaseline, type WindowReference } from '@drover/sketch/window-sketch';
import type { Manifest, TensorSpec } from '@drover/trust/documents';
import { parseVectors, type Vectors } from '@drover/trust/vectors';
import type { BlobStore } from '../store/blobs.ts';
import { type Judge, makeJudge, type NoveltyGauge } from './rules.ts';

export interface Bundle {
  readonly digest: string;
  readonly manifest: Manifest;
}

export interface LoadedModel extends Bundle {
  readonly session: ModelSession;
  /** Undefined for a model whose manifest names no features or no task: it serves raw tensors only. */
  readonly predictor: Predictor | undefined;
  readonly reference: WindowReference | undefined;
  readonly runtime: Pick<InferenceRuntime, 'name' | 'version'>;
  /** Undefined for a bundle without rules. */
  readonly judge: Judge | undefined;
  /** Undefined where the baseline is not calibrated. */
  readonly gauge: (share: NoveltyShare) => NoveltyGauge | undefined;
}

const sameShape = (a: readonly (number | string)[] | undefined, b: readonly (number | string)[]): boolean =>
  a === undefined || (a.length === b.length && a.every((dim, i) => typeof dim === 'string' || dim === b[i]));

function describeMismatch(
  what: string,
  stated: readonly TensorSpec[],
  found: readonly ValueInfo[],
): string | undefined {
  if (stated.length !== found.length)
    return `The file has ${found.length} ${what}s and the manifest states ${stated.length}.`;
  for (const spec of stated) {
    const info = found.find(({ name }) => name === spec.name);
    if (!info) return `The file has no ${what} "${spec.name}".`;
    if (info.dtype !== spec.dtype) return `The ${what} "${spec.name}" is ${info.dtype} and not ${spec.dtype}.`;
    if (!sameShape(info.shape, spec.shape)) {
      return `The ${what} "${spec.name}" has the shape [${info.shape?.join(', ')}] and not [${spec.shape.join(', ')}].`;
    }
  }
  return undefined;
}

/** Checks the ONNX file before any runtime sees it, and that its inputs and outputs are those that were signed. */
export function checkSignature(manifest: Manifest, model: Uint8Array): Result<ModelInfo> {
  const info = checkModel(model);
  if (!info.ok) return info;
  const wrong =
    describeMismatch('input', manifest.inputs, info.value.inputs) ??
    describeMismatch('output', manifest.outputs, info.value.outputs);
  return wrong === undefined ? info : refuse('onnx_signature_mismatch', wrong);
}

const isNear = (given: number, wanted: number, tolerance: number, isRelative: boolean): boolean =>
  Math.abs(given - wanted) <= tolerance * (isRelative ? Math.max(1, Math.abs(wanted)) : 1);

/** Runs the vectors of the bundle through the loaded model; the first answer that is not as promised refuses it. */
async function runSelfTest(predictor: Predictor, vectors: Vectors): Promise<Refusal | undefined> {
  const isRelative = predictor.layout.answer.kind === 'regression';
  const x = new Float32Array(predictor.numericCount);
  for (const [row, expected] of vectors.expected.entries()) {
    const numbers = vectors.x[row] ?? [];
    const texts = vectors.c?.[row] ?? [];
    if (numbers.length !== x.length || texts.length !== predictor.categoricalCount) {
      return refuse('self_test_failed', `Vector ${row} has ${numbers.length} numbers and ${texts.length} texts.`);
    }
    for (const [place, number] of numbers.entries()) x[place] = number ?? Number.NaN;
    const answer = await predictor.predictRow(x, texts);
    if (!answer.ok) return refuse('self_test_failed', `Vector ${row}: ${answer.detail}`);
    const given = isRelative ? [answer.value] : [...answer.probabilities];
    const isRight =
      given.length === expected.length &&
      expected.every((wanted, i) => isNear(given[i] ?? Number.NaN, wanted, vectors.tolerance, isRelative));
    if (!isRight)
      return refuse(
        'self_test_failed',
        `Vector ${row}: ${given.join(', ')} instead of ${expected.join(', ')}.`.slice(0, 400),
      );
  }
  return undefined;
}

interface Bound {
  readonly reference: WindowReference | undefined;
  readonly judge: Judge | undefined;
  readonly gauge: LoadedModel['gauge'];
}

/** The score of a row against the baseline, and the cut for a share. */
function makeGauge({ features }: Manifest, baseline: Baseline, share: NoveltyShare): NoveltyGauge | undefined {
  if (!baseline.noveltyCuts) return undefined;
  const novelty = new Novelty(baseline, ({ kind, name }) =>
    features.filter((feature) => feature.kind === kind).findIndex((feature) => feature.name === name),
  );
  return { score: (x, c) => novelty.score(x, c), cut: cutFor(baseline.noveltyCuts, share) };
}

function readReference(manifest: Manifest, blobs: BlobStore): Result<Bound> {
  const ref = manifest.blobs.baseline;
  if (!ref)
    return accept({ reference: undefined, judge: makeJudge(manifest, undefined, undefined), gauge: () => undefined });
  const bytes = blobs.read(ref);
  if (!bytes.ok) return bytes;
  const baseline = parseBaseline(bytes.value);
  if (!baseline.ok) return baseline;
  const misfit = findMisfit(baseline.value, manifest);
  if (misfit !== undefined) return refuse('baseline_invalid', misfit);
  const reference = bindBaseline(baseline.value, ref.sha256);
  const gauge = (share: NoveltyShare) => makeGauge(manifest, baseline.value, share);
  const novelty = manifest.rules?.novelty;
  const asked = novelty && gauge(novelty.share);
  if (novelty && !asked)
    return refuse('baseline_invalid', 'The rules ask for novelty, and the baseline is not calibrated for it.');
  return accept({ reference, judge: makeJudge(manifest, reference, asked), gauge });
}

/**
 * Reads the blobs, compares them with the signed manifest, loads the model and runs its self-test. The bytes that are
 * hashed are the bytes that are loaded, so nothing can be swapped in between.
 */
export async function loadBundle(
  bundle: Bundle,
  blobs: BlobStore,
  runtime: InferenceRuntime,
): Promise<Result<LoadedModel>> {
  const { manifest } = bundle;
  const model = blobs.read(manifest.blobs.model);
  if (!model.ok) return model;
  const signature = checkSignature(manifest, model.value);
  if (!signature.ok) return signature;
  const reference = readReference(manifest, blobs);
  if (!reference.ok) return reference;
  const session = await runtime.load(model.value);
  if (!session.ok) return session;
  const layout = layoutOf(manifest);
  const finished = await finishLoading(bundle, blobs, session.value, layout);
  if (!finished.ok) {
    await session.value.release();
    return finished;
  }
  const { name, version } = runtime;
  return accept({
    ...bundle,
    session: session.value,
    predictor: finished.value,
    ...reference.value,
    runtime: { name, version },
  });
}

async function finishLoading(
  { manifest }: Bundle,
  blobs: BlobStore,
  session: ModelSession,
  layout: Layout | undefined,
): Promise<Result<Predictor | undefined>> {
  if (!layout) return accept(undefined);
  const predictor = createPredictor(session, layout);
  if (!predictor.ok || !manifest.blobs.vectors) return predictor;
  const bytes = blobs.read(manifest.blobs.vectors);
  const vectors = bytes.ok ? parseVectors(bytes.value) : bytes;
  if (!vectors.ok) return vectors;
  return (await runSelfTest(predictor.value, vectors.value)) ?? predictor;
}
