// Decides whether the files of a bundle fit each other and the manifest that names them: the model is sound, the
// baseline counts the same features, the vectors are answered by every runtime. Never signs and never registers.
import { accept, type Result, refuse } from '@drover/core/reasons';
import { layoutOf } from '@drover/infer/layout';
import { checkModel, type ModelInfo } from '@drover/onnx/check';
import { findMisfit } from '@drover/sketch/fit-baseline';
import { parseBaseline } from '@drover/sketch/parse-baseline';
import type { Described } from '@drover/trust/describe-model';
import type { BlobRef, Manifest } from '@drover/trust/documents';
import { parseVectors } from '@drover/trust/vectors';
import { storeChunkList } from '../blobs/chunk-lists.ts';
import type { RegistryDeps } from './deps.ts';
import type { TrialReport } from './trial-request.ts';

type WithRules = Described & Pick<Manifest, 'rules'>;
export type BundleDeps = Pick<RegistryDeps, 'blobs' | 'trial'>;

/** Models are read whole by checker and runtime. */
const MODEL_BYTES = 1024 * 1024 * 1024;
const SIDE_BYTES = 64 * 1024 * 1024;

async function readWhole(deps: BundleDeps, what: string, sha256: string, limit: number): Promise<Result<Uint8Array>> {
  const size = await deps.blobs.size(sha256);
  if (size === undefined) return refuse('artifact_unknown', `The ${what} sha256:${sha256} was not uploaded.`);
  if (size > limit) return refuse('onnx_too_large', `The ${what} has ${size} bytes and the limit is ${limit}.`);
  const bytes = await deps.blobs.read(sha256, 0, size);
  return bytes === undefined
    ? refuse('artifact_unknown', `The ${what} sha256:${sha256} was removed meanwhile.`)
    : accept(bytes);
}

/** Reads and checks the model file itself. */
export async function openModel(deps: BundleDeps, sha256: string): Promise<Result<ModelInfo>> {
  const bytes = await readWhole(deps, 'model', sha256, MODEL_BYTES);
  return bytes.ok ? checkModel(bytes.value) : bytes;
}

/** The reference that a blob gets in a manifest; a blob of several chunks binds the list of their hashes. */
export async function referTo(deps: BundleDeps, what: string, sha256: string): Promise<Result<BlobRef>> {
  const size = await deps.blobs.size(sha256);
  if (size === undefined) return refuse('artifact_unknown', `The ${what} sha256:${sha256} was not uploaded.`);
  const chunkList = await storeChunkList(deps.blobs, sha256, size);
  if (!chunkList.ok) return chunkList;
  return accept({ sha256, size, ...(chunkList.value !== undefined && { chunkList: chunkList.value }) });
}

/** Every blob that a manifest names is here and has the size and the chunks that the manifest says. */
export async function checkBlobs(deps: BundleDeps, blobs: Manifest['blobs']): Promise<Result<undefined>> {
  for (const [what, ref] of Object.entries(blobs)) {
    const held = await referTo(deps, what, ref.sha256);
    if (!held.ok) return held;
    if (held.value.size !== ref.size) {
      return refuse(
        'artifact_size_mismatch',
        `The ${what} has ${held.value.size} bytes and the manifest says ${ref.size}.`,
      );
    }
    // Manifests of 0.1 bind no list. One that is wrong would make every device refuse every chunk.
    if (ref.chunkList !== undefined && ref.chunkList !== held.value.chunkList) {
      return refuse(
        'artifact_digest_mismatch',
        `The list of chunk hashes of the ${what} is another than the manifest says.`,
      );
    }
  }
  return accept(undefined);
}

async function checkBaseline(deps: BundleDeps, sha256: string, described: WithRules): Promise<Result<undefined>> {
  const bytes = await readWhole(deps, 'baseline', sha256, SIDE_BYTES);
  if (!bytes.ok) return bytes;
  const baseline = parseBaseline(bytes.value);
  if (!baseline.ok) return baseline;
  if (described.rules?.novelty && !baseline.value.noveltyCuts)
    return refuse('baseline_invalid', 'The rules ask for novelty, and it is not calibrated for that: make it again.');
  const misfit = findMisfit(baseline.value, described);
  if (misfit !== undefined) return refuse('baseline_invalid', misfit);
  const { output } = baseline.value;
  if (output?.kind === 'classification' && described.task?.kind === 'classification') {
    const same =
      output.classes.length === described.task.classes.length &&
      output.classes.every((name, at) => name === (described.task as { classes: string[] }).classes[at]);
    if (!same) return refuse('baseline_invalid', 'Its classes are not those of the model.');
  }
  return accept(undefined);
}

const sameTensors = (a: Described['inputs'], b: Described['inputs']): boolean =>
  a.length === b.length &&
  a.every((tensor, at) => {
    const other = b[at];
    const dims = (shape: readonly (number | string)[]): string =>
      shape.map((d) => (typeof d === 'string' ? '?' : d)).join();
    return (
      other !== undefined &&
      tensor.name === other.name &&
      tensor.dtype === other.dtype &&
      dims(tensor.shape) === dims(other.shape)
    );
  });

/** The tensors that a manifest states are those of the file. */
export function checkSignature(described: Described, ofFile: Described): Result<undefined> {
  if (!sameTensors(described.inputs, ofFile.inputs))
    return refuse('onnx_signature_mismatch', 'The inputs of the file are others.');
  if (!sameTensors(described.outputs, ofFile.outputs))
    return refuse('onnx_signature_mismatch', 'The outputs of the file are others.');
  return accept(undefined);
}

/**
 * Loads the model on both runtimes in another process, after its side files were read. `replay` also asks for the answers
 * that the vectors promise: of what the hub trains itself, always; of what a person signed it is the device that judges.
 */
export async function tryBundle(
  deps: BundleDeps,
  described: WithRules,
  blobs: Manifest['blobs'],
  replay: boolean,
): Promise<Result<TrialReport>> {
  if (blobs.baseline !== undefined) {
    const baseline = await checkBaseline(deps, blobs.baseline.sha256, described);
    if (!baseline.ok) return baseline;
  }
  if (blobs.vectors !== undefined) {
    const bytes = await readWhole(deps, 'vectors', blobs.vectors.sha256, SIDE_BYTES);
    if (!bytes.ok) return bytes;
    const vectors = parseVectors(bytes.value);
    if (!vectors.ok) return vectors;
  }
  const layout = layoutOf(described);
  if (blobs.vectors !== undefined && layout === undefined) {
    return refuse(
      'manifest_invalid',
      'There are self-test vectors, and the model has no features or no task to replay them with.',
    );
  }
  return deps.trial({
    model: deps.blobs.path(blobs.model.sha256),
    runtimes: ['native', 'wasm'],
    ...(layout === undefined ? {} : { layout }),
    ...(blobs.vectors === undefined || !replay ? {} : { vectors: deps.blobs.path(blobs.vectors.sha256) }),
  });
}
