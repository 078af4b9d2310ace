// Owns how many bytes of one kind have left this device today (UTC), over restarts too. Never decides what is worth them.
import { type Db, isDiskTrouble } from './database.ts';

export const DAY_MS = 86_400_000;

export interface DayBudget {
  /** Bytes that may still leave today. */
  left(now: number): number;
  spend(now: number, bytes: number): void;
}

/** @param what the kind: each has its own budget. */
export function openDayBudget(db: Db, what: 'samples' | 'windows', bytesPerDay: number): DayBudget {
  const put = db.prepare('INSERT OR REPLACE INTO spent_day VALUES (?, ?, ?)');
  let held = db
    .prepare<[string], { day: number; bytes: number }>('SELECT day, bytes FROM spent_day WHERE what = ?')
    .get(what) ?? { day: 0, bytes: 0 };
  const dayOf = (now: number): number => Math.floor(now / DAY_MS);
  // A clock that was set back does not give the budget again.
  const spent = (now: number): number => (held.day >= dayOf(now) ? held.bytes : 0);
  return {
    left: (now) => Math.max(0, bytesPerDay - spent(now)),
    spend(now, bytes) {
      held = { day: Math.max(dayOf(now), held.day), bytes: spent(now) + bytes };
      try {
        put.run(what, held.day, held.bytes);
      } catch (error) {
        // While the disk takes nothing it is known in memory, and written with what is spent next.
        if (!isDiskTrouble(error)) throw error;
      }
    },
  };
}
