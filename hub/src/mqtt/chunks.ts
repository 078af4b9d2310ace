// Answers requests for artifacts: only what the device's desired document names, as much as the device was measured to take,
// when its site has a turn for it. Never decides what a device needs.
import { CREDIT_LIMITS, carryOver, openCredit, refund, roomOf, spend } from '@drover/core/delivery/credit';
import { PieceQueue, type Unit } from '@drover/core/delivery/piece-queue';
import { SiteTurns, TURN_LIMITS } from '@drover/core/delivery/site-turns';
import type { Digest } from '@drover/core/ids';
import { type Refusal, refuse } from '@drover/core/reasons';
import { CHUNK_BYTES, PIECE_BYTES } from '@drover/wire/limits';
import type { Cmd, Req } from '@drover/wire/messages';
import { chunkTopic, pieceTopic } from '@drover/wire/topics';
import type { BlobStore } from '../blobs/blob-store.ts';
import { type Broadcasts, makeBroadcasts } from './broadcast.ts';
import { makeChunkCache, type ReadChunk } from './chunk-cache.ts';
import type { Outgoing } from './outgoing.ts';
import { makeRangeSender } from './range-sender.ts';
import type { Session } from './sessions.ts';

export interface ChunkServerDeps {
  readonly blobs: BlobStore;
  /** Monotonic milliseconds. */
  readonly mono: () => number;
  readonly limits?: Partial<ChunkLimits>;
  /** To all devices that listen to the shared topic of an artifact. */
  readonly publishToAll: (topic: string, payload: Uint8Array) => Promise<void>;
  /** Says something that is not kept and needs no answer. */
  tell(session: Session, body: Cmd['body']): void;
  /** Tells the device that it will not get what it asked for. */
  refuse(session: Session, digest: Digest, refusal: Refusal): void;
  /**
   * What else can serve the device, looked at before a byte is sent: true, and it was told so. `held`: chunks that it has, as far
   * as its report tells.
   */
  redirect?(session: Session, digest: Digest, held: number): boolean;
  failed(error: unknown): void;
}

export interface ChunkLimits {
  /** Bytes that all devices together may have on the way. */
  readonly flyingBytes: number;
  readonly cacheBytes: number;
  /** Devices of one site that fetch at the same time. */
  readonly perSite: number;
}

export const CHUNK_LIMITS: ChunkLimits = {
  flyingBytes: 32 * 1024 * 1024,
  cacheBytes: 16 * 1024 * 1024,
  perSite: TURN_LIMITS.perSite,
};

const SIZES = { chunkBytes: CHUNK_BYTES, pieceBytes: PIECE_BYTES };
/** An artifact that a device does not ask for any more is forgotten after this time. */
const FORGET_MS = 60_000;

export interface ChunkCounts {
  /** To one device each, and once to many. */
  readonly sentBytes: number;
  readonly broadcastBytes: number;
  /** Artifacts on the way, broadcasts, and devices with and without a turn. */
  readonly outgoing: number;
  readonly broadcasts: number;
  readonly holding: number;
  readonly waiting: number;
}

export interface ChunkServer {
  request(session: Session, req: Req): Promise<void>;
  /** The device listens to the shared topic of an artifact. */
  listening(session: Session, digest: Digest): void;
  /** Whether what is sent to all may go to this device. */
  mayForward(session: Session, digest: Digest, index: number): boolean;
  ended(session: Session): void;
  /** What is due by time. */
  tick(): void;
  /** The devices that fetch an artifact now, over MQTT. */
  fetching(digest: Digest): Iterable<Outgoing>;
  /** 0: it is the device's turn, however it fetches; otherwise the ms after which it asks again. */
  takeTurn(session: Session): number;
  /** Through the cache that all transfers share. */
  readonly readChunk: ReadChunk;
  counts(): ChunkCounts;
  close(): void;
}

const heldIn = (first: number, bitmap: Uint8Array): number =>
  bitmap.reduce((held, mask) => held + (mask === 0 ? 1 : 0), first);

