import { createHash } from 'node:crypto';
import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { BlobStore } from './blob-store.ts';
import { openFolderStore } from './folder-store.ts';

let root: string;
let store: BlobStore;

beforeEach(async () => {
  root = mkdtempSync(path.join(tmpdir(), 'drover-blobs-'));
  store = await openFolderStore(root, 1000);
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

async function* stream(...chunks: (Uint8Array | Error)[]) {
  for (const chunk of chunks) {
    if (chunk instanceof Error) throw chunk;
    yield chunk;
  }
}
const incoming = () => readdirSync(path.join(root, 'incoming'));
const absent = 'f'.repeat(64);

describe('the blob folder', () => {
  it('gives back any range of what was put, under the digest of the bytes', async () => {
    const quiet = await openFolderStore(root, 1e9);
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.uint8Array({ maxLength: 50 })),
        fc.nat(300),
        fc.nat(300),
        async (chunks, offset, length) => {
          const whole = Buffer.concat(chunks);
          const put = await quiet.put(stream(...chunks), 10_000);
          expect(put).toEqual({
            ok: true,
            value: { sha256: createHash('sha256').update(whole).digest('hex'), size: whole.length },
          });
          if (!put.ok) return;
          const range = await quiet.read(put.value.sha256, offset, length);
          expect(Buffer.from(range ?? []).equals(whole.subarray(offset, offset + length))).toBe(true);
        },
      ),
      { numRuns: 50 },
    );
  });

  it('says what it does not hold', async () => {
    expect(await store.has(absent)).toBe(false);
    expect(await store.size(absent)).toBeUndefined();
    expect(await store.read(absent, 0, 1)).toBeUndefined();
  });

  it('refuses what is larger than the limit or the quota and keeps nothing of it', async () => {
    expect(await store.put(stream(Buffer.alloc(60), Buffer.alloc(60)), 100)).toMatchObject({ code: 'blob_too_large' });
    expect(await store.put(stream(Buffer.alloc(900)), 5000)).toMatchObject({ ok: true });
    expect(await store.put(stream(Buffer.alloc(101, 1)), 5000)).toMatchObject({ code: 'blob_quota' });
    // The refused bytes are not counted: what still fits is taken.
    expect(await store.put(stream(Buffer.alloc(100, 1)), 5000)).toMatchObject({ ok: true });
    expect(incoming()).toEqual([]);
    const reopened = await openFolderStore(root, 1000);
    expect(await reopened.put(stream(Buffer.alloc(1, 7)), 10)).toMatchObject({ code: 'blob_quota' });
  });

  it('counts the same bytes once', async () => {
    for (let i = 0; i < 5; i++) expect(await store.put(stream(Buffer.alloc(400)), 500)).toMatchObject({ ok: true });
    expect(await store.put(stream(Buffer.alloc(500, 1)), 500)).toMatchObject({ ok: true });
  });

  it('keeps nothing of an upload that broke off, nor of one that a crash left', async () => {
    await expect(store.put(stream(Buffer.alloc(10), new Error('hung up')), 100)).rejects.toThrow('hung up');
    expect(incoming()).toEqual([]);
    writeFileSync(path.join(root, 'incoming', 'left'), 'half');
    await openFolderStore(root, 1000);
    expect(incoming()).toEqual([]);
  });

  it('never makes a path of anything but a digest', async () => {
    expect(() => store.path('../../etc/passwd')).toThrow(/SHA-256/);
    await expect(store.read('..', 0, 1)).rejects.toThrow(/SHA-256/);
  });

  it('keeps files to the owner', async () => {
    const put = await store.put(stream(Buffer.from('x')), 10);
    if (!put.ok) throw new Error(put.detail);
    expect(statSync(store.path(put.value.sha256)).mode & 0o077).toBe(0);
  });
});
