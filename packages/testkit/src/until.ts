// Waits on a condition with a deadline: the only way a test may wait. Never sleeps for a fixed time and hopes.

/** Thrown by a probe that knows that waiting longer is of no use. */
export class GiveUp extends Error {}

/** Asks `probe` again and again until it gives something truthy; fails with `what` and the last error when time is up. */
export async function until<T>(
  what: string,
  probe: () => T | Promise<T>,
  deadlineMs = 30_000,
): Promise<NonNullable<T>> {
  const end = performance.now() + deadlineMs;
  let last: unknown;
  for (let pauseMs = 5; ; pauseMs = Math.min(pauseMs * 1.5, 200)) {
    try {
      const value = await probe();
      if (value) return value;
      last = value;
    } catch (error) {
      if (error instanceof GiveUp) throw error;
      last = error;
    }
    if (performance.now() > end) throw new Error(`waited ${deadlineMs} ms for: ${what}`, { cause: last });
    await new Promise((resolve) => setTimeout(resolve, pauseMs));
  }
}
