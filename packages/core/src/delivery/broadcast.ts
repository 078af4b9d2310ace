// Decides how fast an artifact is sent to all that listen, and who is too slow to go on listening. Never sends and never reads
// a clock.

export interface BroadcastLimits {
  /** One that is further behind than half a window for so long goes on alone, ms. */
  readonly patienceMs: number;
}

/** Measured in the design: naive pacing by the slowest lets one slow device stop nine fast ones. */
export const BROADCAST_LIMITS: BroadcastLimits = { patienceMs: 400 };

/** One device that listens. */
export interface Listener {
  readonly id: string;
  /** Sent to it and not yet said to have come. */
  readonly flyingBytes: number;
  /** What may be on the way to it, by its measured rate. */
  readonly windowBytes: number;
  /** Since when it has been behind, ms; undefined: it is not. */
  readonly behindSince: number | undefined;
}

export interface Pace {
  /** Bytes that may be sent to all now. */
  readonly room: number;
  readonly evict: readonly string[];
  /** Those who are behind, and since when. */
  readonly behind: ReadonlyMap<string, number>;
}

/** The lower one of the two in the middle: half of the listeners are at least so far. */
function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[(sorted.length - 1) >> 1] ?? 0;
}

/**
 * The median listener sets the pace: what is on the way to it stays within its window. Who has more than half a window more on
 * the way than the median is behind. Nothing is sent while anyone has two windows on the way: that bounds what the slowest
 * costs until it is evicted.
 */
export function paceBroadcast(
  listeners: readonly Listener[],
  now: number,
  limits: BroadcastLimits = BROADCAST_LIMITS,
): Pace {
  if (listeners.length === 0) return { room: 0, evict: [], behind: new Map() };
  const flying = median(listeners.map(({ flyingBytes }) => flyingBytes));
  const window = median(listeners.map(({ windowBytes }) => windowBytes));
  const behind = new Map<string, number>();
  const evict: string[] = [];
  let isBlocked = false;
  for (const { id, flyingBytes, behindSince } of listeners) {
    if (flyingBytes - flying <= window / 2) continue;
    const since = behindSince ?? now;
    if (now - since >= limits.patienceMs) evict.push(id);
    else {
      behind.set(id, since);
      if (flyingBytes >= 2 * window) isBlocked = true;
    }
  }
  return { room: isBlocked ? 0 : Math.max(0, window - flying), evict, behind };
}
