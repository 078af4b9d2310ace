import { createHash } from 'node:crypto';
import {
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { CHUNK_BYTES } from '@drover/wire/limits';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type BlobRef, type BlobStore, openBlobStore } from './blobs.ts';

const CHUNKS = 7;
const content = Buffer.alloc(CHUNK_BYTES * (CHUNKS - 1) + 1000);
for (let i = 0; i < content.length; i += 61) content[i] = (i * 7 + (i >> 8)) & 255;
const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
const chunk = (i: number): Buffer => content.subarray(i * CHUNK_BYTES, (i + 1) * CHUNK_BYTES);
const ALL = Array.from({ length: CHUNKS }, (_, i) => i);
const list = Buffer.concat(ALL.map((i) => createHash('sha256').update(chunk(i)).digest()));
const bare: BlobRef = { sha256: sha256(content), size: content.length };
const listed: BlobRef = { ...bare, chunkList: sha256(list) };
/** As long as the first without its last chunk. */
const wrong = Buffer.alloc(CHUNK_BYTES, 1);

let dir: string;
let blobs: BlobStore;
const fileOf = (suffix = ''): string => path.join(dir, 'blobs/sha256', bare.sha256.slice(0, 2), bare.sha256 + suffix);

async function putList(store: BlobStore): Promise<void> {
  const part = await store.openPart({ sha256: sha256(list), size: list.length });
  part.write(0, list);
  expect(await part.finish()).toMatchObject({ ok: true });
}

