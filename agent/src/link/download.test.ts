// The fetcher against a link that loses, repeats, reorders, damages and refuses, and against ways that fail. Time is real but
// short.
import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { refuse } from '@drover/core/reasons';
import { until } from '@drover/testkit/until';
import { chunkListOf } from '@drover/trust/chunk-list';
import { CHUNK_BYTES, PIECE_BYTES } from '@drover/wire/limits';
import type { Req } from '@drover/wire/messages';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type MqttFetch, makeMqttFetch } from '../fetch/mqtt.ts';
import type { FetchSources } from '../fetch/transfer.ts';
import { type BlobRef, type BlobStore, openBlobStore } from '../store/blobs.ts';
import { type Fetcher, makeFetcher } from './download.ts';

const CHUNKS = 24;
const content = Buffer.alloc(CHUNK_BYTES * (CHUNKS - 1) + PIECE_BYTES + 777);
for (let i = 0; i < content.length; i += 97) content[i] = (i / 97) & 255;
const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
const list = chunkListOf(content) ?? content;
const ref: BlobRef = { sha256: sha256(content), size: content.length, chunkList: sha256(list) };
const bare: BlobRef = { sha256: ref.sha256, size: ref.size };
const held = new Map([
  [ref.sha256, content],
  [sha256(list), Buffer.from(list)],
]);
const chunkOf = (digest: string, i: number): Buffer =>
  (held.get(digest) ?? content).subarray(i * CHUNK_BYTES, (i + 1) * CHUNK_BYTES);
const chunk = (i: number): Buffer => chunkOf(ref.sha256, i);

