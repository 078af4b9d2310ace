// Proves the relative error of latency quantiles and the exact ranks at bucket edges. Never measures speed.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LATENCY_ALPHA, LogBuckets, upperEdgeOf } from './log-buckets.ts';

const micros = fc.double({ min: 0, max: 8, noNaN: true }).map((power) => Math.min(1e8, 10 ** power));

describe('latency buckets', () => {
  it('give every quantile within 2 %', () => {
    fc.assert(
      fc.property(
        fc.array(micros, { minLength: 1, maxLength: 200 }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        (times, q) => {
          const buckets = new LogBuckets();
          for (const us of times) buckets.add(us);
          const exact = times.sort((a, b) => a - b)[Math.floor(q * (times.length - 1))] ?? Number.NaN;
          const told = buckets.quantile(q) ?? Number.NaN;
          expect(Math.abs(told - exact)).toBeLessThanOrEqual(LATENCY_ALPHA * exact * (1 + 1e-9));
        },
      ),
    );
  });

  it('hold the values between their edges', () => {
    fc.assert(
      fc.property(micros, (us) => {
        const buckets = new LogBuckets();
        buckets.add(us);
        const at = buckets.counts.indexOf(1);
        expect(us).toBeLessThanOrEqual(upperEdgeOf(at) * (1 + 1e-9));
        expect(us).toBeGreaterThanOrEqual(upperEdgeOf(at - 1) * (1 - 1e-9));
      }),
    );
  });

  it('clamp what is outside 1 µs to 100 s, say so, and leave NaN out', () => {
    const buckets = new LogBuckets();
    expect(buckets.quantile(0.5)).toBeUndefined();
    for (const us of [-5, 0, 0.5, 1, 1e8, 1.1e8, Number.POSITIVE_INFINITY, Number.NaN]) buckets.add(us);
    expect([buckets.clampedBelow, buckets.clampedAbove, buckets.total]).toEqual([3, 2, 7]);
    expect([buckets.quantile(0), buckets.quantile(1)]).toEqual([1, 1e8]);
  });
});
