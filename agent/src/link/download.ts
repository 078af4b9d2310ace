// Brings one artifact in chunks over a link that loses, repeats and damages. Never decides what to bring.
import { accept, isReasonCode, type ReasonCode, type Refusal, type Result, refuse } from '@drover/core/reasons';
import { CHUNK_BYTES, CHUNKS_PER_REQ } from '@drover/wire/limits';
import type { Req } from '@drover/wire/messages';
import type { BlobRef, BlobStore, PartFile } from '../store/blobs.ts';

export interface Fetcher {
  /** Resumes and finishes one artifact. Waits while there is no connection; `signal` ends it and keeps what is there. */
  fetch(ref: BlobRef, signal: AbortSignal): Promise<Result<undefined>>;
  hasRoom(bytes: number): boolean;
  /** What the link hands over. */
  onChunk(digest: string, index: number, bytes: Uint8Array): void;
  onRefused(digest: string, code: string, detail: string): void;
  onConnected(): void;
}

export interface FetchDeps {
  readonly blobs: BlobStore;
  readonly mono: () => number;
  readonly isConnected: () => boolean;
  readonly ask: (req: Req) => void;
  /** Bytes arrived: deadlines start again. */
  readonly onProgress: () => void;
  readonly timing?: FetchTiming;
}

export interface FetchTiming {
  /** Wait for missing chunks at least and at most this long before asking again. */
  readonly leastWaitMs: number;
  readonly mostWaitMs: number;
  /** Askings without a single new chunk after which a try is given up. */
  readonly fruitless: number;
}

const TIMING: FetchTiming = { leastWaitMs: 1000, mostWaitMs: 10_000, fruitless: 8 };
const LEAST_CHUNKS = 2;
/** One window holds about this much of the measured rate, so that a command waits no longer behind it. */
const WINDOW_MS = 1500;
/** Left free beside what is brought. */
const SPARE_BYTES = 16 * 1024 * 1024;

const isNoSpace = (error: unknown): boolean =>
  error instanceof Error && 'code' in error && (error.code === 'ENOSPC' || error.code === 'EDQUOT');

interface Transfer {
  readonly ref: BlobRef;
  readonly part: PartFile;
  readonly chunks: number;
  /** Chunks that came before their turn. */
  readonly early: Map<number, Uint8Array>;
  /** The next chunk to write. */
  next: number;
  /** Chunks below this were asked for. */
  asked: number;
  window: number;
  /** Bytes per ms, smoothed. */
  rate: number;
  askedAt: number;
  bytesSinceAsk: number;
  fruitless: number;
  timer: NodeJS.Timeout | undefined;
  settle: (result: Result<undefined>) => void;
}

