import { createHash, randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import {
  CONTENT_KEY_BYTES,
  countSealedChunks,
  makeSealer,
  PLAIN_CHUNK_BYTES,
  wrapKey,
} from '@drover/trust/sealed/artifact';
import { makeSealingKey, rawPublicKey } from '@drover/trust/sealed/hpke';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openBlobStore } from './blobs.ts';
import type { SealedRecord } from './sealed-blobs.ts';
import { openSealingKey } from './sealing-key.ts';

const sha = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
const privateKey = makeSealingKey();
const own = { device: 'd1', privateKey };
const plain = Buffer.concat([Buffer.from('the marker of this model'), randomBytes(PLAIN_CHUNK_BYTES + 500)]);
const ref = { sha256: sha(plain), size: plain.length };

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(path.join(tmpdir(), 'drover-sealed-'));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

const fileOf = (sha256: string): string => path.join(dir, 'blobs/sha256', sha256.slice(0, 2), sha256);

function putFile(bytes: Uint8Array): string {
  const sha256 = sha(bytes);
  mkdirSync(path.dirname(fileOf(sha256)), { recursive: true });
  writeFileSync(fileOf(sha256), bytes);
  return sha256;
}

/** Puts the ciphertext among the blobs and gives the record that a hub's offer makes for `device`. */
function seal(
  change: (sealed: Buffer) => Buffer = (sealed) => sealed,
  device = 'd1',
  digest = ref.sha256,
): SealedRecord {
  const key = randomBytes(CONTENT_KEY_BYTES);
  const sealer = makeSealer(key, { digest: ref.sha256, size: ref.size });
  const chunks = Array.from({ length: countSealedChunks(ref.size) }, (_, index) =>
    sealer.seal(index, plain.subarray(index * PLAIN_CHUNK_BYTES, (index + 1) * PLAIN_CHUNK_BYTES)),
  );
  const sealed = putFile(change(Buffer.concat([sealer.header, ...chunks])));
  const wrapped = wrapKey(key, rawPublicKey(privateKey), { device, digest });
  if (!wrapped.ok) throw new Error(wrapped.detail);
  return {
    ...ref,
    sealed,
    encapsulated: Buffer.from(wrapped.value.encapsulated).toString('base64url'),
    wrappedKey: Buffer.from(wrapped.value.ciphertext).toString('base64url'),
  };
}

const files = (): string[] =>
  readdirSync(dir, { recursive: true })
    .map((name) => path.join(dir, String(name)))
    .filter((file) => statSync(file).isFile());

describe('a sealed artifact on the device', () => {
  it('is there, is read, and is there after a restart, while no file shows its plaintext', () => {
    const blobs = openBlobStore(dir, own);
    expect(blobs.keepSealed(seal())).toMatchObject({ ok: true });
    for (const store of [blobs, openBlobStore(dir, own)]) {
      expect(store.has(ref)).toBe(true);
      expect(store.missing(ref)).toBe(0);
      const read = store.read(ref);
      expect(read.ok && Buffer.compare(read.value, plain)).toBe(0);
      expect(store.readChunk(ref.sha256, 0)).toBeUndefined();
      expect(store.fileOf(ref.sha256)).toBeUndefined();
    }
    expect(files().filter((file) => readFileSync(file).includes('the marker of this model'))).toEqual([]);
    for (const file of files().filter((name) => name.endsWith('.sealed')))
      expect(statSync(file).mode & 0o777).toBe(0o600);
  });

  it('is not kept with a key for another device, another artifact, or without a key', () => {
    expect(openBlobStore(dir, own).keepSealed(seal(undefined, 'd2'))).toMatchObject({ code: 'sealed_key_refused' });
    expect(openBlobStore(dir, own).keepSealed(seal(undefined, 'd1', '1'.repeat(64)))).toMatchObject({
      code: 'sealed_key_refused',
    });
    const other = { device: 'd1', privateKey: makeSealingKey() };
    expect(openBlobStore(dir, other).keepSealed(seal())).toMatchObject({ code: 'sealed_key_refused' });
    expect(openBlobStore(dir).keepSealed(seal())).toMatchObject({ code: 'sealed_key_refused' });
    expect(openBlobStore(dir, own).has(ref)).toBe(false);
  });

  it.each([
    [
      'changed',
      (sealed: Buffer) => Buffer.from(sealed.map((byte, at) => (at === 5000 ? byte ^ 1 : byte))),
      'artifact_digest_mismatch',
    ],
    ['cut', (sealed: Buffer) => sealed.subarray(0, -1), 'artifact_digest_mismatch'],
    [
      'of another form',
      (sealed: Buffer) => Buffer.concat([Buffer.from('DRVSEAL2'), sealed.subarray(8)]),
      'sealed_malformed',
    ],
  ])('is not kept when its ciphertext is %s', (_, change, code) => {
    expect(openBlobStore(dir, own).keepSealed(seal(change))).toMatchObject({ ok: false, code });
  });

  it('is fetched again, key and ciphertext, when it rots', () => {
    const blobs = openBlobStore(dir, own);
    const record = seal();
    blobs.keepSealed(record);
    const bytes = readFileSync(fileOf(record.sealed));
    bytes[4000] = (bytes[4000] ?? 0) ^ 1;
    writeFileSync(fileOf(record.sealed), bytes);
    expect(blobs.read(ref)).toMatchObject({ ok: false, code: 'artifact_digest_mismatch' });
    blobs.remove(ref.sha256);
    expect(blobs.has(ref)).toBe(false);
    expect(files()).toEqual([]);
  });

  it('is kept by a sweep that keeps its plaintext, and goes with any other', () => {
    const blobs = openBlobStore(dir, own);
    blobs.keepSealed(seal());
    blobs.collect(new Set([ref.sha256]));
    expect(blobs.has(ref)).toBe(true);
    blobs.collect(new Set());
    expect(blobs.has(ref)).toBe(false);
    expect(files()).toEqual([]);
  });
});

describe('the sealing key', () => {
  it('is made once, for its owner only', () => {
    const [first, second] = [openSealingKey(dir), openSealingKey(dir)];
    if (!first.ok || !second.ok) throw new Error('no key');
    expect(second.value.publicKey).toBe(first.value.publicKey);
    const file = path.join(dir, 'keys/sealing.pem');
    expect(statSync(file).mode & 0o777).toBe(0o600);
    writeFileSync(file, 'nothing', { mode: 0o600 });
    expect(openSealingKey(dir)).toMatchObject({ ok: false, code: 'key_invalid' });
  });
});
