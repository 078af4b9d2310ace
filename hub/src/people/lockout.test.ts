import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { addFailure, type Failures, FORGET_MS, FREE_FAILURES, MOST_MS, waitOf } from './lockout.ts';

const failTimes = (times: number, now: number): Failures | undefined => {
  let held: Failures | undefined;
  for (let i = 0; i < times; i++) held = addFailure(held, now);
  return held;
};

describe('the lock after failed sign-ins', () => {
  it('waits for nothing after a few, then for longer and longer, up to a quarter of an hour', () => {
    const waits = Array.from({ length: 14 }, (_, i) => waitOf(failTimes(i, 1000), 1000));
    expect(waits.slice(0, FREE_FAILURES)).toEqual([0, 0, 0, 0, 0]);
    expect(waits.slice(FREE_FAILURES, FREE_FAILURES + 6)).toEqual([30_000, 60_000, 120_000, 240_000, 480_000, MOST_MS]);
    expect(waits.at(-1)).toBe(MOST_MS);
  });

  it('is over by itself, and forgotten after a day', () => {
    const held = failTimes(8, 0);
    expect(waitOf(held, MOST_MS)).toBe(0);
    expect(addFailure(held, FORGET_MS + 1).count).toBe(1);
  });

  it('never lasts longer than its most, whatever the clock does and however many fail', () => {
    fc.assert(
      fc.property(fc.array(fc.nat({ max: 2 ** 42 }), { maxLength: 60 }), fc.nat({ max: 2 ** 42 }), (times, now) => {
        let held: Failures | undefined;
        for (const at of times) held = addFailure(held, at);
        expect(waitOf(held, now)).toBeLessThanOrEqual(MOST_MS);
        expect(waitOf(held, now)).toBeGreaterThanOrEqual(0);
      }),
    );
  });
});
