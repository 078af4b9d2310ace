// Changes of the errors over time on seeded streams of windows: where they are, how large, and how often they are none.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DETECTOR_NAMES, findChanges, type Step } from './error-drift.ts';

/** Mulberry32. */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Windows of so many rows, wrong with the rate of each window. */
function windows(random: () => number, count: number, rows: number, rateAt: (i: number) => number): Step[] {
  return Array.from({ length: count }, (_, i) => {
    const rate = rateAt(i);
    let sum = 0;
    for (let row = 0; row < rows; row++) if (random() < rate) sum += 1;
    return { at: 1000 * i, n: rows, sum };
  });
}

describe('changes of the errors', () => {
  it.each(DETECTOR_NAMES)('are found by %s at the window where they began', (detector) => {
    const steps = windows(seeded(2), 120, 40, (i) => (i < 60 ? 0.05 : 0.4));
    const [change, ...more] = findChanges(steps, 'share', detector);
    expect(more).toEqual([]);
    expect(Math.abs((change?.at ?? 0) - 60_000)).toBeLessThanOrEqual(1000);
    expect(change?.foundAt).toBeLessThan(75_000);
    expect(change?.before).toBeCloseTo(0.05, 1);
    expect(change?.after).toBeCloseTo(0.4, 1);
    expect(change?.difference.low).toBeGreaterThan(0.3);
    expect(change?.difference.high).toBeLessThan(0.4);
  });

  it('are found where a model became better again, each once', () => {
    const steps = windows(seeded(3), 200, 40, (i) => (i >= 70 && i < 130 ? 0.3 : 0.05));
    const found = findChanges(steps, 'share', 'adwin');
    expect(found.map(({ at }) => Math.round(at / 5000))).toEqual([14, 26]);
    expect(found.map(({ before, after }) => after > before)).toEqual([true, false]);
  });

  it('are found in the amount of the error of a regression', () => {
    const random = seeded(4);
    const steps = Array.from({ length: 100 }, (_, i): Step => {
      let sum = 0;
      for (let row = 0; row < 20; row++) sum += (i < 50 ? 3 : 6) * -Math.log(1 - random());
      return { at: i, n: 20, sum };
    });
    const found = findChanges(steps, 'amount', 'adwin');
    expect(found).toHaveLength(1);
    expect(Math.abs((found[0]?.at ?? 0) - 50)).toBeLessThanOrEqual(2);
    expect(found[0]?.before).toBeCloseTo(3, 0);
    expect(findChanges(steps.slice(0, 50), 'amount', 'adwin')).toEqual([]);
  });

  it('are few among many streams in which nothing changes, also where windows differ more than chance makes them', () => {
    const random = seeded(5);
    const runs = 300;
    const alarms = { alike: 0, apart: 0 };
    for (let run = 0; run < runs; run++) {
      const rate = 0.02 + 0.2 * random();
      if (findChanges(windows(random, 100, 30, () => rate), 'share', 'adwin').length > 0) alarms.alike += 1; // biome-ignore format: one line
      const bursts = windows(random, 100, 30, () => (random() < 0.1 ? 0.6 : 0.05));
      if (findChanges(bursts, 'share', 'adwin').length > 0) alarms.apart += 1;
    }
    // Of streams with a hundred windows, at most so many in a hundred.
    expect(alarms.alike / runs).toBeLessThanOrEqual(0.01);
    expect(alarms.apart / runs).toBeLessThanOrEqual(0.07);
  });

  it('are the same whatever labels came first: a late one counts where its window is', () => {
    const steps = windows(seeded(6), 80, 30, (i) => (i < 40 ? 0.05 : 0.5));
    const late = steps.map((step, i) => (i % 3 === 0 ? { ...step, n: 0, sum: 0 } : step));
    const found = findChanges(late, 'share', 'adwin');
    expect(found).toHaveLength(1);
    expect(Math.abs((found[0]?.at ?? 0) - 40_000)).toBeLessThanOrEqual(2000);
    expect(findChanges(steps, 'share', 'adwin')).toHaveLength(1);
  });

  it('are numbers, in the order of time, whatever the counts are', () => {
    const step = fc.tuple(fc.integer({ min: 0, max: 2000 }), fc.double({ min: 0, max: 1, noNaN: true }));
    fc.assert(
      fc.property(
        fc.array(step, { maxLength: 60 }),
        fc.constantFrom(...DETECTOR_NAMES),
        fc.boolean(),
        (list, detector, isShare) => {
          const steps = list.map(
            ([n, share], at): Step => ({ at, n, sum: isShare ? Math.round(share * n) : share * n * 50 }),
          );
          const found = findChanges(steps, isShare ? 'share' : 'amount', detector);
          for (const [i, { at, foundAt, before, after, difference }] of found.entries()) {
            expect(foundAt).toBeGreaterThanOrEqual(at);
            expect(at).toBeGreaterThan(found[i - 1]?.at ?? -1);
            for (const x of [before, after, difference.low, difference.high]) expect(Number.isFinite(x)).toBe(true);
          }
        },
      ),
      { numRuns: 60, seed: 4 },
    );
  });
});
