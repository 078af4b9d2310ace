// Checks what rules are told of models: of what runs alone, also where it is silent, and not computed with each look.
import path from 'node:path';
import { LabelledCounts } from '@drover/sketch/labelled';
import { NO_BASELINE } from '@drover/sketch/sketch';
import { WindowSketch } from '@drover/sketch/window-sketch';
import { remove, scratch } from '@drover/testkit/fleet';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { insertDevice, storeSlot } from '../db/devices.ts';
import { openStore } from '../db/sqlite-store.ts';
import type { Store } from '../db/store.ts';
import { storeWindow, storeWindowLabels } from '../db/uplink.ts';
import { openModelWatch } from './watch.ts';

const RUNS = 'a'.repeat(64);
const RAN = 'b'.repeat(64);
const HOUR = 3_600_000;
let now: number;
let dir: string;
let store: Store;

const runs = (device: string) =>
  storeSlot({
    device, slot: 'default', running: RUNS, previous: null, deploymentId: null, deploymentManifest: null, state: null, revision: 1, code: null,
    detail: null, enteredAt: null, bytesDone: 0, bytesTotal: 0, updatedAt: 0, progressAt: 0,
  }); // biome-ignore format: one row

beforeEach(async () => {
  now = Date.UTC(2026, 2, 1);
  dir = scratch('watch');
  const opened = openStore(path.join(dir, 'hub.db'), 1);
  if (!opened.ok) throw new Error(opened.detail);
  store = opened.value;
  const devices = ['d1', 'd2'];
  await store.commit(devices.map((id) => insertDevice({ id, labels: {}, secretHash: '', joinedAt: 1 })));
  await store.commit(devices.map(runs));
});
afterEach(async () => {
  await store.close();
  remove(dir);
});

const watch = () =>
  openModelWatch({
    store,
    readFacts: async () => ({ model: 'wear', version: 3, baseline: undefined, reference: undefined }),
    now: () => now,
    windowSeconds: 900,
  });

/** A window of `rows` predictions that ended `ago`, of which `wrong` of 10 labelled ones are wrong. */
async function send(
  device: string,
  manifest: string,
  number: number,
  ago: number,
  rows: number,
  wrong = 0,
): Promise<void> {
  const sketch = new WindowSketch();
  for (let r = 0; r < rows; r++) sketch.addRow(new Float32Array(0), 0);
  const head = {
    device, slot: 'default', role: 'active' as const, manifest, bootId: 'c'.repeat(32), number, revision: 0, startAt: now - ago - 900_000, receivedAt: now,
  }; // biome-ignore format: one row
  const counts = new LabelledCounts({ kind: 'classification', classCount: 2 }, NO_BASELINE);
  for (let r = 0; r < 10; r++) counts.addClass(0, r < wrong ? 1 : 0, [0.9, 0.1], 0);
  const done = await store.commit([
    storeWindow({
      ...head, endAt: now - ago, firstMono: 0, lastMono: 1, rows, errors: 1, closedBy: 'boundary', stats: sketch.encode(),
    }), // biome-ignore format: one row
    storeWindowLabels({ ...head, labelled: 10, unmatched: 0, counts: counts.encode() }),
  ]);
  expect(done).toMatchObject({ ok: true });
}

describe('models that rules watch', () => {
  it('are those that run, over their last hour, and silent ones are not known', async () => {
    await send('d1', RUNS, 0, 5 * HOUR, 7);
    await send('d1', RUNS, 1, 60_000, 3);
    await send('d1', RAN, 2, 60_000, 50);
    const found = await watch().models();
    expect(found.map(({ device, manifest, model }) => [device, manifest, model])).toEqual([
      ['d1', RUNS, 'wear'],
      ['d2', RUNS, 'wear'],
    ]);
    expect(found[0]?.values).toMatchObject({ 'model.predictions': 3, 'model.error_share': 0.25 });
    expect(found[1]?.values).toMatchObject({ 'model.predictions': null, 'model.windows': null });
  });

  it('are looked at again after five minutes', async () => {
    const held = watch();
    expect((await held.models())[0]?.values['model.predictions']).toBeNull();
    await send('d1', RUNS, 0, 60_000, 3);
    now += 299_000;
    expect((await held.models())[0]?.values['model.predictions']).toBeNull();
    now += 1000;
    expect((await held.models())[0]?.values['model.predictions']).toBe(3);
  });

  it('have their errors told by device, from labels alone', async () => {
    for (let w = 0; w < 40; w++) await send('d1', RUNS, w, (40 - w) * 900_000, 10, w < 20 ? 0 : 9);
    const [one, ...more] = await watch().errors();
    expect(more).toEqual([]);
    expect(one).toMatchObject({ manifest: RUNS, model: 'wear', kind: 'share' });
    expect([...(one?.changes.keys() ?? [])]).toEqual(['', 'd1']);
    expect(one?.changes.get('d1')?.at(-1)).toMatchObject({ before: 0, after: 0.9 });
  });
});
