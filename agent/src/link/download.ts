// Brings one artifact: its list of chunk hashes first, then its chunks from the ways that the hub offers, in their order, and
// at last over MQTT. Never decides what to bring.
import { accept, type Refusal, type Result, refuse } from '@drover/core/reasons';
import type { Offer, Source } from '@drover/wire/messages';
import type { MqttFetch } from '../fetch/mqtt.ts';
import { bringSealed } from '../fetch/sealed.ts';
import {
  type FetchSources,
  isNoSpace,
  makeTransfer,
  type SourceCounts,
  type SourceName,
  type Transfer,
} from '../fetch/transfer.ts';
import { type BlobRef, type BlobStore, listRefOf } from '../store/blobs.ts';

export interface Fetcher {
  /** Resumes and finishes one artifact. Waits while there is no connection; `signal` ends it and keeps what is there. */
  fetch(ref: BlobRef, signal: AbortSignal): Promise<Result<undefined>>;
  hasRoom(bytes: number): boolean;
  /** Ways to artifacts from a desired message: all that is known. */
  setOffers(offers: readonly Offer[]): void;
  /** Ways to one artifact; a transfer of it that goes over MQTT turns to them. */
  addOffer(offer: Offer): void;
  /** What came from where since the start. */
  counts(): Readonly<Partial<Record<SourceName, Readonly<SourceCounts>>>>;
}

export interface FetchDeps {
  readonly blobs: BlobStore;
  readonly mqtt: MqttFetch;
  readonly sources: FetchSources;
  /** Bytes arrived: deadlines start again. */
  readonly onProgress: () => void;
  readonly log: (level: 'info' | 'warn', message: string, detail: Record<string, unknown>) => void;
}

/** Left free beside what is brought. */
const SPARE_BYTES = 16 * 1024 * 1024;
/** Artifacts whose offers are remembered; the oldest go. */
const KEPT_OFFERS = 256;

const short = (sha256: string): string => `${sha256.slice(0, 12)}…`;
const keyOf = (source: Source): string =>
  JSON.stringify(source, (_, value: unknown) => (value instanceof Uint8Array ? [...value] : value));

