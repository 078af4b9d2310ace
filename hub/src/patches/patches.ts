// Carries out what is decided about recipes: makes them one at a time in a child process, keeps them as blobs, sweeps them,
// and tells which there are for a device. Never decides which are needed: core/patches does.
import { createReadStream } from 'node:fs';
import { mkdir, rm } from 'node:fs/promises';
import path from 'node:path';
import type { Digest } from '@drover/core/ids';
import {
  decidePatches, isWorth, LEAST_BYTES, NO_BASE, type PatchPair, type PatchStep, waitUntil,
} from '@drover/core/patches'; // biome-ignore format: one list
import { NO_BYTES } from '@drover/delta/recipe';
import { CHUNK_BYTES } from '@drover/wire/limits';
import type { Source } from '@drover/wire/messages';
import type { Logger } from 'pino';
import type { BlobStore } from '../blobs/blob-store.ts';
import { storeChunkList } from '../blobs/chunk-lists.ts';
import {
  beginPatch, countPatchesOf, endPatch, insertPatch, isUploaded, listHeldModels, listPatches, listPatchesTo, listPatchNeeds, type PatchRow, removePatch, renewPatch,
} from '../db/patches.ts'; // biome-ignore format: one list
import type { Store } from '../db/store.ts';
import type { MakeProcess } from './make-process.ts';

export interface PatchesDeps {
  readonly store: Store;
  readonly blobs: BlobStore;
  readonly make: MakeProcess;
  /** A folder for recipes that are being made; what lies in it at the start is removed. */
  readonly folder: string;
  /** Beside what the size of a target allows: the longest wait for a recipe of a small one. */
  readonly graceMs: number;
  readonly now: () => number;
  readonly log: Logger;
}

export interface Patches {
  /**
   * Recipes for `blob` from what the device holds, the smallest first. One that is being made is waited for, until
   * `waitUntil`; a device that asks after that starts with what is there.
   */
  listWays(device: string, blob: { readonly sha256: Digest; readonly size: number }): Promise<readonly Source[]>;
  /** Something is wished of devices: looks at what they need. Returns at once. */
  poke(): void;
  /** Resolves when nothing is left to do. */
  settle(): Promise<void>;
  close(): Promise<void>;
}

const TICK_MS = 60_000;
const isPair = (one: PatchPair, other: PatchPair): boolean => one.base === other.base && one.target === other.target;

