import { makeWeightPair } from '@drover/testkit/model-pairs';
import { buildSoftmaxModel, buildTreeModel } from '@drover/testkit/models';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type ByteSource, placeTensors } from './places.ts';
import { readModel } from './read.ts';

const source = (bytes: Uint8Array): ByteSource => ({
  size: bytes.length,
  read: (offset, length) => bytes.subarray(offset, offset + length),
});

describe('the places of tensors', () => {
  it('are those that a full decoder finds', () => {
    for (const bytes of [buildSoftmaxModel(), makeWeightPair('int8', [8, 90, 3]).base]) {
      const decoded = readModel(bytes);
      const places = placeTensors(source(bytes));
      if (!decoded.ok || !places.ok) throw new Error('the model cannot be read');
      const expected = (decoded.value.graph?.initializer ?? []).filter((each) => (each.raw_data?.length ?? 0) > 0);
      expect(places.value.map(({ name }) => name)).toEqual(expected.map(({ name }) => name));
      for (const [at, { offset, length }] of places.value.entries())
        expect(Buffer.compare(bytes.subarray(offset, offset + length), expected[at]?.raw_data ?? Buffer.of())).toBe(0);
    }
  });

  it('are the lists of floats in a forest, whose values are attributes', () => {
    const places = placeTensors(source(buildTreeModel()));
    expect(places.ok && places.value.map(({ name, dtype, length }) => [name, dtype, length])).toEqual([
      ['nodes_values', 'float32', 20],
      ['target_weights', 'float32', 12],
    ]);
  });

  it('lie inside the file, in order and apart, or are refused: for any bytes', () => {
    const { base } = makeWeightPair('noise 1e-3', [4, 40, 2]);
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(base.length - 1), fc.nat(255)), { maxLength: 4 }),
        fc.nat(base.length),
        (edits, length) => {
          const bytes = base.slice(0, length);
          for (const [at, value] of edits) if (at < length) bytes[at] = value;
          const places = placeTensors(source(bytes));
          if (!places.ok) return;
          let end = 0;
          for (const place of places.value) {
            expect(place.offset).toBeGreaterThanOrEqual(end);
            end = place.offset + place.length;
          }
          expect(end).toBeLessThanOrEqual(bytes.length);
        },
      ),
      { numRuns: 500 },
    );
  });

  it('are refused when messages are nested without end', () => {
    let bytes: Uint8Array = new Uint8Array(0);
    for (let depth = 0; depth < 200; depth += 1) {
      // A graph, the attribute around it, and its node.
      for (const tag of [0x32, 0x2a, 0x0a]) {
        const size = bytes.length;
        bytes = Buffer.concat([Buffer.from([tag, (size & 127) | 128, size >>> 7]), bytes]);
      }
    }
    const size = bytes.length;
    const model = Buffer.concat([Buffer.from([0x3a, (size & 127) | 128, size >>> 7]), bytes]);
    expect(placeTensors(source(model))).toMatchObject({ ok: false, code: 'onnx_malformed' });
  });
});
