// Remembers what must be undone, and undoes it in reverse: when a start fails half way, and at the end. Never stops at a failure.
import type { Logger } from 'pino';

export interface Closers {
  push(close: () => Promise<void> | void): void;
  closeAll(): Promise<void>;
}

export function makeClosers(log: Logger): Closers {
  const closers: (() => Promise<void> | void)[] = [];
  return {
    push: (close) => void closers.push(close),
    async closeAll() {
      for (const close of closers.splice(0).toReversed()) {
        try {
          await close();
        } catch (error) {
          log.error({ err: error }, 'closing failed');
        }
      }
    },
  };
}
