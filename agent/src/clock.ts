// Owns what time it is on this device: a clock that starts in 1970 must not decide about expiry. Never steps back.
import { BUILT_AT } from './version.ts';

export interface Clock {
  /** Ms since epoch: the largest of build time, last signed time seen (running on) and the system clock. */
  now(): number;
  /** Monotonic ms since an arbitrary start. */
  mono(): number;
  /** Takes note of a time that a verified signature vouches for. */
  seeSigned(at: number): void;
  /** What signatures vouched for counts no more: their keys were given up. */
  forgetSigned(): void;
}

/** @param wall the system clock. @param mono a clock that only runs forward; both in ms. */
export function makeClock(
  wall: () => number = Date.now,
  mono: () => number = () => performance.now(),
  signedAt = 0,
): Clock {
  let floor = Math.max(BUILT_AT, signedAt);
  let floorMono = mono();
  return {
    // The floor runs on by the monotonic clock, so that waits end even when the system clock stands in 1970.
    now: () => Math.floor(Math.max(wall(), floor + (mono() - floorMono))),
    mono,
    seeSigned(at) {
      const passed = floor + (mono() - floorMono);
      if (at <= passed) return;
      floor = at;
      floorMono = mono();
    },
    forgetSigned() {
      floor = BUILT_AT;
      floorMono = mono();
    },
  };
}
