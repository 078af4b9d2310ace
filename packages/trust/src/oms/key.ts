// Owns the keys of model signatures: ECDSA on the NIST curves, each with the hash that belongs to it. Never logs, sends or
// returns a private key, but for the PEM of one that was just made.
//
// OMS v1.0 §4.2 (algorithm registry) lists P-256, P-384 and P-521; the reference implementation refuses Ed25519.
import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  sign,
  verify,
} from 'node:crypto';
import { accept, type Result, refuse } from '@drover/core/reasons';
import { readKeyText, storeKeyText } from '../key-files.ts';

/** Something that signs models for outsiders: a key in a file here; a token or a key service later. */
export interface OmsSigner {
  /** The public key as SubjectPublicKeyInfo in PEM, as OpenSSL and node:crypto write it. */
  readonly spkiPem: string;
  /** ECDSA over the hash that belongs to the curve; the signature in DER. */
  sign(bytes: Uint8Array): Promise<Uint8Array>;
}

export interface OmsPublicKey {
  readonly curve: 'P-256' | 'P-384' | 'P-521';
  readonly spkiPem: string;
  /** SHA-256 of the PEM text, in hex: what a bundle calls the hint. */
  readonly hint: string;
  verify(bytes: Uint8Array, signature: Uint8Array): boolean;
}

const CURVES: Readonly<Record<string, { readonly curve: OmsPublicKey['curve']; readonly hash: string }>> = {
  prime256v1: { curve: 'P-256', hash: 'sha256' },
  secp384r1: { curve: 'P-384', hash: 'sha384' },
  secp521r1: { curve: 'P-521', hash: 'sha512' },
};

const curveOf = (key: KeyObject): (typeof CURVES)[string] | undefined =>
  key.asymmetricKeyType === 'ec' ? CURVES[key.asymmetricKeyDetails?.namedCurve ?? ''] : undefined;

const writeSpki = (key: KeyObject): string => key.export({ format: 'pem', type: 'spki' }).toString();

/** A DER signature of P-521 has at most 139 bytes; more is not looked at. */
const MAX_SIGNATURE = 160;

export function omsPublicKeyOf(key: KeyObject): Result<OmsPublicKey> {
  const found = curveOf(key);
  if (found === undefined)
    return refuse('oms_unsupported', 'The public key is not an ECDSA key on P-256, P-384 or P-521.');
  const { curve, hash } = found;
  const spkiPem = writeSpki(key);
  return accept({
    curve,
    spkiPem,
    hint: createHash('sha256').update(spkiPem).digest('hex'),
    verify: (bytes, signature) => signature.length <= MAX_SIGNATURE && verify(hash, bytes, key, signature),
  });
}

/** Reads a public key in PEM (SubjectPublicKeyInfo). Text that holds a private key is refused: it was given by mistake. */
export function readOmsPublicKey(pem: string): Result<OmsPublicKey> {
  if (/PRIVATE KEY/.test(pem)) return refuse('key_invalid', 'This is a private key; the public one is needed here.');
  let key: KeyObject;
  try {
    key = createPublicKey(pem);
  } catch {
    // node:crypto says "not a key" by throwing.
    return refuse('key_invalid', 'This is not a public key in PEM.');
  }
  return omsPublicKeyOf(key);
}

/** Reads a private key in PEM; undefined when it is none that may sign models. */
export function omsSignerFromPem(pem: string): OmsSigner | undefined {
  let key: KeyObject;
  try {
    key = createPrivateKey(pem);
  } catch {
    // The same: the caller names the file.
    return undefined;
  }
  const found = curveOf(key);
  if (found === undefined) return undefined;
  return { spkiPem: writeSpki(createPublicKey(key)), sign: async (bytes) => sign(found.hash, bytes, key) };
}

/** A new P-256 key as PKCS#8 PEM. */
export const makeOmsKey = (): string =>
  generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ format: 'pem', type: 'pkcs8' }).toString();

/** Makes a P-256 key file with mode 0600; fails when the file exists. */
export const createOmsKeyFile = (path: string): void => storeKeyText(path, makeOmsKey());

/** Opens a key file; one that others can read is refused. */
export function openOmsKeyFile(path: string): Result<OmsSigner> {
  const text = readKeyText(path);
  if (!text.ok) return text;
  const signer = omsSignerFromPem(text.value);
  return signer
    ? accept(signer)
    : refuse('key_invalid', `"${path}" is not an ECDSA key on P-256, P-384 or P-521 in PEM.`);
}
