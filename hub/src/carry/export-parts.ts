// Collects the parts of an export for devices without a network: one desired message a device, the blobs that it names, the
// release metadata on the way to each release. Never signs and never decides what a device should run.
import { accept, type Result, refuse } from '@drover/core/reasons';
import type { BlobRef } from '@drover/trust/documents';
import { encodeMetadata } from '@drover/trust/tuf/metadata';
import { metadataFile, modelRole, parseTargetPath } from '@drover/trust/tuf/names';
import { encodeMessage } from '@drover/wire/encode';
import { CHUNK_BYTES, PAYLOAD_BYTES } from '@drover/wire/limits';
import type { SignedEnvelope } from '@drover/wire/messages';
import { readSignedEnvelope } from '@drover/wire/read';
import type { BlobStore } from '../blobs/blob-store.ts';
import type { DesiredRow } from '../db/desired.ts';
import { isConfidential } from '../db/sealed.ts';
import type { Store } from '../db/store.ts';
import { readRegisteredManifest } from '../registry/read-manifest.ts';
import type { CarriedTop, Repository } from '../release/repository.ts';

export interface PartDeps {
  readonly store: Store;
  readonly blobs: BlobStore;
  readonly repository: Pick<Repository, 'pathsOf' | 'readMetadata'>;
  readonly now: () => number;
}

interface NamedManifest {
  readonly envelope: SignedEnvelope;
  /** Where the release metadata lists it, if it does now. */
  readonly path: string | undefined;
  readonly blobs: readonly { readonly sha256: string; readonly size: number }[];
}

/** Collects manifests once for all devices of an export. */
export interface Parts {
  /** The bytes of the message that MQTT would carry, without hints about other ways. */
  desiredMessage(row: DesiredRow): Promise<Result<Uint8Array>>;
  /** What all messages so far name. */
  blobs(): readonly { readonly sha256: string; readonly size: number }[];
  /** Target paths of all messages so far. */
  paths(): readonly string[];
}

/** A blob, and the list of its chunk hashes where the manifest binds one. */
const refsOf = ({ sha256, size, chunkList }: BlobRef): { sha256: string; size: number }[] => [
  { sha256, size },
  ...(chunkList === undefined ? [] : [{ sha256: chunkList, size: Math.ceil(size / CHUNK_BYTES) * 32 }]),
];

export function collectParts({ store, blobs, repository, now }: PartDeps): Parts {
  const manifests = new Map<string, NamedManifest>();

  async function loadManifest(digest: string): Promise<Result<NamedManifest>> {
    const held = manifests.get(digest);
    if (held) return accept(held);
    const registered = await readRegisteredManifest(store, digest);
    if (!registered) return refuse('version_unknown', `Manifest ${digest} is not in the registry.`);
    const { envelope, manifest } = registered;
    if (await isConfidential(store, manifest.model)) return refuse('export_confidential', `"${manifest.model}".`);
    const { model, baseline, vectors } = manifest.blobs;
    const refs = [model, baseline, vectors].flatMap((ref) => (ref ? refsOf(ref) : []));
    for (const { sha256, size } of refs) {
      if ((await blobs.size(sha256)) !== size)
        return refuse('artifact_unknown', `Blob ${sha256.slice(0, 12)}… of manifest ${digest.slice(0, 12)}….`);
    }
    const [path] = await repository.pathsOf(digest);
    const made = { envelope, path, blobs: refs };
    manifests.set(digest, made);
    return accept(made);
  }

  return {
    async desiredMessage(row) {
      const document = readSignedEnvelope(row.envelope);
      if (!document.ok) return document;
      const digests = JSON.parse(row.manifestsJson) as string[];
      const named: [string, NamedManifest][] = [];
      for (const digest of digests) {
        const manifest = await loadManifest(digest);
        if (!manifest.ok) return manifest;
        named.push([digest, manifest.value]);
      }
      const releases = named.flatMap(([manifest, { path }]) => (path === undefined ? [] : [{ manifest, path }]));
      const message = { document: document.value, manifests: named.map(([, m]) => m.envelope), releases, offers: [] };
      const bytes = encodeMessage('desired', message, { sentAt: now(), sentMono: 0 });
      return bytes.length > PAYLOAD_BYTES.desired
        ? refuse('wire_too_large', `The message for "${row.device}" has ${bytes.length} bytes.`)
        : accept(bytes);
    },
    blobs: () => [
      ...new Map([...manifests.values()].flatMap((m) => m.blobs.map((blob) => [blob.sha256, blob] as const))).values(),
    ],
    paths: () => [...manifests.values()].flatMap(({ path }) => (path === undefined ? [] : [path])),
  };
}

export interface MetadataPart {
  readonly name: string;
  readonly bytes: Uint8Array;
}

/** The files that a client with any older root asks for on its way to these releases, and when the first of them expires. */
export async function collectMetadata(
  { state, snapshot, timestamp }: CarriedTop,
  paths: readonly string[],
  repository: Pick<Repository, 'readMetadata'>,
): Promise<Result<{ readonly files: readonly MetadataPart[]; readonly expiresAt: number; readonly first: string }>> {
  const names: string[] = [];
  for (let version = 1; version <= state.root.signed.version; version++) names.push(metadataFile('root', version));
  names.push(metadataFile('targets', state.targets.signed.version));
  const roles = new Set(
    paths.flatMap((path) => {
      const target = parseTargetPath(path);
      return target.ok ? [target.value.team, modelRole(target.value.team, target.value.model)] : [];
    }),
  );
  const held = [...roles].flatMap((role) => {
    const metadata = state.roles.get(role);
    return metadata ? [{ role, metadata }] : [];
  });
  names.push(...held.map(({ role, metadata }) => metadataFile(role, metadata.signed.version)));
  const files: MetadataPart[] = [];
  for (const name of names) {
    const bytes = await repository.readMetadata(name);
    // A root from before this hub kept them: a device that is older than it has to join again anyway.
    if (bytes) files.push({ name, bytes });
  }
  files.push({ name: metadataFile('snapshot', snapshot.signed.version), bytes: encodeMetadata(snapshot) });
  files.push({ name: 'timestamp.json', bytes: encodeMetadata(timestamp) });
  const expiries = [
    { role: 'root', metadata: state.root },
    { role: 'targets', metadata: state.targets },
    { role: 'timestamp', metadata: timestamp },
    ...held,
  ].map(({ role, metadata }) => ({ role, at: Date.parse(metadata.signed.expires) }));
  const [first] = expiries.toSorted((a, b) => a.at - b.at);
  if (!first) throw new Error('there is a root');
  return accept({ files, expiresAt: first.at, first: first.role });
}