let dir: string;
let blobs: BlobStore;
let connected: boolean;
beforeEach(() => {
  dir = mkdtempSync(path.join(tmpdir(), 'drover-fetch-'));
  blobs = openBlobStore(dir);
  connected = true;
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

/** Missing pieces that a request names. */
function* missing({ first, bitmap }: Req): Generator<{ index: number; mask: number }> {
  for (const [at, mask] of (bitmap ?? new Uint8Array()).entries()) if (mask !== 0) yield { index: first + at, mask };
}

interface Bed {
  readonly fetcher: Fetcher;
  readonly mqtt: MqttFetch;
  readonly reqs: Req[];
}

function open(answer: (req: Req, bed: Bed) => void, store = blobs, sources: FetchSources = {}): Bed {
  const reqs: Req[] = [];
  const mqtt = makeMqttFetch({
    mono: () => performance.now(),
    random: () => 0,
    isConnected: () => connected,
    ask: (req) => {
      reqs.push(req);
      setImmediate(() => answer(req, bed));
    },
    listen: () => undefined,
    timing: { leastWaitMs: 5, mostWaitMs: 20, fruitless: 8 },
  });
  const fetcher = makeFetcher({ blobs: store, mqtt, sources, onProgress: () => undefined, log: () => undefined });
  const bed = { fetcher, mqtt, reqs };
  return bed;
}
const never = new AbortController().signal;
/** Gives up to `most` missing chunks, as a hub with credit does. */
const send = (req: Req, { mqtt }: Bed, most = 4): void => {
  for (const { index } of [...missing(req)].slice(0, most))
    mqtt.onChunk(req.digest, index, chunkOf(req.digest, index), undefined, false);
};
const giveList = (req: Req, bed: Bed): boolean => {
  if (req.digest !== ref.chunkList) return false;
  send(req, bed);
  return true;
};

describe('fetcher', () => {
  it.each([
    ['with a list', ref],
    ['without one', bare],
  ])('brings an artifact whole through loss, repetition, disorder and pieces: %s', async (_, wanted) => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.integer({ min: 0, max: 9 }), { minLength: 20, maxLength: 20 }), async (fate) => {
        // A fate of nothing but loss is the case after this one.
        fc.pre(fate.some((luck) => luck > 2));
        const folder = mkdtempSync(path.join(dir, 'f'));
        const store = openBlobStore(folder);
        let n = 0;
        const { fetcher } = open((req, { mqtt }) => {
          const wishes = [...missing(req)].slice(0, 8);
          if ((fate[n++ % fate.length] ?? 0) < 3) wishes.reverse();
          for (const { index, mask } of wishes) {
            const luck = fate[n++ % fate.length] ?? 0;
            const whole = chunkOf(req.digest, index);
            if (luck === 0) continue;
            if (luck > 6) {
              for (let piece = 0; piece < 8; piece++) {
                const bytes = whole.subarray(piece * PIECE_BYTES, (piece + 1) * PIECE_BYTES);
                if ((mask >> piece) & 1 && fate[n++ % fate.length] !== 0)
                  mqtt.onChunk(req.digest, index, bytes, piece, false);
              }
              continue;
            }
            mqtt.onChunk(req.digest, index, whole, undefined, luck === 3);
            if (luck === 1) mqtt.onChunk(req.digest, index, whole, undefined, false);
            if (luck === 2 && wanted.chunkList) mqtt.onChunk(req.digest, index, whole.subarray(1), undefined, false);
          }
        }, store);
        const fetched = await fetcher.fetch(wanted, never);
        if (fetched.ok) expect(store.read(wanted)).toMatchObject({ ok: true });
        else expect(['artifact_timeout', 'artifact_digest_mismatch']).toContain(fetched.code);
        rmSync(folder, { recursive: true });
      }),
      { numRuns: 12 },
    );
  });

  it('gives up by code when nothing comes, and keeps what is there for the next try', async () => {
    const deaf = open((req, bed) => {
      if (!giveList(req, bed)) bed.mqtt.onChunk(req.digest, 3, chunk(3), undefined, false);
    });
    expect(await deaf.fetcher.fetch(ref, never)).toMatchObject({ ok: false, code: 'artifact_timeout' });
    expect(blobs.missing(ref)).toBe(ref.size - CHUNK_BYTES);
    const asked = new Set<number>();
    const good = open((req, bed) => {
      for (const { index } of missing(req)) if (req.digest === ref.sha256) asked.add(index);
      send(req, bed);
    });
    expect(await good.fetcher.fetch(ref, never)).toMatchObject({ ok: true });
    expect(asked.has(3)).toBe(false);
    expect(asked.size).toBe(CHUNKS - 1);
  });

  it('throws damaged bytes away, counts them, and leaves who sends them', async () => {
    const lying = open((req, bed) => {
      if (giveList(req, bed)) return;
      for (const { index } of missing(req))
        bed.mqtt.onChunk(req.digest, index, Buffer.alloc(chunk(index).length, 1), undefined, false);
    });
    expect(await lying.fetcher.fetch(ref, never)).toMatchObject({ ok: false, code: 'artifact_digest_mismatch' });
    expect(lying.fetcher.counts().mqtt).toMatchObject({ bad: 8 });
    expect(blobs.missing(ref)).toBe(ref.size);
    const blind = open((req, bed) => {
      for (const { index } of missing(req))
        bed.mqtt.onChunk(req.digest, index, Buffer.alloc(chunk(index).length, 1), undefined, false);
    });
    expect(await blind.fetcher.fetch(bare, never)).toMatchObject({ ok: false, code: 'artifact_digest_mismatch' });
    expect(blobs.missing(bare)).toBe(ref.size);
  });

  it('passes on what the hub refuses', async () => {
    const { fetcher } = open((req, { mqtt }) => mqtt.onRefused(req.digest, 'artifact_not_entitled', 'no'));
    expect(await fetcher.fetch(ref, never)).toMatchObject({ ok: false, code: 'artifact_not_entitled' });
  });

  it('waits its turn as long as it is told to, without counting it as trouble', async () => {
    let turns = 0;
    const { fetcher } = open((req, bed) => {
      turns += 1;
      if (turns < 30) bed.mqtt.onBusy(req.digest, 1);
      else send(req, bed);
    });
    expect(await fetcher.fetch(ref, never)).toMatchObject({ ok: true });
  });

  it('waits while there is no connection and goes on with the next', async () => {
    connected = false;
    const { fetcher, mqtt } = open(send);
    const done = fetcher.fetch(ref, never);
    connected = true;
    mqtt.onConnected();
    // The list first; the artifact finds the connection there.
    expect(await done).toMatchObject({ ok: true });
  });

  it('ends on a signal, and two that want the same bytes fetch them once', async () => {
    const stop = new AbortController();
    const silent = open(() => undefined);
    const ended = silent.fetcher.fetch(ref, stop.signal);
    setImmediate(() => stop.abort());
    expect(await ended).toMatchObject({ ok: false });

    const { fetcher } = open(send);
    const both = await Promise.all([fetcher.fetch(ref, never), fetcher.fetch(ref, never)]);
    expect(both.map(({ ok }) => ok)).toEqual([true, true]);
    expect(fetcher.counts().mqtt).toMatchObject({ chunks: CHUNKS + 1, bad: 0 });
    await until('the blob', () => blobs.has(ref));
  });

  it('refuses to start on a disk without room', async () => {
    const full: BlobStore = { ...blobs, freeBytes: () => 1000 };
    const { fetcher } = open(send, full);
    expect(await fetcher.fetch(ref, never)).toMatchObject({ ok: false, code: 'disk_full' });
    expect(fetcher.hasRoom(1)).toBe(false);
  });

  it('tries the ways that are offered in their order, leaves one that lies, and fetches only the rest over MQTT', async () => {
    const tried: string[] = [];
    const bed = open(send, blobs, {
      neighbour: async ({ url }, transfer) => {
        tried.push(url);
        transfer.take(7, chunk(7), 'neighbour');
        return transfer.take(8, chunk(9), 'neighbour') === 'bad'
          ? refuse('artifact_digest_mismatch', url)
          : refuse('source_unavailable', url);
      },
      mirror: async ({ url }, transfer) => {
        tried.push(url);
        for (const i of [0, 1, 2]) transfer.take(i, chunk(i), 'mirror');
        return refuse('source_unavailable', 'it went away');
      },
    });
    bed.fetcher.setOffers([
      {
        digest: ref.sha256,
        sources: [
          { kind: 'neighbour', device: 'd2', url: 'n' },
          { kind: 'mirror', url: 'm' },
        ],
      },
    ]);
    expect(await bed.fetcher.fetch(ref, never)).toMatchObject({ ok: true });
    expect(tried).toEqual(['n', 'm']);
    expect(bed.fetcher.counts()).toMatchObject({
      neighbour: { chunks: 1, bad: 1 },
      mirror: { chunks: 3, bad: 0 },
      // And the list.
      mqtt: { chunks: CHUNKS - 4 + 1 },
    });
    expect(blobs.read(ref)).toMatchObject({ ok: true });
    // All pieces there: the hub hears that it is whole.
    expect(bed.reqs.at(-1)).toMatchObject({ digest: ref.sha256, bitmap: new Uint8Array(1) });
  });

  it('turns to a better way that is offered in the middle', async () => {
    const bed = open(
      (req, { mqtt }) => {
        if (giveList(req, bed)) return;
        mqtt.onChunk(req.digest, 0, chunk(0), undefined, false);
        bed.fetcher.addOffer({ digest: ref.sha256, sources: [{ kind: 'neighbour', device: 'd2', url: 'n' }] });
      },
      blobs,
      {
        neighbour: async (_, transfer) => {
          for (let i = 1; i < CHUNKS; i++) transfer.take(i, chunk(i), 'neighbour');
          return { ok: true, value: undefined };
        },
      },
    );
    expect(await bed.fetcher.fetch(ref, never)).toMatchObject({ ok: true });
    expect(bed.fetcher.counts()).toMatchObject({ mqtt: { chunks: 2 }, neighbour: { chunks: CHUNKS - 1 } });
  });
});
