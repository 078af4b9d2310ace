import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { CHUNK_BYTES } from '@drover/wire/limits';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type BlobStore, openBlobStore } from './blobs.ts';

let dir: string;
let blobs: BlobStore;
const content = Buffer.from(Array.from({ length: CHUNK_BYTES * 2 + 1000 }, (_, i) => (i * 7 + (i >> 8)) & 255));
const ref = { sha256: createHash('sha256').update(content).digest('hex'), size: content.length };
const chunk = (i: number): Buffer => content.subarray(i * CHUNK_BYTES, (i + 1) * CHUNK_BYTES);
const fileOf = (suffix = ''): string => path.join(dir, 'blobs/sha256', ref.sha256.slice(0, 2), ref.sha256 + suffix);

beforeEach(() => {
  dir = mkdtempSync(path.join(tmpdir(), 'drover-blobs-'));
  blobs = openBlobStore(dir);
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

describe('blob store', () => {
  it('brings a blob in parts over a restart, at mode 0600', () => {
    const first = blobs.openPart(ref);
    first.write(chunk(0));
    first.close();
    expect(blobs.missing(ref)).toBe(ref.size - CHUNK_BYTES);
    const second = openBlobStore(dir).openPart(ref);
    expect(second.bytes).toBe(CHUNK_BYTES);
    second.write(chunk(1));
    second.write(chunk(2));
    expect(second.finish()).toMatchObject({ ok: true });
    expect(statSync(fileOf()).mode & 0o777).toBe(0o600);
    const read = blobs.read(ref);
    expect(read.ok && Buffer.compare(read.value, content)).toBe(0);
    expect(blobs.missing(ref)).toBe(0);
  });

  it('goes back to the last whole chunk of a torn part', () => {
    const first = blobs.openPart(ref);
    first.write(chunk(0));
    first.write(chunk(1));
    first.close();
    truncateSync(fileOf('.part'), CHUNK_BYTES + 17);
    expect(blobs.openPart(ref).bytes).toBe(CHUNK_BYTES);
  });

  it('throws wrong bytes away by code', () => {
    const part = blobs.openPart(ref);
    part.write(chunk(0));
    part.write(chunk(2).length === 1000 ? Buffer.alloc(CHUNK_BYTES) : chunk(1));
    part.write(chunk(2));
    expect(part.finish()).toMatchObject({ ok: false, code: 'artifact_digest_mismatch' });
    const short = blobs.openPart(ref);
    expect(short.bytes).toBe(0);
    expect(short.finish()).toMatchObject({ ok: false, code: 'artifact_size_mismatch' });
    expect(blobs.has(ref)).toBe(false);
  });

  it('does not read back what was changed on the disk', () => {
    const part = blobs.openPart(ref);
    for (const i of [0, 1, 2]) part.write(chunk(i));
    part.finish();
    const bytes = readFileSync(fileOf());
    bytes[5] = (bytes[5] ?? 0) ^ 1;
    writeFileSync(fileOf(), bytes);
    expect(blobs.read(ref)).toMatchObject({ ok: false, code: 'artifact_digest_mismatch' });
    truncateSync(fileOf(), 10);
    expect(blobs.read(ref)).toMatchObject({ ok: false, code: 'artifact_size_mismatch' });
    expect(blobs.has(ref)).toBe(false);
  });

  it('collects only what nobody names', () => {
    const part = blobs.openPart(ref);
    part.write(chunk(0));
    part.close();
    expect(blobs.collect(new Set([ref.sha256]))).toBe(0);
    expect(blobs.collect(new Set())).toBe(CHUNK_BYTES);
    expect(blobs.missing(ref)).toBe(ref.size);
  });
});
