// Decides what each door vouches for: a claim code, a batch token, the certificate of a maker. Reads the database, writes
// nothing; what a use changes is handed back as statements.
import { createHash } from 'node:crypto';
import type { EnrolmentDoor } from '@drover/core/enrolment';
import { accept, type Result, refuse } from '@drover/core/reasons';
import { readCertificate, verifyFactoryChain } from '@drover/trust/pki/factory';
import { checkProof } from '@drover/trust/pki/proofs';
import type { Labels } from '@drover/wire/http/common';
import type { EnrolRequest } from '@drover/wire/http/enrolment';
import {
  dropPreauthorization,
  listFactoryCas,
  readBatchToken,
  readClaim,
  readPreauthorization,
  useBatchToken,
  useClaim,
} from '../db/enrolments.ts';
import type { Statement, Store } from '../db/store.ts';

/** Codes and tokens have 128 random bits: they need no slow hash, and the hub keeps only this. */
export const hashCode = (code: string): string => createHash('sha256').update(code).digest('hex');

export interface Voucher {
  readonly door: EnrolmentDoor;
  /** Which one, for the audit log and for finding the enrolment again. */
  readonly source: string;
  readonly boundId: string | undefined;
  readonly hardware: string | undefined;
  readonly labels: Labels;
  readonly release: 'person' | null;
  readonly isPreauthorized: boolean;
  /** False: only an enrolment that is there already may be answered. */
  readonly isUsable: boolean;
  /** Why, when it is not. */
  readonly refusal: ReturnType<typeof refuse> | undefined;
  /** Written with the enrolment; a conflict means that somebody else was faster. */
  readonly use: readonly Statement[];
}

const labelsOf = (json: string): Labels => JSON.parse(json) as Labels;

async function openClaim(
  store: Store,
  code: string,
  keyHash: string,
  hardware: string | undefined,
  now: number,
): Promise<Result<Voucher>> {
  const claim = await readClaim(store, hashCode(code));
  if (claim === undefined) return refuse('claim_unknown', 'It may belong to another hub.');
  const refusal =
    claim.usedAt !== null
      ? refuse('claim_used', `Claim ${claim.id} was used at ${new Date(claim.usedAt).toISOString()}.`)
      : claim.expiresAt <= now
        ? refuse('claim_expired', `Claim ${claim.id}: ${new Date(claim.expiresAt).toISOString()}.`)
        : undefined;
  // The key that used it may ask again: its first answer may not have arrived.
  if (refusal !== undefined && claim.usedKey !== keyHash) return refusal;
  return accept({
    door: 'claim',
    source: `claim:${claim.id}`,
    boundId: claim.device ?? undefined,
    hardware,
    labels: labelsOf(claim.labelsJson),
    release: claim.release,
    isPreauthorized: false,
    isUsable: refusal === undefined,
    refusal,
    use: [useClaim(claim.id, keyHash, now)],
  });
}

async function openBatch(
  store: Store,
  token: string,
  keyHash: string,
  hardware: string | undefined,
  now: number,
): Promise<Result<Voucher>> {
  const batch = await readBatchToken(store, hashCode(token));
  if (batch === undefined) return refuse('claim_unknown', 'It may belong to another hub.');
  const refusal =
    batch.expiresAt <= now
      ? refuse('claim_expired', `Token ${batch.id}: ${new Date(batch.expiresAt).toISOString()}.`)
      : batch.used >= batch.uses
        ? refuse('claim_used', `Token ${batch.id} was for ${batch.uses} devices.`)
        : undefined;
  const announced = hardware === undefined ? undefined : await readPreauthorization(store, hardware, keyHash);
  return accept({
    door: 'batch',
    source: `batch:${batch.id}`,
    boundId: announced?.device ?? undefined,
    hardware,
    labels: { ...labelsOf(batch.labelsJson), ...(announced && labelsOf(announced.labelsJson)) },
    release: null,
    isPreauthorized: announced !== undefined,
    isUsable: refusal === undefined,
    refusal,
    use: [
      useBatchToken(batch.id, now),
      ...(announced && hardware !== undefined ? [dropPreauthorization(hardware, keyHash)] : []),
    ],
  });
}

async function openFactory(
  store: Store,
  door: Extract<EnrolRequest['door'], { kind: 'factory' }>,
  csr: Uint8Array,
  caFingerprint: string,
  now: number,
): Promise<Result<Voucher>> {
  const registered = await listFactoryCas(store);
  const certificates = registered.flatMap(({ pem }) => readCertificate(pem) ?? []);
  const found = verifyFactoryChain(door.chain, certificates, now);
  if (!found.ok) return found;
  const { ca, key, hardware } = found.value;
  // Without it a certificate that was seen somewhere would be enough; bound to this hub and to this very request.
  const csrHash = createHash('sha256').update(csr).digest('hex');
  if (!checkProof(key, 'factory', [caFingerprint, csrHash], door.signature))
    return refuse('factory_certificate_invalid', 'The request is not signed by the key of the factory certificate.');
  const row = registered.find(({ fingerprint }) => fingerprint === ca);
  return accept({
    door: 'factory',
    source: `factory:${ca}`,
    boundId: undefined,
    hardware,
    labels: labelsOf(row?.labelsJson ?? '{}'),
    release: null,
    isPreauthorized: true,
    isUsable: true,
    refusal: undefined,
    use: [],
  });
}

export function openDoor(
  store: Store,
  request: EnrolRequest,
  facts: { readonly csr: Uint8Array; readonly keyHash: string; readonly caFingerprint: string; readonly now: number },
): Promise<Result<Voucher>> {
  const { door, hardware } = request;
  const { csr, keyHash, caFingerprint, now } = facts;
  switch (door.kind) {
    case 'claim':
      return openClaim(store, door.code, keyHash, hardware, now);
    case 'batch':
      return openBatch(store, door.token, keyHash, hardware, now);
    case 'factory':
      return openFactory(store, door, csr, caFingerprint, now);
    default:
      return door satisfies never;
  }
}
