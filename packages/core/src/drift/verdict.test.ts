// Checks what windows of one feature of one device come to: false alarms where nothing changes, and what is seen where it does.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { EMPTY_SERIES, foldSeries, KEPT_WINDOWS, LEAST_WINDOWS } from './series.ts';
import {
  DRIFT_SETTINGS,
  type FeatureState,
  type FeatureVerdict,
  foldWindow,
  newFeature,
  type Observation,
} from './verdict.ts';

/** Mulberry32, and normals by Box and Muller: the same draws in every run. */
function seeded(seed: number): () => number {
  let state = seed;
  const uniform = (): number => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
  return () => Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform());
}

const usual: Observation = {
  level: 0,
  spread: 0.02,
  tail: 0.001,
  unusable: 0,
  rows: 500,
  effectiveRows: 500,
  unchanged: 0.01,
};

interface Device {
  state: FeatureState;
  last: FeatureVerdict | undefined;
}
const device = (): Device => ({ state: newFeature(), last: undefined });
function feed(one: Device, seen: Partial<Observation>): FeatureVerdict {
  const { state, verdict } = foldWindow(one.state, { ...usual, ...seen });
  one.state = state;
  one.last = verdict;
  return verdict;
}

describe('windows of one feature of one device', () => {
  it('are not judged before there are enough of them, nor with too few values', () => {
    const one = device();
    expect(feed(one, { rows: 10 })).toMatchObject({ verdict: 'too_few_rows', needed: 20 });
    for (let i = 0; i < LEAST_WINDOWS; i++)
      expect(feed(one, {})).toMatchObject({ verdict: 'learning', needed: LEAST_WINDOWS - i });
    expect(feed(one, {})).toMatchObject({ verdict: 'ok', needed: 0 });
  });

  it('raise few false alarms where devices differ from the baseline and wander a little', () => {
    const normal = seeded(1);
    let alarms = 0;
    for (let d = 0; d < 100; d++) {
      const one = device();
      const offset = 0.15 * normal();
      let wander = 0;
      for (let w = 0; w < 330; w++) {
        wander = 0.8 * wander + 0.03 * normal();
        const level = offset + wander + 0.033 * normal();
        if (feed(one, { level, spread: 0.02 + 0.005 * Math.abs(normal()) }).verdict === 'material') alarms++;
      }
    }
    // Of 30,000 judged windows: what wanders is not exchangeable, so more than the stated one in 100,000 and still few.
    expect(alarms).toBeLessThan(3);
  });

  it.each([
    ['a shift', { level: 0.6 }, 'level', 0.6],
    ['a wider spread', { spread: 0.5 }, 'spread', 0.48],
    ['values outside the reference range', { tail: 0.2 }, 'tail', 0.2],
    ['missing values', { unusable: 0.5 }, 'unusable', 0.5],
  ] as const)('see %s within a few windows, name it, and forget it when it is over', (_, changed, aspect, change) => {
    const normal = seeded(2);
    const one = device();
    const noise = (): Partial<Observation> => ({ level: 0.03 * normal(), spread: 0.02 + 0.004 * Math.abs(normal()) });
    for (let i = 0; i < 60; i++) feed(one, noise());
    let delay = 0;
    while (feed(one, { ...noise(), ...changed }).verdict !== 'material') expect(++delay).toBeLessThan(6);
    expect(one.last).toMatchObject({ aspect });
    expect(one.last?.change).toBeCloseTo(change, 0);
    expect(Math.abs(one.last?.leastChange ?? 0)).toBeLessThan(Math.abs(one.last?.change ?? 0));
    let back = 0;
    while (feed(one, noise()).verdict !== 'ok') expect(++back).toBeLessThan(60);
  });

  it('call a change that is sure and small immaterial', () => {
    const normal = seeded(3);
    const one = device();
    for (let i = 0; i < 100; i++) feed(one, { level: 0.002 * normal(), effectiveRows: 1e6, rows: 1e6 });
    let last: FeatureVerdict | undefined;
    for (let i = 0; i < 30; i++) last = feed(one, { level: 0.05 + 0.002 * normal(), effectiveRows: 1e6, rows: 1e6 });
    expect(last).toMatchObject({ verdict: 'immaterial', aspect: 'level' });
  });

  it('call one odd window nothing', () => {
    const one = device();
    for (let i = 0; i < 60; i++) feed(one, { level: 0.01 * (i % 3) });
    expect(feed(one, { level: 5 }).verdict).toBe('ok');
    expect(feed(one, {}).verdict).toBe('ok');
  });

  it('call a sensor that never changes stuck at once, unless it always was like that', () => {
    const one = device();
    for (let i = 0; i < 40; i++) feed(one, {});
    expect(feed(one, { unchanged: 1 })).toMatchObject({ verdict: 'material', aspect: 'stuck' });
    const steady = device();
    for (let i = 0; i < 40; i++) feed(steady, { unchanged: 1 });
    expect(feed(steady, { unchanged: 1 }).verdict).toBe('ok');
  });

  it('never remember more than they should, never let what is odd become usual, and give numbers', () => {
    const value = fc.oneof(fc.double({ min: -1e6, max: 1e6, noNaN: true }), fc.constantFrom(0, 1));
    fc.assert(
      fc.property(fc.array(value, { maxLength: 300 }), (values) => {
        let series = EMPTY_SERIES;
        for (const each of values) {
          const before = series;
          const judged = foldSeries(series, each, 0.01, 1000);
          series = judged.series;
          expect(series.history.length).toBeLessThanOrEqual(KEPT_WINDOWS);
          // 0 and -0 are the same size, in any order.
          expect(series.sorted.map((x) => x + 0)).toEqual(series.history.map((x) => x + 0).toSorted((a, b) => a - b));
          expect(series.evidence).toBeGreaterThanOrEqual(0);
          expect(judged.p >= 0 && judged.p <= 1).toBe(true);
          expect(Math.abs(judged.leastChange)).toBeLessThanOrEqual(Math.abs(judged.change));
          if (judged.p < 0.01 && before.history.length >= LEAST_WINDOWS) expect(series.history).toBe(before.history);
        }
      }),
    );
  });

  it('count on as many windows between false alarms as is asked for', () => {
    // Independent normal windows: the detector's threshold is its least mean run length.
    const normal = seeded(4);
    let [alarms, judged] = [0, 0];
    for (let d = 0; d < 200; d++) {
      let series = EMPTY_SERIES;
      for (let w = 0; w < 400; w++) {
        const next = foldSeries(series, normal(), 0, 500);
        series = next.series;
        if (w < LEAST_WINDOWS) continue;
        judged++;
        if (series.evidence >= 500) {
          alarms++;
          series = { ...series, evidence: 0 };
        }
      }
    }
    expect(alarms / judged).toBeLessThan(2 / 500);
    expect(alarms).toBeGreaterThan(0);
    expect(DRIFT_SETTINGS.windowsPerFalseAlarm).toBe(100_000);
  });
});
