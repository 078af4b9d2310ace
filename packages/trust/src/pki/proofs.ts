// Signs and checks proofs that somebody holds a key, each for one purpose only. Never says what the proof allows.
import { type KeyObject, sign, verify } from 'node:crypto';

/**
 * `poll`: [hubId, enrolment id]. `renew-lapsed`: [hubId, device, nonce]. `factory`: [CA fingerprint of the hub, SHA-256 of
 * the certificate request].
 */
export type ProofPurpose = 'poll' | 'renew-lapsed' | 'factory';

/** One reading only: a signature for one purpose or hub is nothing for another. */
const proofBytes = (purpose: ProofPurpose, parts: readonly string[]): Buffer =>
  Buffer.from(JSON.stringify(['drover-proof/1', purpose, ...parts]));

/** Ed25519 and Ed448 hash by themselves. */
const hashOf = (key: KeyObject): string | null =>
  key.asymmetricKeyType === 'ed25519' || key.asymmetricKeyType === 'ed448' ? null : 'sha256';

export const signProof = (key: KeyObject, purpose: ProofPurpose, parts: readonly string[]): string =>
  sign(hashOf(key), proofBytes(purpose, parts), key).toString('base64');

/** `signature` in base64; false for anything that cannot be read. */
export function checkProof(
  key: KeyObject,
  purpose: ProofPurpose,
  parts: readonly string[],
  signature: string,
): boolean {
  try {
    return verify(hashOf(key), proofBytes(purpose, parts), key, Buffer.from(signature, 'base64'));
  } catch {
    // Keys that cannot sign (X25519) throw instead of saying no.
    return false;
  }
}
