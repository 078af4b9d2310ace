// Checks that windows in a real database become verdicts: as they come, late, twice, and after a restart.
import { createHash } from 'node:crypto';
import path from 'node:path';
import { describeDiagnosis } from '@drover/core/drift/describe';
import { DRIFT_SETTINGS } from '@drover/core/drift/verdict';
import { buildBaseline, encodeBaseline } from '@drover/sketch/baseline';
import { bindBaseline, WindowSketch } from '@drover/sketch/window-sketch';
import { remove, scratch } from '@drover/testkit/fleet';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { BlobStore } from '../blobs/blob-store.ts';
import { openFolderStore } from '../blobs/folder-store.ts';
import { listAudit } from '../db/audit.ts';
import { insertDevice } from '../db/devices.ts';
import { ensureModel, insertVersion } from '../db/models.ts';
import { openStore } from '../db/sqlite-store.ts';
import { query, type Store, sqlOf } from '../db/store.ts';
import { insertOutbox, storeWindow } from '../db/uplink.ts';
import { calibrateDevice } from './calibrate.ts';
import { type DriftBook, openDriftBook } from './drift.ts';
import { viewDrift } from './drift-view.ts';
import { openModelFacts } from './model-facts.ts';
import { TOGETHER } from './observe-window.ts';
import { rebaseline } from './rebaseline.ts';

let dir: string;
let store: Store;
let blobs: BlobStore;
let received = 0;

const ramp = (n: number): Float32Array => Float32Array.from({ length: n }, (_, i) => (i * 37) % 100);
const made = buildBaseline([{ name: 'load', values: ramp(2000) }, { name: 'flow', values: ramp(2000) }], {
  kind: 'classification', classes: ['0', '1'], probabilities: Float64Array.from({ length: 4000 }, () => 0.5),
}); // biome-ignore format: one table
if (!made.ok) throw new Error(made.detail);
const baselineBytes = encodeBaseline(made.value);
const baselineDigest = createHash('sha256').update(baselineBytes).digest('hex');
const reference = bindBaseline(made.value, baselineDigest);
const MANIFEST = 'a'.repeat(64);

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

beforeEach(async () => {
  dir = scratch('drift');
  const opened = openStore(path.join(dir, 'hub.db'), 1);
  if (!opened.ok) throw new Error(opened.detail);
  store = opened.value;
  blobs = await openFolderStore(path.join(dir, 'blobs'), 1e9);
  const put = await blobs.put(once(baselineBytes), 1e9);
  if (!put.ok) throw new Error(put.detail);
  await store.commit(
    Array.from({ length: 24 }, (_, i) => insertDevice({ id: `d${i}`, labels: {}, secretHash: '', joinedAt: 1 })),
  );
  await store.commit([
    ensureModel({ name: 'wear', project: 'default', createdAt: 1 }),
    insertVersion({
      model: 'wear', version: 3, manifest: MANIFEST, envelope: new Uint8Array(1), documentJson: JSON.stringify({ blobs: { baseline: put.value } }),
      source: 'trained', sizeBytes: 1, run: null, metricsJson: '{}', createdAt: 1,
    }), // biome-ignore format: one row
  ]);
});
afterEach(async () => {
  await store.close();
  remove(dir);
});

/** One device is held ready: with two, each fold packs the other. */
const open = (): DriftBook =>
  openDriftBook({
    unpacked: 1,
    store,
    readFacts: openModelFacts({ store, blobs }),
    now: () => received,
    settings: { ...DRIFT_SETTINGS, learnMs: 0 },
  });

/** Window `at` of a device, whose load lies `shift` higher than in training, or falls where flow rises. */
async function send(device: string, at: number, shift = 0, isTurned = false): Promise<void> {
  const sketch = new WindowSketch(reference);
  for (let i = 0; i < 200; i++) {
    const x = (i * 37 + at * 13) % 100;
    sketch.addRow(Float32Array.of((isTurned ? 99 - x : x) + shift, x), 0);
  }
  received += 1;
  const row = {
    startAt: at * 1000, device, slot: 'default', role: 'active' as const, manifest: MANIFEST, bootId: 'b'.repeat(32), number: Math.round(at * 10), revision: 0,
    endAt: (at + 1) * 1000, firstMono: 0, lastMono: 1, rows: 200, errors: 0, closedBy: 'boundary' as const, stats: sketch.encode(), receivedAt: received,
  }; // biome-ignore format: one row
  const outbox = {
    device,
    outboxId: received.toString(16).padStart(32, '0'),
    lastSeq: received,
    entries: 1,
    lost: 0,
    lostAt: null,
    refused: 0,
    updatedAt: received,
  };
  expect(await store.commit([storeWindow(row), insertOutbox(outbox)])).toMatchObject({ ok: true });
}

