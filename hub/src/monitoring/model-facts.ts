// Owns what monitoring knows of the model behind a manifest digest: its name, and the baseline that its windows were counted on.
// Never reads a window.
import type { Baseline } from '@drover/sketch/baseline-document';
import { parseBaseline } from '@drover/sketch/parse-baseline';
import { bindBaseline, type WindowReference } from '@drover/sketch/window-sketch';
import type { Manifest } from '@drover/trust/documents';
import type { BlobStore } from '../blobs/blob-store.ts';
import { readVersionByManifest } from '../db/models.ts';
import type { Store } from '../db/store.ts';

export interface ModelFacts {
  readonly model: string | null;
  readonly version: number | null;
  readonly baseline: Baseline | undefined;
  readonly reference: WindowReference | undefined;
}

export const UNKNOWN_MODEL: ModelFacts = { model: null, version: null, baseline: undefined, reference: undefined };
const KEPT_MODELS = 64;

export type ReadModelFacts = (manifest: string) => Promise<ModelFacts>;

/** Manifests and baselines never change under their digest: what was read once is kept. */
export function openModelFacts(deps: { readonly store: Store; readonly blobs: BlobStore }): ReadModelFacts {
  const kept = new Map<string, ModelFacts>();
  return async (manifest) => {
    const held = kept.get(manifest);
    if (held !== undefined) return held;
    const row = await readVersionByManifest(deps.store, manifest);
    if (row === undefined) return UNKNOWN_MODEL;
    const ref = (JSON.parse(row.documentJson) as Manifest).blobs.baseline;
    const bytes = ref === undefined ? undefined : await deps.blobs.read(ref.sha256, 0, ref.size);
    const parsed = bytes === undefined ? undefined : parseBaseline(bytes);
    const baseline = parsed?.ok === true ? parsed.value : undefined;
    const reference = ref !== undefined && baseline !== undefined ? bindBaseline(baseline, ref.sha256) : undefined;
    const facts: ModelFacts = { model: row.model, version: row.version, baseline, reference };
    const [oldest] = kept.keys();
    if (kept.size >= KEPT_MODELS && oldest !== undefined) kept.delete(oldest);
    kept.set(manifest, facts);
    return facts;
  };
}
