// Decides when a name is locked after failed sign-ins and for how long. Pure: it is handed what is remembered and the time.

/** Failures that cost nothing: people mistype. */
export const FREE_FAILURES = 5;
const FIRST_MS = 30_000;
/** A lock never lasts longer, so that nobody can be locked out for good from outside. */
export const MOST_MS = 15 * 60_000;
/** Failures are forgotten after a day without one. */
export const FORGET_MS = 24 * 3600_000;

export interface Failures {
  readonly count: number;
  readonly lastAt: number;
  /** Ms since epoch; 0 when it was never locked. */
  readonly lockedUntil: number;
}

const isForgotten = ({ lastAt }: Failures, now: number): boolean => now - lastAt > FORGET_MS;

/** How long the name waits yet, in ms; 0 when it may be tried. A clock that was set back does not make it longer. */
export function waitOf(held: Failures | undefined, now: number): number {
  if (held === undefined || isForgotten(held, now)) return 0;
  return Math.min(Math.max(held.lockedUntil - now, 0), MOST_MS);
}

/** What is remembered after one more failure: from the fifth on the wait doubles, up to a quarter of an hour. */
export function addFailure(held: Failures | undefined, now: number): Failures {
  const count = held === undefined || isForgotten(held, now) ? 1 : Math.min(held.count + 1, 1000);
  const doublings = Math.min(count - FREE_FAILURES, 20);
  const waitMs = count < FREE_FAILURES ? 0 : Math.min(FIRST_MS * 2 ** doublings, MOST_MS);
  return { count, lastAt: now, lockedUntil: waitMs === 0 ? 0 : now + waitMs };
}
