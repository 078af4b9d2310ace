// Decides how long an address that failed has to wait before it may try again. Bounded; forgets by itself; never blocks.

export interface FailureLimit {
  /** 0: it may try. Milliseconds otherwise. */
  waitOf(address: string): number;
  failed(address: string): void;
}

const WINDOW_MS = 10 * 60_000;
/** Failures that an address has in a window: a site with a few mistyped codes, not a guesser. */
const MOST_FAILURES = 30;
const MOST_ADDRESSES = 10_000;

interface Failures {
  count: number;
  until: number;
}

export function makeFailureLimit(now: () => number): FailureLimit {
  const byAddress = new Map<string, Failures>();
  const read = (address: string): Failures | undefined => {
    const held = byAddress.get(address);
    if (held !== undefined && held.until <= now()) {
      byAddress.delete(address);
      return undefined;
    }
    return held;
  };
  return {
    waitOf(address) {
      const held = read(address);
      return held !== undefined && held.count >= MOST_FAILURES ? held.until - now() : 0;
    },
    failed(address) {
      const held = read(address);
      if (held !== undefined) {
        held.count++;
        return;
      }
      // The oldest goes: it is the nearest to being forgotten anyway.
      if (byAddress.size >= MOST_ADDRESSES) byAddress.delete(byAddress.keys().next().value ?? '');
      byAddress.set(address, { count: 1, until: now() + WINDOW_MS });
    },
  };
}
