// Owns the form of a sealed artifact, version 1: one ciphertext for all devices, chunk by chunk, so that it travels, resumes and
// is cached like any artifact. Never keeps a key and never writes a file.
//
//   header   "DRVSEAL" and the version (8 bytes), nonce prefix (8 bytes), size of the plaintext (8 bytes, big-endian)
//   chunks   AES-256-GCM of 256 KiB of plaintext each, the tag behind it (16 bytes); the last one may be shorter
// The nonce of a chunk is prefix ‖ index; its additional data are the digest of the plaintext, its index, the number of chunks
// and whether it is the last: a chunk at another place, in another artifact, or as a false end is not authentic. The content key
// is for this artifact alone, so that no nonce comes twice under it.
import { randomBytes } from 'node:crypto';
import { accept, type Result, refuse } from '@drover/core/reasons';
import { type HpkeMessage, openGcm, openWith, sealGcm, sealTo } from './hpke.ts';

const MAGIC = Buffer.from('DRVSEAL\u0001', 'latin1');
const PREFIX_BYTES = 8;
const TAG_BYTES = 16;
export const HEADER_BYTES = MAGIC.length + PREFIX_BYTES + 8;
export const PLAIN_CHUNK_BYTES = 256 * 1024;
export const CONTENT_KEY_BYTES = 32;

export const countSealedChunks = (size: number): number => Math.max(1, Math.ceil(size / PLAIN_CHUNK_BYTES));
/** Bytes of the sealed form of `size` bytes. */
export const sealedSize = (size: number): number => HEADER_BYTES + size + TAG_BYTES * countSealedChunks(size);

/** Where chunk `index` lies in the sealed form, and how long it is there. */
export function placeOfChunk(size: number, index: number): { readonly offset: number; readonly length: number } {
  const plain = Math.min(PLAIN_CHUNK_BYTES, size - index * PLAIN_CHUNK_BYTES);
  return { offset: HEADER_BYTES + index * (PLAIN_CHUNK_BYTES + TAG_BYTES), length: plain + TAG_BYTES };
}

export interface SealedArtifact {
  /** SHA-256 of the plaintext, lower-case hex. */
  readonly digest: string;
  /** Bytes of the plaintext. */
  readonly size: number;
}

function nonceOf(prefix: Uint8Array, index: number): Buffer {
  const nonce = Buffer.alloc(PREFIX_BYTES + 4);
  nonce.set(prefix);
  nonce.writeUInt32BE(index, PREFIX_BYTES);
  return nonce;
}

function contextOf({ digest, size }: SealedArtifact, index: number): Buffer {
  const total = countSealedChunks(size);
  const numbers = Buffer.alloc(9);
  numbers.writeUInt32BE(index, 0);
  numbers.writeUInt32BE(total, 4);
  numbers[8] = index === total - 1 ? 1 : 0;
  return Buffer.concat([Buffer.from(digest, 'hex'), numbers]);
}

export interface Sealer {
  readonly header: Uint8Array;
  seal(index: number, plain: Uint8Array): Uint8Array;
}

/** `key` must be new: a second sealing under it would be safe only by the luck of its random prefix. */
export function makeSealer(key: Uint8Array, artifact: SealedArtifact): Sealer {
  const prefix = randomBytes(PREFIX_BYTES);
  const size = Buffer.alloc(8);
  size.writeBigUInt64BE(BigInt(artifact.size));
  return {
    header: Buffer.concat([MAGIC, prefix, size]),
    seal: (index, plain) => sealGcm(key, nonceOf(prefix, index), contextOf(artifact, index), plain),
  };
}

export interface Unsealer {
  readonly chunks: number;
  /** The plaintext of a chunk; undefined when it is not authentic. */
  open(index: number, sealed: Uint8Array): Uint8Array | undefined;
}

/** Refused by sealed_malformed when the header is not that of this artifact. */
export function makeUnsealer(key: Uint8Array, artifact: SealedArtifact, header: Uint8Array): Result<Unsealer> {
  const bytes = Buffer.from(header);
  const isOurs =
    bytes.length === HEADER_BYTES &&
    bytes.subarray(0, MAGIC.length).equals(MAGIC) &&
    bytes.readBigUInt64BE(MAGIC.length + PREFIX_BYTES) === BigInt(artifact.size);
  if (!isOurs) return refuse('sealed_malformed', `The header is not that of ${artifact.digest.slice(0, 12)}….`);
  const prefix = bytes.subarray(MAGIC.length, MAGIC.length + PREFIX_BYTES);
  return accept({
    chunks: countSealedChunks(artifact.size),
    open: (index, sealed) =>
      sealed.length === placeOfChunk(artifact.size, index).length
        ? openGcm(key, nonceOf(prefix, index), contextOf(artifact, index), sealed)
        : undefined,
  });
}

const INFO = Buffer.from('drover sealed artifact, version 1');
/** Who and what a wrapped key is for: one that is given to another device, or with another artifact, does not open. */
const wrapContext = (device: string, digest: string): Buffer =>
  Buffer.concat([Buffer.from(digest, 'hex'), Buffer.from(device)]);

export interface WrapFor {
  readonly device: string;
  /** SHA-256 of the plaintext. */
  readonly digest: string;
}

/** @param publicKey the device's raw X25519 key. Refused by sealed_key_invalid when it is none. */
export function wrapKey(
  contentKey: Uint8Array,
  publicKey: Uint8Array,
  { device, digest }: WrapFor,
): Result<HpkeMessage> {
  const sealed = sealTo(publicKey, contentKey, { info: INFO, aad: wrapContext(device, digest) });
  return sealed ? accept(sealed) : refuse('sealed_key_invalid', `Device "${device}".`);
}

/** Refused by sealed_key_refused when the key was not wrapped for this device and artifact. */
export function unwrapKey(
  privateKey: Parameters<typeof openWith>[0],
  message: HpkeMessage,
  { device, digest }: WrapFor,
): Result<Uint8Array> {
  const key = openWith(privateKey, message, { info: INFO, aad: wrapContext(device, digest) });
  return key?.length === CONTENT_KEY_BYTES
    ? accept(key)
    : refuse('sealed_key_refused', `The key of ${digest.slice(0, 12)}… was not wrapped for device "${device}".`);
}
