// Opens capture where the configuration allows raw rows to leave the device, and wakes it. Never chooses a row.
import type { RunConfig } from '../config.ts';
import type { Db } from '../store/database.ts';
import { openDayBudget } from '../store/day-budget.ts';
import type { Outbox } from '../store/outbox.ts';
import { openBudget } from './budget.ts';
import { type Capture, openCapture } from './capture.ts';

export interface Capturing {
  readonly capture: Capture;
  /** Hands on what is kept, once more. */
  stop(): void;
}

export interface StartCaptureDeps {
  readonly db: Db;
  readonly config: Pick<RunConfig, 'raw' | 'captureBytes' | 'captureEveryMs'>;
  readonly bootId: string;
  readonly now: () => number;
  readonly random: () => number;
  readonly outbox: Pick<Outbox, 'append'>;
}

export function startCapture({ db, config, ...deps }: StartCaptureDeps): Capturing | undefined {
  const { raw, captureBytes, captureEveryMs } = config;
  if (raw !== 'allow' || captureBytes === 0) return undefined;
  const capture = openCapture({
    ...deps,
    budget: openBudget(openDayBudget(db, 'samples', captureBytes), captureBytes, captureEveryMs),
  });
  const timer = setInterval(capture.flush, captureEveryMs).unref();
  return {
    capture,
    stop() {
      clearInterval(timer);
      capture.flush();
    },
  };
}