export function makeChunkServer(deps: ChunkServerDeps): ChunkServer {
  const { blobs, mono, tell, failed } = deps;
  const limits = { ...CHUNK_LIMITS, ...deps.limits };
  const readChunk = makeChunkCache(limits.cacheBytes, blobs);
  const turns = new SiteTurns({ ...TURN_LIMITS, perSite: limits.perSite });
  const bySession = new Map<Session, Map<Digest, Outgoing>>();
  const byDigest = new Map<Digest, Set<Outgoing>>();
  /** Could send more but for the room of all, first come first served. */
  const waiting = new Set<Outgoing>();
  /** What devices asked for when it was not their turn. */
  const asked = new Map<string, { readonly session: Session; readonly digest: Digest }>();
  /** Handed to the connections and not yet left. */
  let buffered = 0;
  let outgoings = 0;
  let sentBytes = 0;
  const sendRange = makeRangeSender({
    readChunk,
    sent: (bytes) => void (sentBytes += bytes),
    refuse: deps.refuse,
    failed,
  });
  const broadcasts: Broadcasts = makeBroadcasts({
    mono,
    readChunk,
    publishToAll: deps.publishToAll,
    tell,
    failed,
    outgoingOf: (digest) => byDigest.get(digest) ?? [],
  });

  function open(session: Session, digest: Digest, size: number): Outgoing {
    let own = bySession.get(session);
    if (!own) bySession.set(session, (own = new Map()));
    let out = own.get(digest);
    if (out) return out;
    // What was measured for one artifact holds for the next.
    const [other] = own.values();
    const credit = other ? carryOver(other.credit) : openCredit();
    out = {
      session,
      digest,
      queue: new PieceQueue(size, SIZES),
      credit,
      heardAt: mono(),
      waitsUntil: 0,
      isListening: false,
      expected: new Set(),
      handed: Promise.resolve(),
    };
    own.set(digest, out);
    let all = byDigest.get(digest);
    if (!all) byDigest.set(digest, (all = new Set()));
    all.add(out);
    outgoings += 1;
    return out;
  }

  function forget(out: Outgoing): void {
    const own = bySession.get(out.session);
    if (own?.get(out.digest) !== out) return;
    own.delete(out.digest);
    if (own.size === 0) bySession.delete(out.session);
    const all = byDigest.get(out.digest);
    all?.delete(out);
    if (all?.size === 0) byDigest.delete(out.digest);
    outgoings -= 1;
    waiting.delete(out);
    broadcasts.left(out);
    if (own.size === 0) release(out.session, out.digest);
  }

  /** Whoever waits next hears of it now and not when it would ask again. `done`: what the device had its turn for. */
  function release({ site, device }: Session, done?: Digest): void {
    if (site === undefined) return;
    const waitsFor = asked.get(device)?.digest;
    const waits = done !== undefined && waitsFor !== undefined && waitsFor !== done;
    if (!waits) asked.delete(device);
    const next = turns.release(site, device, waits);
    const ask = next === undefined ? undefined : asked.get(next);
    if (ask) tell(ask.session, { kind: 'chunkBusy', digest: ask.digest, retryAfterMs: 0 });
  }

  async function sendUnit(out: Outgoing, { index, piece }: Unit): Promise<void> {
    const { session, digest } = out;
    const before = out.handed;
    const reading = readChunk(digest, index);
    // What comes before what was sent first is taken for a loss: a read that is quicker must not overtake.
    const own = Promise.withResolvers<void>();
    out.handed = own.promise;
    let left: Promise<boolean>;
    let bytes: Uint8Array;
    try {
      await before;
      const chunk = await reading;
      if (!chunk) {
        forget(out);
        return deps.refuse(session, digest, refuse('artifact_unknown', `Blob ${digest} is not in the store.`));
      }
      bytes = piece === undefined ? chunk : chunk.subarray(piece * PIECE_BYTES, (piece + 1) * PIECE_BYTES);
      const topic =
        piece === undefined
          ? chunkTopic(session.device, digest, index)
          : pieceTopic(session.device, digest, index, piece);
      left = session.connection.publish(topic, bytes, 0);
    } finally {
      own.resolve();
    }
    if (await left) sentBytes += bytes.length;
    return undefined;
  }

  function pump(out: Outgoing): void {
    if (out.isListening || mono() < out.waitsUntil || !out.session.connection.isOpen()) return;
    const share = limits.flyingBytes / Math.max(1, outgoings);
    for (;;) {
      if (buffered + CHUNK_BYTES > limits.flyingBytes) {
        waiting.add(out);
        return;
      }
      const unit = out.queue.next(roomOf(out.credit, share), out.credit.windowBytes);
      if (!unit) return;
      out.credit = spend(out.credit, unit.bytes, mono());
      buffered += unit.bytes;
      void sendUnit(out, unit)
        .catch(failed)
        .finally(() => {
          buffered -= unit.bytes;
          const turn = [...waiting];
          waiting.clear();
          for (const other of turn) pump(other);
        });
    }
  }

  const takeTurn = ({ site, device }: Session): number => (site === undefined ? 0 : turns.ask(site, device, mono()));

  /** True when it is the device's turn; otherwise it was told when to ask again. */
  function hasTurn(session: Session, digest: Digest): boolean {
    const retryAfterMs = takeTurn(session);
    if (retryAfterMs === 0) {
      asked.delete(session.device);
      return true;
    }
    asked.set(session.device, { session, digest });
    tell(session, { kind: 'chunkBusy', digest, retryAfterMs });
    return false;
  }

  async function request(session: Session, req: Req): Promise<void> {
    const { digest, first, count, bitmap } = req;
    if (!session.artifacts?.has(digest))
      return deps.refuse(
        session,
        digest,
        refuse(
          session.confidential.has(digest) ? 'sealed_required' : 'artifact_not_entitled',
          `Device "${session.device}", blob ${digest}.`,
        ),
      );
    const known = bySession.get(session)?.get(digest);
    // Asked a few times a second by each device: the file is looked at once.
    const size = known?.queue.size ?? (await blobs.size(digest));
    if (size === undefined)
      return deps.refuse(session, digest, refuse('artifact_unknown', `Blob ${digest} is not in the store.`));
    const chunks = Math.ceil(size / CHUNK_BYTES);
    if (!bitmap) {
      const end = Math.min(first + count, chunks);
      if (first < end) return sendRange(session, digest, first, end);
      return deps.refuse(
        session,
        digest,
        refuse('artifact_unknown', `Chunk ${first} is past the end of blob ${digest}.`),
      );
    }
    if (bitmap.every((mask) => mask === 0)) {
      if (known) forget(known);
      // It may have come another way, in a turn of its own.
      else if (!bySession.has(session)) release(session, digest);
      session.fetched.add(digest);
      return undefined;
    }
    if (first >= chunks)
      return deps.refuse(
        session,
        digest,
        refuse('artifact_unknown', `Chunk ${first} is past the end of blob ${digest}.`),
      );
    // To wait for so little, for a turn or for a neighbour, costs more than to send it.
    if (size > CREDIT_LIMITS.leastBytes) {
      if (!known && deps.redirect?.(session, digest, heldIn(first, bitmap))) return undefined;
      if (!hasTurn(session, digest)) return undefined;
    }
    const out = open(session, digest, size);
    out.heardAt = mono();
    out.credit = refund(
      out.credit,
      out.queue.report({ first, bitmap, request: req.request }),
      out.heardAt,
      CREDIT_LIMITS,
    );
    broadcasts.heard(out);
    pump(out);
    return undefined;
  }

  return {
    request,
    listening(session, digest) {
      const out = bySession.get(session)?.get(digest);
      if (out) broadcasts.joined(out);
    },
    mayForward(session, digest, index) {
      const out = bySession.get(session)?.get(digest);
      return out?.isListening === true && out.expected.delete(index);
    },
    ended(session) {
      for (const out of bySession.get(session)?.values() ?? []) forget(out);
      release(session);
    },
    tick() {
      const before = mono() - FORGET_MS;
      for (const own of bySession.values()) for (const out of own.values()) if (out.heardAt < before) forget(out);
    },
    takeTurn,
    readChunk,
    fetching: (digest) => byDigest.get(digest) ?? [],
    counts: () => ({
      sentBytes,
      broadcastBytes: broadcasts.bytesSent(),
      outgoing: outgoings,
      broadcasts: broadcasts.count(),
      ...turns.counts(),
    }),
    close: () => broadcasts.close(),
  };
}
