// Decides what manifest to sign for an uploaded ONNX file, after checking and trying it. Registers nothing.
import { accept, type Result } from '@drover/core/reasons';
import { type Described, proposeDescription } from '@drover/trust/describe-model';
import { encodeDocument, type Manifest, PAYLOAD_TYPES, parseManifest } from '@drover/trust/documents';
import type { PrepareRequest, PrepareResponse } from '@drover/wire/http/models';
import { readSignedEnvelope } from '@drover/wire/read';
import type { Static } from 'typebox';
import { findVersionByModelBlob } from '../db/model-lookup.ts';
import { readLatestVersion, type VersionRow } from '../db/models.ts';
import { openModel, referTo, tryBundle } from './bundle.ts';
import type { RegistryDeps } from './deps.ts';
import { checkManifestSize } from './publish.ts';

/** What must agree for two manifests to say the same about the same bytes. */
const essence = (m: Described & Pick<Manifest, 'blobs' | 'rules'>): string =>
  JSON.stringify([
    m.blobs.model.sha256,
    m.blobs.baseline?.sha256,
    m.blobs.vectors?.sha256,
    m.features,
    m.task,
    m.rules,
  ]);

/** A registered version of `model` that says the same about the same bytes. */
export async function findSameVersion(
  deps: Pick<RegistryDeps, 'store'>,
  model: string,
  draft: Described & Pick<Manifest, 'blobs' | 'rules'>,
): Promise<VersionRow | undefined> {
  const held = await findVersionByModelBlob(deps.store, model, draft.blobs.model.sha256);
  return held !== undefined && essence(JSON.parse(held.documentJson) as Manifest) === essence(draft) ? held : undefined;
}

async function referAll(deps: RegistryDeps, request: PrepareRequest): Promise<Result<Manifest['blobs']>> {
  const model = await referTo(deps, 'model', request.model);
  if (!model.ok) return model;
  const refs: { -readonly [K in keyof Manifest['blobs']]: Manifest['blobs'][K] } = { model: model.value };
  for (const side of ['baseline', 'vectors'] as const) {
    const sha256 = request[side];
    if (sha256 === undefined) continue;
    const ref = await referTo(deps, side, sha256);
    if (!ref.ok) return ref;
    refs[side] = ref.value;
  }
  return accept(refs);
}

export async function prepareVersion(
  deps: RegistryDeps,
  model: string,
  request: PrepareRequest,
): Promise<Result<Static<typeof PrepareResponse>>> {
  const blobs = await referAll(deps, request);
  if (!blobs.ok) return blobs;
  const info = await openModel(deps, request.model);
  if (!info.ok) return info;
  const proposal = proposeDescription(info.value, request);
  if (!proposal.ok) return proposal;
  const { described } = proposal.value;
  const rules = request.rules && { rules: request.rules };
  const warnings = [...proposal.value.warnings];
  const tried = await tryBundle(deps, { ...described, ...rules }, blobs.value, true);
  if (!tried.ok) {
    if (tried.code !== 'acceptance_failed') return tried;
    // Whoever signs it may; every device will refuse it.
    warnings.push(
      `The model does not give the answers of its self-test vectors: devices will refuse it. ${tried.detail}`,
    );
  }
  if (blobs.value.baseline === undefined)
    warnings.push('There is no baseline: windows count rows and latency, and drift cannot be judged.');
  if (blobs.value.vectors === undefined)
    warnings.push('There are no self-test vectors: devices check only that the model loads.');
  const answer = (payload: Uint8Array, version: number, alreadyRegistered: boolean) =>
    accept({
      payloadType: PAYLOAD_TYPES.manifest,
      payload: Buffer.from(payload).toString('base64'),
      version,
      alreadyRegistered,
      warnings,
    });
  const held = await findSameVersion(deps, model, { ...described, ...rules, blobs: blobs.value });
  if (held !== undefined) {
    const envelope = readSignedEnvelope(held.envelope);
    return envelope.ok ? answer(envelope.value.payload, held.version, true) : envelope;
  }
  const version = (await readLatestVersion(deps.store, model)) + 1;
  const payload = encodeDocument({
    type: 'drover.manifest/1',
    project: 'default',
    model,
    version,
    createdAt: new Date(deps.now()).toISOString(),
    release: version,
    blobs: blobs.value,
    ...described,
    ...rules,
    lineage: { source: 'uploaded' },
  });
  // What the hub proposes it must itself accept.
  const size = checkManifestSize(payload);
  if (!size.ok) return size;
  const parsed = parseManifest(payload);
  return parsed.ok ? answer(payload, version, false) : parsed;
}
