// Copies blobs from a carried directory into the store of this device, checked while they are copied. Never overwrites one.
import { accept, type Result, refuse } from '@drover/core/reasons';
import type { CarrierFolder } from '@drover/trust/carrier/files';
import { CHUNK_BYTES } from '@drover/wire/limits';
import type { BlobRef, BlobStore } from '../store/blobs.ts';

/** Left free beside what is copied: the database and the journal go on writing. */
const RESERVE_BYTES = 16 * 1024 * 1024;
const FULL: ReadonlySet<string | undefined> = new Set(['ENOSPC', 'EDQUOT', 'EFBIG']);

/** Pieces of exactly one chunk; the last one may be shorter. */
function* inChunks(pieces: Iterable<Uint8Array>): Generator<Uint8Array, void, undefined> {
  const chunk = Buffer.allocUnsafe(CHUNK_BYTES);
  let held = 0;
  for (const piece of pieces) {
    for (let at = 0; at < piece.length; ) {
      const n = Math.min(CHUNK_BYTES - held, piece.length - at);
      chunk.set(piece.subarray(at, at + n), held);
      held += n;
      at += n;
      if (held < CHUNK_BYTES) continue;
      yield chunk;
      held = 0;
    }
  }
  if (held > 0) yield chunk.subarray(0, held);
}

async function copyOne(blobs: BlobStore, from: CarrierFolder, ref: BlobRef): Promise<Result<undefined>> {
  const file = from.file(ref.sha256, ref.size);
  if (!file.ok) return file.code === 'carrier_too_large' ? refuse('carrier_altered', file.detail) : file;
  if (!file.value || file.value.size < ref.size) {
    file.value?.close();
    return refuse('carrier_torn', `Blob ${ref.sha256.slice(0, 12)}… is ${file.value ? 'cut short' : 'missing'}.`);
  }
  const part = await blobs.openPart(ref);
  try {
    let index = 0;
    for (const chunk of inChunks(file.value.pieces())) {
      if (part.write(index, chunk) === 'bad')
        return refuse('artifact_digest_mismatch', `Chunk ${index} of ${ref.sha256.slice(0, 12)}… has other bytes.`);
      index += 1;
    }
    return await part.finish();
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (FULL.has(code)) return refuse('disk_full', `${message}.`);
    throw error;
  } finally {
    part.close();
    file.value.close();
  }
}

/**
 * Copies what of `refs` is not in the store yet. Room for all of it is looked for first, so that a disk that is too small is
 * not filled for nothing.
 */
export async function copyBlobs(
  blobs: BlobStore,
  from: CarrierFolder | undefined,
  refs: readonly BlobRef[],
  progress: (done: number, total: number) => void,
): Promise<Result<number>> {
  const missing = refs.filter((ref) => !blobs.has(ref));
  const total = missing.reduce((sum, ref) => sum + ref.size, 0);
  const needed = missing.reduce((sum, ref) => sum + blobs.missing(ref), 0) + (missing.length > 0 ? RESERVE_BYTES : 0);
  const free = blobs.freeBytes();
  if (needed > free) return refuse('disk_full', `${needed} bytes are needed and ${free} are free.`);
  let done = 0;
  for (const ref of missing) {
    if (!from) return refuse('carrier_torn', 'The folder of blobs is missing.');
    const copied = await copyOne(blobs, from, ref);
    if (!copied.ok) return copied;
    done += ref.size;
    progress(done, total);
  }
  return accept(done);
}
