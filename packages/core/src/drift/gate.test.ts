import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { leastBelieved } from './gate.ts';

describe('e-BH', () => {
  it('believes nothing of nothing, one among few early, and many together sooner than one', () => {
    expect(leastBelieved([], 0.1)).toBe(Number.POSITIVE_INFINITY);
    expect(leastBelieved([1, 1, 2], 0.1)).toBe(Number.POSITIVE_INFINITY);
    expect(leastBelieved([30, 1, 1], 0.1)).toBe(30);
    expect(leastBelieved([29, 1, 1], 0.1)).toBe(Number.POSITIVE_INFINITY);
    const fleet = Array.from({ length: 1000 }, (_, i) => (i < 100 ? 101 : 1));
    expect(leastBelieved(fleet, 0.1)).toBe(101);
    expect(leastBelieved([9000, ...Array<number>(999).fill(1)], 0.1)).toBe(Number.POSITIVE_INFINITY);
  });

  it('is the definition, whatever the order', () => {
    const eValue = fc.oneof(fc.double({ min: 0, max: 5, noNaN: true }), fc.double({ min: 0, max: 1e9, noNaN: true }));
    fc.assert(
      fc.property(fc.array(eValue, { maxLength: 40 }), (eValues) => {
        const least = leastBelieved(eValues, 0.2);
        const believed = eValues.filter((e) => e >= least).length;
        for (let k = 1; k <= eValues.length; k++) {
          const threshold = eValues.length / (k * 0.2);
          const reach = eValues.filter((e) => e >= threshold).length;
          if (reach >= k) expect(believed).toBeGreaterThanOrEqual(k);
        }
        if (believed > 0) expect(least * believed * 0.2).toBeGreaterThanOrEqual(eValues.length * (1 - 1e-12));
        expect(leastBelieved(eValues.toReversed(), 0.2)).toBe(least);
      }),
    );
  });

  it('keeps its share where some moved and most did not', () => {
    let state = 7;
    const uniform = (): number => {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      return (state + 0.5) / 2 ** 32;
    };
    let share = 0;
    for (let run = 0; run < 400; run++) {
      // Under the null ½·p^(−½) is an e-value; what moved has large ones.
      const nulls = Array.from({ length: 900 }, () => 0.5 * uniform() ** -0.5);
      const moved = Array.from({ length: 30 }, () => 200 + 1000 * uniform());
      const least = leastBelieved([...nulls, ...moved], 0.1);
      const wrong = nulls.filter((e) => e >= least).length;
      share += wrong / Math.max(1, wrong + moved.filter((e) => e >= least).length);
    }
    expect(share / 400).toBeLessThan(0.1);
  });
});
