import { splitMix } from '@drover/sketch/split-mix';
import { describe, expect, it } from 'vitest';
import { weighErrors } from './limit.ts';

describe('the evidence that a device fails more often than it may', () => {
  it('is found by a handful of failures, and by none where few of many fail', () => {
    expect(weighErrors(0, 1000, 0.05)).toBe(0);
    expect(weighErrors(50, 1000, 0.05)).toBe(0);
    expect(weighErrors(5, 5, 0.05)).toBeGreaterThan(Math.log(1e4));
    expect(weighErrors(60, 1000, 0.05)).toBeLessThan(Math.log(100));
    expect(weighErrors(100, 1000, 0.05)).toBeGreaterThan(Math.log(1e6));
    expect(Number.isFinite(weighErrors(1e6, 1e6, 0.001))).toBe(true);
  });

  it('is what the integral says', () => {
    // ∫ of p^7 (1-p)^13 over Jeffreys' density above 0.1, by a fine sum, over 0.1^7 0.9^13.
    const [k, n, limit] = [7, 20, 0.1];
    let [sum, weight] = [0, 0];
    const steps = 400_000;
    for (let i = 0; i < steps; i++) {
      const p = limit + ((i + 0.5) / steps) * (1 - limit);
      const density = 1 / Math.sqrt(p * (1 - p));
      sum += density * (p / limit) ** k * ((1 - p) / (1 - limit)) ** (n - k);
      weight += density;
    }
    expect(weighErrors(k, n, limit)).toBeCloseTo(Math.log(sum / weight), 2);
  });

  it('reaches 1 ÷ alpha less often than alpha at the limit itself, with a look at each answer', () => {
    let at = 0;
    const draw = (): number => (splitMix(3, at++) >>> 0) / 2 ** 32;
    const [limit, alpha, runs, answers] = [0.05, 0.05, 2000, 300];
    let reached = 0;
    for (let run = 0; run < runs; run++) {
      let errors = 0;
      for (let n = 1; n <= answers; n++) {
        if (draw() >= limit) continue;
        errors++;
        if (weighErrors(errors, n, limit) < Math.log(1 / alpha)) continue;
        reached++;
        break;
      }
    }
    expect(reached / runs).toBeLessThan(alpha + 3 * Math.sqrt((alpha * (1 - alpha)) / runs));
  });
});
