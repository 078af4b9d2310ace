// Wakes the windows when one is due to close. Never closes one itself (the book does).
import type { Clock } from '../clock.ts';
import type { WindowBook } from './windows.ts';

/** The longest sleep: a clock that was set is noticed. */
const LONGEST_MS = 60_000;
const SHORTEST_MS = 10;

export interface WindowTimer {
  /** Closes what is due and plans the next look: also after the length of windows changed. */
  tick(): void;
  stop(): void;
}

export function makeWindowTimer(windows: Pick<WindowBook, 'tick' | 'dueAt'>, clock: Clock): WindowTimer {
  let timer: NodeJS.Timeout | undefined;
  const tick = (): void => {
    windows.tick();
    clearTimeout(timer);
    timer = setTimeout(tick, Math.min(LONGEST_MS, Math.max(SHORTEST_MS, windows.dueAt() - clock.now())));
  };
  return { tick, stop: () => clearTimeout(timer) };
}
