// The fetcher against a link that loses, repeats, reorders, damages and refuses. Time is real but short.
import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { until } from '@drover/testkit/until';
import { CHUNK_BYTES, CHUNKS_PER_REQ } from '@drover/wire/limits';
import type { Req } from '@drover/wire/messages';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type BlobStore, openBlobStore } from '../store/blobs.ts';
import { type Fetcher, makeFetcher } from './download.ts';

const CHUNKS = 24;
const content = Buffer.alloc(CHUNK_BYTES * (CHUNKS - 1) + 777);
for (let i = 0; i < content.length; i += 97) content[i] = (i / 97) & 255;
const ref = { sha256: createHash('sha256').update(content).digest('hex'), size: content.length };
const chunk = (i: number): Buffer => content.subarray(i * CHUNK_BYTES, (i + 1) * CHUNK_BYTES);

let dir: string;
let blobs: BlobStore;
let connected: boolean;
beforeEach(() => {
  dir = mkdtempSync(path.join(tmpdir(), 'drover-fetch-'));
  blobs = openBlobStore(dir);
  connected = true;
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

function fetcherThat(answer: (req: Req, fetcher: Fetcher) => void, store = blobs): Fetcher {
  const fetcher = makeFetcher({
    blobs: store,
    mono: () => performance.now(),
    isConnected: () => connected,
    ask: (req) => {
      expect(req.count).toBeGreaterThan(0);
      expect(req.count).toBeLessThanOrEqual(CHUNKS_PER_REQ);
      setImmediate(() => answer(req, fetcher));
    },
    onProgress: () => undefined,
    timing: { leastWaitMs: 5, mostWaitMs: 20, fruitless: 8 },
  });
  return fetcher;
}
const never = new AbortController().signal;
const send = ({ digest, first, count }: Req, fetcher: Fetcher): void => {
  for (let i = first; i < first + count; i++) fetcher.onChunk(digest, i, chunk(i));
};

describe('fetcher', () => {
  it('brings an artifact whole through loss, repetition and disorder', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.integer({ min: 0, max: 9 }), { minLength: 20, maxLength: 20 }), async (fate) => {
        const folder = mkdtempSync(path.join(dir, 'f'));
        const store = openBlobStore(folder);
        let n = 0;
        const fetcher = fetcherThat(({ digest, first, count }, f) => {
          const order = Array.from({ length: count }, (_, i) => first + i);
          if ((fate[n++ % fate.length] ?? 0) < 3) order.reverse();
          for (const i of order) {
            const luck = fate[n++ % fate.length] ?? 0;
            if (luck === 0) continue;
            f.onChunk(digest, i, chunk(i));
            if (luck === 1) f.onChunk(digest, i, chunk(i));
            if (luck === 2) f.onChunk(digest, i, chunk(i).subarray(1));
          }
        }, store);
        // A fate of nothing but loss is the case after this one.
        fc.pre(fate.some((luck) => luck > 2));
        const fetched = await fetcher.fetch(ref, never);
        if (fetched.ok) expect(store.read(ref)).toMatchObject({ ok: true });
        else expect(fetched.code).toBe('artifact_timeout');
        rmSync(folder, { recursive: true });
      }),
      { numRuns: 15 },
    );
  });

  it('gives up by code when nothing comes, and keeps what is there for the next try', async () => {
    const deaf = fetcherThat((req, f) => {
      if (req.first === 0) f.onChunk(req.digest, 0, chunk(0));
    });
    expect(await deaf.fetch(ref, never)).toMatchObject({ ok: false, code: 'artifact_timeout' });
    expect(blobs.missing(ref)).toBe(ref.size - CHUNK_BYTES);
    const asked: number[] = [];
    const good = fetcherThat((req, f) => {
      asked.push(req.first);
      send(req, f);
    });
    expect(await good.fetch(ref, never)).toMatchObject({ ok: true });
    expect(Math.min(...asked)).toBe(1);
  });

  it('throws damaged bytes away and says so', async () => {
    const lying = fetcherThat(({ digest, first, count }, f) => {
      for (let i = first; i < first + count; i++) f.onChunk(digest, i, Buffer.alloc(chunk(i).length, 1));
    });
    expect(await lying.fetch(ref, never)).toMatchObject({ ok: false, code: 'artifact_digest_mismatch' });
    expect(blobs.missing(ref)).toBe(ref.size);
  });

  it('passes on what the hub refuses', async () => {
    const fetcher = fetcherThat(({ digest }, f) => f.onRefused(digest, 'artifact_not_entitled', 'no'));
    expect(await fetcher.fetch(ref, never)).toMatchObject({ ok: false, code: 'artifact_not_entitled' });
  });

  it('waits while there is no connection and goes on with the next', async () => {
    connected = false;
    const fetcher = fetcherThat(send);
    const done = fetcher.fetch(ref, never);
    connected = true;
    fetcher.onConnected();
    expect(await done).toMatchObject({ ok: true });
  });

  it('ends on a signal, and two that want the same bytes fetch them once', async () => {
    const stop = new AbortController();
    const silent = fetcherThat(() => undefined);
    const ended = silent.fetch(ref, stop.signal);
    setImmediate(() => stop.abort());
    expect(await ended).toMatchObject({ ok: false });

    const asked = new Set<number>();
    let twice = 0;
    const fetcher = fetcherThat((req, f) => {
      if (asked.has(req.first)) twice += 1;
      asked.add(req.first);
      send(req, f);
    });
    const both = await Promise.all([fetcher.fetch(ref, never), fetcher.fetch(ref, never)]);
    expect(both.map(({ ok }) => ok)).toEqual([true, true]);
    expect(twice).toBe(0);
    await until('the blob', () => blobs.has(ref));
  });

  it('refuses to start on a disk without room', async () => {
    const full: BlobStore = { ...blobs, freeBytes: () => 1000 };
    const fetcher = fetcherThat(send, full);
    expect(await fetcher.fetch(ref, never)).toMatchObject({ ok: false, code: 'disk_full' });
    expect(fetcher.hasRoom(1)).toBe(false);
  });
});
