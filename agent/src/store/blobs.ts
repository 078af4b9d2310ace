// Owns artifact bytes on this device, by SHA-256: whole ones, and parts that resume. Never fetches; never deletes on its own.
import { createHash } from 'node:crypto';
import {
  closeSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  rmSync,
  statfsSync,
  statSync,
} from 'node:fs';
import path from 'node:path';
import { accept, type Result, refuse } from '@drover/core/reasons';
import { CHUNK_BYTES } from '@drover/wire/limits';
import { mapFileOf, openPartFile, type PartFile, peekHeld } from './part-file.ts';
import { openSealedBlobs, SEALED_SUFFIX, type SealedRecord, sealedBytes, type Unsealing } from './sealed-blobs.ts';

export interface BlobRef {
  readonly sha256: string;
  readonly size: number;
  /** SHA-256 of its list of chunk hashes, where the manifest binds one. */
  readonly chunkList?: string | undefined;
}

/** The list of chunk hashes as a blob of its own: 32 bytes a chunk. */
export const listRefOf = ({ chunkList, size }: BlobRef): BlobRef | undefined =>
  chunkList === undefined ? undefined : { sha256: chunkList, size: Math.ceil(size / CHUNK_BYTES) * 32 };

export interface BlobStore {
  /** By name and size; content is checked by `read`. */
  has(ref: BlobRef): boolean;
  /** The bytes, only when they have the digest and size that were signed. */
  read(ref: BlobRef): Result<Uint8Array>;
  /** Keeps an artifact that lies here sealed, once it was opened and found to be what was signed. */
  keepSealed(record: SealedRecord): Result<undefined>;
  remove(sha256: string): void;
  /** Opens or goes on with a part; its list of chunk hashes is used where it is whole. The same part is opened once at a time. */
  openPart(ref: BlobRef): Promise<PartFile>;
  /** Bytes of one whole chunk that was checked, from a whole blob or a part that is being brought. */
  readChunk(sha256: string, index: number): Uint8Array | undefined;
  /** It is being brought just now. */
  isOpen(sha256: string): boolean;
  /** The size of a whole blob. */
  sizeOf(sha256: string): number | undefined;
  /** Where a whole blob lies, for those who read it piece by piece; its content is not checked. */
  fileOf(sha256: string): string | undefined;
  /** Bytes of `ref` that still have to come. */
  missing(ref: BlobRef): number;
  freeBytes(): number;
  /** Deletes blobs and parts that `keep` does not name and nobody is bringing; returns the bytes won. */
  collect(keep: ReadonlySet<string>): number;
}

const sizeOf = (file: string): number | undefined => statSync(file, { throwIfNoEntry: false })?.size;

