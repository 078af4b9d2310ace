import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { AUC_BINS, oddsBinOf } from './labelled.ts';

const probability = fc.double({ min: 0, max: 1, noNaN: true });

describe('oddsBinOf', () => {
  it('has a bin for every probability and never turns the order round', () => {
    fc.assert(
      fc.property(probability, probability, (a, b) => {
        const [low, high] = [oddsBinOf(Math.min(a, b)), oddsBinOf(Math.max(a, b))];
        expect(low).toBeLessThanOrEqual(high);
        expect(low).toBeGreaterThanOrEqual(0);
        expect(high).toBeLessThan(AUC_BINS);
      }),
    );
  });

  it('is symmetric about even odds, closed at both ends, and tells rare scores apart that equal bins would not', () => {
    expect([oddsBinOf(0), oddsBinOf(0.5), oddsBinOf(1)]).toEqual([0, AUC_BINS / 2, AUC_BINS - 1]);
    expect(Math.floor(0.0002 * AUC_BINS)).toBe(Math.floor(0.0004 * AUC_BINS));
    expect(oddsBinOf(0.0004)).toBeGreaterThan(oddsBinOf(0.0002) + 20);
  });
});