export async function startPatches({ store, blobs, make, folder, graceMs, now, log }: PatchesDeps): Promise<Patches> {
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const abort = new AbortController();
  let making: Promise<void> | undefined;
  let round: Promise<void> | undefined;
  let isAskedAgain = false;
  /** Those who wait for a change of the rows. */
  const listeners: (() => void)[] = [];
  const tellAll = (): void => {
    for (const listener of listeners.splice(0)) listener();
  };

  /** Keeps a recipe that is worth it as a blob, with the list of its chunk hashes, and ends its row. */
  async function end(pair: PatchPair, file: string, size: number, targetSize: number, packed?: number): Promise<void> {
    const isKept = isWorth(size, { base: pair.base, target: targetSize, ...(packed !== undefined && { packed }) });
    const stored = isKept ? await blobs.put(createReadStream(file, { highWaterMark: CHUNK_BYTES }), size) : undefined;
    const list = stored?.ok ? await storeChunkList(blobs, stored.value.sha256, size) : undefined;
    const refusal = [stored, list].find((result) => result?.ok === false);
    if (refusal && !refusal.ok)
      log.warn({ ...pair, code: refusal.code, detail: refusal.detail }, 'a recipe could not be kept');
    const isMade = stored?.ok === true && list?.ok === true;
    await store.commit([
      endPatch(pair, {
        state: isMade ? 'made' : 'useless',
        recipe: isMade ? stored.value.sha256 : null,
        size,
        chunkList: isMade ? (list.value ?? null) : null,
        detail: refusal && !refusal.ok ? refusal.detail : null,
        endedAt: now(),
      }),
    ]);
  }

  async function makeOne(pair: PatchPair, tries: number): Promise<void> {
    const { base, target } = pair;
    const alone = { base: NO_BASE, target };
    const packRow = (await listPatchesTo(store, target)).find((row) => isPair(row, alone));
    await store.commit([beginPatch(pair, tries + 1)]);
    const [baseSize, targetSize] = [base === NO_BASE ? 0 : await blobs.size(base), await blobs.size(target)];
    if (baseSize === undefined || targetSize === undefined) {
      const detail = 'One of the files is not here any more.';
      const nothing = { state: 'failed', recipe: null, size: null, chunkList: null, detail, endedAt: now() } as const;
      await store.commit([endPatch(pair, nothing)]);
      return;
    }
    const out = path.join(folder, `${base || 'none'}-${target}`);
    const packOut = path.join(folder, `packed-${target}`);
    const clear = () => Promise.all([out, packOut].map((file) => rm(file, { force: true })));
    await clear();
    const startedAt = performance.now();
    const answer = await make(
      {
        pair: { base: base || NO_BYTES, baseSize, target, targetSize },
        ...(base !== NO_BASE && { base: blobs.path(base) }),
        target: blobs.path(target),
        out,
        ...(base !== NO_BASE && packRow?.state === 'wanted' && { packOut }),
      },
      abort.signal,
    );
    if (abort.signal.aborted) return;
    const ms = Math.round(performance.now() - startedAt);
    if (!answer.ok) {
      log.warn({ base, target, code: answer.code, detail: answer.detail, ms }, 'a recipe was not made');
      return;
    }
    const { made, packed } = answer.value;
    log.info(
      { base, target, targetSize, ms, size: made.size, packed: packed?.size, told: made.told },
      'a recipe was made',
    );
    if (packed) await end(alone, packOut, packed.size, targetSize);
    const packedSize = packed?.size ?? (packRow?.state === 'made' ? packRow.size : null) ?? undefined;
    await end(pair, out, made.size, targetSize, base === NO_BASE ? undefined : packedSize);
    await clear();
  }

  async function sweep(pair: PatchPair, row: PatchRow | undefined): Promise<void> {
    // The row first: a blob without a row is swept never, a row without a blob is offered and refused.
    await store.commit([removePatch(pair)]);
    for (const digest of [row?.recipe, row?.chunkList]) {
      if (!digest || (await countPatchesOf(store, digest)) > 0 || (await isUploaded(store, digest))) continue;
      await blobs.remove(digest);
    }
  }

  async function run(step: PatchStep, rows: readonly PatchRow[]): Promise<void> {
    const row = rows.find((each) => isPair(each, step));
    switch (step.kind) {
      case 'want':
        await store.commit([insertPatch(step, now())]);
        return;
      case 'renew':
        await store.commit([renewPatch(step, now())]);
        return;
      case 'giveUp':
        await store.commit([
          endPatch(step, {
            state: 'failed', recipe: null, size: null, chunkList: null, detail: 'It was tried too often.', endedAt: now(),
          }),
        ]); // biome-ignore format: one record
        return;
      case 'sweep':
        await sweep(step, row);
        return;
      case 'make':
        making = makeOne(step, row?.tries ?? 0)
          .catch((error: unknown) => log.error({ err: error }, 'a recipe could not be made'))
          .finally(() => {
            making = undefined;
            tellAll();
            poke();
          });
        return;
      default:
        step satisfies never;
    }
  }

  /** Until nothing is to be done, or all that is left waits for the process. */
  async function decide(): Promise<void> {
    while (!abort.signal.aborted) {
      const [needs, rows] = [await listPatchNeeds(store), await listPatches(store)];
      const steps = decidePatches({ needs, records: rows, isMaking: making !== undefined }, now());
      if (steps.length === 0) return;
      for (const step of steps) await run(step, rows);
    }
  }

  function poke(): void {
    if (abort.signal.aborted) return;
    if (round) {
      isAskedAgain = true;
      return;
    }
    round = decide()
      .catch((error: unknown) => log.error({ err: error }, 'recipes could not be looked at'))
      .finally(() => {
        round = undefined;
        tellAll();
        if (isAskedAgain) {
          isAskedAgain = false;
          poke();
        }
      });
  }

  /** Resolves with the next change, or at `until`. */
  function nextChange(until: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(done, Math.max(0, until - now()));
      function done(): void {
        clearTimeout(timer);
        resolve();
      }
      listeners.push(done);
    });
  }

  async function settle(): Promise<void> {
    while (round || making) await Promise.all([round, making]);
  }

  const timer = setInterval(poke, TICK_MS);
  poke();

  return {
    poke,
    settle,
    async listWays(device, { sha256, size }) {
      if (size < LEAST_BYTES) return [];
      poke();
      await round;
      const held = new Set(await listHeldModels(store, device));
      for (;;) {
        const rows = (await listPatchesTo(store, sha256)).filter(({ base }) => base === NO_BASE || held.has(base));
        const pending = rows.find((row) => row.state === 'wanted' && now() < waitUntil(row, size, graceMs));
        if (pending && !abort.signal.aborted) {
          await nextChange(waitUntil(pending, size, graceMs));
          continue;
        }
        return rows
          .filter((row) => row.recipe !== null && row.size !== null)
          .toSorted((one, other) => (one.size ?? 0) - (other.size ?? 0))
          .map((row) => ({
            kind: 'delta',
            base: row.base || NO_BYTES,
            recipe: row.recipe ?? '',
            size: row.size ?? 0,
            ...(row.chunkList !== null && { chunkList: row.chunkList }),
          }));
      }
    },
    async close() {
      clearInterval(timer);
      abort.abort();
      tellAll();
      await settle();
    },
  };
}
