// Decides when what waits in the outbox is sent and sent again. Never drops an entry: only the hub's ack does.
import { type BackoffPolicy, backoffMs } from '@drover/core/backoff';
import { ENTRIES_PER_UP, PAYLOAD_BYTES } from '@drover/wire/limits';
import type { Ack, Up } from '@drover/wire/messages';
import type { Outbox } from '../store/outbox.ts';

export interface Uplink {
  /** A session begins: what was in flight is sent again. */
  start(): void;
  /** The session ended: nothing is sent until the next. */
  stop(): void;
  /** Something was added. */
  wake(): void;
  onAck(ack: Ack): void;
  /** Resolves when the hub has everything, the session is over, or the time is up. */
  drain(mostMs: number): Promise<void>;
  /** The hub shows life after silence: do not wait any longer. */
  onBeat(): void;
}

export interface UplinkDeps {
  readonly outbox: Outbox;
  readonly bootId: string;
  /** Ms since epoch, and monotonic ms for waits. */
  readonly now: () => number;
  readonly mono: () => number;
  readonly random: () => number;
  readonly send: (up: Up) => void;
  readonly onIgnoredAck: (ack: Ack) => void;
  readonly onRefused: (refused: Ack['refused']) => void;
  readonly retry?: BackoffPolicy;
}

/** An ack is awaited for at least `baseMs`, then longer and longer. */
const RETRY: BackoffPolicy = { baseMs: 4000, capMs: 60_000 };
/** Envelope, ids and one tag per item. */
const OVERHEAD_BYTES = 1024;

export function makeUplink(deps: UplinkDeps): Uplink {
  const { outbox, bootId, now, mono, random, send } = deps;
  const retry = deps.retry ?? RETRY;
  /** The highest number that may have been sent, also by a process before this one: no ack beyond it is believed. */
  let sentSeq = outbox.counts().nextSeq - 1;
  /** The last number of the batch in flight, 0 when none is. */
  let flying = 0;
  let tries = 0;
  let isOpen = false;
  let paceUntil = 0;
  let timer: NodeJS.Timeout | undefined;
  let queued: NodeJS.Immediate | undefined;
  let onDrained: (() => void) | undefined;

  function later(ms: number, run: () => void): void {
    clearTimeout(timer);
    timer = setTimeout(run, ms);
  }

  function sendNext(): void {
    if (!isOpen || flying > 0) return;
    const wait = paceUntil - mono();
    if (wait > 0) {
      later(wait, sendNext);
      return;
    }
    const items = outbox.take(0, ENTRIES_PER_UP, PAYLOAD_BYTES.up - OVERHEAD_BYTES);
    const last = items.at(-1);
    const first = items[0];
    if (!first || !last) {
      onDrained?.();
      return;
    }
    flying = last.seq;
    sentSeq = Math.max(sentSeq, last.seq);
    send({ outboxId: outbox.counts().outboxId, bootId, oldestSeq: first.seq, items });
    const waitMs = Math.min(retry.capMs, retry.baseMs * 2 ** tries);
    later(waitMs + backoffMs({ ...retry, capMs: waitMs }, tries, random()), () => {
      tries = Math.min(tries + 1, 10);
      flying = 0;
      sendNext();
    });
  }

  function drain(mostMs: number): Promise<void> {
    if (!isOpen) return Promise.resolve();
    return new Promise((resolve) => {
      const end = setTimeout(() => onDrained?.(), mostMs);
      onDrained = () => {
        clearTimeout(end);
        onDrained = undefined;
        resolve();
      };
      sendNext();
    });
  }

  return {
    drain,
    start() {
      isOpen = true;
      flying = 0;
      tries = 0;
      sendNext();
    },
    stop() {
      isOpen = false;
      onDrained?.();
      flying = 0;
      clearTimeout(timer);
      clearImmediate(queued);
      queued = undefined;
    },
    wake() {
      // Not at once: the entry may stand in a transaction that is still open.
      queued ??= setImmediate(() => {
        queued = undefined;
        sendNext();
      });
    },
    onAck(ack) {
      if (!outbox.acknowledge(ack, sentSeq, now())) {
        deps.onIgnoredAck(ack);
        return;
      }
      if (ack.refused.length > 0) deps.onRefused(ack.refused);
      paceUntil = mono() + Math.min(ack.paceMs, 600_000);
      // A late ack of an earlier sending says nothing about the batch in flight.
      if (ack.lastSeq < flying) return;
      flying = 0;
      tries = 0;
      clearTimeout(timer);
      sendNext();
    },
    onBeat() {
      if (!isOpen || tries === 0) return;
      flying = 0;
      tries = 0;
      sendNext();
    },
  };
}
