// Decides when a model that keeps being too slow is left alone for a while. Pure: time is handed in. A run cannot be interrupted,
// so that not asking is all that helps those who wait.

/** Too slow so often in a row. */
const STRIKES = 3;
const FIRST_PAUSE_MS = 10_000;
const LONGEST_PAUSE_MS = 300_000;

export interface Breaker {
  /** The model is not to be asked now. */
  isOpen(now: number): boolean;
  /** How the run that ended now went. After a pause one slow run is enough for the next, which is twice as long. */
  note(now: number, isLate: boolean): void;
}

export function makeBreaker(): Breaker {
  let strikes = 0;
  let pauseMs = FIRST_PAUSE_MS;
  let openUntil = Number.NEGATIVE_INFINITY;
  return {
    isOpen: (now) => now < openUntil,
    note(now, isLate) {
      if (!isLate) {
        strikes = 0;
        pauseMs = FIRST_PAUSE_MS;
        return;
      }
      strikes += 1;
      if (strikes < STRIKES) return;
      openUntil = now + pauseMs;
      pauseMs = Math.min(LONGEST_PAUSE_MS, 2 * pauseMs);
    },
  };
}
