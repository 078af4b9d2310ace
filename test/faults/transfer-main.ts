// Brings the file that it is told into the store of a device, list of chunk hashes first, as a download does, and prints the
// number of each chunk that it had to be given. Run by transfer.test.ts, which kills it. Never fetches anything.
//
//   node transfer-main.ts FILE DATA
import { createHash } from 'node:crypto';
import { readFileSync, writeSync } from 'node:fs';
import { setImmediate as turn } from 'node:timers/promises';
import { chunkListOf } from '@drover/trust/chunk-list';
import { CHUNK_BYTES } from '@drover/wire/limits';
import { type BlobRef, openBlobStore } from '../../agent/src/store/blobs.ts';

const [file = '', data = ''] = process.argv.slice(2);
const content = readFileSync(file);
const list = chunkListOf(content);
if (!list) throw new Error('the file has one chunk only');
const digestOf = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
const listRef = { sha256: digestOf(list), size: list.length };
const store = openBlobStore(data);

async function bring(bytes: Uint8Array, ref: BlobRef, onGiven: (index: number) => void): Promise<void> {
  if (store.has(ref)) return;
  const part = await store.openPart(ref);
  for (let index = part.held.nextMissing(0); index < part.held.chunks; index = part.held.nextMissing(index + 1)) {
    onGiven(index);
    const written = part.write(index, bytes.subarray(index * CHUNK_BYTES, (index + 1) * CHUNK_BYTES));
    if (written !== 'taken') throw new Error(`chunk ${index} is ${written}`);
    // As from a network: what is flushed in the background gets its turn.
    await turn();
  }
  const done = await part.finish();
  if (!done.ok) throw new Error(done.detail);
}

await bring(list, listRef, () => undefined);
const ref = { sha256: digestOf(content), size: content.length, chunkList: listRef.sha256 };
// Written at once: what is still in a buffer dies with the process.
await bring(content, ref, (index) => void writeSync(1, `${index}\n`));
const kept = store.read(ref);
if (!kept.ok) throw new Error(kept.detail);
writeSync(1, 'whole\n');