async function verdictsOf(book: DriftBook, device = 'd1'): Promise<Record<string, string>> {
  const all = await book.read();
  return Object.fromEntries(
    all
      .filter((one) => one.device === device && one.feature !== TOGETHER)
      .map(({ feature, verdict }) => [feature, verdict]),
  );
}

describe('drift', () => {
  it('is learnt, found on the feature that moved, and told of with what a reader needs', async () => {
    const book = open();
    for (let at = 0; at < 40; at++) await send('d1', at);
    expect(await verdictsOf(book)).toEqual({ load: 'ok', flow: 'ok' });
    for (let at = 40; at < 46; at++) await send('d1', at, 30);
    expect(await verdictsOf(book)).toEqual({ load: 'material', flow: 'ok' });
    const view = viewDrift(await book.read(), new Map(), {});
    expect(view.counts).toEqual({ material: 1, ok: 2 });
    expect(view.items).toMatchObject([
      {
        device: 'd1',
        model: 'wear',
        version: 3,
        feature: 'load',
        aspect: 'level',
        windows: 46,
        at: '1970-01-01T00:00:46.000Z',
      },
    ]);
    const { diagnosis } = view.items[0] ?? {};
    expect(diagnosis).toMatchObject({ kind: 'bias', slope: 1, unit: null });
    expect(diagnosis?.offset).toBeCloseTo(30, -1);
    // 30 of an interquartile range of about 50.
    expect(view.items[0]?.change).toBeGreaterThan(0.4);
    expect(view.items[0]?.change).toBeLessThan(0.8);
    expect(view.causes).toMatchObject([
      { feature: 'load', aspect: 'level', kind: 'devices', moved: 1, devices: ['d1'] },
    ]);
  });

  it('is the same whether windows come in order, late, or all at once after a restart', async () => {
    const inOrder = open();
    const order = Array.from({ length: 45 }, (_, at) => at);
    const late = [...order.slice(0, 20), ...order.slice(25), ...order.slice(20, 25)];
    for (const at of order) {
      await send('d1', at, at >= 40 ? 30 : 0);
      if (at % 7 === 0) await inOrder.read();
    }
    const lateBook = open();
    for (const at of late) {
      await send('d2', at, at >= 40 ? 30 : 0);
      if (at % 7 === 0) await lateBook.read();
    }
    const strip = (device: string, all: Awaited<ReturnType<DriftBook['read']>>) =>
      all.filter((one) => one.device === device && one.feature !== TOGETHER).map((one) => ({ ...one, device: '' }));
    // Ties are broken by draws of their own on each device.
    const verdicts = (all: ReturnType<typeof strip>) =>
      all.map(({ feature, verdict, aspect }) => [feature, verdict, aspect]);
    const after = await open().read();
    expect(strip('d1', await inOrder.read())).toEqual(strip('d1', after));
    expect(strip('d2', await lateBook.read())).toEqual(strip('d2', after));
    expect(verdicts(strip('d2', after))).toEqual(verdicts(strip('d1', after)));
  });

  it('outlives the windows that it was learnt from, and goes on with those that come', async () => {
    const book = open();
    for (let at = 0; at < 40; at++) await send('d1', at);
    const before = await book.read();
    await store.commit([{ query: query(sqlOf.deleteFrom('windows')), expect: 'any' }]);
    const again = open();
    expect(await again.read()).toEqual(before);
    for (let at = 40; at < 46; at++) {
      await send('d1', at, 30);
      if (at === 42) await again.read();
    }
    expect(await verdictsOf(again)).toEqual({ load: 'material', flow: 'ok' });
    expect(await open().read()).toEqual(await again.read());
    // Bytes of another detector, or damaged ones, are left alone.
    await store.commit([{ query: query(sqlOf.updateTable('driftStates').set({ body: new Uint8Array([9, 9]) })) }]);
    expect(await verdictsOf(open())).toEqual({ load: 'learning', flow: 'learning' });
  });

  it('is learnt anew on the word of a person, feature by feature, and stays so when a window comes late', async () => {
    const book = open();
    const deps = { store, book, now: () => received + 1 };
    for (let at = 0; at < 50; at++) await send('d1', at, at >= 40 ? 30 : 0);
    expect(await verdictsOf(book)).toEqual({ load: 'material', flow: 'ok' });
    expect(await rebaseline(deps, { device: 'nobody', reason: 'x' }, 'eve')).toMatchObject({ code: 'device_unknown' });
    expect(await rebaseline(deps, { device: 'd1', feature: 'salt', reason: 'x' }, 'eve')).toMatchObject({
      code: 'request_invalid',
      detail: expect.stringContaining('load, flow') as string,
    });
    expect(await rebaseline(deps, { device: 'd1', feature: 'load', reason: 'new cell' }, 'eve')).toMatchObject({
      ok: true,
    });
    expect(await verdictsOf(book)).toEqual({ flow: 'ok' });
    expect(await verdictsOf(open())).toEqual({ flow: 'ok' });
    await send('d1', 20.5);
    for (let at = 51; at < 95; at++) await send('d1', at, 30);
    expect(await verdictsOf(book)).toEqual({ load: 'ok', flow: 'ok' });
    const [row] = (await listAudit(store, { limit: 10 })).filter(({ action }) => action === 'drift.rebaseline');
    expect(row).toMatchObject({ actor: 'eve', subject: 'd1' });
    expect(row?.detailJson).toContain('new cell');
  });

  it('is found in a relation of two features of which each is as it was', async () => {
    const book = open();
    for (let at = 0; at < 40; at++) await send('d1', at);
    for (let at = 40; at < 50; at++) await send('d1', at, 0, true);
    expect(await verdictsOf(book)).toEqual({ load: 'ok', flow: 'ok' });
    const { items } = viewDrift(await book.read(), new Map(), {});
    expect(items).toMatchObject([
      { feature: TOGETHER, verdict: 'material', diagnosis: { kind: 'relation', between: ['load', 'flow'] } },
    ]);
    // What was written down says the same.
    const looks = describeDiagnosis(items[0]?.diagnosis);
    expect(looks).toBe('relation of load and flow');
    expect(viewDrift(await open().read(), new Map(), {}).items).toEqual(items);
  });

  it('says what is wanting, and leaves alone what cannot be read', async () => {
    const book = open();
    for (let at = 0; at < 10; at++) await send('d1', at);
    const [one] = await book.read();
    expect(one).toMatchObject({ verdict: 'learning', needed: 21 });
    expect(viewDrift(await book.read(), new Map(), {}).items).toEqual([]);
    expect(viewDrift(await book.read(), new Map(), { all: true }).items).toHaveLength(3);
    expect(viewDrift(await book.read(), new Map(), { all: true, device: 'other' }).items).toEqual([]);
  });

  it('can be asked how often it is called where nothing changes', async () => {
    for (let at = 0; at < 60; at++) await send('d1', at);
    for (let at = 60; at < 66; at++) await send('d1', at, 30);
    const deps = { store, readFacts: openModelFacts({ store, blobs }), settings: { ...DRIFT_SETTINGS, learnMs: 0 } };
    const healthy = await calibrateDevice(deps, { device: 'd1', since: 0, until: 60_000 });
    expect(healthy).toMatchObject({ windows: 60, numeric: { judged: 60, alarms: 0 }, answers: { judged: 0 } });
    const all = await calibrateDevice(deps, { device: 'd1', since: 0, until: 1e9 });
    expect(all.numeric).toMatchObject({ alarms: 1, material: 1 });
    // Less what stands in alarm.
    expect(all.numeric.judged).toBeLessThan(72);
    expect(await calibrateDevice(deps, { device: 'd1', model: 'other', since: 0, until: 1e9 })).toMatchObject({
      windows: 0,
    });
  });

  it('names the label that devices which moved share', async () => {
    const book = open();
    const devices = Array.from({ length: 24 }, (_, i) => `d${i}`);
    for (const device of devices) for (let at = 0; at < 31; at++) await send(device, at);
    for (const [i, device] of devices.entries())
      for (let at = 31; at < 36; at++) await send(device, at, i % 4 === 0 ? 40 : 0);
    const labels = new Map(devices.map((device, i) => [device, { site: `s${i % 4}`, line: `l${i % 3}` }]));
    const { causes } = viewDrift(await book.read(), labels, {});
    expect(causes).toMatchObject([
      { feature: 'load', kind: 'group', label: { key: 'site', value: 's0' }, moved: 6, judged: 6 },
    ]);
  });
});
