// Owns which artifacts lie sealed on this device, and opens them in memory. Their plaintext is never written; the ciphertext
// lies among the blobs under its own digest, beside it a record with the wrapped key. Never fetches.
import { createHash, type KeyObject } from 'node:crypto';
import { closeSync, openSync, readdirSync, readFileSync, readSync, rmSync } from 'node:fs';
import path from 'node:path';
import { isDigest } from '@drover/core/ids';
import { accept, type Result, refuse } from '@drover/core/reasons';
import {
  HEADER_BYTES,
  makeUnsealer,
  PLAIN_CHUNK_BYTES,
  placeOfChunk,
  sealedSize,
  unwrapKey,
} from '@drover/trust/sealed/artifact';
import { replaceFile } from './durable-file.ts';

export interface SealedRecord {
  /** SHA-256 and size of the plaintext, as the manifest names them. */
  readonly sha256: string;
  readonly size: number;
  /** SHA-256 of the ciphertext. */
  readonly sealed: string;
  /** Base64url. */
  readonly encapsulated: string;
  readonly wrappedKey: string;
}

export interface Unsealing {
  readonly device: string;
  readonly privateKey: KeyObject;
}

export interface SealedBlobs {
  record(sha256: string): SealedRecord | undefined;
  /** Keeps the record once the artifact was opened and has its signed digest. */
  keep(record: SealedRecord): Result<undefined>;
  read(record: SealedRecord): Result<Uint8Array>;
  forget(sha256: string): void;
}

export const SEALED_SUFFIX = '.sealed';

/** Ours, but a disk rots: what cannot be read is not there, and comes again. */
function parseRecord(text: string, sha256: string): SealedRecord | undefined {
  try {
    const record = JSON.parse(text) as SealedRecord;
    const isWhole =
      record.sha256 === sha256 &&
      Number.isSafeInteger(record.size) &&
      isDigest(record.sealed) &&
      typeof record.encapsulated === 'string' &&
      typeof record.wrappedKey === 'string';
    return isWhole ? record : undefined;
  } catch {
    // Torn or rotten.
    return undefined;
  }
}

/** @param unsealing undefined for a device without a key: then nothing can be kept or opened. */
export function openSealedBlobs(
  root: string,
  fileOf: (sha256: string) => string,
  unsealing: Unsealing | undefined,
): SealedBlobs {
  const records = new Map<string, SealedRecord>();
  for (const folder of readdirSync(root)) {
    for (const name of readdirSync(path.join(root, folder))) {
      if (!name.endsWith(SEALED_SUFFIX)) continue;
      const sha256 = name.slice(0, -SEALED_SUFFIX.length);
      const record = parseRecord(readFileSync(path.join(root, folder, name), 'utf8'), sha256);
      if (record) records.set(sha256, record);
    }
  }

  function openAll(fd: number, record: SealedRecord, key: Uint8Array): Result<Uint8Array> {
    const { sha256, size } = record;
    const take = (offset: number, length: number): Buffer => {
      const bytes = Buffer.allocUnsafe(length);
      return bytes.subarray(0, readSync(fd, bytes, 0, length, offset));
    };
    const unsealer = makeUnsealer(key, { digest: sha256, size }, take(0, HEADER_BYTES));
    if (!unsealer.ok) return unsealer;
    const plain = Buffer.allocUnsafe(size);
    for (let index = 0; index < unsealer.value.chunks; index += 1) {
      const { offset, length } = placeOfChunk(size, index);
      const chunk = unsealer.value.open(index, take(offset, length));
      if (!chunk) return refuse('artifact_digest_mismatch', `Sealed chunk ${index} of ${sha256.slice(0, 12)}….`);
      plain.set(chunk, index * PLAIN_CHUNK_BYTES);
    }
    const digest = createHash('sha256').update(plain).digest('hex');
    if (digest === sha256) return accept(plain);
    return refuse('artifact_digest_mismatch', `${sha256.slice(0, 12)}… is ${digest.slice(0, 12)}… when it is opened.`);
  }

  function read(record: SealedRecord): Result<Uint8Array> {
    const { sha256, size, sealed } = record;
    if (!unsealing) return refuse('sealed_key_refused', 'This device has no sealing key.');
    const message = {
      encapsulated: Buffer.from(record.encapsulated, 'base64url'),
      ciphertext: Buffer.from(record.wrappedKey, 'base64url'),
    };
    const key = unwrapKey(unsealing.privateKey, message, { device: unsealing.device, digest: sha256 });
    if (!key.ok) return key;
    let fd: number;
    try {
      fd = openSync(fileOf(sealed), 'r');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
      return refuse(
        'artifact_size_mismatch',
        `The sealed form of ${sha256.slice(0, 12)}… is gone; it has ${size} bytes.`,
      );
    }
    try {
      return openAll(fd, record, key.value);
    } finally {
      closeSync(fd);
    }
  }

  return {
    record: (sha256) => records.get(sha256),
    read,
    keep(record) {
      const opened = read(record);
      if (!opened.ok) return opened;
      replaceFile(`${fileOf(record.sha256)}${SEALED_SUFFIX}`, JSON.stringify(record));
      records.set(record.sha256, record);
      return accept(undefined);
    },
    forget(sha256) {
      records.delete(sha256);
      rmSync(`${fileOf(sha256)}${SEALED_SUFFIX}`, { force: true });
    },
  };
}

export const sealedBytes = ({ size }: SealedRecord): number => sealedSize(size);
