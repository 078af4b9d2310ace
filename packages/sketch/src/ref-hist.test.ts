// Proves that the lookup table finds the same bin as comparing with every cut. Never measures speed.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { nextDown, nextUp } from './float32.ts';
import { MAX_CUTS, MIN_CUTS, RefEdges, RefHist } from './ref-hist.ts';

const float = fc.float({ min: Math.fround(-1e30), max: Math.fround(1e30), noNaN: true }).map((x) => x + 0);
const near = fc.float({ min: 295, max: 304, noNaN: true });
const heavy = fc.integer({ min: -40, max: 90 }).map((power) => Math.fround(2 ** power));
const cutLists = fc
  .oneof(...[float, near, heavy].map((of) => fc.uniqueArray(of, { minLength: MIN_CUTS, maxLength: MAX_CUTS })))
  .map((cuts) => cuts.sort((a, b) => a - b));

describe('bins on reference edges', () => {
  it('are those that counting the cuts at or below x gives', () => {
    fc.assert(
      fc.property(cutLists, fc.array(fc.oneof(float, near, heavy), { maxLength: 30 }), (cuts, values) => {
        const edges = new RefEdges(cuts);
        const around = cuts.flatMap((cut) => [cut, nextUp(cut), nextDown(cut)]);
        for (const x of [...values, ...around]) {
          expect(edges.indexOf(x)).toBe(cuts.filter((cut) => cut <= x).length);
        }
      }),
    );
  });

  it('tell the values beyond the reference range', () => {
    const cuts = [-3, -2, -1, 0, 1, 2, 3, 4, 5];
    const hist = new RefHist(new RefEdges(cuts));
    for (const x of [-9, -2.5, -1, -0.5, 0, 0.5, 1.99, 2, 2.5, 7]) hist.add(x);
    expect([hist.belowReference, hist.aboveReference, hist.total]).toEqual([4, 3, 10]);
    expect([...hist.counts]).toEqual([1, 1, 0, 2, 2, 1, 2, 0, 0, 1]);
  });

  it('refuse cuts that do not ascend, are not finite, or are too few or many', () => {
    const good = [0, 1, 2, 3, 4, 5, 6, 7];
    expect(new RefEdges(good).binCount).toBe(9);
    const bad = [good.slice(1), [...good, 7], [...good, Number.NaN], Array.from({ length: MAX_CUTS + 1 }, (_, i) => i)];
    for (const cuts of bad) expect(() => new RefEdges(cuts)).toThrow(RangeError);
  });

  it('refuse to meet other bins', () => {
    const small = new RefHist(new RefEdges([0, 1, 2, 3, 4, 5, 6, 7]));
    const large = new RefHist(new RefEdges([0, 1, 2, 3, 4, 5, 6, 7, 8]));
    expect(() => small.merge(large)).toThrow(RangeError);
    expect(() => large.subtract(small)).toThrow(RangeError);
  });
});
