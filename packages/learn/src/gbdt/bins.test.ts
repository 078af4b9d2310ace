import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createRandom } from '../random.ts';
import { cutBetween, MAX_BINS, planBins, writeCodes } from './bins.ts';

const float = fc.float({ noDefaultInfinity: true, noNaN: true });

describe('bins', () => {
  it('cuts so that float32 comparison parts two values exactly', () => {
    fc.assert(
      fc.property(float, float, (a, b) => {
        fc.pre(a < b);
        const cut = cutBetween(a, b);
        expect(Math.fround(cut)).toBe(cut);
        expect(a <= cut && !(b <= cut)).toBe(true);
      }),
    );
  });

  it('gives every value the code that comparing with the edges gives, and missing a code of its own', () => {
    fc.assert(
      fc.property(fc.array(fc.oneof(float, fc.constant(Number.NaN)), { maxLength: 600 }), (values) => {
        const column = Float32Array.from(values);
        const { edges, counts } = planBins([column]);
        const own = edges[0] ?? new Float32Array(0);
        expect(own.every((edge, i) => i === 0 || edge > (own[i - 1] ?? 0))).toBe(true);
        const codes = new Uint8Array(column.length);
        writeCodes(column, own, codes);
        column.forEach((value, i) => {
          const expected = Number.isNaN(value) ? counts[0] : own.filter((edge) => !(value <= edge)).length;
          expect(codes[i]).toBe(expected);
        });
      }),
    );
  });

  it('keeps distinct values apart while they fit, and shares rows evenly beyond', () => {
    const few = planBins([Float32Array.from({ length: 1000 }, (_, i) => i % MAX_BINS)]);
    expect(few.counts[0]).toBe(MAX_BINS);
    const random = createRandom(1);
    const column = Float32Array.from({ length: 50_000 }, () => random.normal());
    const { edges, counts } = planBins([column]);
    expect(counts[0]).toBe(MAX_BINS);
    const codes = new Uint8Array(column.length);
    writeCodes(column, edges[0] ?? new Float32Array(0), codes);
    const tally = new Uint32Array(MAX_BINS);
    for (const code of codes) tally[code] = (tally[code] ?? 0) + 1;
    expect(Math.max(...tally)).toBeLessThan(210);
    expect(Math.min(...tally)).toBeGreaterThan(180);
  });
});
