import { createHash } from 'node:crypto';
import { CHUNK_BYTES } from '@drover/wire/limits';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { blobRefOf, ChunkLister, chunkListBytes, chunkListOf } from './chunk-list.ts';

const sha256 = (bytes: Uint8Array): Buffer => createHash('sha256').update(bytes).digest();
const content = Buffer.alloc(3 * CHUNK_BYTES, 'drover');

describe('list of chunk hashes', () => {
  it('is the hashes of the chunks, whatever the pieces that the bytes come in', () => {
    const size = fc.integer({ min: 0, max: content.length });
    fc.assert(
      fc.property(size, fc.array(fc.integer({ min: 1, max: CHUNK_BYTES * 2 }), { maxLength: 6 }), (length, cuts) => {
        const blob = content.subarray(0, length);
        const lister = new ChunkLister();
        let at = 0;
        for (const cut of [...cuts, length]) {
          lister.add(blob.subarray(at, at + cut));
          at = Math.min(length, at + cut);
        }
        const chunks = Array.from({ length: Math.ceil(length / CHUNK_BYTES) }, (_, i) =>
          sha256(blob.subarray(i * CHUNK_BYTES, (i + 1) * CHUNK_BYTES)),
        );
        const list = lister.finish();
        expect(list).toEqual(chunks.length > 1 ? Buffer.concat(chunks) : undefined);
        expect(chunkListOf(blob)).toEqual(list);
        if (list) expect(list.length).toBe(chunkListBytes(length));
        expect(blobRefOf(blob)).toEqual({
          sha256: sha256(blob).toString('hex'),
          size: length,
          ...(list && { chunkList: sha256(list).toString('hex') }),
        });
      }),
      { numRuns: 30 },
    );
  });
});
