// Gives a small secret to the holder of one X25519 key: HPKE (RFC 9180), base mode, DHKEM(X25519, HKDF-SHA256), HKDF-SHA256,
// AES-256-GCM, one message. On node:crypto, because opening must not wait where a model is loaded; a test holds it against an
// independent implementation in both directions. Never stores a key.
import {
  createCipheriv, createDecipheriv, createHmac, createPrivateKey, createPublicKey, diffieHellman, generateKeyPairSync, type KeyObject,
} from 'node:crypto'; // biome-ignore format: one list

const KEM_ID = Buffer.from('0020', 'hex');
const KDF_ID = Buffer.from('0001', 'hex');
const AEAD_ID = Buffer.from('0002', 'hex');
const KEM_SUITE = Buffer.concat([Buffer.from('KEM'), KEM_ID]);
const SUITE = Buffer.concat([Buffer.from('HPKE'), KEM_ID, KDF_ID, AEAD_ID]);
const VERSION = Buffer.from('HPKE-v1');
const NOTHING = Buffer.alloc(0);
const HASH_BYTES = 32;
const TAG_BYTES = 16;

export const PUBLIC_BYTES = 32;

const hmac = (key: Uint8Array, ...parts: readonly Uint8Array[]): Buffer => {
  const hash = createHmac('sha256', key);
  for (const part of parts) hash.update(part);
  return hash.digest();
};

/** LabeledExtract of RFC 9180 §4; an empty salt is a block of zeros (RFC 5869 §2.2). */
const extract = (suite: Uint8Array, salt: Uint8Array, label: string, secret: Uint8Array): Buffer =>
  hmac(salt.length === 0 ? Buffer.alloc(HASH_BYTES) : salt, VERSION, suite, Buffer.from(label), secret);

/** LabeledExpand of RFC 9180 §4, for at most one block of output. */
function expand(suite: Uint8Array, key: Uint8Array, label: string, info: Uint8Array, length: number): Buffer {
  const size = Buffer.alloc(2);
  size.writeUInt16BE(length);
  return hmac(key, size, VERSION, suite, Buffer.from(label), info, Buffer.of(1)).subarray(0, length);
}

/** SubjectPublicKeyInfo of an X25519 key without its 32 bytes (RFC 8410 §4). */
const SPKI_HEAD = Buffer.from('302a300506032b656e032100', 'hex');

export const rawPublicKey = (key: KeyObject): Buffer => {
  const { x } = (key.type === 'private' ? createPublicKey(key) : key).export({ format: 'jwk' });
  return Buffer.from(x ?? '', 'base64url');
};

/** Undefined unless the bytes are an X25519 public key. */
function publicKeyFrom(raw: Uint8Array): KeyObject | undefined {
  if (raw.length !== PUBLIC_BYTES) return undefined;
  return createPublicKey({ key: Buffer.concat([SPKI_HEAD, raw]), format: 'der', type: 'spki' });
}

/** The shared secret; undefined for keys of low order, whose secret everybody knows (RFC 9180 §7.1.4). */
function agree(privateKey: KeyObject, publicKey: KeyObject): Buffer | undefined {
  try {
    const secret = diffieHellman({ privateKey, publicKey });
    return secret.every((byte) => byte === 0) ? undefined : secret;
  } catch {
    // OpenSSL refuses them by itself.
    return undefined;
  }
}

/** Key and nonce of the one message, from the secret of the key encapsulation (RFC 9180 §4.1 and §5.1). */
function schedule(dh: Uint8Array, encapsulated: Uint8Array, recipient: Uint8Array, info: Uint8Array) {
  const prk = extract(KEM_SUITE, NOTHING, 'eae_prk', dh);
  const shared = expand(KEM_SUITE, prk, 'shared_secret', Buffer.concat([encapsulated, recipient]), HASH_BYTES);
  const context = Buffer.concat([
    Buffer.of(0),
    extract(SUITE, NOTHING, 'psk_id_hash', NOTHING),
    extract(SUITE, NOTHING, 'info_hash', info),
  ]);
  const secret = extract(SUITE, shared, 'secret', NOTHING);
  return { key: expand(SUITE, secret, 'key', context, 32), nonce: expand(SUITE, secret, 'base_nonce', context, 12) };
}

export interface HpkeMessage {
  /** The sender's key of this message: 32 bytes. */
  readonly encapsulated: Uint8Array;
  /** 16 bytes longer than what was sealed. */
  readonly ciphertext: Uint8Array;
}

/** @param recipient the raw X25519 public key. Undefined when it is none, or one that protects nothing. */
export function sealTo(
  recipient: Uint8Array,
  plaintext: Uint8Array,
  { info, aad }: { readonly info: Uint8Array; readonly aad: Uint8Array },
): HpkeMessage | undefined {
  const publicKey = publicKeyFrom(recipient);
  if (!publicKey) return undefined;
  const own = generateKeyPairSync('x25519');
  const encapsulated = rawPublicKey(own.publicKey);
  const dh = agree(own.privateKey, publicKey);
  if (!dh) return undefined;
  const { key, nonce } = schedule(dh, encapsulated, recipient, info);
  const cipher = createCipheriv('aes-256-gcm', key, nonce).setAAD(aad);
  const ciphertext = Buffer.concat([cipher.update(plaintext), cipher.final(), cipher.getAuthTag()]);
  return { encapsulated, ciphertext };
}

/** What was sealed to this key with the same `info` and `aad`; undefined for anything else. */
export function openWith(
  privateKey: KeyObject,
  { encapsulated, ciphertext }: HpkeMessage,
  { info, aad }: { readonly info: Uint8Array; readonly aad: Uint8Array },
): Buffer | undefined {
  const sender = publicKeyFrom(encapsulated);
  const dh = sender && ciphertext.length >= TAG_BYTES ? agree(privateKey, sender) : undefined;
  if (!dh) return undefined;
  const { key, nonce } = schedule(dh, encapsulated, rawPublicKey(privateKey), info);
  return openGcm(key, nonce, aad, ciphertext);
}

/** AES-256-GCM with the tag behind the ciphertext; undefined when it is not authentic. */
export function openGcm(key: Uint8Array, nonce: Uint8Array, aad: Uint8Array, sealed: Uint8Array): Buffer | undefined {
  if (sealed.length < TAG_BYTES) return undefined;
  const end = sealed.length - TAG_BYTES;
  const decipher = createDecipheriv('aes-256-gcm', key, nonce, { authTagLength: TAG_BYTES }).setAAD(aad);
  decipher.setAuthTag(sealed.subarray(end));
  const first = decipher.update(sealed.subarray(0, end));
  try {
    return Buffer.concat([first, decipher.final()]);
  } catch {
    // One outcome: not what was sealed.
    return undefined;
  }
}

export function sealGcm(key: Uint8Array, nonce: Uint8Array, aad: Uint8Array, plaintext: Uint8Array): Buffer {
  const cipher = createCipheriv('aes-256-gcm', key, nonce).setAAD(aad);
  return Buffer.concat([cipher.update(plaintext), cipher.final(), cipher.getAuthTag()]);
}

export const makeSealingKey = (): KeyObject => generateKeyPairSync('x25519').privateKey;

/** An X25519 private key in PKCS#8 PEM; undefined when the text is none. */
export function sealingKeyFrom(pem: string): KeyObject | undefined {
  try {
    const key = createPrivateKey(pem);
    return key.asymmetricKeyType === 'x25519' ? key : undefined;
  } catch {
    // Not a key.
    return undefined;
  }
}