/** @param unsealing whose sealed artifacts can be opened; without it none can. */
export function openBlobStore(dataDir: string, unsealing?: Unsealing): BlobStore {
  const root = path.join(dataDir, 'blobs', 'sha256');
  mkdirSync(root, { recursive: true, mode: 0o700 });
  const fileOf = (sha256: string): string => path.join(root, sha256.slice(0, 2), sha256);
  const partOf = (sha256: string): string => `${fileOf(sha256)}.part`;

  const open = new Map<string, PartFile>();
  const sealed = openSealedBlobs(root, fileOf, unsealing);

  /** The record of a sealed artifact whose ciphertext is here too. */
  function sealedFor(sha256: string): SealedRecord | undefined {
    const record = sealed.record(sha256);
    return record && sizeOf(fileOf(record.sealed)) === sealedBytes(record) ? record : undefined;
  }

  const hasPlain = ({ sha256, size }: BlobRef): boolean => sizeOf(fileOf(sha256)) === size;
  const has = (ref: BlobRef): boolean => hasPlain(ref) || sealedFor(ref.sha256)?.size === ref.size;

  function read({ sha256, size }: BlobRef): Result<Uint8Array> {
    const record = sealedFor(sha256);
    if (record && record.size === size && !hasPlain({ sha256, size })) return sealed.read(record);
    const file = fileOf(sha256);
    const found = sizeOf(file);
    if (found !== size)
      return refuse('artifact_size_mismatch', `${sha256.slice(0, 12)}… has ${found ?? 'no'} bytes and not ${size}.`);
    const bytes = readFileSync(file);
    const digest = createHash('sha256').update(bytes).digest('hex');
    if (digest !== sha256)
      return refuse('artifact_digest_mismatch', `${sha256.slice(0, 12)}… is ${digest.slice(0, 12)}… on the disk.`);
    return accept(bytes);
  }

  async function openPart(ref: BlobRef): Promise<PartFile> {
    const { sha256 } = ref;
    mkdirSync(path.dirname(fileOf(sha256)), { recursive: true, mode: 0o700 });
    const listRef = listRefOf(ref);
    const list = listRef && read(listRef);
    const files = { part: partOf(sha256), target: fileOf(sha256) };
    const part = await openPartFile(ref, files, list?.ok ? list.value : undefined);
    open.set(sha256, part);
    const forget = (): void => void (open.get(sha256) === part && open.delete(sha256));
    return {
      get held() {
        return part.held;
      },
      get bytes() {
        return part.bytes;
      },
      write: (index, chunk) => part.write(index, chunk),
      read: (index) => part.read(index),
      async finish() {
        const done = await part.finish();
        forget();
        return done;
      },
      close() {
        forget();
        part.close();
      },
    };
  }

  function readChunk(sha256: string, index: number): Uint8Array | undefined {
    const size = sizeOf(fileOf(sha256));
    if (size === undefined) return open.get(sha256)?.read(index);
    const length = Math.min(CHUNK_BYTES, size - index * CHUNK_BYTES);
    if (length <= 0) return undefined;
    const fd = openSync(fileOf(sha256), 'r');
    try {
      const chunk = Buffer.allocUnsafe(length);
      return readSync(fd, chunk, 0, length, index * CHUNK_BYTES) === length ? chunk : undefined;
    } finally {
      closeSync(fd);
    }
  }

  function missing(ref: BlobRef): number {
    if (has(ref)) return 0;
    const part = open.get(ref.sha256);
    if (part) return ref.size - part.bytes;
    const held = peekHeld(partOf(ref.sha256), Math.ceil(ref.size / CHUNK_BYTES));
    return held ? Math.max(0, ref.size - held.count * CHUNK_BYTES) : ref.size;
  }

  return {
    has,
    read,
    keepSealed: (record) => {
      mkdirSync(path.dirname(fileOf(record.sha256)), { recursive: true, mode: 0o700 });
      return sealed.keep(record);
    },
    readChunk,
    isOpen: (sha256) => open.has(sha256),
    sizeOf: (sha256) => sizeOf(fileOf(sha256)),
    fileOf: (sha256) => (sizeOf(fileOf(sha256)) === undefined ? undefined : fileOf(sha256)),
    remove(sha256) {
      const record = sealed.record(sha256);
      // What does not open is fetched again: key and ciphertext.
      if (record) rmSync(fileOf(record.sealed), { force: true });
      sealed.forget(sha256);
      for (const file of [fileOf(sha256), mapFileOf(partOf(sha256)), partOf(sha256)]) rmSync(file, { force: true });
    },
    openPart,
    missing,
    freeBytes() {
      const { bavail, bsize } = statfsSync(root);
      return bavail * bsize;
    },
    collect(keep) {
      let won = 0;
      const ciphertexts = new Set([...keep].map((sha256) => sealed.record(sha256)?.sealed));
      for (const folder of readdirSync(root)) {
        for (const name of readdirSync(path.join(root, folder))) {
          const sha256 = name.replace(/\.(part(\.map)?|sealed)$/, '');
          if (keep.has(sha256) || ciphertexts.has(sha256) || open.has(sha256)) continue;
          if (name.endsWith(SEALED_SUFFIX)) sealed.forget(sha256);
          const file = path.join(root, folder, name);
          won += sizeOf(file) ?? 0;
          rmSync(file, { force: true });
        }
      }
      return won;
    },
  };
}
