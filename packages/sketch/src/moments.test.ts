import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ByteReader, ByteWriter } from './codec.ts';
import { Moments } from './moments.ts';

const value = fc.float({ noNaN: true, noDefaultInfinity: true, min: Math.fround(-1e30), max: Math.fround(1e30) });

describe('blurred extremes', () => {
  it('lie beyond every value, are none of them, and still bound the sums of what is read back', () => {
    fc.assert(
      fc.property(
        fc.array(value, { minLength: 1, maxLength: 30 }),
        fc.float({ noNaN: true, min: Math.fround(-1e6), max: Math.fround(1e6) }),
        fc.constantFrom(1e-30, 1e-3, 1, 7.5, 1e6),
        (values, shift, scale) => {
          const moments = new Moments(shift, scale);
          for (const x of values) moments.add(x);
          moments.blurExtremes();
          expect(moments.min).toBeLessThan(Math.min(...values));
          expect(moments.max).toBeGreaterThan(Math.max(...values));
          const writer = new ByteWriter();
          moments.write(writer);
          const reader = new ByteReader(writer.finish());
          const read = new Moments(shift, scale);
          read.read(reader, values.length);
          expect(reader.failed).toBe(false);
          expect([read.min, read.max]).toEqual([moments.min, moments.max]);
        },
      ),
    );
  });

  it('stay within a quarter of their distance from the median', () => {
    const moments = new Moments(300, 2);
    for (const x of [290, 305, 341]) moments.add(x);
    moments.blurExtremes();
    expect(moments.min).toBeGreaterThan(300 - 10 * 1.25);
    expect(moments.max).toBeLessThan(300 + 41 * 1.25);
    const empty = new Moments(0, 1);
    empty.blurExtremes();
    expect(empty.min).toBe(Number.POSITIVE_INFINITY);
  });
});
