import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { addNumber, hasNumber, type Ranges } from './ranges.ts';

describe('ranges', () => {
  it('are a set, in the fewest ranges, whatever the order', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(60), { maxLength: 120 }), (numbers) => {
        let ranges: Ranges = [];
        const set = new Set<number>();
        for (const number of numbers) {
          const next = addNumber(ranges, number);
          if (set.has(number)) expect(next).toBe(ranges);
          ranges = next;
          set.add(number);
        }
        for (let number = 0; number <= 61; number++) expect(hasNumber(ranges, number)).toBe(set.has(number));
        for (const [at, [from, to]] of ranges.entries()) {
          expect(from).toBeLessThanOrEqual(to);
          if (at > 0) expect(from).toBeGreaterThan((ranges[at - 1]?.[1] ?? 0) + 1);
        }
      }),
    );
  });
});