export function makeFetcher(deps: FetchDeps): Fetcher {
  const { blobs, mono, isConnected, ask, onProgress } = deps;
  const timing = deps.timing ?? TIMING;
  const transfers = new Map<string, Transfer>();
  const pending = new Map<string, Promise<Result<undefined>>>();
  let requests = 0;

  const sizeOfChunk = ({ ref, chunks }: Transfer, index: number): number =>
    index === chunks - 1 ? ref.size - index * CHUNK_BYTES : CHUNK_BYTES;

  function request(t: Transfer, first: number, count: number): void {
    if (count <= 0 || !isConnected()) return;
    requests = (requests + 1) % 2 ** 31;
    ask({ digest: t.ref.sha256, first, count, request: requests });
  }

  /** Waits as long as two windows take at the measured rate before anything is asked again. */
  function arm(t: Transfer): void {
    clearTimeout(t.timer);
    const expectedMs = t.rate > 0 ? (2 * t.window * CHUNK_BYTES) / t.rate : timing.leastWaitMs;
    const waitMs = Math.min(timing.mostWaitMs, Math.max(timing.leastWaitMs, expectedMs) * (1 + t.fruitless));
    t.timer = setTimeout(() => askAgain(t), waitMs);
  }

  function askMore(t: Transfer): void {
    const room = Math.min(t.chunks, t.next + t.window) - t.asked;
    const isEnd = t.next + t.window >= t.chunks;
    // Half a window at a time keeps the link busy without asking for each chunk alone.
    if (room <= 0 || (room < t.window / 2 && !isEnd)) return;
    const count = Math.min(room, CHUNKS_PER_REQ);
    t.askedAt = mono();
    t.bytesSinceAsk = 0;
    request(t, t.asked, count);
    t.asked += count;
  }

  function askAgain(t: Transfer): void {
    if (!isConnected()) return;
    t.fruitless += 1;
    if (t.fruitless > timing.fruitless) {
      t.settle(
        refuse('artifact_timeout', `${t.ref.sha256.slice(0, 12)}…: no chunk came in ${timing.fruitless} askings.`),
      );
      return;
    }
    t.window = Math.max(LEAST_CHUNKS, t.window >> 1);
    const end = Math.min(t.chunks, t.next + t.window);
    for (let first = t.next; first < end; ) {
      if (t.early.has(first)) {
        first += 1;
        continue;
      }
      let last = first;
      while (last < end && !t.early.has(last)) last += 1;
      request(t, first, last - first);
      first = last;
    }
    t.asked = Math.max(end, t.next);
    arm(t);
  }

  function measure(t: Transfer, bytes: number): void {
    t.bytesSinceAsk += bytes;
    const elapsed = mono() - t.askedAt;
    if (elapsed < 1) return;
    const rate = t.bytesSinceAsk / elapsed;
    t.rate = t.rate === 0 ? rate : 0.8 * t.rate + 0.2 * rate;
    const wished = Math.round((t.rate * WINDOW_MS) / CHUNK_BYTES);
    // Growing by one a chunk keeps one lucky measurement from asking for more than the link carries.
    t.window = Math.min(CHUNKS_PER_REQ, Math.max(LEAST_CHUNKS, Math.min(wished, t.window + 1)));
  }

  function writeReady(t: Transfer): Refusal | undefined {
    for (let chunk = t.early.get(t.next); chunk; chunk = t.early.get(t.next)) {
      t.early.delete(t.next);
      try {
        t.part.write(chunk);
      } catch (error) {
        if (!isNoSpace(error)) throw error;
        return refuse('disk_full', `${t.ref.sha256.slice(0, 12)}… stopped at byte ${t.part.bytes}.`);
      }
      t.next += 1;
    }
    return undefined;
  }

  function finish(t: Transfer): void {
    try {
      t.settle(t.part.finish());
    } catch (error) {
      if (!isNoSpace(error)) throw error;
      t.settle(refuse('disk_full', `${t.ref.sha256.slice(0, 12)}… could not be flushed.`));
    }
  }

  function bring(ref: BlobRef, signal: AbortSignal): Promise<Result<undefined>> {
    if (blobs.has(ref)) return Promise.resolve(accept(undefined));
    const missing = blobs.missing(ref);
    if (blobs.freeBytes() < missing + SPARE_BYTES) {
      return Promise.resolve(refuse('disk_full', `${missing} bytes are needed and ${blobs.freeBytes()} are free.`));
    }
    const part = blobs.openPart(ref);
    return new Promise((resolve) => {
      const t: Transfer = {
          ref, part, chunks: Math.ceil(ref.size / CHUNK_BYTES), early: new Map(), next: Math.ceil(part.bytes / CHUNK_BYTES),
          asked: Math.ceil(part.bytes / CHUNK_BYTES), window: 4, rate: 0, askedAt: mono(), bytesSinceAsk: 0, fruitless: 0,
          timer: undefined,
          settle(result) {
            clearTimeout(t.timer);
            transfers.delete(ref.sha256);
            signal.removeEventListener('abort', stop);
            part.close();
            resolve(result);
          },
        }; // biome-ignore format: one record
      const stop = (): void => t.settle(refuse('artifact_timeout', 'It was interrupted.'));
      signal.addEventListener('abort', stop, { once: true });
      transfers.set(ref.sha256, t);
      if (signal.aborted) stop();
      else if (t.next >= t.chunks) finish(t);
      else {
        askMore(t);
        arm(t);
      }
    });
  }

  return {
    hasRoom: (bytes) => blobs.freeBytes() >= bytes + SPARE_BYTES,

    async fetch(ref, signal) {
      // Two slots may want the same bytes: the second waits for the first and then looks again.
      for (let other = pending.get(ref.sha256); other && !signal.aborted; other = pending.get(ref.sha256)) await other;
      const own = bring(ref, signal);
      pending.set(ref.sha256, own);
      try {
        return await own;
      } finally {
        pending.delete(ref.sha256);
      }
    },

    onChunk(digest, index, bytes) {
      const t = transfers.get(digest);
      // Late, repeated, unasked or cut chunks are dropped; what is missing is asked for again.
      if (!t || index < t.next || index >= t.next + CHUNKS_PER_REQ || index >= t.chunks) return;
      if (bytes.length !== sizeOfChunk(t, index) || t.early.has(index)) return;
      t.early.set(index, bytes);
      t.fruitless = 0;
      measure(t, bytes.length);
      const stuck = writeReady(t);
      onProgress();
      if (stuck) t.settle(stuck);
      else if (t.next >= t.chunks) finish(t);
      else {
        askMore(t);
        arm(t);
      }
    },

    onRefused(digest, code, detail) {
      const known: ReasonCode = isReasonCode(code) ? code : 'artifact_unknown';
      transfers.get(digest)?.settle(refuse(known, detail.slice(0, 300)));
    },

    onConnected() {
      for (const t of transfers.values()) {
        t.asked = t.next;
        t.fruitless = 0;
        askMore(t);
        arm(t);
      }
    },
  };
}
