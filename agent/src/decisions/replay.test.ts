// Real models in both runtimes: what was logged comes out again, whatever came between; and what does not is told apart.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { openRuntime } from '@drover/infer/open';
import { buildTinyBundle } from '@drover/testkit/tiny-bundle';
import { makeKey } from '@drover/trust/dsse';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { makeClock } from '../clock.ts';
import { PredictionRing } from '../observe/predictions.ts';
import { DEFAULT_WINDOWS, openWindowBook } from '../observe/windows.ts';
import { type LoadedModel, loadBundle } from '../serve/bundle.ts';
import { serveModel } from '../serve/served-model.ts';
import { openBlobStore } from '../store/blobs.ts';
import { openDecisionStore } from '../store/decision-store.ts';
import { openDecisionLog } from './log.ts';
import { replayDecision } from './replay.ts';

const BOOT = 'b'.repeat(32);
const release = makeKey().signer;
let dir: string;
beforeEach(() => {
  dir = mkdtempSync(path.join(tmpdir(), 'drover-replay-'));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

async function load(runtimeName: 'native' | 'wasm', bias = 0): Promise<LoadedModel> {
  const runtime = await openRuntime(runtimeName);
  if (!runtime.ok) throw new Error(runtime.detail);
  const bundle = await buildTinyBundle(release, { bias });
  const blobs = openBlobStore(dir);
  for (const [sha256, bytes] of bundle.blobs) {
    const part = await blobs.openPart({ sha256, size: bytes.length });
    part.write(0, bytes);
    await part.finish();
  }
  const loaded = await loadBundle(bundle, blobs, runtime.value);
  if (!loaded.ok) throw new Error(loaded.detail);
  return loaded.value;
}

function serve(model: LoadedModel, personal: string[] = []) {
  const clock = makeClock();
  const decisions = openDecisionLog({
    bootId: BOOT, now: () => 1000, policy: 'inputs', entryBytes: 2 ** 17,
    open: () => openDecisionStore(dir, { bytes: 2 ** 20, entries: 1000 }, () => undefined),
  }); // biome-ignore format: one record
  const windows = openWindowBook({ clock, bootId: BOOT, outbox: { append: () => undefined }, policy: DEFAULT_WINDOWS });
  const ring = new PredictionRing();
  ring.reserve(2);
  const stream = windows.open('s', 'active', model.digest, model.reference);
  const served = serveModel(model, stream, {
    bootId: BOOT,
    ring,
    mono: clock.mono,
    decisions,
    personal: new Set(personal),
  });
  const find = (number: number) => {
    const found = decisions.find(`${BOOT}-${number}`);
    if (!found.ok) throw new Error(found.detail);
    return found.value;
  };
  return { served, decisions, find };
}

const rows = [
  { load: 0.1, heat: -3.7, shift: 'day' },
  { load: null, heat: 1e-40, shift: 'night' },
  { load: 7.25, heat: -0, shift: '' },
];

describe.each(['native', 'wasm'] as const)('a replay on %s', (runtime) => {
  it('gives the same bits, of named fields, readings and raw tensors', async () => {
    const model = await load(runtime);
    const { served, decisions, find } = serve(model);
    for (const row of rows) {
      expect(await served.predict(row)).toMatchObject({ ok: true });
      expect(await served.sense({ ...row, heat: 'nan' })).toMatchObject({ ok: true });
    }
    const x = { dtype: 'float32', data: Float32Array.of(1, 2, Number.NaN, 4), dims: [2, 2] } as const;
    const feeds = { x, c: { dtype: 'string', data: ['day', 'night'], dims: [2, 1] } as const };
    expect(await served.infer({ x, c: { ...feeds.c, data: [...feeds.c.data] } })).toMatchObject({
      firstId: `${BOOT}-7`,
    });
    for (let number = 1; number <= 8; number++) {
      const replayed = await replayDecision(find(number), async () => ({ ok: true, value: model }));
      expect(replayed).toMatchObject({ verdict: 'matches', model: 'tiny', runtime: { same: true }, differences: [] });
      expect(replayed.compared).toBe(number < 7 ? 3 : 6);
    }
    decisions.close();
  });

  it('tells another model by its outputs', async () => {
    const { served, decisions, find } = serve(await load(runtime));
    await served.predict(rows[0] ?? {});
    const other = await load(runtime, 0.25);
    const replayed = await replayDecision(find(1), async () => ({ ok: true, value: other }));
    expect(replayed.verdict).toBe('differs');
    expect(replayed.differences.map(({ output }) => output)).toEqual(['probabilities[0]', 'probabilities[1]']);
    decisions.close();
  });

  it('is not possible where a field is personal, by any way that the row came', async () => {
    const model = await load(runtime);
    const { served, decisions, find } = serve(model, ['heat']);
    await served.predict(rows[0] ?? {});
    const x = { dtype: 'float32', data: Float32Array.of(1, 2), dims: [1, 2] } as const;
    await served.infer({ x, c: { dtype: 'string', data: ['day'], dims: [1, 1] } });
    for (const number of [1, 2]) {
      expect(find(number).input).toEqual({ kind: 'withheld' });
      expect(await replayDecision(find(number), async () => ({ ok: true, value: model }))).toMatchObject({
        verdict: 'cannot',
        code: 'decision_input_absent',
      });
    }
    decisions.close();
  });
});
