// Makes and checks the list of chunk hashes that a manifest binds to a blob, so that each chunk is checked as it comes.
// Never reads a file.
import { createHash } from 'node:crypto';
import { CHUNK_BYTES } from '@drover/wire/limits';
import { digestOf } from './dsse.ts';

const HASH_BYTES = 32;

/** Takes the bytes of a blob in order, in any pieces, and gives its list: SHA-256 of each 256 KiB chunk, one after the other. */
export class ChunkLister {
  readonly #hashes: Buffer[] = [];
  #hash = createHash('sha256');
  #filled = 0;

  add(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length; ) {
      const part = bytes.subarray(at, at + CHUNK_BYTES - this.#filled);
      this.#hash.update(part);
      this.#filled += part.length;
      at += part.length;
      if (this.#filled === CHUNK_BYTES) this.#next();
    }
  }

  #next(): void {
    this.#hashes.push(this.#hash.digest());
    this.#hash = createHash('sha256');
    this.#filled = 0;
  }

  /** Undefined for a blob of one chunk: its own digest says as much. Called once, at the end. */
  finish(): Uint8Array | undefined {
    if (this.#filled > 0) this.#next();
    return this.#hashes.length > 1 ? Buffer.concat(this.#hashes) : undefined;
  }
}

/** The list of a blob that is in memory; undefined when it is one chunk. */
export function chunkListOf(blob: Uint8Array): Uint8Array | undefined {
  const lister = new ChunkLister();
  lister.add(blob);
  return lister.finish();
}

/** What a manifest says of a blob of these bytes. */
export function blobRefOf(blob: Uint8Array): { sha256: string; size: number; chunkList?: string } {
  const list = chunkListOf(blob);
  return { sha256: digestOf(blob), size: blob.length, ...(list && { chunkList: digestOf(list) }) };
}

/** Bytes of the list of a blob of `size` bytes. */
export const chunkListBytes = (size: number): number => Math.ceil(size / CHUNK_BYTES) * HASH_BYTES;
