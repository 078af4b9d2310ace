// Answers requests for pieces of artifacts: only what the device's desired document names, at the speed of the device.
// Never decides what a device needs.
import type { Digest } from '@drover/core/ids';
import { type Refusal, refuse } from '@drover/core/reasons';
import { CHUNK_BYTES } from '@drover/wire/limits';
import type { Req } from '@drover/wire/messages';
import { chunkTopic } from '@drover/wire/topics';
import type { BlobStore } from '../blobs/blob-store.ts';
import type { Session } from './sessions.ts';

export interface ChunkServerDeps {
  readonly blobs: BlobStore;
  /** Monotonic milliseconds. */
  readonly mono: () => number;
  readonly limits?: ChunkLimits;
  /** Tells the device that it will not get what it asked for. */
  refuse(session: Session, digest: Digest, refusal: Refusal): void;
  failed(error: unknown): void;
}

export interface ChunkLimits {
  /** Bytes that all devices together may have on the way. */
  readonly flyingBytes: number;
  /** Chunks that one device may wait for; what it asks beyond is dropped, and it asks again. */
  readonly queuedPerDevice: number;
  readonly cacheBytes: number;
}

export const CHUNK_LIMITS: ChunkLimits = {
  flyingBytes: 32 * 1024 * 1024,
  queuedPerDevice: 64,
  cacheBytes: 32 * 1024 * 1024,
};

/** One device may have this many seconds of its measured rate on the way, so that a command does not queue behind them. */
const WINDOW_S = 1.5;
const MIN_WINDOW = 2 * CHUNK_BYTES;
const MAX_WINDOW = 16 * CHUNK_BYTES;

export interface ChunkServer {
  request(session: Session, req: Req): Promise<void>;
  bytesSent(): number;
}

interface Sending {
  readonly session: Session;
  /** `digest/index`, in the order asked. */
  readonly queue: Map<string, { readonly digest: Digest; readonly index: number }>;
  windowBytes: number;
  flyingBytes: number;
}

/** Whole chunks by digest and index, the least recently used go first. */
function makeCache(maxBytes: number, blobs: BlobStore) {
  const chunks = new Map<string, Promise<Uint8Array | undefined>>();
  const sizes = new Map<string, number>();
  let bytes = 0;
  return (key: string, digest: Digest, index: number): Promise<Uint8Array | undefined> => {
    const held = chunks.get(key);
    if (held) {
      chunks.delete(key);
      chunks.set(key, held);
      return held;
    }
    const reading = blobs.read(digest, index * CHUNK_BYTES, CHUNK_BYTES);
    chunks.set(key, reading);
    sizes.set(key, CHUNK_BYTES);
    bytes += CHUNK_BYTES;
    for (const oldest of chunks.keys()) {
      if (bytes <= maxBytes || oldest === key) break;
      chunks.delete(oldest);
      bytes -= sizes.get(oldest) ?? 0;
      sizes.delete(oldest);
    }
    // A read that failed, or found nothing, must be tried again by the next who asks.
    const forget = (): void => {
      if (chunks.get(key) !== reading) return;
      chunks.delete(key);
      bytes -= sizes.get(key) ?? 0;
      sizes.delete(key);
    };
    reading.then((chunk) => (chunk ? undefined : forget()), forget);
    return reading;
  };
}

export function makeChunkServer({
  blobs,
  mono,
  limits = CHUNK_LIMITS,
  refuse: tell,
  failed,
}: ChunkServerDeps): ChunkServer {
  const readChunk = makeCache(limits.cacheBytes, blobs);
  const sendings = new WeakMap<Session, Sending>();
  /** Devices that could send more but for the global limit, first come first served. */
  const waiting = new Set<Sending>();
  let flying = 0;
  let sent = 0;

  async function sendOne(sending: Sending, key: string, digest: Digest, index: number): Promise<void> {
    const { session } = sending;
    const chunk = await readChunk(key, digest, index);
    if (!chunk) return tell(session, digest, refuse('artifact_unknown', `Blob ${digest} is not in the store.`));
    if (chunk.length === 0)
      return tell(session, digest, refuse('artifact_unknown', `Chunk ${index} is past the end of blob ${digest}.`));
    const before = mono();
    const isSent = await session.connection.publish(chunkTopic(session.device, digest, index), chunk, 0);
    if (!isSent) return undefined;
    sent += chunk.length;
    // What left in no time went into the kernel's buffer: it says nothing about the link, so the window grows slowly.
    const seconds = Math.max(mono() - before, 1) / 1000;
    const wanted = Math.min(MAX_WINDOW, Math.max(MIN_WINDOW, (chunk.length / seconds) * WINDOW_S));
    sending.windowBytes +=
      Math.sign(wanted - sending.windowBytes) * Math.min(Math.abs(wanted - sending.windowBytes), CHUNK_BYTES);
    return undefined;
  }

  function pump(sending: Sending): void {
    const { queue, session } = sending;
    if (!session.connection.isOpen()) {
      queue.clear();
      waiting.delete(sending);
      return;
    }
    for (const [key, { digest, index }] of queue) {
      if (sending.flyingBytes + CHUNK_BYTES > sending.windowBytes) return;
      if (flying + CHUNK_BYTES > limits.flyingBytes) {
        waiting.add(sending);
        return;
      }
      queue.delete(key);
      sending.flyingBytes += CHUNK_BYTES;
      flying += CHUNK_BYTES;
      void sendOne(sending, key, digest, index)
        .catch(failed)
        .finally(() => {
          sending.flyingBytes -= CHUNK_BYTES;
          flying -= CHUNK_BYTES;
          // Those who waited for room come first, then this device goes on.
          const turn = [...waiting];
          waiting.clear();
          for (const other of turn) pump(other);
          pump(sending);
        });
    }
  }

  return {
    bytesSent: () => sent,
    async request(session, { digest, first, count }) {
      if (!session.artifacts?.has(digest)) {
        return tell(session, digest, refuse('artifact_not_entitled', `Device "${session.device}", blob ${digest}.`));
      }
      const size = await blobs.size(digest);
      if (size === undefined)
        return tell(session, digest, refuse('artifact_unknown', `Blob ${digest} is not in the store.`));
      let sending = sendings.get(session);
      if (!sending) {
        sending = { session, queue: new Map(), windowBytes: 4 * CHUNK_BYTES, flyingBytes: 0 };
        sendings.set(session, sending);
      }
      const end = Math.min(first + count, Math.ceil(size / CHUNK_BYTES));
      for (let index = first; index < end && sending.queue.size < limits.queuedPerDevice; index++) {
        sending.queue.set(`${digest}/${index}`, { digest, index });
      }
      pump(sending);
      return undefined;
    },
  };
}
