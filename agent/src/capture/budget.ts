// Decides how many bytes of samples may leave now: the budget of a day grows with the day, so that the morning does not take all of it.
// Never chooses a sample.
import { DAY_MS, type DayBudget } from '../store/day-budget.ts';

export interface CaptureBudget {
  /** Bytes that may leave now: what the part of the (UTC) day until the next look is worth, less what left today. */
  left(now: number): number;
  spend(now: number, bytes: number): void;
}

/** @param everyMs how often it is asked. */
export function openBudget(day: DayBudget, bytesPerDay: number, everyMs: number): CaptureBudget {
  return {
    left(now) {
      const share = Math.min(1, ((now % DAY_MS) + everyMs) / DAY_MS);
      return Math.max(0, day.left(now) - Math.ceil(bytesPerDay * (1 - share)));
    },
    spend: day.spend,
  };
}
