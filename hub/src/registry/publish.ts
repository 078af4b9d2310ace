// Decides whether a signed manifest becomes a version: believed signature, right name and number, sound bundle. The
// same signed bytes give the same version again. Never signs.
import { accept, type Result, refuse } from '@drover/core/reasons';
import type { Manifest } from '@drover/trust/documents';
import { encodeSignedEnvelope } from '@drover/wire/encode';
import { SIGNED_PAYLOAD_BYTES } from '@drover/wire/limits';
import type { SignedEnvelope } from '@drover/wire/messages';
import { commitWithAudit } from '../db/audit.ts';
import {
  ensureModel,
  insertVersion,
  readLatestVersion,
  readModel,
  readVersionByManifest,
  setAlias,
  type VersionRow,
} from '../db/models.ts';
import type { Statement } from '../db/store.ts';
import { checkBlobs, checkSignature, openModel, tryBundle } from './bundle.ts';
import type { RegistryDeps } from './deps.ts';
import { proposeDescription } from './propose.ts';

export interface PublishOptions {
  readonly actor: string;
  /** The model that the caller names; the manifest must name it too. */
  readonly model: string;
  /** The bundle was checked and tried a moment ago. */
  readonly isTried?: boolean;
  /** Aliases to set in the same commit, where the model does not have them yet. */
  readonly aliases?: readonly string[];
}

/** A larger manifest could be registered and never reach a device. */
export function checkManifestSize(payload: Uint8Array): Result<undefined> {
  if (payload.length <= SIGNED_PAYLOAD_BYTES) return accept(undefined);
  return refuse(
    'manifest_invalid',
    `It has ${payload.length} bytes and at most ${SIGNED_PAYLOAD_BYTES} travel to a device: the model has too many columns, or their names are too long.`,
  );
}

async function checkBundle(deps: RegistryDeps, manifest: Manifest): Promise<Result<undefined>> {
  const info = await openModel(deps, manifest.blobs.model.sha256);
  if (!info.ok) return info;
  const ofFile = proposeDescription(info.value);
  if (!ofFile.ok) return ofFile;
  const same = checkSignature(manifest, ofFile.value.described);
  if (!same.ok) return same;
  const tried = await tryBundle(deps, manifest, manifest.blobs, false);
  return tried.ok ? accept(undefined) : tried;
}

function rowOf(manifest: Manifest, digest: string, envelope: SignedEnvelope, now: number): VersionRow {
  const { model, version, blobs, lineage } = manifest;
  return {
    model,
    version,
    manifest: digest,
    envelope: encodeSignedEnvelope(envelope),
    documentJson: JSON.stringify(manifest),
    source: lineage.source,
    sizeBytes: blobs.model.size + (blobs.baseline?.size ?? 0) + (blobs.vectors?.size ?? 0),
    run: lineage.run ?? null,
    metricsJson: JSON.stringify(lineage.metrics ?? {}),
    createdAt: now,
  };
}

export async function publishVersion(
  deps: RegistryDeps,
  envelope: SignedEnvelope,
  options: PublishOptions,
): Promise<Result<VersionRow>> {
  const believed = deps.trusted.verifyManifest(envelope);
  if (!believed.ok) return believed;
  const size = checkManifestSize(envelope.payload);
  if (!size.ok) return size;
  const { document: manifest, digest } = believed.value;
  if (manifest.model !== options.model)
    return refuse('manifest_invalid', `It names the model "${manifest.model}" and not "${options.model}".`);
  const held = await readVersionByManifest(deps.store, digest);
  if (held !== undefined) return accept(held);
  const model = await readModel(deps.store, manifest.model);
  if (model !== undefined && model.project !== manifest.project) {
    return refuse('manifest_invalid', `The model "${model.name}" belongs to the project "${model.project}".`);
  }
  const latest = await readLatestVersion(deps.store, manifest.model);
  if (manifest.version !== latest + 1)
    return refuse(
      'version_conflict',
      `The next version of "${manifest.model}" is ${latest + 1} and not ${manifest.version}.`,
    );
  const blobs = await checkBlobs(deps, manifest.blobs);
  if (!blobs.ok) return blobs;
  if (options.isTried !== true) {
    const sound = await checkBundle(deps, manifest);
    if (!sound.ok) return sound;
  }
  const now = deps.now();
  const row = rowOf(manifest, digest, envelope, now);
  const statements: Statement[] = [
    ensureModel({ name: manifest.model, project: manifest.project, createdAt: now }),
    insertVersion(row),
  ];
  for (const alias of options.aliases ?? []) {
    statements.push(setAlias({ model: manifest.model, alias, version: manifest.version, updatedAt: now }));
  }
  const done = await commitWithAudit(deps.store, statements, {
    at: now,
    actor: options.actor,
    action: 'version.publish',
    subject: `${manifest.model}@${manifest.version}`,
    detail: {
      manifest: digest,
      source: manifest.lineage.source,
      keyids: envelope.signatures.map(({ keyid }) => keyid),
    },
  });
  if (done.ok) return accept(row);
  // Somebody else registered meanwhile: the same bytes, or the same number.
  const winner = await readVersionByManifest(deps.store, digest);
  return winner === undefined
    ? refuse('version_conflict', `Version ${manifest.version} was registered meanwhile.`)
    : accept(winner);
}
