import { createHash, randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { KEPT_MS, MAX_TRIES } from '@drover/core/patches';
import { accept, refuse } from '@drover/core/reasons';
import { DEPLOY_PLAN } from '@drover/core/rollout/plan';
import { applyRecipe } from '@drover/delta/apply';
import type { Made } from '@drover/delta/make';
import { NO_BYTES } from '@drover/delta/recipe';
import { bytesSource } from '@drover/delta/sources';
import { makeWeightPair } from '@drover/testkit/model-pairs';
import { until } from '@drover/testkit/until';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { BlobStore } from '../blobs/blob-store.ts';
import { openFolderStore } from '../blobs/folder-store.ts';
import { insertDevice, storeSlot } from '../db/devices.ts';
import { ensureModel, insertVersion } from '../db/models.ts';
import { listPatches } from '../db/patches.ts';
import { insertDeployment, insertRollout } from '../db/rollouts.ts';
import { markConfidential } from '../db/sealed.ts';
import { openStore } from '../db/sqlite-store.ts';
import { query, type Statement, type Store, sqlOf } from '../db/store.ts';
import { type MakeProcess, openMakeProcess } from './make-process.ts';
import { type Patches, startPatches } from './patches.ts';

const sha = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
const { base, target } = makeWeightPair('noise 1e-5', [20, 1500, 30]);
const TOLD = { copy: 0, literal: 0, diff: 0, dict: 0, glue: 0 };

let folder: string;
let store: Store;
let blobs: BlobStore;
let patches: Patches | undefined;
let clock = 1_000_000_000_000;

async function commit(...statements: Statement[]): Promise<void> {
  expect(await store.commit(statements)).toMatchObject({ ok: true });
}

async function putBlob(bytes: Uint8Array): Promise<string> {
  async function* stream() {
    yield bytes;
  }
  const put = await blobs.put(stream(), 1e9);
  if (!put.ok) throw new Error(put.detail);
  return put.value.sha256;
}

async function register(version: number, bytes: Uint8Array): Promise<string> {
  const sha256 = await putBlob(bytes);
  const manifest = sha(Buffer.from(`manifest ${version}`));
  const documentJson = JSON.stringify({ blobs: { model: { sha256, size: bytes.length } } });
  await commit(
    ensureModel({ name: 'wear', project: 'default', createdAt: 1 }),
    insertVersion({
      model: 'wear', version, manifest, envelope: new Uint8Array(1), documentJson, source: 'uploaded', sizeBytes: bytes.length,
      run: null, metricsJson: '{}', createdAt: 1,
    }),
  ); // biome-ignore format: one record
  return manifest;
}

async function wish(device: string, running: string | null, wished: string): Promise<void> {
  const id = sha(Buffer.from(device)).slice(0, 32);
  await commit(
    insertDevice({ id: device, labels: {}, secretHash: 'aa', joinedAt: 1 }),
    storeSlot({
      device, slot: 'default', running, previous: null, deploymentId: null, deploymentManifest: null, state: null, revision: 1,
      code: null, detail: null, enteredAt: null, bytesDone: 0, bytesTotal: 0, updatedAt: 1, progressAt: 1,
    }),
    insertRollout({
      id, model: 'wear', version: 2, manifest: wished, slot: 'default', state: 'running', revision: 1, targetJson: '{}',
      actor: 'operator', createdAt: 1, endedAt: null, planJson: JSON.stringify(DEPLOY_PLAN), planHash: '', stage: 0, phase: 'admitting',
      phaseSince: 1, startedAt: 1, countedFrom: 0, reason: null, because: '',
    }),
    insertDeployment({
      id, rollout: id, device, slot: 'default', manifest: wished, state: 'offered', revision: 1, code: null, detail: null,
      createdAt: 1, updatedAt: 1, deviceState: null, deviceRevision: 0, deviceCode: null, deviceDetail: null, stage: 0, attempt: 1,
      purpose: 'install', admittedAt: 1, beforeManifest: null,
    }),
  ); // biome-ignore format: records
}

const open = async (make: MakeProcess, graceMs = 60_000): Promise<Patches> => {
  patches = await startPatches({
    store, blobs, make, folder: path.join(folder, 'patches'), graceMs, now: () => clock, log: pino({ level: 'silent' }),
  }); // biome-ignore format: one record
  return patches;
};

/** Writes `share` of the target as a recipe, without being one. */
const fakeMake =
  (share: number): MakeProcess =>
  async ({ out, packOut, pair }) => {
    const write = (file: string, part: number): Made => {
      const size = Math.round(part * pair.targetSize);
      writeFileSync(file, randomBytes(size));
      return { size, told: TOLD };
    };
    return accept({ made: write(out, share), ...(packOut !== undefined && { packed: write(packOut, 0.86) }) });
  };

beforeEach(async () => {
  folder = mkdtempSync(path.join(tmpdir(), 'drover-patches-'));
  const opened = openStore(path.join(folder, 'db', 'hub.db'), 1000);
  if (!opened.ok) throw new Error(opened.detail);
  store = opened.value;
  blobs = await openFolderStore(path.join(folder, 'blobs'), 1e9);
  clock = 1_000_000_000_000;
});
afterEach(async () => {
  await patches?.close();
  patches = undefined;
  await store.close();
  rmSync(folder, { recursive: true, force: true });
});

describe('recipes on the hub', () => {
  it('are made by the process for a device that runs the base, offered with the packed target behind, and tell the target', async () => {
    const [old, fresh] = [await register(1, base), await register(2, target)];
    await wish('d1', old, fresh);
    const opened = await open(openMakeProcess());
    const ways = await opened.listWays('d1', { sha256: sha(target), size: target.length });
    expect(ways.map((way) => way.kind === 'delta' && way.base)).toEqual([sha(base), NO_BYTES]);
    const [way] = ways;
    if (way?.kind !== 'delta') throw new Error('no recipe');
    expect(way.size).toBeLessThan(0.5 * target.length);
    const recipe = await blobs.read(way.recipe, 0, way.size);
    if (!recipe) throw new Error('the recipe is not in the store');
    const pair = { base: sha(base), baseSize: base.length, target: sha(target), targetSize: target.length };
    const steps = applyRecipe({ recipe: bytesSource(recipe), base: bytesSource(base), pair });
    const pieces: Uint8Array[] = [];
    let next = steps.next();
    for (; !next.done; next = steps.next()) pieces.push(new Uint8Array(next.value));
    expect(next.value.ok && Buffer.concat(pieces).equals(target)).toBe(true);
  }, 120_000);

  it('are not kept when they save too little, and are not made again', async () => {
    const [old, fresh] = [await register(1, base), await register(2, target)];
    await wish('d1', old, fresh);
    let made = 0;
    const opened = await open((request, signal) => {
      made += 1;
      return fakeMake(0.75)(request, signal);
    });
    // 75 % of the file, and more than 80 % of what the file takes packed.
    expect((await opened.listWays('d1', { sha256: sha(target), size: target.length })).length).toBe(1);
    await opened.settle();
    expect((await listPatches(store)).map(({ base: from, state }) => [from, state])).toEqual([
      ['', 'made'],
      [sha(base), 'useless'],
    ]);
    opened.poke();
    await opened.settle();
    expect(made).toBe(1);
  });

  it('are waited for no longer than is allowed: then the device starts without', async () => {
    const [old, fresh] = [await register(1, base), await register(2, target)];
    await wish('d1', old, fresh);
    let release = (): void => undefined;
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    const opened = await open(async (request, signal) => {
      await held;
      return fakeMake(0.4)(request, signal);
    }, 50);
    const asked = opened.listWays('d1', { sha256: sha(target), size: target.length });
    await until('the making to begin', async () => (await listPatches(store)).some(({ tries }) => tries === 1));
    clock += 60_000;
    expect(await asked).toEqual([]);
    release();
    await opened.settle();
    expect((await opened.listWays('d1', { sha256: sha(target), size: target.length })).length).toBe(2);
  });

  it('are given up after three makings that came to nothing', async () => {
    const [old, fresh] = [await register(1, base), await register(2, target)];
    await wish('d1', old, fresh);
    let made = 0;
    const opened = await open(async () => {
      made += 1;
      return refuse('recipe_stopped', 'no memory');
    });
    expect(await opened.listWays('d1', { sha256: sha(target), size: target.length })).toEqual([]);
    await opened.settle();
    expect(made).toBe(2 * MAX_TRIES);
    expect((await listPatches(store)).map(({ state }) => state)).toEqual(['failed', 'failed']);
  });

  it('go, blob and row, a day after nobody needs them', async () => {
    const [old, fresh] = [await register(1, base), await register(2, target)];
    await wish('d1', old, fresh);
    const opened = await open(fakeMake(0.4));
    const [way] = await opened.listWays('d1', { sha256: sha(target), size: target.length });
    if (way?.kind !== 'delta') throw new Error('no recipe');
    await opened.settle();
    await commit({ query: query(sqlOf.updateTable('deployments').set({ state: 'committed' })), expect: 'any' });
    clock += KEPT_MS + 1;
    opened.poke();
    await opened.settle();
    expect(await listPatches(store)).toEqual([]);
    expect(await blobs.has(way.recipe)).toBe(false);
    expect(await blobs.has(sha(target))).toBe(true);
  });

  it('are none for small models, and none for confidential ones', async () => {
    const small = randomBytes(1000);
    const [old, tiny, fresh] = [await register(1, base), await register(2, small), await register(3, target)];
    await wish('d1', old, tiny);
    const opened = await open(fakeMake(0.4));
    expect(await opened.listWays('d1', { sha256: sha(small), size: small.length })).toEqual([]);
    await commit(markConfidential('wear', 'operator', 1));
    await wish('d2', old, fresh);
    opened.poke();
    await opened.settle();
    expect(await listPatches(store)).toEqual([]);
  });
});

describe('the process that makes a recipe', () => {
  const request = async () => ({
    pair: { base: sha(base), baseSize: base.length, target: sha(target), targetSize: target.length },
    base: blobs.path(await putBlob(base)),
    target: blobs.path(await putBlob(target)),
    out: path.join(folder, 'out'),
  });
  const signal = new AbortController().signal;

  it('ends when it takes more time or memory than it was given', async () => {
    const late = await openMakeProcess({ timeMs: 0, memoryBytes: 1e9 })(await request(), signal);
    expect(late).toMatchObject({ ok: false, code: 'recipe_stopped' });
    rmSync(path.join(folder, 'out'), { force: true });
    const large = await openMakeProcess({ timeMs: 60_000, memoryBytes: 1e6 * 20 })(await request(), signal);
    expect(large).toMatchObject({ ok: false, code: 'recipe_stopped' });
  }, 120_000);

  it('is ended with the hub', async () => {
    const abort = new AbortController();
    const running = openMakeProcess()(await request(), abort.signal);
    abort.abort();
    expect(await running).toMatchObject({ ok: false, code: 'recipe_stopped' });
  });
});
