// Owns the bounded queue between the doors and the database: when a batch is due, and who must wait because it is full.
// Never knows what a message means.
import type { UpKind } from '@drover/wire/topics';
import type { UplinkSession } from './uplink-session.ts';

export interface Arrival {
  readonly session: UplinkSession;
  /** `ended`: the connection is over; the device did not say it. */
  readonly kind: Exclude<UpKind, 'req' | 'meta'> | 'ended';
  readonly payload: Uint8Array;
  readonly receivedAt: number;
}

export interface ArrivalLimits {
  /** Bytes that wait before connections are held. */
  readonly queueBytes: number;
  readonly queueMessages: number;
  /** One commit takes at most so many messages and bytes. */
  readonly batchMessages: number;
  readonly batchBytes: number;
  /** A message waits at most this long for company. */
  readonly waitMs: number;
}

export const ARRIVAL_LIMITS: ArrivalLimits = {
  queueBytes: 32 * 1024 * 1024,
  queueMessages: 20_000,
  batchMessages: 2_000,
  batchBytes: 8 * 1024 * 1024,
  waitMs: 10,
};

/** What a waiting message costs beside its bytes. */
const MESSAGE_BYTES = 256;

const sizeOf = (arrival: Arrival): number => arrival.payload.length + MESSAGE_BYTES;

export interface Arrivals {
  /** `done` is called at once, or, when the queue is full, when there is room again. */
  add(arrival: Arrival, done: () => void): void;
  /** How full the queue is, 0 to 1 and a little more. */
  fill(): number;
  /** Resolves when everything that was added until now went through `commit`. */
  settle(): Promise<void>;
  /** Commits what waits and takes nothing more. */
  close(): Promise<void>;
}

/** `commit` is called with one batch at a time, in order of arrival; it must not throw. */
export function makeArrivals(limits: ArrivalLimits, commit: (batch: readonly Arrival[]) => Promise<void>): Arrivals {
  let waiting: Arrival[] = [];
  /** Messages of `waiting` that were taken already. */
  let head = 0;
  let bytes = 0;
  let held: (() => void)[] = [];
  let timer: NodeJS.Timeout | undefined;
  let running: Promise<void> | undefined;
  let isClosed = false;

  const count = (): number => waiting.length - head;
  const fill = (): number => Math.max(bytes / limits.queueBytes, count() / limits.queueMessages);

  function takeBatch(): Arrival[] {
    let size = 0;
    let end = head;
    while (end < waiting.length && end - head < limits.batchMessages && size < limits.batchBytes) {
      const next = waiting[end];
      if (next) size += sizeOf(next);
      end++;
    }
    const batch = waiting.slice(head, end);
    head = end;
    // The front is cut off now and then, not with each batch: a long queue would be copied again and again.
    if (head === waiting.length || head > limits.queueMessages) {
      waiting = waiting.slice(head);
      head = 0;
    }
    return batch;
  }

  async function drain(): Promise<void> {
    while (count() > 0) {
      const batch = takeBatch();
      await commit(batch);
      for (const arrival of batch) bytes -= sizeOf(arrival);
      if (fill() < 1 && held.length > 0) {
        const free = held;
        held = [];
        for (const done of free) done();
      }
    }
  }

  function start(): void {
    clearTimeout(timer);
    timer = undefined;
    running ??= drain().finally(() => {
      running = undefined;
      if (count() > 0) schedule();
    });
  }

  function schedule(): void {
    if (running || timer) return;
    timer = setTimeout(start, limits.waitMs);
  }

  const settle = async (): Promise<void> => {
    while (count() > 0 || running) {
      start();
      await running;
    }
  };

  return {
    fill,
    settle,
    add(arrival, done) {
      if (isClosed) {
        done();
        return;
      }
      waiting.push(arrival);
      bytes += sizeOf(arrival);
      if (count() >= limits.batchMessages && !running) start();
      else schedule();
      if (fill() >= 1) held.push(done);
      else done();
    },
    async close() {
      isClosed = true;
      await settle();
      for (const done of held) done();
      held = [];
    },
  };
}
