// Sends one artifact to many devices at once on its shared topic, when enough of them want it at the same time: who is invited,
// who listens, when it is over. Never sends to a device alone: who leaves goes on by itself.
import { type Pace, paceBroadcast } from '@drover/core/delivery/broadcast';
import { spend } from '@drover/core/delivery/credit';
import type { Digest } from '@drover/core/ids';
import type { Cmd } from '@drover/wire/messages';
import { sharedChunkTopic } from '@drover/wire/topics';
import type { ReadChunk } from './chunk-cache.ts';
import type { Outgoing } from './outgoing.ts';
import type { Session } from './sessions.ts';

export interface BroadcastDeps {
  readonly mono: () => number;
  readonly readChunk: ReadChunk;
  readonly publishToAll: (topic: string, payload: Uint8Array) => Promise<void>;
  tell(session: Session, body: Cmd['body']): void;
  failed(error: unknown): void;
  outgoingOf(digest: Digest): Iterable<Outgoing>;
}

export interface Broadcasts {
  /** A device said how far it is. */
  heard(out: Outgoing): void;
  /** It subscribed to the shared topic. */
  joined(out: Outgoing): void;
  /** It is done or gone. */
  left(out: Outgoing): void;
  bytesSent(): number;
  count(): number;
  close(): void;
}

/** So many that want the same artifact are worth a shared topic. */
const LEAST_LISTENERS = 3;
/** They asked within this time. */
const TOGETHER_MS = 5000;
/** Less than this much is not worth inviting anyone. */
const LEAST_CHUNKS = 8;
/** Invited devices have this long to subscribe before it begins. */
const GATHER_MS = 500;
/** Time between two looks at who is behind. */
const LOOK_MS = 50;
/** After the last chunk those who miss some have this long to say so. */
const TAIL_MS = 1500;
const REST_MS = 30_000;

interface Broadcast {
  readonly digest: Digest;
  readonly chunks: number;
  readonly openedAt: number;
  readonly invited: Set<Outgoing>;
  readonly listeners: Map<string, Outgoing>;
  /** Was too slow, and is not invited again. */
  readonly evicted: Set<Session>;
  behind: ReadonlyMap<string, number>;
  cursor: number;
  sentAt: number;
  isSending: boolean;
  timer: NodeJS.Timeout;
}

/** Whether it misses enough chunks from `from` on. */
function missesMany({ queue }: Outgoing, from: number): boolean {
  let missing = 0;
  for (let index = from; index < queue.chunks && missing < LEAST_CHUNKS; index++)
    if (queue.isMissing(index)) missing += 1;
  return missing >= LEAST_CHUNKS;
}

