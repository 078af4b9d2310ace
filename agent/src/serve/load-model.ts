// Loads a model that this device holds, by the digest of its manifest. Never serves it and never chooses one.
import { type Result, refuse } from '@drover/core/reasons';
import type { InferenceRuntime } from '@drover/infer/runtime';
import type { BlobStore } from '../store/blobs.ts';
import type { DesiredStore } from '../store/desired.ts';
import type { LoadedModel } from './bundle.ts';

export type LoadModel = (manifest: string) => Promise<Result<LoadedModel>>;

export interface LoadDeps {
  readonly desired: Pick<DesiredStore, 'manifest'>;
  readonly blobs: BlobStore;
  readonly runtime: () => Promise<Result<InferenceRuntime>>;
}

export function makeModelLoader({ desired, blobs, runtime }: LoadDeps): LoadModel {
  return async (digest) => {
    const manifest = desired.manifest(digest);
    if (!manifest) return refuse('manifest_invalid', `Manifest ${digest.slice(0, 12)}… is not held.`);
    const opened = await runtime();
    if (!opened.ok) return opened;
    // What reads and runs models comes with the first one: an agent without one stays small.
    const { loadBundle } = await import('./bundle.ts');
    return loadBundle({ digest, manifest }, blobs, opened.value);
  };
}