export function makeFetcher({ blobs, mqtt, sources, onProgress, log }: FetchDeps): Fetcher {
  const pending = new Map<string, Promise<Result<undefined>>>();
  const offers = new Map<string, readonly Source[]>();
  const counted: Partial<Record<SourceName, SourceCounts>> = {};
  /** Interrupts what goes over MQTT because a better way is known. */
  const turns = new Map<string, () => void>();

  const countsOf = (from: SourceName): SourceCounts =>
    (counted[from] ??= { chunks: 0, bytes: 0, bad: 0, duplicate: 0 });

  function remember({ digest, sources: ways }: Offer): void {
    offers.delete(digest);
    offers.set(digest, ways);
    for (const oldest of offers.keys()) {
      if (offers.size <= KEPT_OFFERS) break;
      offers.delete(oldest);
    }
  }

  function run(source: Source, transfer: Transfer, signal: AbortSignal): Promise<Result<undefined>> {
    // The table is keyed by kind: the handler takes exactly this source.
    const handler = sources[source.kind] as
      | ((source: Source, transfer: Transfer, signal: AbortSignal) => Promise<Result<undefined>>)
      | undefined;
    return handler ? handler(source, transfer, signal) : Promise.resolve(refuse('source_unavailable', source.kind));
  }

  /** Over MQTT, until it is whole, it fails, or a better way is offered: then undefined. */
  async function runMqtt(transfer: Transfer, signal: AbortSignal): Promise<Result<undefined> | undefined> {
    const turn = new AbortController();
    turns.set(transfer.ref.sha256, () => turn.abort());
    try {
      const done = await mqtt.bring(transfer, AbortSignal.any([signal, turn.signal]));
      return turn.signal.aborted && !signal.aborted && !done.ok && transfer.trouble === undefined ? undefined : done;
    } finally {
      turns.delete(transfer.ref.sha256);
    }
  }

  async function runAll(transfer: Transfer, signal: AbortSignal): Promise<Result<undefined>> {
    const tried = new Set<string>();
    while (!transfer.held.isFull) {
      if (signal.aborted) return refuse('artifact_timeout', 'It was interrupted.');
      const next = offers
        .get(transfer.ref.sha256)
        ?.find((way) => sources[way.kind] !== undefined && !tried.has(keyOf(way)));
      if (next) {
        const key = keyOf(next);
        tried.add(key);
        const before = transfer.held.count;
        const done = await run(next, transfer, signal);
        if (transfer.trouble) return transfer.trouble;
        // A neighbour that helped and broke may help again, when it is named again; one that sent something wrong does not.
        if (next.kind === 'neighbour' && !done.ok && done.code === 'source_unavailable' && transfer.held.count > before)
          tried.delete(key);
        if (!done.ok && !signal.aborted)
          log('info', `a way to an artifact failed: ${next.kind}`, {
            digest: short(transfer.ref.sha256),
            code: done.code,
            detail: done.detail,
          });
        continue;
      }
      const done = await runMqtt(transfer, signal);
      if (transfer.trouble) return transfer.trouble;
      if (done && !done.ok) return done;
    }
    return accept(undefined);
  }

  const lacksRoom = (ref: BlobRef): Refusal | undefined => {
    const missing = blobs.missing(ref);
    if (blobs.freeBytes() >= missing + SPARE_BYTES) return undefined;
    return refuse('disk_full', `${missing} bytes are needed and ${blobs.freeBytes()} are free.`);
  };

  async function bring(ref: BlobRef, signal: AbortSignal): Promise<Result<undefined>> {
    if (blobs.has(ref)) return accept(undefined);
    const full = lacksRoom(ref);
    if (full) return full;
    const way = offers.get(ref.sha256)?.find((each) => each.kind === 'sealed');
    if (way) return bringSealed({ blobs, fetch }, ref, way, signal);
    const list = listRefOf(ref);
    if (list) {
      const fetched = await fetch(list, signal);
      if (!fetched.ok) return fetched;
      const bytes = blobs.read(list);
      // A list that rotted on the disk would refuse every chunk.
      if (!bytes.ok) {
        blobs.remove(list.sha256);
        return bytes;
      }
    }
    const part = await blobs.openPart(ref);
    try {
      const transfer = makeTransfer(ref, { part, counts: countsOf, onProgress });
      const done = await runAll(transfer, signal);
      if (!done.ok) return done;
      const finished = await part.finish();
      if (finished.ok) mqtt.tellDone(ref.sha256, transfer.chunks);
      return finished;
    } finally {
      part.close();
    }
  }

  async function bringSafely(ref: BlobRef, signal: AbortSignal): Promise<Result<undefined>> {
    try {
      return await bring(ref, signal);
    } catch (error) {
      if (!isNoSpace(error)) throw error;
      return refuse('disk_full', `${short(ref.sha256)} could not be written.`);
    }
  }

  async function fetch(ref: BlobRef, signal: AbortSignal): Promise<Result<undefined>> {
    // Two slots may want the same bytes: the second waits for the first and then looks again.
    for (let other = pending.get(ref.sha256); other && !signal.aborted; other = pending.get(ref.sha256)) await other;
    const own = bringSafely(ref, signal);
    pending.set(ref.sha256, own);
    try {
      return await own;
    } finally {
      pending.delete(ref.sha256);
    }
  }

  return {
    fetch,
    hasRoom: (bytes) => blobs.freeBytes() >= bytes + SPARE_BYTES,
    setOffers(all) {
      offers.clear();
      for (const offer of all) remember(offer);
    },
    addOffer(offer) {
      remember(offer);
      if (offer.sources.some((way) => sources[way.kind] !== undefined)) turns.get(offer.digest)?.();
    },
    counts: () => counted,
  };
}
