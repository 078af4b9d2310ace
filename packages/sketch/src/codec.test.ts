// Proves that numbers come back from their bytes and that no bytes throw. Never knows a sketch.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ByteReader, ByteWriter } from './codec.ts';

const count = fc.oneof(
  fc.constant(0),
  fc.nat(300),
  fc.nat(),
  fc.constantFrom(2 ** 31, 2 ** 32 - 1, 2 ** 46 - 1, 2 ** 46),
);

describe('bytes', () => {
  it('give back varints up to 2^53 - 1', () => {
    fc.assert(
      fc.property(fc.maxSafeNat(), (value) => {
        const writer = new ByteWriter();
        writer.varint(value);
        const reader = new ByteReader(writer.finish());
        expect(reader.varint()).toBe(value);
        expect([reader.failed, reader.atEnd]).toEqual([false, true]);
      }),
    );
  });

  it('give back counts of any size, and what follows them', () => {
    fc.assert(
      fc.property(fc.array(count, { maxLength: 100 }), fc.nat(255), (values, next) => {
        const writer = new ByteWriter();
        writer.counts(Float64Array.from(values));
        writer.byte(next);
        const reader = new ByteReader(writer.finish());
        const target = new Float64Array(values.length);
        expect(reader.counts(target)).toBe(values.reduce((a, b) => a + b, 0));
        expect([...target]).toEqual(values);
        expect([reader.byte(), reader.failed, reader.atEnd]).toEqual([next, false, true]);
      }),
    );
  });

  it('take the largest count alone and refuse a total above it', () => {
    const writer = new ByteWriter();
    writer.counts(Float64Array.of(0, Number.MAX_SAFE_INTEGER, 0));
    const target = new Float64Array(3);
    const reader = new ByteReader(writer.finish());
    expect(reader.counts(target)).toBe(Number.MAX_SAFE_INTEGER);
    const two = new ByteWriter();
    two.counts(Float64Array.of(Number.MAX_SAFE_INTEGER, 1));
    const refused = new ByteReader(two.finish());
    refused.counts(new Float64Array(2));
    expect(refused.failed).toBe(true);
  });

  it('of even counts near 156 take 9 bits each', () => {
    const writer = new ByteWriter();
    writer.counts(Float64Array.from({ length: 64 }, (_, i) => 140 + (i % 30)));
    expect(writer.finish().length).toBe(3 + 72);
  });

  it('refuse counts for more places than the target has', () => {
    const writer = new ByteWriter();
    writer.counts(Float64Array.from({ length: 50 }, () => 1));
    const reader = new ByteReader(writer.finish());
    expect(reader.counts(new Float64Array(49))).toBe(0);
    expect(reader.failed).toBe(true);
  });

  it('refuse floats that are not finite and varints that are longer than needed', () => {
    const writer = new ByteWriter();
    writer.float64(Number.NaN);
    writer.float32(Number.POSITIVE_INFINITY);
    const bytes = writer.finish();
    const wide = new ByteReader(bytes);
    wide.float64();
    const narrow = new ByteReader(bytes.subarray(8));
    narrow.float32();
    const long = new ByteReader(Uint8Array.of(0x81, 0x00));
    long.varint();
    expect([wide.failed, narrow.failed, long.failed]).toEqual([true, true, true]);
  });

  it('are never thrown on, whatever they are', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.nat(500), (bytes, length) => {
        const reader = new ByteReader(bytes);
        const target = new Float64Array(length);
        const total = reader.counts(target);
        expect(Number.isSafeInteger(total)).toBe(true);
        reader.varint();
        reader.float32();
        reader.float64();
        if (!reader.failed) expect(target.every((n) => Number.isSafeInteger(n) && n >= 0)).toBe(true);
      }),
      { numRuns: 2000 },
    );
  });

  it('refuse to hold what is not a count', () => {
    for (const value of [-1, 0.5, Number.NaN, 2 ** 53]) {
      expect(() => new ByteWriter().varint(value)).toThrow(RangeError);
      expect(() => new ByteWriter().counts(Float64Array.of(value))).toThrow(RangeError);
    }
  });
});
