// Wakes the windows when one is due to close, and with them what waits for a full disk. Never closes one itself (the book does).
import type { Clock } from '../clock.ts';
import type { Outbox } from '../store/outbox.ts';
import type { WindowBook } from './windows.ts';

/** The longest sleep: a clock that was set is noticed. */
const LONGEST_MS = 60_000;
const SHORTEST_MS = 10;

export interface WindowTimer {
  /** Closes what is due and plans the next look: also after the length of windows changed. */
  tick(): void;
  stop(): void;
}

export function makeWindowTimer(
  windows: Pick<WindowBook, 'tick' | 'dueAt'>,
  outbox: Pick<Outbox, 'flush'>,
  clock: Clock,
): WindowTimer {
  let timer: NodeJS.Timeout | undefined;
  const tick = (): void => {
    windows.tick();
    // No entry may ever follow that would carry it along.
    outbox.flush();
    clearTimeout(timer);
    timer = setTimeout(tick, Math.min(LONGEST_MS, Math.max(SHORTEST_MS, windows.dueAt() - clock.now())));
  };
  return { tick, stop: () => clearTimeout(timer) };
}
