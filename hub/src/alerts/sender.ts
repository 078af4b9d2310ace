// Sends what is to be said: at least once, in the order in which it was queued, until it was taken or tried too often. Never
// decides what is said.
import { type BackoffPolicy, backoffMs } from '@drover/core/backoff';
import type { Logger } from 'pino';
import { listDueNotices, settleNotice } from '../db/alerts.ts';
import type { NoticesTable } from '../db/schema-alerts.ts';
import type { Store } from '../db/store.ts';

/** Takes one event, or says why not. */
export type Channel = (notice: NoticesTable, signal: AbortSignal) => Promise<{ readonly error: string | undefined }>;

export interface SenderDeps {
  readonly store: Store;
  readonly channels: readonly Channel[];
  readonly now: () => number;
  readonly random: () => number;
  readonly log: Logger;
  readonly retry?: BackoffPolicy;
}

export interface Sender {
  /** There may be something to send. */
  wake(): void;
  stop(): Promise<void>;
}

const RETRY: BackoffPolicy = { baseMs: 10_000, capMs: 900_000 };
/** With the waits above about two hours. */
const MOST_ATTEMPTS = 14;
const LOOK_MS = 5000;
const AT_ONCE = 50;
const ERROR_CHARS = 300;

export function startSender(deps: SenderDeps): Sender {
  const { store, channels, now, random, log, retry = RETRY } = deps;
  const stopping = new AbortController();
  let running: Promise<void> | undefined;
  let isWanted = false;

  async function sendOne(notice: NoticesTable): Promise<void> {
    const channel = channels[notice.tier];
    // The hub was started anew with fewer channels.
    const { error } = channel
      ? await channel(notice, stopping.signal)
      : { error: `there is no channel ${notice.tier + 1}` };
    if (stopping.signal.aborted) return;
    const attempts = notice.attempts + 1;
    const state = error === undefined ? 'sent' : attempts >= MOST_ATTEMPTS ? 'dead' : 'queued';
    // At least half of the wait: full jitter alone could try all fourteen times within seconds.
    const wait = backoffMs(retry, attempts, 0.5 + random() / 2);
    await store.commit([
      settleNotice(notice.id, { state, attempts, nextAt: now() + wait, error: error?.slice(0, ERROR_CHARS) ?? null }),
    ]);
    if (state === 'dead') log.error({ notice: notice.id, error }, 'a notice was given up; see drover alerts notices');
    else if (error !== undefined)
      log.warn({ notice: notice.id, attempts, error }, 'a notice was not taken; it is sent again');
  }

  async function sendDue(): Promise<void> {
    do {
      isWanted = false;
      const due = await listDueNotices(store, now(), AT_ONCE);
      // A channel that hangs holds up itself alone.
      const byChannel = Map.groupBy(due, ({ tier }) => tier);
      await Promise.all(
        [...byChannel.values()].map(async (notices) => {
          for (const notice of notices) if (!stopping.signal.aborted) await sendOne(notice);
        }),
      );
      if (due.length === AT_ONCE) isWanted = true;
    } while (isWanted && !stopping.signal.aborted);
  }

  function wake(): void {
    isWanted = true;
    if (running || stopping.signal.aborted || channels.length === 0) return;
    running = sendDue()
      .catch((error: unknown) => log.error({ err: error }, 'notices could not be sent'))
      .finally(() => {
        running = undefined;
      });
  }

  const timer = setInterval(wake, LOOK_MS);
  return {
    wake,
    async stop() {
      clearInterval(timer);
      stopping.abort();
      await running;
    },
  };
}
