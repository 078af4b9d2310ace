// Proves that batch means tell an autocorrelated stream from an independent one, and add up. Never measures speed.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BatchMeans } from './batch-means.ts';
import { Moments } from './moments.ts';

function makeNormal(seed: number): () => number {
  let state = seed >>> 0;
  const uniform = (): number => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return (state + 0.5) / 2 ** 32;
  };
  return () => Array.from({ length: 12 }, uniform).reduce((a, b) => a + b, -6);
}

/** Mean inflation over windows of an AR(1) stream. */
function inflate(phi: number, length: number, windows: number): number {
  const normal = makeNormal(11);
  const total = { batches: new BatchMeans(), moments: new Moments(0, 1) };
  let x = 0;
  for (let w = 0; w < windows; w++) {
    const batches = new BatchMeans();
    const moments = new Moments(0, 1);
    for (let i = 0; i < length; i++) {
      x = phi * x + normal();
      batches.add(moments.add(x));
    }
    total.batches.merge(batches);
    total.moments.merge(moments);
  }
  return total.batches.inflation(total.moments);
}

describe('batch means', () => {
  it('find no inflation in an independent stream', () => {
    expect(inflate(0, 2000, 40)).toBeGreaterThan(0.85);
    expect(inflate(0, 2000, 40)).toBeLessThan(1.15);
  });

  it('find (1+φ)/(1−φ) in an AR(1) stream', () => {
    expect(inflate(0.8, 4000, 40)).toBeGreaterThan(7.2);
    expect(inflate(0.8, 4000, 40)).toBeLessThan(10.8);
  });

  it('keep the squares of 16 to 32 batches of a power of two, the last one as it is', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: -1000, max: 1000 }), { maxLength: 600 }), (values) => {
        const batches = new BatchMeans();
        for (const d of values) batches.add(d);
        let size = 1;
        while (Math.floor(values.length / size) >= 32) size *= 2;
        let squares = 0;
        for (let i = 0; i < values.length; i += size) {
          const batch = values.slice(i, i + size);
          squares += batch.reduce((a, b) => a + b, 0) ** 2 / batch.length;
        }
        expect(batches.batches).toBe(Math.ceil(values.length / size));
        expect(batches.squares).toBeCloseTo(squares, 4);
      }),
    );
  });

  it('say nothing about few batches or a constant', () => {
    const batches = new BatchMeans();
    const moments = new Moments(5, 1);
    for (let i = 0; i < 7; i++) batches.add(moments.add(i));
    expect(batches.inflation(moments)).toBeNaN();
    const flat = { batches: new BatchMeans(), moments: new Moments(5, 1) };
    for (let i = 0; i < 100; i++) flat.batches.add(flat.moments.add(5));
    expect(flat.batches.inflation(flat.moments)).toBeNaN();
  });
});

describe('moments', () => {
  it('keep the variance of small changes on a large offset', () => {
    const moments = new Moments(1e6, 0.5);
    for (let i = 0; i < 10_000; i++) moments.add(1e6 + (i % 2 === 0 ? 0.25 : -0.25));
    expect(moments.mean).toBeCloseTo(1e6, 9);
    expect(moments.variance).toBeCloseTo((0.0625 * 10_000) / 9_999, 12);
    expect([moments.min, moments.max]).toEqual([1e6 - 0.25, 1e6 + 0.25]);
    expect(new Moments(0, 1).variance).toBeNaN();
  });
});
