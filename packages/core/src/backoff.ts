// Decides how long to wait before the next try. Never sleeps; randomness comes in.

export interface BackoffPolicy {
  readonly baseMs: number;
  readonly capMs: number;
}

/** Reconnects: full jitter with a cap of five minutes, so that a fleet does not return at once (design: thundering herd). */
export const RECONNECT: BackoffPolicy = { baseMs: 500, capMs: 300_000 };
/** A connection counts as good, and the attempt counter starts again, only after it held this long. */
export const STABLE_AFTER_MS = 60_000;

/** Full jitter: uniform in [0, min(cap, base·2^attempt)]. `attempt` counts from 0; `random` is in [0, 1). */
export function backoffMs(policy: BackoffPolicy, attempt: number, random: number): number {
  return Math.floor(random * Math.min(policy.capMs, policy.baseMs * 2 ** Math.min(attempt, 40)));
}
