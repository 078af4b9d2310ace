import { compareArms } from '@drover/core/rollout/compare';
import { describe, expect, it } from 'vitest';
import { CANARY_FLEET, type CanaryFleet, drawErrors } from './canary-fleet.ts';
import { type CanaryRule, deviceAnytime, deviceDaily, pooledPeeking } from './canary-rules.ts';

const BEFORE = 72;
const AFTER = 168;
const ALPHA = 0.05;

/** Share of runs in which the rule calls the version worse. */
function rateOf(rule: CanaryRule, over: Partial<CanaryFleet>, runs: number): number {
  const fleet = { ...CANARY_FLEET, ...over };
  let called = 0;
  for (let seed = 0; seed < runs; seed++) {
    const arms = drawErrors(fleet, { seed, hours: BEFORE + AFTER, changeAt: BEFORE });
    if (rule(arms, fleet, BEFORE, ALPHA) !== undefined) called++;
  }
  return called / runs;
}

/** Three standard errors above what is stated. */
const most = (runs: number): number => ALPHA + 3 * Math.sqrt((ALPHA * (1 - ALPHA)) / runs);

describe('a canary that is judged by devices', () => {
  it.each([
    [8, 0],
    [20, 0],
    [20, 0.15],
  ])('is stopped falsely as seldom as stated, with %i devices and an effect that differs by %d', (perArm, oddsSd) => {
    expect(rateOf(deviceAnytime, { perArm, oddsSd }, 120)).toBeLessThanOrEqual(most(120));
    expect(rateOf(deviceDaily, { perArm, oddsSd }, 120)).toBeLessThanOrEqual(most(120));
  });

  it('is stopped when the odds of errors are half as many again', () => {
    expect(rateOf(deviceDaily, { perArm: 20, odds: 1.5 }, 40)).toBeGreaterThan(0.9);
    expect(rateOf(deviceAnytime, { perArm: 20, odds: 1.5 }, 40)).toBeGreaterThan(0.9);
  });

  it('by all answers at once would be stopped falsely far more often', () => {
    expect(rateOf(pooledPeeking, { perArm: 20 }, 60)).toBeGreaterThan(0.3);
  });
});

describe('limits around the difference', () => {
  const treated = [0.03, 0.01, 0.02, 0.025, 0.015, 0.02, 0.03, 0.01];
  const control = [0, 0.01, -0.01, 0.005, -0.005, 0, 0.01, -0.01];

  it('hold the difference, are wider for any look than for one, and tighten with alpha', () => {
    const one = compareArms(treated, control, { alpha: 0.05, detect: 0.01, looks: 1 });
    const seven = compareArms(treated, control, { alpha: 0.05, detect: 0.01, looks: 7 });
    const any = compareArms(treated, control, { alpha: 0.05, detect: 0.01, looks: null });
    const strict = compareArms(treated, control, { alpha: 0.01, detect: 0.01, looks: null });
    for (const found of [one, seven, any, strict]) expect(found?.effect).toBeCloseTo(0.02, 12);
    const widths = [one, seven, any, strict].map((found) => (found ? found.high - found.low : 0));
    expect(widths).toEqual(widths.toSorted((a, b) => a - b));
    // By hand: 0.02 ± 1.76131 (t of 14 degrees of freedom at 95 %) · 0.00400892.
    expect([one?.low, one?.high].map((x) => x?.toFixed(5))).toEqual(['0.01294', '0.02706']);
  });

  it('need two devices on each side, and are not narrower than what counts allow', () => {
    expect(compareArms([1], control, { alpha: 0.05, detect: 1, looks: 1 })).toBeUndefined();
    const same = Array.from({ length: 10 }, () => 0);
    expect(compareArms(same, same, { alpha: 0.05, detect: 1, looks: 1 })).toEqual({ effect: 0, low: 0, high: 0 });
    const kept = compareArms(same, same, { alpha: 0.05, detect: 1, looks: 1, least: 1e-4 });
    expect(kept?.high).toBeGreaterThan(0.005);
  });
});
