// Decides whether a signed manifest becomes a version: believed signature, right name and number, sound bundle. The
// same signed bytes give the same version again. Never signs.
import { accept, type Result, refuse } from '@drover/core/reasons';
import { proposeDescription } from '@drover/trust/describe-model';
import type { Manifest } from '@drover/trust/documents';
import type { OmsSigner } from '@drover/trust/oms/key';
import { HUB_TEAM, targetPath } from '@drover/trust/tuf/names';
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
import { insertOms } from '../db/oms.ts';
import type { Statement } from '../db/store.ts';
import { listTrained, type PublisherRelease, takePublication } from '../release/release.ts';
import type { CommitWith } from '../release/repository.ts';
import { checkBlobs, checkSignature, openModel, tryBundle } from './bundle.ts';
import type { RegistryDeps } from './deps.ts';
import { entryOf } from './entry.ts';
import { signForOutsiders } from './model-signature.ts';

export interface PublishOptions {
  readonly actor: string;
  /** The model that the caller names; the manifest must name it too. */
  readonly model: string;
  /** The bundle was checked and tried a moment ago. */
  readonly isTried?: boolean;
  /** Aliases to set in the same commit, where the model does not have them yet. */
  readonly aliases?: readonly string[];
  /** Signs the version for outsiders, in the same commit. */
  readonly oms?: OmsSigner;
  /** Lists the version in the same commit: in the hub's own team, or by the signed roles of a publisher. */
  readonly release?: 'hub' | PublisherRelease;
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
  if (held !== undefined) return releaseHeld(deps, held, options);
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
  const signature = options.oms && (await signForOutsiders(manifest, digest, options.oms, now));
  if (signature) statements.push(insertOms(signature));
  const entry = {
    at: now,
    actor: options.actor,
    action: 'version.publish',
    subject: `${manifest.model}@${manifest.version}`,
    detail: {
      before: null,
      after: {
        manifest: digest,
        source: manifest.lineage.source,
        keyids: envelope.signatures.map(({ keyid }) => keyid),
        aliases: options.aliases ?? [],
        ...describeRelease(options.release),
        ...(signature && { oms: { hint: signature.hint, sha256: signature.sha256 } }),
      },
    },
  };
  const commit: CommitWith = (more) => commitWithAudit(deps.store, [...statements, ...more], entry);
  const done = await commitListed(deps, row, options.release, commit);
  if (done.ok) return accept(row);
  if (done.code !== 'write_conflict') return done;
  // Somebody else registered meanwhile: the same bytes, or the same number.
  const winner = await readVersionByManifest(deps.store, digest);
  return winner === undefined
    ? refuse('version_conflict', `Version ${manifest.version} was registered meanwhile.`)
    : accept(winner);
}

const describeRelease = (release: PublishOptions['release']): { team?: string } =>
  release === undefined ? {} : { team: release === 'hub' ? HUB_TEAM : release.team };

/** Commits with the metadata that lists the version; without a release the version is registered and no device takes it. */
async function commitListed(
  deps: RegistryDeps,
  row: VersionRow,
  release: PublishOptions['release'],
  commit: CommitWith,
): Promise<Result<undefined>> {
  const listed =
    release === undefined
      ? await deps.release.repository.change(async () => accept(undefined), commit)
      : release === 'hub'
        ? await listTrained(deps.release, { model: row.model, entry: entryOf(row) }, commit)
        : await takePublication(
            deps.release,
            release,
            (model, version) => (model === row.model && version === row.version ? entryOf(row) : undefined),
            commit,
          );
  return listed.ok ? accept(undefined) : listed;
}

/** The same signed bytes again: a publisher may list now what it only registered before. */
async function releaseHeld(deps: RegistryDeps, row: VersionRow, options: PublishOptions): Promise<Result<VersionRow>> {
  const { release, actor } = options;
  if (release === undefined || release === 'hub') return accept(row);
  const paths = await deps.release.repository.pathsOf(row.manifest);
  if (paths.includes(targetPath({ team: release.team, model: row.model, version: row.version }))) return accept(row);
  const entry = {
    at: deps.now(),
    actor,
    action: 'version.release',
    subject: `${row.model}@${row.version}`,
    detail: { before: paths, after: describeRelease(release) },
  };
  const done = await commitListed(deps, row, release, (more) => commitWithAudit(deps.store, more, entry));
  return done.ok ? accept(row) : done;
}
