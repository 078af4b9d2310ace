// Encrypts a private key under a passphrase and opens it again. Role and public key stand outside, so that keys can be
// listed without the passphrase; they are bound to the ciphertext. Never reads a file, never asks for a passphrase.
import {
  createCipheriv,
  createDecipheriv,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  randomBytes,
  scrypt,
} from 'node:crypto';
import { accept, type Result, refuse } from '@drover/core/reasons';
import type { Static } from 'typebox';
import * as Type from 'typebox';
import * as Value from 'typebox/value';
import { keyidOf, publicRawOf, type Signer, signerOfKey } from './dsse.ts';

const closed = { additionalProperties: false } as const;
const Base64Url = (bytes: number) => Type.String({ pattern: `^[A-Za-z0-9_-]{${Math.ceil((bytes * 4) / 3)}}$` });

/** What may be asked of a machine to open a key: at most 1 GiB of memory, at least what scrypt was designed for. */
const MIN_LOG_N = 14;
const MAX_LOG_N = 20;
/** N = 2^17, r = 8, p = 1: 128 MiB and about half a second (OWASP Password Storage Cheat Sheet, scrypt). */
const LOG_N = 17;
const BLOCK = 8;

export const KeyContainer = Type.Object(
  {
    type: Type.Literal('drover.key/1'),
    role: Type.String({ pattern: '^[a-z0-9][a-z0-9_-]{0,30}$' }),
    /** SHA-256 of the raw public key, in hex. */
    keyid: Type.String({ pattern: '^[0-9a-f]{64}$' }),
    publicKey: Base64Url(32),
    kdf: Type.Object(
      {
        name: Type.Literal('scrypt'),
        logN: Type.Integer({ minimum: MIN_LOG_N, maximum: MAX_LOG_N }),
        r: Type.Literal(BLOCK),
        p: Type.Literal(1),
        salt: Base64Url(32),
      },
      closed,
    ),
    cipher: Type.Object({ name: Type.Literal('aes-256-gcm'), nonce: Base64Url(12) }, closed),
    /** PKCS#8 in DER, encrypted, and the 16-byte tag after it. */
    sealed: Type.String({ pattern: '^[A-Za-z0-9_-]{40,400}$' }),
  },
  closed,
);
export type KeyContainer = Static<typeof KeyContainer>;

const TAG_BYTES = 16;
const read = (text: string): Buffer => Buffer.from(text, 'base64url');
const write = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64url');

/** All that stands outside, as bytes in a fixed order: a container whose role or key was exchanged does not open. */
const outsideOf = ({ type, role, keyid, publicKey, kdf, cipher }: Omit<KeyContainer, 'sealed'>): Buffer =>
  Buffer.from(
    JSON.stringify([
      type,
      role,
      keyid,
      publicKey,
      kdf.name,
      kdf.logN,
      kdf.r,
      kdf.p,
      kdf.salt,
      cipher.name,
      cipher.nonce,
    ]),
  );

function deriveKey(passphrase: string, { logN, r, p, salt }: KeyContainer['kdf']): Promise<Buffer> {
  const N = 2 ** logN;
  return new Promise((resolve, reject) => {
    // NFKC: the same passphrase typed on another keyboard is the same bytes.
    scrypt(passphrase.normalize('NFKC'), read(salt), 32, { N, r, p, maxmem: 128 * N * r * 2 }, (error, key) =>
      error ? reject(error) : resolve(key),
    );
  });
}

/** The shortest passphrase that is taken for a new key. */
export const PASSPHRASE_CHARS = 8;

/** A new Ed25519 key, encrypted. `logN`: cost, for tests only. */
export async function makeContainer(
  role: string,
  passphrase: string,
  logN = LOG_N,
): Promise<Result<{ readonly container: KeyContainer; readonly signer: Signer }>> {
  if (Array.from(passphrase).length < PASSPHRASE_CHARS)
    return refuse('passphrase_wrong', `A new key needs at least ${PASSPHRASE_CHARS} characters.`);
  const { privateKey } = generateKeyPairSync('ed25519');
  const publicKey = publicRawOf(createPublicKey(privateKey));
  const outside: Omit<KeyContainer, 'sealed'> = {
    type: 'drover.key/1',
    role,
    keyid: keyidOf(publicKey),
    publicKey: write(publicKey),
    kdf: { name: 'scrypt', logN, r: BLOCK, p: 1, salt: write(randomBytes(32)) },
    cipher: { name: 'aes-256-gcm', nonce: write(randomBytes(12)) },
  };
  const cipher = createCipheriv('aes-256-gcm', await deriveKey(passphrase, outside.kdf), read(outside.cipher.nonce));
  cipher.setAAD(outsideOf(outside));
  const pkcs8 = privateKey.export({ format: 'der', type: 'pkcs8' });
  const sealed = Buffer.concat([cipher.update(pkcs8), cipher.final(), cipher.getAuthTag()]);
  pkcs8.fill(0);
  return accept({ container: { ...outside, sealed: write(sealed) }, signer: signerOfKey(privateKey) });
}

export function parseContainer(json: unknown): Result<KeyContainer> {
  if (!Value.Check(KeyContainer, json)) {
    const [first] = Value.Errors(KeyContainer, json);
    return refuse('key_invalid', `At "${first?.instancePath ?? '/'}" it ${first?.message ?? 'does not match'}.`);
  }
  return keyidOf(read(json.publicKey)) === json.keyid
    ? accept(json)
    : refuse('key_invalid', 'Its key id is not the digest of its public key.');
}

/** Opens a container. A wrong passphrase and an altered file look alike: the tag does not match. */
export async function openContainer(container: KeyContainer, passphrase: string): Promise<Result<Signer>> {
  const sealed = read(container.sealed);
  const key = await deriveKey(passphrase, container.kdf);
  const decipher = createDecipheriv('aes-256-gcm', key, read(container.cipher.nonce));
  decipher.setAAD(outsideOf(container));
  decipher.setAuthTag(sealed.subarray(sealed.length - TAG_BYTES));
  let pkcs8: Buffer;
  try {
    pkcs8 = Buffer.concat([decipher.update(sealed.subarray(0, -TAG_BYTES)), decipher.final()]);
  } catch {
    // node:crypto says "tag does not match" by throwing.
    return refuse('passphrase_wrong', `The key of the role "${container.role}" does not open.`);
  }
  const privateKey = createPrivateKey({ key: pkcs8, format: 'der', type: 'pkcs8' });
  pkcs8.fill(0);
  const signer = signerOfKey(privateKey);
  return signer.keyid === container.keyid
    ? accept(signer)
    : refuse('key_invalid', 'It holds another key than it says.');
}
