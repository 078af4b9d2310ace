// What the hub says of quality from the windows that it holds: over devices, by filter, with late labels where they belong.
import { createHash } from 'node:crypto';
import path from 'node:path';
import { buildBaseline, encodeBaseline } from '@drover/sketch/baseline';
import { LabelledCounts } from '@drover/sketch/labelled';
import { bindBaseline, type WindowReference, WindowSketch } from '@drover/sketch/window-sketch';
import { remove, scratch } from '@drover/testkit/fleet';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { BlobStore } from '../blobs/blob-store.ts';
import { openFolderStore } from '../blobs/folder-store.ts';
import { insertDevice } from '../db/devices.ts';
import { ensureModel, insertVersion } from '../db/models.ts';
import { writeModelSlices } from '../db/quality.ts';
import { openStore } from '../db/sqlite-store.ts';
import type { Store } from '../db/store.ts';
import { storeWindow, storeWindowLabels } from '../db/uplink.ts';
import { DAY_MS } from '../db/window-days.ts';
import { openModelFacts } from './model-facts.ts';
import { openQuality, type QualityFilter } from './quality-report.ts';
import { startRetention } from './retention.ts';

let dir: string;
let store: Store;
let blobs: BlobStore;

beforeEach(async () => {
  dir = scratch('quality-report');
  const opened = openStore(path.join(dir, 'hub.db'), 1);
  if (!opened.ok) throw new Error(opened.detail);
  store = opened.value;
  blobs = await openFolderStore(path.join(dir, 'blobs'), 1e9);
});
afterEach(async () => {
  await store.close();
  remove(dir);
});

/** Mulberry32. */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}
const digest = (letter: string): string => letter.repeat(64);
async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

/** A model of "good" and "bad" that is sure of each answer as often as it is right; its baseline was calibrated unless told otherwise. */
async function register(manifest: string, version: number, isCalibrated = true): Promise<WindowReference> {
  const random = seeded(version);
  const scores = Array.from({ length: 3000 }, () => random());
  const made = buildBaseline([{ name: 'load', values: Float32Array.from(scores) }], {
    kind: 'classification',
    classes: ['good', 'bad'],
    probabilities: Float64Array.from(scores.flatMap((p) => [1 - p, p])),
    ...(isCalibrated ? { labels: scores.map((p) => Number(random() < p)) } : {}),
  });
  if (!made.ok) throw new Error(made.detail);
  const bytes = encodeBaseline(made.value);
  const put = await blobs.put(once(bytes), 1e9);
  if (!put.ok) throw new Error(put.detail);
  const done = await store.commit([
    ensureModel({ name: 'wear', project: 'default', createdAt: 1 }),
    insertVersion({
      model: 'wear', version, manifest, envelope: new Uint8Array(1), documentJson: JSON.stringify({ blobs: { baseline: put.value } }),
      source: 'trained', sizeBytes: 1, run: null, metricsJson: '{}', createdAt: 1,
    }), // biome-ignore format: one row
  ]);
  expect(done.ok).toBe(true);
  return bindBaseline(made.value, createHash('sha256').update(bytes).digest('hex'));
}

interface Sent {
  readonly device: string;
  readonly startAt: number;
  readonly rows: number;
  readonly manifest?: string;
  readonly revision?: number;
  /** Share of the labels that are turned over. */
  readonly turned?: number;
  readonly labelled?: number;
  readonly role?: 'active' | 'shadow';
}

/** One window of a device, and the labels of its first rows. */
async function send(reference: WindowReference, sent: Sent): Promise<void> {
  const {
    device,
    startAt,
    rows,
    manifest = digest('a'),
    revision = 0,
    turned = 0,
    labelled = rows,
    role = 'active',
  } = sent;
  const random = seeded(startAt + device.length * 7919 + device.charCodeAt(device.length - 1));
  const sketch = new WindowSketch(reference);
  const counts = new LabelledCounts({ kind: 'classification', classCount: 2 }, reference.prefix);
  for (let i = 0; i < rows; i++) {
    const p = random();
    const truth = Number(random() < p) ^ Number(random() < turned);
    sketch.addRow(Float32Array.of(p), 0);
    sketch.addScores([1 - p, p], 0, 2);
    if (i < labelled) counts.addClass(truth, Number(p > 0.5), [1 - p, p], 0);
  }
  const key = { startAt, device, slot: 'default', role, manifest, bootId: 'b'.repeat(32), number: startAt };
  const done = await store.commit([
    storeWindow({
      ...key, revision: 0, endAt: startAt + 1000, firstMono: 0, lastMono: 1, rows, errors: 0, closedBy: 'boundary',
      stats: sketch.encode(), receivedAt: 1,
    }), // biome-ignore format: one row
    storeWindowLabels({ ...key, revision, labelled, unmatched: 0, counts: counts.encode(), receivedAt: 1 }),
  ]);
  expect(done.ok).toBe(true);
}

