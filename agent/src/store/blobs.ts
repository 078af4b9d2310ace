// Owns artifact bytes on this device, by SHA-256: whole ones, and parts that resume. Never fetches; never deletes on its own.
import { createHash } from 'node:crypto';
import { closeSync, existsSync, fsyncSync, ftruncateSync, mkdirSync, openSync, readdirSync, readFileSync, readSync, renameSync, rmSync, statfsSync, statSync, writeSync } from 'node:fs'; // biome-ignore format: one list
import path from 'node:path';
import { accept, type Result, refuse } from '@drover/core/reasons';
import { CHUNK_BYTES } from '@drover/wire/limits';
import { syncDir } from './durable-file.ts';

export interface BlobRef {
  readonly sha256: string;
  readonly size: number;
}

/** A blob that is being brought, in order, from its first missing byte. */
export interface PartFile {
  /** Bytes that are there, a multiple of the chunk size. */
  readonly bytes: number;
  write(chunk: Uint8Array): void;
  /** Checks size and digest, then moves the file in place; wrong bytes are thrown away. */
  finish(): Result<undefined>;
  /** Keeps what is there for the next try. */
  close(): void;
}

export interface BlobStore {
  /** By name and size; content is checked by `read`. */
  has(ref: BlobRef): boolean;
  /** The bytes, only when they have the digest and size that were signed. */
  read(ref: BlobRef): Result<Uint8Array>;
  remove(sha256: string): void;
  openPart(ref: BlobRef): PartFile;
  /** Bytes of `ref` that still have to come. */
  missing(ref: BlobRef): number;
  freeBytes(): number;
  /** Deletes blobs and parts that `keep` does not name; returns the bytes won. */
  collect(keep: ReadonlySet<string>): number;
}

/** Flushed this often, so that a power cut costs little. */
const SYNC_EVERY_BYTES = 8 * 1024 * 1024;

const sizeOf = (file: string): number | undefined => statSync(file, { throwIfNoEntry: false })?.size;

export function openBlobStore(dataDir: string): BlobStore {
  const root = path.join(dataDir, 'blobs', 'sha256');
  mkdirSync(root, { recursive: true, mode: 0o700 });
  const fileOf = (sha256: string): string => path.join(root, sha256.slice(0, 2), sha256);
  const partOf = (sha256: string): string => `${fileOf(sha256)}.part`;

  function openPart({ sha256, size }: BlobRef): PartFile {
    const file = partOf(sha256);
    mkdirSync(path.dirname(file), { recursive: true, mode: 0o700 });
    const fd = openSync(file, existsSync(file) ? 'r+' : 'w+', 0o600);
    const hash = createHash('sha256');
    const held = Math.min(sizeOf(file) ?? 0, size);
    const whole = held === size ? held : held - (held % CHUNK_BYTES);
    ftruncateSync(fd, whole);
    const buffer = Buffer.allocUnsafe(Math.min(CHUNK_BYTES, Math.max(1, whole)));
    for (let at = 0; at < whole; ) {
      const n = readSync(fd, buffer, 0, Math.min(buffer.length, whole - at), at);
      if (n === 0) break;
      hash.update(buffer.subarray(0, n));
      at += n;
    }
    let bytes = whole;
    let unsynced = 0;
    let isOpen = true;
    const close = (): void => {
      if (isOpen) closeSync(fd);
      isOpen = false;
    };
    const discard = (): void => {
      close();
      rmSync(file, { force: true });
    };
    return {
      get bytes() {
        return bytes;
      },
      write(chunk) {
        let at = 0;
        while (at < chunk.length) at += writeSync(fd, chunk, at, chunk.length - at, bytes + at);
        hash.update(chunk);
        bytes += chunk.length;
        unsynced += chunk.length;
        if (unsynced < SYNC_EVERY_BYTES) return;
        fsyncSync(fd);
        unsynced = 0;
      },
      finish() {
        if (bytes !== size) {
          discard();
          return refuse('artifact_size_mismatch', `${sha256.slice(0, 12)}… has ${bytes} bytes and not ${size}.`);
        }
        const digest = hash.digest('hex');
        if (digest !== sha256) {
          discard();
          return refuse('artifact_digest_mismatch', `${sha256.slice(0, 12)}… came as ${digest.slice(0, 12)}….`);
        }
        fsyncSync(fd);
        close();
        renameSync(file, fileOf(sha256));
        syncDir(path.dirname(file));
        return accept(undefined);
      },
      close,
    };
  }

  return {
    has: ({ sha256, size }) => sizeOf(fileOf(sha256)) === size,
    read({ sha256, size }) {
      const file = fileOf(sha256);
      const found = sizeOf(file);
      if (found !== size)
        return refuse('artifact_size_mismatch', `${sha256.slice(0, 12)}… has ${found ?? 'no'} bytes and not ${size}.`);
      const bytes = readFileSync(file);
      const digest = createHash('sha256').update(bytes).digest('hex');
      if (digest !== sha256)
        return refuse('artifact_digest_mismatch', `${sha256.slice(0, 12)}… is ${digest.slice(0, 12)}… on the disk.`);
      return accept(bytes);
    },
    remove(sha256) {
      rmSync(fileOf(sha256), { force: true });
      rmSync(partOf(sha256), { force: true });
    },
    openPart,
    missing: (ref) =>
      sizeOf(fileOf(ref.sha256)) === ref.size ? 0 : Math.max(0, ref.size - (sizeOf(partOf(ref.sha256)) ?? 0)),
    freeBytes() {
      const { bavail, bsize } = statfsSync(root);
      return bavail * bsize;
    },
    collect(keep) {
      let won = 0;
      for (const folder of readdirSync(root)) {
        for (const name of readdirSync(path.join(root, folder))) {
          if (keep.has(name.replace(/\.part$/, ''))) continue;
          const file = path.join(root, folder, name);
          won += sizeOf(file) ?? 0;
          rmSync(file, { force: true });
        }
      }
      return won;
    },
  };
}
