// Signs and verifies exact bytes in DSSE v1.0.2 envelopes with Ed25519. Never looks inside a payload.
import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  sign,
  verify,
} from 'node:crypto';
import type { SignedEnvelope } from '@drover/wire/messages';

/** A signer that could not sign: a token that is not there, a service that does not answer, a program that failed. */
export class SignerFailed extends Error {}

/**
 * Something that signs: a key in a file, or a program that reaches a token or a key service (command-signer.ts). Whoever
 * writes another one gives the raw public key and 64-byte Ed25519 signatures (RFC 8032) over exact bytes; `sign` throws
 * SignerFailed when there is none.
 */
export interface Signer {
  readonly keyid: string;
  /** The raw 32-byte Ed25519 public key. */
  readonly publicKey: Uint8Array;
  sign(bytes: Uint8Array): Promise<Uint8Array>;
}

/** PAE, DSSE protocol.md: "DSSEv1" SP LEN(type) SP type SP LEN(payload) SP payload, lengths in ASCII decimal. */
export function encodePae(payloadType: string, payload: Uint8Array): Uint8Array {
  const head = `DSSEv1 ${Buffer.byteLength(payloadType)} ${payloadType} ${payload.length} `;
  return Buffer.concat([Buffer.from(head), payload]);
}

/** The key id: SHA-256 of the raw public key, in hex. */
export const keyidOf = (publicKey: Uint8Array): string => createHash('sha256').update(publicKey).digest('hex');

const SPKI_PREFIX = Buffer.from('302a300506032b6570032100', 'hex');

/** RFC 8410 §4: an Ed25519 SubjectPublicKeyInfo is this prefix and the 32 raw bytes. */
export const publicKeyFromRaw = (raw: Uint8Array): KeyObject =>
  createPublicKey({ key: Buffer.concat([SPKI_PREFIX, raw]), format: 'der', type: 'spki' });

/** The 32 raw bytes of an Ed25519 public key. */
export const publicRawOf = (key: KeyObject): Uint8Array =>
  key.export({ format: 'der', type: 'spki' }).subarray(SPKI_PREFIX.length);

/** A signer by a private key in memory. */
export function signerOfKey(key: KeyObject): Signer {
  const publicKey = publicRawOf(createPublicKey(key));
  return { keyid: keyidOf(publicKey), publicKey, sign: async (bytes) => sign(null, bytes, key) };
}

/** A new key as PKCS#8 PEM, and its signer. */
export function makeKey(): { readonly pem: string; readonly signer: Signer } {
  const { privateKey } = generateKeyPairSync('ed25519');
  return { pem: privateKey.export({ format: 'pem', type: 'pkcs8' }).toString(), signer: signerOfKey(privateKey) };
}

/** Reads a PKCS#8 PEM; undefined when it is no Ed25519 key. */
export function signerFromPem(pem: string): Signer | undefined {
  let key: KeyObject;
  try {
    key = createPrivateKey(pem);
  } catch {
    // node:crypto says "not a key" by throwing; the caller names the file.
    return undefined;
  }
  return key.asymmetricKeyType === 'ed25519' ? signerOfKey(key) : undefined;
}

export async function signPayload(
  payloadType: string,
  payload: Uint8Array,
  signers: readonly Signer[],
): Promise<SignedEnvelope> {
  const pae = encodePae(payloadType, payload);
  const signatures = await Promise.all(signers.map(async (s) => ({ keyid: s.keyid, sig: await s.sign(pae) })));
  return { payloadType, payload, signatures };
}

/** How many of the `keys` (keyid → raw public key) signed the envelope; each key counts once. */
export function countSignatures(
  envelope: SignedEnvelope,
  keys: ReadonlyMap<string, Uint8Array>,
): { valid: number; broken: number } {
  const pae = encodePae(envelope.payloadType, envelope.payload);
  const good = new Set<string>();
  let broken = 0;
  for (const { keyid, sig } of envelope.signatures) {
    const raw = keys.get(keyid);
    if (!raw || good.has(keyid)) continue;
    if (sig.length === 64 && verify(null, pae, publicKeyFromRaw(raw), sig)) good.add(keyid);
    else broken++;
  }
  return { valid: good.size, broken };
}

/** The digest by which a signed document is known: SHA-256 of its payload, in hex. */
export const digestOf = (payload: Uint8Array): string => createHash('sha256').update(payload).digest('hex');
