import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { accept, refuse } from '@drover/core/reasons';
import { makeRecipe } from '@drover/delta/make';
import { NO_BYTES } from '@drover/delta/recipe';
import { bytesSource } from '@drover/delta/sources';
import { makeWeightPair } from '@drover/testkit/model-pairs';
import { chunkListOf } from '@drover/trust/chunk-list';
import { CHUNK_BYTES } from '@drover/wire/limits';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type BlobStore, openBlobStore } from '../store/blobs.ts';
import { makeDeltaSource } from './delta.ts';
import { makeTransfer } from './transfer.ts';

const sha = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
const { base, target } = makeWeightPair('noise 1e-5', [40, 1600, 30]);

let dir: string;
let blobs: BlobStore;
beforeEach(() => {
  dir = mkdtempSync(path.join(tmpdir(), 'drover-delta-'));
  blobs = openBlobStore(dir);
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

function put(bytes: Uint8Array, sha256 = sha(bytes)): string {
  const file = path.join(dir, 'blobs/sha256', sha256.slice(0, 2), sha256);
  mkdirSync(path.dirname(file), { recursive: true });
  writeFileSync(file, bytes);
  return sha256;
}

function recipeFor(from: Uint8Array, to: Uint8Array): Buffer {
  const parts: Uint8Array[] = [];
  const pair = { base: sha(from), baseSize: from.length, target: sha(to), targetSize: to.length };
  makeRecipe({ base: bytesSource(from), target: bytesSource(to), pair, write: (bytes) => parts.push(bytes) });
  return Buffer.concat(parts);
}

const RECIPE = recipeFor(base, target);

/** Runs the source once; `isListed`: the manifest binds chunk hashes. */
async function run(
  recipe: Uint8Array,
  options: { base?: string; isListed?: boolean; signal?: AbortSignal; size?: number } = {},
) {
  const list = chunkListOf(target);
  if (!list) throw new Error('the target has several chunks');
  const ref = {
    sha256: sha(target),
    size: target.length,
    ...(options.isListed !== false && { chunkList: put(list) }),
  };
  const part = await blobs.openPart(ref);
  const counted = { chunks: 0, bytes: 0, bad: 0, duplicate: 0 };
  const transfer = makeTransfer(ref, { part, counts: () => counted, onProgress: () => undefined });
  const source = makeDeltaSource({
    blobs,
    fetch: async ({ sha256 }) => {
      put(recipe, sha256);
      return accept(undefined);
    },
  });
  const way = {
    kind: 'delta',
    base: options.base ?? sha(base),
    recipe: sha(recipe),
    size: options.size ?? recipe.length,
  } as const;
  const done = await source(way, transfer, options.signal ?? new AbortController().signal);
  const finished = transfer.held.isFull ? await part.finish() : undefined;
  part.close();
  return { done, finished, counted, ref };
}

describe('an artifact from a recipe', () => {
  it.each([true, false])('is made from what is held, with a list of chunk hashes: %s', async (isListed) => {
    put(base);
    const { done, finished, counted, ref } = await run(RECIPE, { isListed });
    expect([done.ok, finished?.ok]).toEqual([true, true]);
    expect(counted).toMatchObject({ chunks: Math.ceil(target.length / CHUNK_BYTES), bytes: target.length, bad: 0 });
    const read = blobs.read(ref);
    expect(read.ok && Buffer.compare(read.value, target)).toBe(0);
    expect(blobs.sizeOf(sha(RECIPE))).toBeUndefined();
  });

  it('is made from nothing when it was packed on its own', async () => {
    const { done, finished } = await run(recipeFor(new Uint8Array(0), target), { base: NO_BYTES });
    expect([done.ok, finished?.ok]).toEqual([true, true]);
  });

  it('is left to other ways when the base is missing, or damaged', async () => {
    const recipe = Buffer.from(RECIPE);
    expect((await run(recipe)).done).toMatchObject({ ok: false, code: 'source_unavailable' });
    const rotten = new Uint8Array(base);
    rotten[5000] = (rotten[5000] ?? 0) ^ 1;
    put(rotten, sha(base));
    expect(await run(recipe)).toMatchObject({ done: { code: 'artifact_digest_mismatch' }, counted: { chunks: 0 } });
  });

  it.each([true, false])(
    'is left to other ways when the recipe makes something else, with a list: %s',
    async (isListed) => {
      put(base);
      const wrong = new Uint8Array(target);
      wrong[300_000] = (wrong[300_000] ?? 0) ^ 1;
      // It says that it makes the target, and does not.
      const lie = recipeFor(base, wrong);
      lie.set(Buffer.from(sha(target), 'hex'), 9 + 32);
      const { done, counted, finished } = await run(lie, { isListed });
      expect(done).toMatchObject({ ok: false, code: 'artifact_digest_mismatch' });
      // What was taken before is right: each chunk has its hash.
      expect(counted.bad).toBe(isListed ? 1 : 0);
      expect(finished).toBeUndefined();
    },
  );

  it('is left to other ways when the recipe is for another pair, is cut, or is as large as the artifact', async () => {
    put(base);
    const recipe = Buffer.from(RECIPE);
    expect((await run(recipeFor(target, base))).done).toMatchObject({ code: 'recipe_other_pair' });
    expect((await run(recipe.subarray(0, recipe.length - 100))).done).toMatchObject({ code: 'recipe_malformed' });
    expect((await run(recipe, { size: target.length })).done).toMatchObject({ code: 'source_unavailable' });
  });

  it('stops when it is interrupted, and keeps the recipe for the next try', async () => {
    put(base);
    const recipe = Buffer.from(RECIPE);
    const abort = new AbortController();
    const running = run(recipe, { signal: abort.signal });
    abort.abort();
    expect((await running).done).toMatchObject({ ok: false, code: 'artifact_timeout' });
    expect(blobs.sizeOf(sha(recipe))).toBe(recipe.length);
  });

  it('says why when the recipe cannot be fetched', async () => {
    put(base);
    const source = makeDeltaSource({ blobs, fetch: async () => refuse('artifact_timeout', 'nothing came') });
    const ref = { sha256: sha(target), size: target.length };
    const part = await blobs.openPart(ref);
    const counts = () => ({ chunks: 0, bytes: 0, bad: 0, duplicate: 0 });
    const transfer = makeTransfer(ref, { part, counts, onProgress: () => undefined });
    const way = { kind: 'delta', base: sha(base), recipe: '0'.repeat(64), size: 100 } as const;
    expect(await source(way, transfer, new AbortController().signal)).toMatchObject({ code: 'artifact_timeout' });
    part.close();
  });
});