const ask = (filter: Partial<QualityFilter> = {}) =>
  openQuality({ store, readFacts: openModelFacts({ store, blobs }) })({ detector: 'adwin', ...filter });

describe('quality at the hub', () => {
  it('counts devices where there are eight, and estimates what has no label', async () => {
    const reference = await register(digest('a'), 3);
    for (let d = 0; d < 9; d++)
      for (let w = 0; w < 4; w++)
        await send(reference, { device: `d${d}`, startAt: 1000 * w, rows: 50, labelled: w < 2 ? 50 : 0 });
    await send(reference, { device: 'd0', startAt: 0, rows: 50, role: 'shadow', turned: 1 });
    const { items, isCut } = await ask();
    expect(isCut).toBe(false);
    expect(items).toHaveLength(1);
    const [item] = items;
    expect(item).toMatchObject({
      model: 'wear',
      version: 3,
      predictions: 1800,
      labelled: 900,
      coverage: 0.5,
      devices: 9,
    });
    const accuracy = item?.metrics.find((one) => one.metric === 'accuracy');
    expect(accuracy).toMatchObject({ by: 'devices', n: 900, needed: 0, class: null });
    // A model that is sure with p is right with max(p, 1 − p): three times in four.
    expect(accuracy?.low).toBeLessThan(0.75);
    expect(accuracy?.high).toBeGreaterThan(0.75);
    expect(item?.metrics.filter((one) => one.metric === 'recall').map((one) => one.class)).toEqual(['good', 'bad']);
    expect(item?.errors).toMatchObject({
      detector: 'adwin',
      delta: 0.002,
      changes: [],
      devicesWatched: 9,
      devicesChanged: 0,
    });
    expect(item?.estimate).toMatchObject({
      source: 'baseline',
      predictions: 1800,
      calibrationRows: 3000,
      isExtrapolated: false,
    });
    expect(item?.estimate?.metrics[0]).toMatchObject({ metric: 'accuracy', class: null });
    expect(Math.abs((item?.estimate?.metrics[0]?.value ?? 0) - 0.75)).toBeLessThan(0.04);
    expect(item?.estimate?.labelCheck).toMatchObject({ labelled: 900, isContradicted: false });
    expect(item?.estimate?.limits[0]).toContain('cannot see concept drift');
  });

  it('narrows to a model, a version, a device and a time', async () => {
    const a = await register(digest('a'), 1);
    const c = await register(digest('c'), 2);
    for (const device of ['d1', 'd2']) for (const startAt of [1000, 2000]) await send(a, { device, startAt, rows: 40 });
    await send(c, { device: 'd1', startAt: 3000, rows: 40, manifest: digest('c') });
    const labelledOf = async (filter: Partial<QualityFilter>) =>
      (await ask(filter)).items.map(({ version, labelled }) => [version, labelled]);
    expect(await labelledOf({})).toEqual([[2, 40], [1, 160]]); // biome-ignore format: version, labels
    expect(await labelledOf({ version: 1 })).toEqual([[1, 160]]);
    expect(await labelledOf({ version: 1, device: 'd2' })).toEqual([[1, 80]]);
    expect(await labelledOf({ version: 1, since: 2000 })).toEqual([[1, 80]]);
    expect(await labelledOf({ model: 'other' })).toEqual([]);
    // Two devices are no sample of a fleet.
    expect((await ask({ version: 1 })).items[0]?.metrics[0]).toMatchObject({ metric: 'accuracy', by: 'rows' });
  });

  it('names the device and the moment, and a late label counts where its prediction was', async () => {
    const reference = await register(digest('a'), 3);
    for (let w = 0; w < 40; w++)
      for (const device of ['d1', 'd2', 'd3'])
        await send(reference, { device, startAt: 1000 * w, rows: 40, turned: device === 'd2' && w >= 20 ? 0.9 : 0 });
    const [item] = (await ask()).items;
    expect(item?.errors).toMatchObject({ devicesWatched: 3, devicesChanged: 1, devices: [{ device: 'd2' }] });
    const [change] = item?.errors.devices[0]?.changes ?? [];
    expect(change).toMatchObject({ direction: 'worse' });
    expect(Math.abs(Date.parse(change?.at ?? '') - 20_000)).toBeLessThanOrEqual(1000);
    expect(change?.low).toBeGreaterThan(0.2);
    expect(item?.estimate?.labelCheck?.isContradicted).toBe(true);
    expect(item?.estimate?.limits.join(' ')).toContain('believe the labels');
    // The labels of d2 were wrong and come again: the same windows, another revision.
    for (let w = 20; w < 40; w++) await send(reference, { device: 'd2', startAt: 1000 * w, rows: 40, revision: 1 });
    const [mended] = (await ask()).items;
    expect(mended?.labelled).toBe(item?.labelled);
    expect(mended?.errors).toMatchObject({ changes: [], devicesChanged: 0 });
  });

  it('compares parts of the fleet by a label of their devices', async () => {
    const reference = await register(digest('a'), 3);
    for (let d = 0; d < 25; d++) {
      const device = `d${d}`;
      const labels: Record<string, string> = d < 8 ? { site: 'north' } : d < 24 ? { site: 'south' } : {};
      expect(await store.commit([insertDevice({ id: device, labels, secretHash: '', joinedAt: 1 })])).toMatchObject({
        ok: true,
      });
      await send(reference, { device, startAt: 1000, rows: 60, turned: d < 8 ? 0.8 : 0 });
    }
    expect((await ask()).items[0]?.slices).toEqual([]);
    const slices = (await ask({ by: 'site' })).items[0]?.slices[0];
    expect(slices).toMatchObject({ label: 'site', unlabelledDevices: 1 });
    expect(slices?.items.map(({ value, devices }) => [value, devices])).toEqual([['north', 8], ['south', 16]]); // biome-ignore format: label, devices
    const [accuracy] = slices?.items[0]?.gaps ?? [];
    expect(accuracy).toMatchObject({ metric: 'accuracy', rows: 480, needed: 0 });
    expect(accuracy?.high).toBeLessThan(-0.1);
    expect((await ask({ by: 'line' })).items[0]?.slices).toMatchObject([{ items: [], unlabelledDevices: 25 }]);
    expect(await store.commit(writeModelSlices('wear', ['line', 'site']))).toMatchObject({ ok: true });
    expect((await ask()).items[0]?.slices).toMatchObject([{ label: 'line' }, slices]);
    expect(await store.commit(writeModelSlices('wear', []))).toMatchObject({ ok: true });
    expect((await ask()).items[0]?.slices).toEqual([]);
  });

  it('counts days of windows that are not kept any more as if they were', async () => {
    const reference = await register(digest('a'), 3);
    for (const [day, turned] of [[0, 0], [1, 0.4], [40, 0]] as const) // biome-ignore format: day, share that is turned over
      for (let w = 0; w < 4; w++)
        await send(reference, { device: 'd1', startAt: day * DAY_MS + 1000 * w, rows: 50, turned });
    const [before] = (await ask()).items;
    const retention = startRetention({
      store, readFacts: openModelFacts({ store, blobs }), now: () => 41 * DAY_MS, log: pino({ level: 'silent' }),
      windowDays: 30, summaryDays: 62, logDays: 90,
    }); // biome-ignore format: one record
    while (await retention.tidy());
    await retention.close();
    const [after] = (await ask()).items;
    const [of, without] = [before, after].map((item) => ({ ...item, errors: undefined }));
    expect(without).toEqual(of);
    expect(after).toMatchObject({ labelled: 600, predictions: 600, coverage: 1 });
    expect((await ask({ since: 40 * DAY_MS })).items[0]).toMatchObject({
      labelled: 200,
      estimate: { predictions: 200 },
    });
  });

  it('leaves out what was counted on another baseline, and says that a calibration is of the field', async () => {
    const own = await register(digest('a'), 4, false);
    const other = await register(digest('c'), 5);
    await send(own, { device: 'd1', startAt: 1000, rows: 60 });
    // The first that is read.
    await send(other, { device: 'd0', startAt: 1000, rows: 70, manifest: digest('a') });
    const [item] = (await ask()).items;
    expect(item).toMatchObject({ predictions: 130, labelled: 60, devices: 1 });
    expect(item?.estimate).toMatchObject({ source: 'labels', calibrationRows: 60, labelCheck: null });
    expect(item?.estimate?.metrics.map(({ metric }) => metric)).toEqual(['accuracy']);
    expect(item?.estimate?.limits.join(' ')).toContain('labels of the field');
  });
});
