// Owns the desired document that this device holds and the signed manifests it was given. Never verifies a signature.

import type { HeldDesired } from '@drover/core/desired';
import type { Result } from '@drover/core/reasons';
import type { DesiredDoc, Manifest } from '@drover/trust/documents';
import type { Believed, TrustedSet } from '@drover/trust/trusted-set';
import { encodeSignedEnvelope } from '@drover/wire/encode';
import type { SignedEnvelope } from '@drover/wire/messages';
import { readSignedEnvelope } from '@drover/wire/read';
import type { Db } from './database.ts';

export interface Held extends HeldDesired {
  readonly document: DesiredDoc;
}

export interface DesiredStore {
  held(): Held | undefined;
  /** A manifest whose signature was verified in this process. */
  manifest(digest: string): Manifest | undefined;
  /** Stores the document and its manifests in one transaction; `signedAt` moves the time floor. */
  take(
    document: Believed<DesiredDoc>,
    envelope: SignedEnvelope,
    manifests: readonly SignedEnvelope[],
    signedAt: number,
  ): void;
  /** Forgets manifests that nothing names any more. */
  keepOnly(digests: ReadonlySet<string>): void;
  /** What was found damaged when the store was opened. */
  readonly problems: readonly { readonly code: string; readonly detail: string }[];
}

/** Everything read back is verified again: the disk is not a signature. */
export function openDesiredStore(db: Db, trust: TrustedSet): DesiredStore {
  const problems: { code: string; detail: string }[] = [];
  const manifests = new Map<string, Manifest>();
  const verified = <T>(bytes: Uint8Array, verify: (envelope: SignedEnvelope) => Result<T>): T | undefined => {
    const envelope = readSignedEnvelope(bytes);
    const believed = envelope.ok ? verify(envelope.value) : envelope;
    if (believed.ok) return believed.value;
    problems.push(believed);
    return undefined;
  };

  for (const { envelope } of db.prepare<[], { envelope: Buffer }>('SELECT envelope FROM manifests').all()) {
    const believed = verified(envelope, trust.verifyManifest);
    if (believed) manifests.set(believed.digest, believed.document);
  }
  const row = db.prepare<[], { document: Buffer }>('SELECT document FROM desired').get();
  const first = row && verified(row.document, trust.verifyDesired);
  let held: Held | undefined = first && {
    generation: first.document.generation,
    digest: first.digest,
    document: first.document,
  };

  const putDesired = db.prepare('INSERT OR REPLACE INTO desired VALUES (1, ?, ?, ?)');
  const putManifest = db.prepare('INSERT OR REPLACE INTO manifests VALUES (?, ?)');
  const putSignedAt = db.prepare('UPDATE process SET signed_at = max(signed_at, ?)');
  const dropManifest = db.prepare('DELETE FROM manifests WHERE digest = ?');

  return {
    problems,
    held: () => held,
    manifest: (digest) => manifests.get(digest),
    take(document, envelope, envelopes, signedAt) {
      const believed = envelopes.map((each) => ({ each, believed: trust.verifyManifest(each) }));
      db.transaction(() => {
        for (const { each, believed: one } of believed)
          if (one.ok) putManifest.run(one.value.digest, encodeSignedEnvelope(each));
        putDesired.run(document.document.generation, document.digest, encodeSignedEnvelope(envelope));
        putSignedAt.run(signedAt);
      })();
      for (const { believed: one } of believed) if (one.ok) manifests.set(one.value.digest, one.value.document);
      held = { generation: document.document.generation, digest: document.digest, document: document.document };
    },
    keepOnly(digests) {
      const stale = [...manifests.keys()].filter((digest) => !digests.has(digest));
      if (stale.length === 0) return;
      db.transaction(() => {
        for (const digest of stale) dropManifest.run(digest);
      })();
      for (const digest of stale) manifests.delete(digest);
    },
  };
}
