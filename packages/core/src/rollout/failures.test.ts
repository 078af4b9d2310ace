import { splitMix } from '@drover/sketch/split-mix';
import { describe, expect, it } from 'vitest';
import { weighFailures } from './failures.ts';
import { judgeFailures } from './gate.ts';
import { PLAN_DEFAULTS } from './plan.ts';

const RATES = { ok: 0.01, bad: 0.05 };
const { gate } = PLAN_DEFAULTS;
const failures = (n: number): boolean[] => Array.from({ length: n }, () => true);
const goods = (n: number): boolean[] => Array.from({ length: n }, () => false);

describe('the evidence of failures', () => {
  it.each([
    [0.01, 3],
    [0.001, 5],
  ])('at alpha %d stops after %i in a row, whatever the stage holds', (alpha, straight) => {
    for (const devices of [straight, 100, 10_000]) {
      expect(weighFailures(failures(straight), RATES, devices).e).toBeGreaterThanOrEqual(1 / alpha);
      expect(weighFailures(failures(straight - 1), RATES, devices).e).toBeLessThan(1 / alpha);
    }
  });

  it('finds a version that turns bad after thousands of good devices within a dozen', () => {
    const turned = [...goods(5000), ...failures(12)];
    expect(weighFailures(turned, RATES, 10_000).e).toBeGreaterThan(100);
    // The likelihood ratio of the whole stage alone would still call it good.
    expect(weighFailures(turned, RATES, 10_000).ratio).toBeLessThan(0);
  });

  it.each([
    [20, 0.01],
    [200, 0.01],
    [2000, 0.01],
    [200, 0.05],
  ])(
    'stops a version whose share is fine on %i devices less often than alpha %d, with a look at each',
    (devices, alpha) => {
      let at = 0;
      const draw = (): number => (splitMix(devices, at++) >>> 0) / 2 ** 32;
      const runs = devices > 1000 ? 1500 : 5000;
      let stopped = 0;
      for (let run = 0; run < runs; run++) {
        const failed = Array.from({ length: devices }, () => draw() < RATES.ok);
        if (weighFailures(failed, RATES, devices).e >= 1 / alpha) stopped++;
      }
      // Three standard errors above alpha.
      expect(stopped / runs).toBeLessThan(alpha + 3 * Math.sqrt((alpha * (1 - alpha)) / runs));
    },
  );

  it('stays finite however many fail', () => {
    expect(weighFailures(failures(5000), RATES, 5000).e).toBe(1e300);
  });
});

describe('the gate of a stage', () => {
  it.each([
    ['fail', failures(3), 100],
    ['not_enough_evidence', [], 5],
    ['pass', goods(1), 5],
    ['inconclusive', [true], 5],
    ['inconclusive', [...goods(19), true], 20],
    ['pass', [...goods(98), true, true], 100],
    ['fail', [...goods(90), ...failures(10)], 100],
    ['pass', [], 0],
  ] as const)('says %s', (verdict, failed, devices) => {
    expect(judgeFailures({ failed: [...failed], devices }, gate)).toMatchObject({ verdict });
  });

  it('asks for as many devices as it was told, and for no more than there are', () => {
    const strict = { ...gate, minDevices: 10 };
    expect(judgeFailures({ failed: goods(9), devices: 50 }, strict)).toMatchObject({
      verdict: 'not_enough_evidence',
      needed: 10,
    });
    expect(judgeFailures({ failed: goods(4), devices: 4 }, strict)).toMatchObject({ verdict: 'pass', needed: 4 });
  });
});
