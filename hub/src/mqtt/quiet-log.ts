// Owns how often the same complaint about the outside world is logged: strangers must not be able to fill a disk.
import type { Logger } from 'pino';

export interface QuietLog {
  /** Counts always, logs at most `most` times per code in a period; the first line of a period says how many were not. */
  warn(code: string, facts: Readonly<Record<string, unknown>>, message: string): void;
  /** How often each code was seen since the start. */
  counts(): ReadonlyMap<string, number>;
}

export function makeQuietLog(log: Logger, now: () => number, most = 5, periodMs = 10_000): QuietLog {
  const counts = new Map<string, number>();
  const periods = new Map<string, { since: number; logged: number; silent: number }>();
  return {
    counts: () => counts,
    warn(code, facts, message) {
      counts.set(code, (counts.get(code) ?? 0) + 1);
      const at = now();
      let period = periods.get(code);
      if (!period || at - period.since >= periodMs || at < period.since) {
        const silent = period?.silent ?? 0;
        period = { since: at, logged: 0, silent: 0 };
        periods.set(code, period);
        if (silent > 0) log.warn({ code, silent }, 'the same was seen this often without a line');
      }
      if (period.logged >= most) {
        period.silent++;
        return;
      }
      period.logged++;
      log.warn({ code, ...facts }, message);
    },
  };
}
