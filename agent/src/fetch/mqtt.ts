// Asks the hub for missing chunks over MQTT and takes what comes, alone or on a topic shared with others: when to say how far
// it is, when to ask again, when to give up. Never writes a file and never decides how much may be on the way: the hub does.
import { accept, isReasonCode, type ReasonCode, type Result, refuse } from '@drover/core/reasons';
import { BITMAP_BYTES, CHUNK_BYTES, CHUNKS_PER_REQ, PIECE_BYTES } from '@drover/wire/limits';
import type { Req } from '@drover/wire/messages';
import type { SourceName, Transfer } from './transfer.ts';

export interface MqttFetch {
  /** Resolves when nothing is missing, or with why it cannot go on. Waits while there is no connection. */
  bring(transfer: Transfer, signal: AbortSignal): Promise<Result<undefined>>;
  /** The artifact is whole, however it came: the hub may give the turn of this device to another. */
  tellDone(digest: string, chunks: number): void;
  /** What the link hands over. `piece` is an eighth of a chunk; undefined: the whole one. */
  onChunk(digest: string, index: number, bytes: Uint8Array, piece: number | undefined, isShared: boolean): void;
  onRefused(digest: string, code: string, detail: string): void;
  /** Others have their turn. */
  onBusy(digest: string, retryAfterMs: number): void;
  onListen(digest: string): void;
  onUnlisten(digest: string): void;
  /** The hub knows by now what this device may fetch. */
  onConnected(): void;
}

export interface MqttFetchDeps {
  readonly mono: () => number;
  /** In [0, 1). */
  readonly random: () => number;
  readonly isConnected: () => boolean;
  readonly ask: (req: Req) => void;
  /** Subscribes to the shared topic of an artifact, or stops it. */
  readonly listen: (digest: string, on: boolean) => void;
  readonly timing?: FetchTiming;
}

export interface FetchTiming {
  /** Wait for missing chunks at least and at most this long before asking again. */
  readonly leastWaitMs: number;
  readonly mostWaitMs: number;
  /** Askings without a single new byte after which a try is given up. */
  readonly fruitless: number;
}

const TIMING: FetchTiming = { leastWaitMs: 1000, mostWaitMs: 10_000, fruitless: 8 };
/** Chunks that do not have their hash, after which this way is left. */
const BAD_CHUNKS = 8;
/**
 * On one connection nothing is lost: what does not come is late, because the link is slow or this process stood still. So often
 * it is only said what is missing; after that what is on the way is given up, and a window of it may come twice.
 */
const PATIENT_ASKINGS = 2;
/** So many repeated chunks in a row show that the link lives. */
const REPEATS = 64;
/** Chunks that are put together from pieces at the same time. */
const OPEN_CHUNKS = 8;
/**
 * The hub hears this often how far a device is: it is the clock of its credit. In the beginning after each half of what came
 * before, because the hub lets little be on the way until it knows the link; and soon when no more comes, because the hub may
 * let less be on the way than this.
 */
const REPORT_MS = 250;
const REPORT_BYTES = 1024 * 1024;
const QUIET_MS = 20;

interface Assembly {
  readonly bytes: Buffer;
  /** Pieces that came, a bit each. */
  mask: number;
}

interface Asking {
  readonly transfer: Transfer;
  readonly assemblies: Map<number, Assembly>;
  /** Grows when everything on the way is taken for lost. */
  request: number;
  askedAt: number;
  reportedAt: number;
  bytesSinceReport: number;
  /** Since all that was on the way was given up last. */
  bytesSinceNew: number;
  /** Until what came is said although it is little. */
  flush: NodeJS.Timeout | undefined;
  /** Ms from an asking to its first byte, smoothed; bytes per ms, smoothed. */
  rttMs: number;
  rate: number;
  isAnswered: boolean;
  /** The largest message so far: between two of them nothing can be known. */
  unitBytes: number;
  fruitless: number;
  /** Chunks in a row that were here already. */
  repeats: number;
  bad: number;
  isListening: boolean;
  timer: NodeJS.Timeout | undefined;
  settle: (result: Result<undefined>) => void;
}

const piecesOf = (bytes: number): number => Math.ceil(bytes / PIECE_BYTES);
const fullMask = (bytes: number): number => (1 << piecesOf(bytes)) - 1;
const smooth = (old: number, sample: number): number => (old === 0 ? sample : 0.7 * old + 0.3 * sample);

