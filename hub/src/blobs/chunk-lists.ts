// Makes the list of chunk hashes of a blob and keeps it as a blob of its own. Never decides who binds it.
import { accept, type Result, refuse } from '@drover/core/reasons';
import { ChunkLister } from '@drover/trust/chunk-list';
import { CHUNK_BYTES } from '@drover/wire/limits';
import type { BlobStore } from './blob-store.ts';

/** Read at a time while a list is made. */
const READ_BYTES = 4 * 1024 * 1024;

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

/** The digest of the list; undefined for a blob of one chunk. */
export async function storeChunkList(
  blobs: BlobStore,
  sha256: string,
  size: number,
): Promise<Result<string | undefined>> {
  if (size <= CHUNK_BYTES) return accept(undefined);
  const lister = new ChunkLister();
  for (let at = 0; at < size; at += READ_BYTES) {
    const bytes = await blobs.read(sha256, at, READ_BYTES);
    if (bytes === undefined) return refuse('artifact_unknown', `The blob sha256:${sha256} was removed meanwhile.`);
    lister.add(bytes);
  }
  const list = lister.finish();
  if (list === undefined) return accept(undefined);
  const put = await blobs.put(once(list), list.length);
  return put.ok ? accept(put.value.sha256) : put;
}