export function makeBroadcasts(deps: BroadcastDeps): Broadcasts {
  const { mono, readChunk, publishToAll, tell, failed } = deps;
  const broadcasts = new Map<Digest, Broadcast>();
  /** Artifacts that are not sent to all before this time. */
  const rests = new Map<Digest, number>();
  let sentBytes = 0;

  function invite(b: Broadcast, out: Outgoing): void {
    if (b.invited.has(out) || b.evicted.has(out.session)) return;
    b.invited.add(out);
    // What is on the way to it alone when it joins would make it look slow.
    out.waitsUntil = mono() + GATHER_MS;
    tell(out.session, { kind: 'listen', digest: b.digest });
  }

  function end(b: Broadcast): void {
    if (broadcasts.get(b.digest) !== b) return;
    clearInterval(b.timer);
    broadcasts.delete(b.digest);
    for (const out of b.invited) dismiss(b, out);
  }

  /** Nobody came: devices that cannot listen are not asked again and again. */
  function rest(digest: Digest): void {
    for (const [other, until] of rests) if (until <= mono()) rests.delete(other);
    rests.set(digest, mono() + REST_MS);
  }

  function dismiss(b: Broadcast, out: Outgoing): void {
    b.listeners.delete(out.session.device);
    b.invited.delete(out);
    out.isListening = false;
    out.waitsUntil = 0;
    // What was not passed on to it is found missing when something later came, and nothing else is sent twice.
    out.expected.clear();
    tell(out.session, { kind: 'unlisten', digest: b.digest });
  }

  function open(digest: Digest, outs: readonly Outgoing[]): void {
    const [first] = outs;
    if (!first) return;
    const now = mono();
    const b: Broadcast = {
      digest,
      chunks: first.queue.chunks,
      openedAt: now,
      invited: new Set(),
      listeners: new Map(),
      evicted: new Set(),
      behind: new Map(),
      cursor: 0,
      sentAt: now,
      isSending: false,
      timer: setInterval(() => look(b), LOOK_MS),
    };
    broadcasts.set(digest, b);
    for (const out of outs) invite(b, out);
  }

  function paceNow(b: Broadcast): Pace {
    const listeners = [...b.listeners].map(([id, { credit }]) => ({
      id,
      flyingBytes: credit.flyingBytes,
      windowBytes: credit.windowBytes,
      behindSince: b.behind.get(id),
    }));
    const pace = paceBroadcast(listeners, mono());
    b.behind = pace.behind;
    for (const id of pace.evict) {
      const out = b.listeners.get(id);
      if (!out) continue;
      b.evicted.add(out.session);
      dismiss(b, out);
    }
    return pace;
  }

  const isGathering = (b: Broadcast): boolean =>
    b.cursor === 0 && b.listeners.size < b.invited.size && mono() - b.openedAt < GATHER_MS;

  /** The next chunk that anyone who listens wants. */
  function nextChunk(b: Broadcast): number {
    const listeners = [...b.listeners.values()];
    while (b.cursor < b.chunks && !listeners.some(({ queue }) => queue.wants(b.cursor))) b.cursor += 1;
    return b.cursor;
  }

  async function sendOne(b: Broadcast, index: number): Promise<number> {
    const chunk = await readChunk(b.digest, index);
    if (!chunk) return 0;
    const now = mono();
    for (const out of b.listeners.values()) {
      if (!out.queue.wants(index)) continue;
      out.queue.sendBeside(index);
      out.expected.add(index);
      out.credit = spend(out.credit, chunk.length, now);
    }
    sentBytes += chunk.length;
    b.sentAt = now;
    // Not waited for: a connection that takes nothing would hold up the others. What may be on the way is bounded by the pace.
    publishToAll(sharedChunkTopic(b.digest, index), chunk).catch(failed);
    return chunk.length;
  }

  async function send(b: Broadcast): Promise<void> {
    if (b.isSending || isGathering(b)) return;
    b.isSending = true;
    try {
      for (;;) {
        let { room } = paceNow(b);
        const before = b.cursor;
        while (room > 0 && nextChunk(b) < b.chunks) {
          const index = b.cursor;
          b.cursor += 1;
          const sent = await sendOne(b, index);
          if (sent === 0) return end(b);
          room -= sent;
        }
        if (b.cursor === before || broadcasts.get(b.digest) !== b) return;
      }
    } finally {
      b.isSending = false;
    }
  }

  /** What time decides: who is behind, and whether it is over. */
  function look(b: Broadcast): void {
    if (isGathering(b)) return;
    const now = mono();
    if (b.listeners.size < 2 && now - b.openedAt >= GATHER_MS) {
      if (b.cursor === 0) rest(b.digest);
      return end(b);
    }
    if (b.cursor >= b.chunks) {
      const isQuiet = [...b.listeners.values()].every(({ credit }) => credit.flyingBytes === 0);
      if (isQuiet || now - b.sentAt >= TAIL_MS) return end(b);
    }
    void send(b).catch(failed);
    return undefined;
  }

  return {
    heard(out) {
      const running = broadcasts.get(out.digest);
      if (running) {
        if (missesMany(out, running.cursor)) invite(running, out);
        if (out.isListening) void send(running).catch(failed);
        return;
      }
      if ((rests.get(out.digest) ?? 0) > mono() || !missesMany(out, 0)) return;
      const since = mono() - TOGETHER_MS;
      const together = [...deps.outgoingOf(out.digest)].filter(
        (other) => other.heardAt >= since && missesMany(other, 0),
      );
      if (together.length >= LEAST_LISTENERS) open(out.digest, together);
    },
    joined(out) {
      const b = broadcasts.get(out.digest);
      if (!b?.invited.has(out)) return;
      out.isListening = true;
      b.listeners.set(out.session.device, out);
      void send(b).catch(failed);
    },
    left(out) {
      out.isListening = false;
      const b = broadcasts.get(out.digest);
      if (!b) return;
      b.invited.delete(out);
      if (b.listeners.get(out.session.device) === out) b.listeners.delete(out.session.device);
      if (b.invited.size === 0) end(b);
    },
    bytesSent: () => sentBytes,
    count: () => broadcasts.size,
    close() {
      for (const b of broadcasts.values()) {
        clearInterval(b.timer);
        broadcasts.delete(b.digest);
      }
    },
  };
}
