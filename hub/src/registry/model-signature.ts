// Decides which model signatures for outsiders lie beside a version: made by the hub for what it trains, or given by a
// publisher for exactly the files of the version. Never decides what a device runs: devices go by release metadata.
import { accept, type Result, refuse } from '@drover/core/reasons';
import type { Manifest } from '@drover/trust/documents';
import { digestOf } from '@drover/trust/dsse';
import { verifyOmsBundle } from '@drover/trust/oms/bundle';
import { type OmsSigner, readOmsPublicKey } from '@drover/trust/oms/key';
import { checkVersionFiles, signVersion } from '@drover/trust/oms/version-files';
import { commitWithAudit } from '../db/audit.ts';
import { readVersion } from '../db/models.ts';
import { insertOms, listOms, listUnsigned, type OmsRow, readOms } from '../db/oms.ts';
import type { Store } from '../db/store.ts';

/** Signers of one version. */
const MAX_SIGNERS = 8;

export interface SignatureDeps {
  readonly store: Store;
  readonly now: () => number;
}

/** The signature of the hub for a version, ready to be stored with it. */
export async function signForOutsiders(
  manifest: Manifest,
  digest: string,
  signer: OmsSigner,
  now: number,
): Promise<OmsRow> {
  const key = readOmsPublicKey(signer.spkiPem);
  if (!key.ok) throw new Error(`the key for model signatures cannot be used: ${key.detail}`);
  const bundle = await signVersion(manifest, digest, signer);
  const { model, version } = manifest;
  const { hint, spkiPem: publicKey } = key.value;
  return { model, version, hint, sha256: digestOf(bundle), bundle, publicKey, actor: 'hub', createdAt: now };
}

const tell = ({ model, version, hint, sha256, actor, createdAt }: OmsRow) => ({
  at: createdAt,
  actor,
  action: 'version.sign',
  subject: `${model}@${version}`,
  detail: { before: null, after: { hint, sha256 } },
});

export interface GivenSignature {
  readonly model: string;
  readonly version: number;
  readonly bundle: Uint8Array;
  /** Of the publisher, in PEM. The hub believes nothing about whose it is: outsiders know that from elsewhere. */
  readonly publicKey: string;
  readonly actor: string;
}

/** Stores what a publisher signed; the same key again changes nothing. */
export async function storeSignature(deps: SignatureDeps, given: GivenSignature): Promise<Result<OmsRow>> {
  const { model, version, bundle, actor } = given;
  const row = await readVersion(deps.store, model, version);
  if (row === undefined) return refuse('version_unknown', `${model}@${version}.`);
  const verified = verifyOmsBundle(bundle, given.publicKey);
  if (!verified.ok) return verified;
  const { statement, key } = verified.value;
  const same = checkVersionFiles(statement, JSON.parse(row.documentJson) as Manifest, row.manifest);
  if (!same.ok) return same;
  const held = await readOms(deps.store, model, version, key.hint);
  if (held !== undefined) return accept(held);
  if ((await listOms(deps.store, model, version)).length >= MAX_SIGNERS)
    return refuse('oms_too_many', `${model}@${version} has ${MAX_SIGNERS}.`);
  const { hint, spkiPem: publicKey } = key;
  const stored = { model, version, hint, sha256: digestOf(bundle), bundle, publicKey, actor, createdAt: deps.now() };
  const done = await commitWithAudit(deps.store, [insertOms(stored)], tell(stored));
  return done.ok ? accept(stored) : refuse('write_conflict', `${model}@${version} was signed at this moment.`);
}

const AT_ONCE = 100;

/** Signs what an older hub trained without signing it. The number of versions that were signed now. */
export async function signOlderVersions(deps: SignatureDeps, signer: OmsSigner): Promise<number> {
  let count = 0;
  for (;;) {
    const rows = await listUnsigned(deps.store, AT_ONCE);
    for (const { manifest, documentJson } of rows) {
      const signed = await signForOutsiders(JSON.parse(documentJson) as Manifest, manifest, signer, deps.now());
      const done = await commitWithAudit(deps.store, [insertOms(signed)], tell(signed));
      if (!done.ok) return count;
      count++;
    }
    if (rows.length < AT_ONCE) return count;
  }
}
