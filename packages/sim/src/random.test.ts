// Proves that streams are reproducible, independent, and as uniform and normal as they claim.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { openStream } from './random.ts';

const take = (count: number, draw: () => number): number[] => Array.from({ length: count }, draw);
const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;

describe('openStream', () => {
  it('repeats for the same seed and label and differs for any other', () => {
    fc.assert(
      fc.property(fc.maxSafeInteger(), fc.string(), fc.maxSafeInteger(), fc.string(), (seed, label, seed2, label2) => {
        fc.pre(seed !== seed2 || label !== label2);
        const first = take(4, openStream(seed, label).uniform);
        expect(take(4, openStream(seed, label).uniform)).toEqual(first);
        expect(take(4, openStream(seed2, label2).uniform)).not.toEqual(first);
      }),
    );
  });

  it('is uniform in [0, 1): chi-square over 100 bins, 99 degrees of freedom, p = 1e-6 at 171', () => {
    const counts = Array.from({ length: 100 }, () => 0);
    for (const value of take(100_000, openStream(12, 'uniform').uniform)) {
      expect(value >= 0 && value < 1).toBe(true);
      const bin = Math.floor(value * 100);
      counts[bin] = (counts[bin] ?? 0) + 1;
    }
    expect(counts.reduce((sum, count) => sum + (count - 1000) ** 2 / 1000, 0)).toBeLessThan(171);
  });

  it('is standard normal in its first four moments', () => {
    const values = take(100_000, openStream(3, 'normal').normal);
    expect(mean(values)).toBeCloseTo(0, 1);
    expect(mean(values.map((value) => value ** 2))).toBeCloseTo(1, 1);
    expect(mean(values.map((value) => value ** 3))).toBeCloseTo(0, 1);
    expect(mean(values.map((value) => value ** 4))).toBeGreaterThan(2.9);
    expect(mean(values.map((value) => value ** 4))).toBeLessThan(3.1);
  });

  it('does not correlate neighbouring labels', () => {
    const a = take(10_000, openStream(5, 'machine/1').normal);
    const b = take(10_000, openStream(5, 'machine/2').normal);
    expect(Math.abs(mean(a.map((value, i) => value * (b[i] ?? 0))))).toBeLessThan(0.05);
  });

  it('draws exactly once for a chance, whatever the odds', () => {
    const a = openStream(1, 'x');
    const b = openStream(1, 'x');
    for (const odds of [0, 1, -3, 9, 0.5]) {
      a.chance(odds);
      b.uniform();
    }
    expect(a.uniform()).toBe(b.uniform());
    expect(openStream(2, 'y').chance(0)).toBe(false);
    expect(openStream(2, 'y').chance(1)).toBe(true);
  });
});
