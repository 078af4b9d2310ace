// Owns the desired document that this device holds, and the manifests that it took with what vouched for each. Never verifies
// a signature and never asks the metadata: a manifest that was taken is known again by its digest.

import type { HeldDesired } from '@drover/core/desired';
import { accept, type Result, refuse } from '@drover/core/reasons';
import { type DesiredDoc, type Manifest, parseManifest } from '@drover/trust/documents';
import { digestOf } from '@drover/trust/dsse';
import type { Believed, TrustedSet } from '@drover/trust/trusted-set';
import { encodeSignedEnvelope } from '@drover/wire/encode';
import type { SignedEnvelope } from '@drover/wire/messages';
import { readSignedEnvelope } from '@drover/wire/read';
import type { AuthorisedManifest, Authority } from '../release/authorise.ts';
import type { Db } from './database.ts';

export interface Held extends HeldDesired {
  readonly document: DesiredDoc;
}

type VerifyDesired = (envelope: SignedEnvelope) => Result<Believed<DesiredDoc>>;

export interface DesiredStore {
  held(): Held | undefined;
  /** A manifest that was authorised when it was taken. */
  manifest(digest: string): Manifest | undefined;
  authority(digest: string): Authority | undefined;
  /** Stores the document and its manifests in one transaction; `signedAt` moves the time floor. */
  take(
    document: Believed<DesiredDoc>,
    envelope: SignedEnvelope,
    manifests: readonly AuthorisedManifest[],
    signedAt: number,
  ): void;
  /** Forgets manifests that nothing names any more. */
  keepOnly(digests: ReadonlySet<string>): void;
  /** The director's keys may be others: a document that they did not sign is held no more. True when that is so. */
  recheck(): boolean;
  /** Times that rotated keys vouched for count no more. */
  forgetSignedAt(): void;
  /** What was found damaged when the store was opened. */
  readonly problems: readonly { readonly code: string; readonly detail: string }[];
}

/** The bytes under a digest, for those who read beside an agent; the caller checks that they have it. */
export const readManifestPayload = (db: Db, digest: string): Uint8Array | undefined =>
  db.prepare<[string], { payload: Buffer }>('SELECT payload FROM releases WHERE digest = ?').get(digest)?.payload;

/** A row as it was written, when its bytes still have the digest under which they were taken. */
function readRow(row: { digest: string; payload: Uint8Array; authority: string }): Result<AuthorisedManifest> {
  const { digest, payload, authority } = row;
  if (digestOf(payload) !== digest)
    return refuse('manifest_invalid', `Manifest ${digest.slice(0, 12)}… is damaged on the disk.`);
  const manifest = parseManifest(payload);
  if (!manifest.ok) return manifest;
  return accept({ digest, payload, manifest: manifest.value, authority: JSON.parse(authority) as Authority });
}

/** @param legacy verifies manifests that an agent of 0.1 stored; they are taken over once. */
export function openDesiredStore(
  db: Db,
  verifyDesired: VerifyDesired,
  legacy: Pick<TrustedSet, 'verifyManifest'> | undefined,
): DesiredStore {
  const problems: { code: string; detail: string }[] = [];
  const manifests = new Map<string, AuthorisedManifest>();
  const putManifest = db.prepare('INSERT OR REPLACE INTO releases VALUES (?, ?, ?)');
  const insert = ({ digest, payload, authority }: AuthorisedManifest): void =>
    void putManifest.run(digest, payload, JSON.stringify(authority));

  function readLegacy(bytes: Uint8Array): Result<AuthorisedManifest> {
    const envelope = readSignedEnvelope(bytes);
    if (!envelope.ok) return envelope;
    const believed = legacy?.verifyManifest(envelope.value);
    if (!believed) return refuse('signature_missing', 'The root of 0.1 that it was stored under is not here.');
    if (!believed.ok) return believed;
    const { document, digest } = believed.value;
    const authority = { path: '', role: 'root/1', versions: {}, release: document.release, at: 0 };
    return accept({ digest, payload: envelope.value.payload, manifest: document, authority });
  }

  const old = db.prepare<[], { digest: string; envelope: Buffer }>('SELECT digest, envelope FROM manifests').all();
  const dropOld = db.prepare('DELETE FROM manifests WHERE digest = ?');
  for (const { digest, envelope } of old) {
    const read = readLegacy(envelope);
    if (!read.ok) problems.push(read);
    else
      db.transaction(() => {
        insert(read.value);
        dropOld.run(digest);
      })();
  }
  const rows = db.prepare<[], { digest: string; payload: Buffer; authority: string }>('SELECT * FROM releases').all();
  for (const row of rows) {
    const read = readRow(row);
    if (read.ok) manifests.set(row.digest, read.value);
    else problems.push(read);
  }

  const readDocument = db.prepare<[], { document: Buffer }>('SELECT document FROM desired');
  function readHeld(): Result<Held> | undefined {
    const row = readDocument.get();
    if (!row) return undefined;
    const envelope = readSignedEnvelope(row.document);
    const believed = envelope.ok ? verifyDesired(envelope.value) : envelope;
    if (!believed.ok) return believed;
    const { document, digest } = believed.value;
    return accept({ generation: document.generation, digest, document });
  }
  const first = readHeld();
  if (first && !first.ok) problems.push(first);
  let held = first?.ok ? first.value : undefined;

  const putDesired = db.prepare('INSERT OR REPLACE INTO desired VALUES (1, ?, ?, ?)');
  const putSignedAt = db.prepare('UPDATE process SET signed_at = max(signed_at, ?)');
  const clearSignedAt = db.prepare('UPDATE process SET signed_at = 0');
  const dropManifest = db.prepare('DELETE FROM releases WHERE digest = ?');

  return {
    problems,
    held: () => held,
    manifest: (digest) => manifests.get(digest)?.manifest,
    authority: (digest) => manifests.get(digest)?.authority,
    take({ document, digest }, envelope, authorised, signedAt) {
      db.transaction(() => {
        for (const each of authorised) insert(each);
        putDesired.run(document.generation, digest, encodeSignedEnvelope(envelope));
        putSignedAt.run(signedAt);
      })();
      for (const each of authorised) manifests.set(each.digest, each);
      held = { generation: document.generation, digest, document };
    },
    keepOnly(digests) {
      const stale = [...manifests.keys()].filter((digest) => !digests.has(digest));
      if (stale.length === 0) return;
      db.transaction(() => {
        for (const digest of stale) dropManifest.run(digest);
      })();
      for (const digest of stale) manifests.delete(digest);
    },
    recheck() {
      const was = held;
      const now = readHeld();
      held = now?.ok ? now.value : undefined;
      return was !== undefined && held === undefined;
    },
    forgetSignedAt: () => void clearSignedAt.run(),
  };
}
