// Owns the chunks that were read last, so that many who want the same are served by one read. Never decides who gets one.
import type { Digest } from '@drover/core/ids';
import { CHUNK_BYTES } from '@drover/wire/limits';
import type { BlobStore } from '../blobs/blob-store.ts';

/** A chunk; undefined when the blob is not there, empty past its end. Rejects when the disk fails. */
export type ReadChunk = (digest: Digest, index: number) => Promise<Uint8Array | undefined>;

/** The least recently used go first. */
export function makeChunkCache(maxBytes: number, blobs: BlobStore): ReadChunk {
  const chunks = new Map<string, Promise<Uint8Array | undefined>>();
  return (digest, index) => {
    const key = `${digest}/${index}`;
    const held = chunks.get(key);
    if (held) {
      chunks.delete(key);
      chunks.set(key, held);
      return held;
    }
    const reading = blobs.read(digest, index * CHUNK_BYTES, CHUNK_BYTES);
    chunks.set(key, reading);
    for (const oldest of chunks.keys()) {
      if (chunks.size * CHUNK_BYTES <= maxBytes || oldest === key) break;
      chunks.delete(oldest);
    }
    // A read that failed, or found nothing, must be tried again by the next who asks.
    const forget = (): void => {
      if (chunks.get(key) === reading) chunks.delete(key);
    };
    reading.then((chunk) => (chunk ? undefined : forget()), forget);
    return reading;
  };
}
