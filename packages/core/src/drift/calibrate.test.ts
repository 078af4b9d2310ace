import { describe, expect, it } from 'vitest';
import { addCounts, countVerdict, NO_COUNT, poissonInterval, rateOf } from './calibrate.ts';
import type { FeatureVerdict } from './verdict.ts';

const told = (verdict: FeatureVerdict['verdict']): FeatureVerdict => ({
  verdict, needed: 0, aspect: undefined, change: 0, leastChange: 0, evidence: 0,
}); // biome-ignore format: one record

describe('calibration', () => {
  it('knows the exact intervals of a count (Garwood 1936, table)', () => {
    for (const [k, low, high] of [[0, 0, 3.689], [1, 0.0253, 5.572], [2, 0.2422, 7.225], [5, 1.623, 11.668], [10, 4.795, 18.39], [100, 81.36, 121.63]] as const) {
      const [a, b] = poissonInterval(k);
      expect(a).toBeCloseTo(low, 2);
      expect(b).toBeCloseTo(high, 1);
    } // biome-ignore format: a table
  });

  it('counts an alarm once, and judges only what was judged', () => {
    const verdicts = [
      'learning',
      'too_few_rows',
      'ok',
      'immaterial',
      'material',
      'material',
      'ok',
      'material',
      'immaterial',
      'ok',
    ] as const;
    let [count, before]: [typeof NO_COUNT, FeatureVerdict['verdict'] | undefined] = [NO_COUNT, undefined];
    for (const verdict of verdicts) {
      count = countVerdict(count, before, told(verdict));
      before = verdict;
    }
    expect(count).toEqual({ judged: 3, alarms: 2, material: 2 });
    expect(addCounts(count, count)).toEqual({ judged: 6, alarms: 4, material: 4 });
  });

  it('says whether the stated rate is kept, or how many windows would tell', () => {
    expect(rateOf(NO_COUNT)).toMatchObject({ rate: undefined, verdict: 'unsure', nominal: 1, needed: 184_444 });
    expect(rateOf({ judged: 100_000, alarms: 0, material: 0 })).toMatchObject({
      rate: 0,
      verdict: 'unsure',
      needed: 84_444,
    });
    expect(rateOf({ judged: 200_000, alarms: 0, material: 0 })).toMatchObject({ rate: 0, verdict: 'kept', needed: 0 });
    expect(rateOf({ judged: 5_000_000, alarms: 50, material: 0 })).toMatchObject({ rate: 1, verdict: 'kept' });
    expect(rateOf({ judged: 100_000, alarms: 8, material: 0 })).toMatchObject({ rate: 8, verdict: 'exceeded' });
  });
});
