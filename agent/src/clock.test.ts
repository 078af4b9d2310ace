import { describe, expect, it } from 'vitest';
import { makeClock } from './clock.ts';
import { BUILT_AT } from './version.ts';

describe('clock', () => {
  it('is never before the build or the last signed time, and runs on although the system clock stands in 1970', () => {
    let mono = 0;
    const clock = makeClock(
      () => 0,
      () => mono,
    );
    expect(clock.now()).toBe(BUILT_AT);
    mono = 5000;
    expect(clock.now()).toBe(BUILT_AT + 5000);
    clock.seeSigned(BUILT_AT + 1_000_000);
    mono = 6000;
    expect(clock.now()).toBe(BUILT_AT + 1_001_000);
    clock.seeSigned(BUILT_AT);
    expect(clock.now()).toBe(BUILT_AT + 1_001_000);
  });

  it('follows a system clock that is right', () => {
    let wall = BUILT_AT + 1e9;
    const clock = makeClock(
      () => wall,
      () => 0,
      BUILT_AT + 10,
    );
    expect(clock.now()).toBe(wall);
    wall += 77;
    expect(clock.now()).toBe(wall);
  });
});
