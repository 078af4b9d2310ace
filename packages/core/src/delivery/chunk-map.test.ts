import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ChunkMap, decodeProgress, encodeProgress, progressBytes } from './chunk-map.ts';

const sized = fc.integer({ min: 0, max: 300 }).chain((chunks) =>
  fc.record({
    chunks: fc.constant(chunks),
    added: fc.array(fc.integer({ min: -3, max: chunks + 3 }), { maxLength: 400 }),
  }),
);

describe('chunk map', () => {
  it('holds what was added, once, and nothing outside', () => {
    fc.assert(
      fc.property(sized, ({ chunks, added }) => {
        const map = new ChunkMap(chunks);
        const model = new Set<number>();
        for (const index of added) {
          const isNew = index >= 0 && index < chunks && !model.has(index);
          expect(map.add(index)).toBe(isNew);
          if (isNew) model.add(index);
        }
        expect(map.count).toBe(model.size);
        expect(map.isFull).toBe(model.size === chunks);
        for (let from = 0; from <= chunks; from++) {
          let next = from;
          while (next < chunks && model.has(next)) next++;
          expect(map.nextMissing(from)).toBe(next);
        }
        const copy = map.clone();
        copy.add(map.nextMissing(0));
        expect(map.count).toBe(model.size);
      }),
    );
  });

  it('comes back from its record, and never from a damaged, cut or foreign one', () => {
    fc.assert(
      fc.property(
        sized,
        fc.nat(2 ** 32 - 1),
        fc.nat(),
        fc.integer({ min: 0, max: 7 }),
        ({ chunks, added }, seq, at, bit) => {
          const map = new ChunkMap(chunks);
          for (const index of added) map.add(index);
          const record = encodeProgress(map, seq);
          expect(record.length).toBe(progressBytes(chunks));
          const back = decodeProgress(record, chunks);
          expect(back?.seq).toBe(seq);
          expect(back?.map.bytes()).toEqual(map.bytes());
          expect(back?.map.count).toBe(map.count);
          expect(decodeProgress(record.subarray(0, -1), chunks)).toBeUndefined();
          expect(decodeProgress(record, chunks + 1)).toBeUndefined();
          const torn = record.slice();
          torn[at % torn.length] = (torn[at % torn.length] ?? 0) ^ (1 << bit);
          expect(decodeProgress(torn, chunks)).toBeUndefined();
        },
      ),
    );
  });
});
