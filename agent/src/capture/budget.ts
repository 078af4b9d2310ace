// Owns how many bytes of samples have left this device today, over restarts too. Never chooses a sample.

import { openCaptureDay } from '../store/capture-day.ts';
import type { Db } from '../store/database.ts';

const DAY_MS = 86_400_000;

export interface CaptureBudget {
  /** Bytes that may leave now: what the part of the (UTC) day until the next look is worth, less what left today. */
  left(now: number): number;
  spend(now: number, bytes: number): void;
}

/** @param everyMs how often it is asked. */
export function openBudget(db: Db, bytesPerDay: number, everyMs: number): CaptureBudget {
  const store = openCaptureDay(db);
  const dayOf = (now: number): number => Math.floor(now / DAY_MS);
  const spent = (now: number): number => {
    const held = store.read();
    // A clock that was set back does not give the budget again.
    return held && held.day >= dayOf(now) ? held.bytes : 0;
  };
  return {
    left(now) {
      const share = Math.min(1, ((now % DAY_MS) + everyMs) / DAY_MS);
      return Math.max(0, Math.floor(bytesPerDay * share) - spent(now));
    },
    spend(now, bytes) {
      const day = Math.max(dayOf(now), store.read()?.day ?? 0);
      store.write(day, spent(now) + bytes);
    },
  };
}