beforeEach(async () => {
  dir = mkdtempSync(path.join(tmpdir(), 'drover-blobs-'));
  blobs = openBlobStore(dir);
  await putList(blobs);
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

describe('blob store', () => {
  it.each([
    ['with a list of hashes', listed],
    ['without one', bare],
  ])('brings a blob in any order, at mode 0600: %s', async (_, ref) => {
    const part = await blobs.openPart(ref);
    for (const i of [6, 2, 0, 5, 1, 4, 3]) expect(part.write(i, chunk(i))).toBe('taken');
    expect(part.write(3, chunk(3))).toBe('duplicate');
    expect(await part.finish()).toMatchObject({ ok: true });
    expect(statSync(fileOf()).mode & 0o777).toBe(0o600);
    const read = blobs.read(ref);
    expect(read.ok && Buffer.compare(read.value, content)).toBe(0);
    expect(blobs.missing(ref)).toBe(0);
    expect(readdirSync(path.dirname(fileOf())).filter((name) => name.includes('.part'))).toEqual([]);
    expect(blobs.readChunk(ref.sha256, 6)).toEqual(chunk(6));
    expect(blobs.readChunk(ref.sha256, 7)).toBeUndefined();
  });

  it('goes on where a process was ended at any moment, chunk for chunk', async () => {
    await fc.assert(
      fc.asyncProperty(fc.shuffledSubarray(ALL), fc.nat(CHUNKS), async (order, before) => {
        const part = await blobs.openPart(listed);
        const early = order.slice(0, before);
        for (const i of early) part.write(i, chunk(i));
        // Not closed: a process that is killed closes nothing. What was written is with the system.
        const next = openBlobStore(dir);
        expect(next.missing(listed)).toBeLessThanOrEqual(listed.size);
        const again = await next.openPart(listed);
        expect(ALL.filter((i) => again.held.has(i))).toEqual(early.toSorted((a, b) => a - b));
        for (const i of ALL) expect(again.write(i, chunk(i))).toBe(early.includes(i) ? 'duplicate' : 'taken');
        expect(await again.finish()).toMatchObject({ ok: true });
        part.close();
        next.remove(listed.sha256);
      }),
      { numRuns: 20 },
    );
  });

  it('looks at what is there when the record is damaged, or claims what a power cut took', async () => {
    const part = await blobs.openPart(listed);
    for (const i of [0, 2, 3, 4, 5]) part.write(i, chunk(i));
    part.close();
    const whole = readFileSync(fileOf('.part'));
    const record = readFileSync(fileOf('.part.map'));

    for (const damage of [Buffer.alloc(0), Buffer.alloc(record.length, 7), record.subarray(0, 20)]) {
      writeFileSync(fileOf('.part.map'), damage);
      const again = await openBlobStore(dir).openPart(listed);
      expect(ALL.filter((i) => again.held.has(i))).toEqual([0, 2, 3, 4, 5]);
      again.close();
    }
    // The hint claims five chunks; one never reached the disk, and the file ends early.
    writeFileSync(fileOf('.part.map'), record);
    const torn = Buffer.from(whole);
    torn.fill(0, 2 * CHUNK_BYTES + 100, 3 * CHUNK_BYTES);
    writeFileSync(fileOf('.part'), torn);
    truncateSync(fileOf('.part'), 5 * CHUNK_BYTES + 10);
    const again = await openBlobStore(dir).openPart(listed);
    // Two may stand in the durable record, which a real power cut cannot outrun: here the file was changed behind it.
    expect(again.held.has(5)).toBe(false);
    for (const i of ALL) again.write(i, chunk(i));
    const done = await again.finish();
    if (!done.ok) expect(done.code).toBe('artifact_digest_mismatch');
  });

  it('believes no chunk without a list that was not flushed', async () => {
    const part = await blobs.openPart(bare);
    part.write(0, chunk(0));
    part.close();
    const again = await openBlobStore(dir).openPart(bare);
    expect(again.held.count).toBe(0);
    again.close();
  });

  it('drops wrong chunks with a list, and the whole without one', async () => {
    const part = await blobs.openPart(listed);
    expect([part.write(1, wrong), part.write(1, chunk(2)), part.write(1, chunk(6)), part.write(9, wrong)]).toEqual(
      Array.from({ length: 4 }, () => 'bad'),
    );
    expect(part.bytes).toBe(0);
    expect(await part.finish()).toMatchObject({ ok: false, code: 'artifact_size_mismatch' });
    const blind = await blobs.openPart(bare);
    expect(blind.write(1, chunk(6))).toBe('bad');
    for (const i of ALL) expect(blind.write(i, i === 1 ? wrong : chunk(i))).toBe('taken');
    expect(await blind.finish()).toMatchObject({ ok: false, code: 'artifact_digest_mismatch' });
    expect([existsSync(fileOf()), existsSync(fileOf('.part')), existsSync(fileOf('.part.map'))]).toEqual([
      false,
      false,
      false,
    ]);
  });

  it('gives chunks of a part to others only when a hash says that they are right', async () => {
    const part = await blobs.openPart(listed);
    part.write(4, chunk(4));
    expect(blobs.readChunk(listed.sha256, 4)).toEqual(chunk(4));
    expect(blobs.readChunk(listed.sha256, 3)).toBeUndefined();
    part.close();
    expect(blobs.readChunk(listed.sha256, 4)).toBeUndefined();
    blobs.remove(listed.sha256);
    const blind = await blobs.openPart(bare);
    blind.write(4, chunk(4));
    expect(blobs.readChunk(bare.sha256, 4)).toBeUndefined();
    blind.close();
  });

  it('does not read back what was changed on the disk', async () => {
    const part = await blobs.openPart(bare);
    for (const i of ALL) part.write(i, chunk(i));
    await part.finish();
    const bytes = readFileSync(fileOf());
    bytes[5] = (bytes[5] ?? 0) ^ 1;
    writeFileSync(fileOf(), bytes);
    expect(blobs.read(bare)).toMatchObject({ ok: false, code: 'artifact_digest_mismatch' });
    truncateSync(fileOf(), 10);
    expect(blobs.read(bare)).toMatchObject({ ok: false, code: 'artifact_size_mismatch' });
    expect(blobs.has(bare)).toBe(false);
  });

  it('collects only what nobody names', async () => {
    const part = await blobs.openPart(listed);
    part.write(0, chunk(0));
    part.close();
    expect(blobs.collect(new Set([bare.sha256, sha256(list)]))).toBe(0);
    expect(blobs.missing(listed)).toBe(listed.size - CHUNK_BYTES);
    expect(blobs.collect(new Set())).toBeGreaterThan(CHUNK_BYTES);
    expect(blobs.missing(listed)).toBe(listed.size);
  });
});
