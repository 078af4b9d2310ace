import { describe, expect, it } from 'vitest';
import { makeBreaker } from './breaker.ts';

describe('a breaker', () => {
  it('opens after three slow runs in a row, and not for one now and then', () => {
    const breaker = makeBreaker();
    for (let now = 0; now < 100; now++) breaker.note(now, now % 3 !== 0);
    expect(breaker.isOpen(100)).toBe(false);
    breaker.note(100, true);
    breaker.note(101, true);
    breaker.note(102, true);
    expect(breaker.isOpen(103)).toBe(true);
    expect(breaker.isOpen(102 + 10_000)).toBe(false);
  });

  it('opens again after one slow run, twice as long each time up to a bound, and forgets all after a quick one', () => {
    const breaker = makeBreaker();
    let now = 0;
    for (let i = 0; i < 2; i++) breaker.note(now, true);
    const pauses: number[] = [];
    for (let i = 0; i < 7; i++) {
      breaker.note(now, true);
      const from = now;
      while (breaker.isOpen(now)) now += 1000;
      pauses.push(now - from);
    }
    expect(pauses).toEqual([10_000, 20_000, 40_000, 80_000, 160_000, 300_000, 300_000]);
    breaker.note(now, false);
    breaker.note(now, true);
    expect(breaker.isOpen(now)).toBe(false);
  });
});