export function makeMqttFetch(deps: MqttFetchDeps): MqttFetch {
  const { mono, random, isConnected, ask, listen } = deps;
  const timing = deps.timing ?? TIMING;
  const askings = new Map<string, Asking>();
  let requests = 0;
  const nextRequest = (): number => (requests = (requests % (2 ** 31 - 1)) + 1);

  function bitmapOf({ transfer, assemblies }: Asking, first: number): Uint8Array {
    const bitmap = new Uint8Array(Math.min(BITMAP_BYTES, transfer.chunks - first));
    for (const at of bitmap.keys()) {
      const index = first + at;
      if (!transfer.held.has(index))
        bitmap[at] = fullMask(transfer.sizeOf(index)) & ~(assemblies.get(index)?.mask ?? 0);
    }
    return bitmap;
  }

  /** `new`: what is on the way is given up; `again`: it is waited for; `progress`: nothing is asked for. */
  function report(a: Asking, kind: 'new' | 'again' | 'progress'): void {
    clearTimeout(a.flush);
    a.flush = undefined;
    a.reportedAt = mono();
    a.bytesSinceReport = 0;
    if (!isConnected()) return;
    const first = a.transfer.held.nextMissing(0);
    if (kind === 'new') {
      a.request = nextRequest();
      a.askedAt = a.reportedAt;
      a.isAnswered = false;
      a.bytesSinceNew = 0;
    }
    // `count` is what a hub of 0.1 goes by; it does not know reports.
    const count = kind !== 'progress' ? Math.min(CHUNKS_PER_REQ, a.transfer.chunks - first) : 0;
    ask({ digest: a.transfer.ref.sha256, first, count, request: a.request, bitmap: bitmapOf(a, first) });
  }

  function arm(a: Asking, waitMs?: number): void {
    clearTimeout(a.timer);
    const unitMs = a.rate > 0 ? a.unitBytes / a.rate : 0;
    const patience = Math.max(timing.leastWaitMs, 4 * a.rttMs, 3 * unitMs) * 2 ** a.fruitless;
    a.timer = setTimeout(() => askAgain(a, waitMs !== undefined), waitMs ?? Math.min(timing.mostWaitMs, patience));
  }

  function askAgain(a: Asking, isTurn: boolean): void {
    // The next connection asks by itself.
    if (!isConnected()) return;
    if (!isTurn) a.fruitless += 1;
    if (a.fruitless > timing.fruitless) {
      const { sha256 } = a.transfer.ref;
      a.settle(refuse('artifact_timeout', `${sha256.slice(0, 12)}…: nothing came in ${timing.fruitless} askings.`));
      return;
    }
    report(a, a.fruitless > PATIENT_ASKINGS ? 'new' : 'again');
    // From here the answer is waited for; one that may belong to either of two askings measures nothing (Karn).
    if (isTurn) a.askedAt = mono();
    else a.isAnswered ||= a.fruitless <= PATIENT_ASKINGS;
    arm(a);
  }

  function measure(a: Asking, bytes: number): void {
    const at = mono();
    if (!a.isAnswered) {
      a.isAnswered = true;
      a.rttMs = smooth(a.rttMs, at - a.askedAt);
    }
    a.fruitless = 0;
    a.repeats = 0;
    a.unitBytes = Math.max(a.unitBytes, bytes);
    a.bytesSinceReport += bytes;
    a.bytesSinceNew += bytes;
    const many = Math.min(REPORT_BYTES, a.bytesSinceNew / 2, a.rate * REPORT_MS);
    if (a.bytesSinceReport >= Math.max(PIECE_BYTES, many) || at - a.reportedAt >= REPORT_MS) return tellProgress(a);
    // On a slow link the next message is not due yet.
    const gapMs = a.rate > 0 ? (2 * a.unitBytes) / a.rate : 0;
    clearTimeout(a.flush);
    a.flush = setTimeout(tellProgress, Math.min(REPORT_MS, Math.max(QUIET_MS, gapMs)), a);
  }

  function tellProgress(a: Asking): void {
    const elapsed = mono() - a.reportedAt;
    if (elapsed > 0) a.rate = smooth(a.rate, a.bytesSinceReport / elapsed);
    report(a, 'progress');
  }

  /** Puts pieces together; the chunk when it is whole. */
  function assemble(a: Asking, index: number, piece: number, bytes: Uint8Array): Uint8Array | undefined {
    const size = a.transfer.sizeOf(index);
    const at = piece * PIECE_BYTES;
    if (at >= size || bytes.length !== Math.min(PIECE_BYTES, size - at)) return undefined;
    let own = a.assemblies.get(index);
    if (!own) {
      own = { bytes: Buffer.allocUnsafe(size), mask: 0 };
      a.assemblies.set(index, own);
      for (const oldest of a.assemblies.keys()) {
        if (a.assemblies.size <= OPEN_CHUNKS) break;
        a.assemblies.delete(oldest);
      }
    }
    own.bytes.set(bytes, at);
    own.mask |= 1 << piece;
    return own.mask === fullMask(size) ? own.bytes : undefined;
  }

  function take(a: Asking, index: number, chunk: Uint8Array, from: SourceName): void {
    a.assemblies.delete(index);
    const taken = a.transfer.take(index, chunk, from);
    if (taken === 'full') return a.settle(a.transfer.trouble ?? refuse('disk_full', ''));
    if (taken === 'bad') {
      a.bad += 1;
      if (a.bad < BAD_CHUNKS) return undefined;
      const { sha256 } = a.transfer.ref;
      return a.settle(refuse('artifact_digest_mismatch', `${sha256.slice(0, 12)}…: ${a.bad} chunks were damaged.`));
    }
    return undefined;
  }

  function end(a: Asking): void {
    clearTimeout(a.timer);
    clearTimeout(a.flush);
    askings.delete(a.transfer.ref.sha256);
    if (a.isListening) listen(a.transfer.ref.sha256, false);
  }

  return {
    bring(transfer, signal) {
      if (transfer.held.isFull) return Promise.resolve(accept(undefined));
      return new Promise((resolve) => {
        const a: Asking = {
          transfer, assemblies: new Map(), request: 0, askedAt: mono(), reportedAt: mono(), bytesSinceReport: 0, bytesSinceNew: 0,
          flush: undefined, rttMs: 0, rate: 0,
          isAnswered: false, unitBytes: PIECE_BYTES, fruitless: 0, repeats: 0, bad: 0, isListening: false, timer: undefined,
          settle(result) {
            signal.removeEventListener('abort', stop);
            end(a);
            resolve(result);
          },
        }; // biome-ignore format: one record
        const stop = (): void => a.settle(refuse('artifact_timeout', 'It was interrupted.'));
        signal.addEventListener('abort', stop, { once: true });
        askings.set(transfer.ref.sha256, a);
        if (signal.aborted) return stop();
        report(a, 'new');
        return arm(a);
      });
    },

    tellDone(digest, chunks) {
      if (isConnected()) ask({ digest, first: chunks, count: 0, request: nextRequest(), bitmap: new Uint8Array(1) });
    },

    onChunk(digest, index, bytes, piece, isShared) {
      const a = askings.get(digest);
      // Late, repeated or unasked bytes are dropped; what is missing is asked for again.
      if (!a || index >= a.transfer.chunks || bytes.length > CHUNK_BYTES) return;
      const whole =
        piece === undefined ? bytes : a.transfer.held.has(index) ? undefined : assemble(a, index, piece, bytes);
      const hadBefore = a.transfer.held.count;
      if (whole) take(a, index, whole, isShared ? 'broadcast' : 'mqtt');
      if (askings.get(digest) !== a) return;
      if (a.transfer.held.isFull) return a.settle(accept(undefined));
      // A repeated chunk shows that the link lives, not that anything is gained.
      if (piece === undefined && a.transfer.held.count === hadBefore) {
        a.repeats += 1;
        if (a.repeats < REPEATS) arm(a);
        return;
      }
      measure(a, bytes.length);
      arm(a);
    },

    onRefused(digest, code, detail) {
      const known: ReasonCode = isReasonCode(code) ? code : 'artifact_unknown';
      askings.get(digest)?.settle(refuse(known, detail.slice(0, 300)));
    },

    onBusy(digest, retryAfterMs) {
      const a = askings.get(digest);
      if (!a) return;
      a.fruitless = 0;
      // Some more, so that those who wait do not come at the same moment.
      arm(a, retryAfterMs * (1 + 0.25 * random()));
    },

    onListen(digest) {
      const a = askings.get(digest);
      if (!a || a.isListening) return;
      a.isListening = true;
      listen(digest, true);
    },

    onUnlisten(digest) {
      const a = askings.get(digest);
      if (!a?.isListening) return;
      a.isListening = false;
      listen(digest, false);
      // The hub goes on with the rest. What it sent since it said so is behind this on the connection, and not given up.
      report(a, 'again');
      arm(a);
    },

    onConnected() {
      for (const a of askings.values()) {
        a.isListening = false;
        a.fruitless = 0;
        report(a, 'new');
        arm(a);
      }
    },
  };
}
