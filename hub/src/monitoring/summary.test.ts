import { createHash } from 'node:crypto';
import path from 'node:path';
import { buildBaseline, encodeBaseline } from '@drover/sketch/baseline';
import { LabelledCounts } from '@drover/sketch/labelled';
import { bindBaseline, WindowSketch } from '@drover/sketch/window-sketch';
import { remove, scratch } from '@drover/testkit/fleet';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { BlobStore } from '../blobs/blob-store.ts';
import { openFolderStore } from '../blobs/folder-store.ts';
import { ensureModel, insertVersion } from '../db/models.ts';
import { openStore } from '../db/sqlite-store.ts';
import type { Store } from '../db/store.ts';
import { storeWindow, storeWindowLabels } from '../db/uplink.ts';
import { openModelFacts } from './model-facts.ts';
import { openSummaries } from './summary.ts';

let dir: string;
let store: Store;
let blobs: BlobStore;

beforeEach(async () => {
  dir = scratch('summary');
  const opened = openStore(path.join(dir, 'hub.db'), 1);
  if (!opened.ok) throw new Error(opened.detail);
  store = opened.value;
  blobs = await openFolderStore(path.join(dir, 'blobs'), 1e9);
});
afterEach(async () => {
  await store.close();
  remove(dir);
});

const load = Float32Array.from({ length: 200 }, (_, i) => i % 50);
const made = buildBaseline([{ name: 'load', values: load }], {
  kind: 'classification',
  classes: ['0', '1'],
  probabilities: Float64Array.from({ length: 400 }, () => 0.5),
});
if (!made.ok) throw new Error(made.detail);
const baselineBytes = encodeBaseline(made.value);
const baselineDigest = createHash('sha256').update(baselineBytes).digest('hex');
const reference = bindBaseline(made.value, baselineDigest);

const digest = (letter: string): string => letter.repeat(64);
async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

/** Registers a version; with the baseline unless told otherwise. */
async function register(manifest: string, version: number, withBaseline = true): Promise<void> {
  const put = await blobs.put(once(baselineBytes), 1e9);
  if (!put.ok) throw new Error(put.detail);
  const document = { blobs: withBaseline ? { baseline: put.value } : {} };
  const done = await store.commit([
    ensureModel({ name: 'wear', project: 'default', createdAt: 1 }),
    insertVersion({
      model: 'wear', version, manifest, envelope: new Uint8Array(1), documentJson: JSON.stringify(document), source: 'trained',
      sizeBytes: 1, run: null, metricsJson: '{}', createdAt: 1,
    }), // biome-ignore format: one row
  ]);
  expect(done.ok).toBe(true);
}

interface Seen {
  readonly device: string;
  readonly manifest?: string;
  readonly startAt: number;
  readonly rows: number;
  readonly missing?: number;
  readonly latencyUs?: number;
  readonly role?: 'active' | 'shadow';
  readonly slot?: string;
  readonly stats?: Uint8Array;
}

async function sendWindow({
  device,
  manifest = digest('a'),
  startAt,
  rows,
  missing = 0,
  latencyUs = 100,
  role = 'active',
  slot = 'default',
  stats,
}: Seen) {
  const sketch = new WindowSketch(reference);
  for (let i = 0; i < rows; i++) {
    sketch.addRow(Float32Array.of(i < missing ? Number.NaN : i), 0);
    sketch.addLatency(latencyUs);
  }
  const row = {
    startAt, device, slot, role, manifest, bootId: 'b'.repeat(32), number: startAt, revision: 0, endAt: startAt + 1000,
    firstMono: 0, lastMono: 1, rows, errors: 1, closedBy: 'boundary' as const, stats: stats ?? sketch.encode(), receivedAt: 1,
  }; // biome-ignore format: one row
  expect(await store.commit([storeWindow(row)])).toMatchObject({ ok: true });
}

async function sendLabels(
  device: string,
  startAt: number,
  rows: readonly (readonly [number, number])[],
  prefix = reference.prefix,
) {
  const counts = new LabelledCounts({ kind: 'classification', classCount: 2 }, prefix);
  for (const [truth, answer] of rows) counts.addClass(truth, answer, answer === 1 ? [0.1, 0.9] : [0.9, 0.1], 0);
  const row = {
    startAt, device, slot: 'default', role: 'active' as const, manifest: digest('a'), bootId: 'b'.repeat(32), number: startAt, revision: 0,
    labelled: rows.length, unmatched: 0, counts: counts.encode(), receivedAt: 1,
  }; // biome-ignore format: one row
  expect(await store.commit([storeWindowLabels(row)])).toMatchObject({ ok: true });
}

const summarise = (filter: object = {}) =>
  openSummaries({ store, readFacts: openModelFacts({ store, blobs }) })(filter);

describe('a summary', () => {
  it('merges devices and windows of one slot and version', async () => {
    await register(digest('a'), 3);
    await sendWindow({ device: 'd1', startAt: 1000, rows: 30, missing: 4, latencyUs: 50 });
    await sendWindow({ device: 'd1', startAt: 2000, rows: 10, latencyUs: 50 });
    await sendWindow({ device: 'd2', startAt: 1000, rows: 60, latencyUs: 5000 });
    await sendLabels('d1', 1000, [
      [1, 1],
      [0, 0],
    ]);
    await sendLabels('d2', 1000, [
      [1, 0],
      [0, 0],
    ]);
    const [one, ...none] = await summarise();
    expect(none).toEqual([]);
    expect(one).toMatchObject({
      slot: 'default', manifest: digest('a'), model: 'wear', version: 3, devices: 2, windows: 3, predictions: 100, errors: 3,
      fromAt: '1970-01-01T00:00:01.000Z', toAt: '1970-01-01T00:00:03.000Z', missing: { load: 4 },
      latency: { count: 100 }, quality: { labelled: 4, coverage: 0.04, accuracy: 0.75, majorityBaseline: 0.5, recall: 0.5, precision: 1 },
    }); // biome-ignore format: one table
    expect(one?.latency?.p50Us).toBeGreaterThan(4900);
    expect(one?.latency?.p50Us).toBeLessThan(5100);
  });

  it('keeps slots and versions apart, and shadows out', async () => {
    await register(digest('a'), 1);
    await register(digest('c'), 2);
    await sendWindow({ device: 'd1', startAt: 1000, rows: 5 });
    await sendWindow({ device: 'd1', startAt: 2000, rows: 6, manifest: digest('c') });
    await sendWindow({ device: 'd1', startAt: 3000, rows: 7, slot: 'other' });
    await sendWindow({ device: 'd1', startAt: 4000, rows: 8, role: 'shadow' });
    const all = await summarise();
    expect(all.map(({ slot, version, predictions }) => [slot, version, predictions])).toEqual([
      ['other', 1, 7],
      ['default', 2, 6],
      ['default', 1, 5],
    ]);
    expect(await summarise({ slot: 'other' })).toHaveLength(1);
    expect(await summarise({ since: 2000 })).toHaveLength(2);
    expect(await summarise({ device: 'd2' })).toEqual([]);
  });

  it('never mixes what was counted on other edges, and counts its rows all the same', async () => {
    await register(digest('a'), 1);
    await register(digest('c'), 2, false);
    const foreign = new WindowSketch();
    foreign.addRow(new Float32Array(0), 0);
    foreign.addLatency(9e6);
    await sendWindow({ device: 'd1', startAt: 1000, rows: 5 });
    await sendWindow({ device: 'd2', startAt: 1000, rows: 1, stats: foreign.encode() });
    await sendWindow({ device: 'd3', startAt: 1000, rows: 1, stats: Buffer.from('damaged') });
    await sendWindow({ device: 'd4', startAt: 1000, rows: 2, manifest: digest('c') });
    await sendLabels('d1', 1000, [[1, 1]]);
    await sendLabels(
      'd2',
      1000,
      [
        [1, 0],
        [1, 0],
      ],
      '0123456789abcdef',
    );
    const all = await summarise();
    expect(all.find(({ version }) => version === 1)).toMatchObject({
      predictions: 7,
      latency: { count: 5 },
      quality: { labelled: 1, accuracy: 1 },
    });
    // Version 2 has no baseline: its window was counted on one, so only its rows are known.
    expect(all.find(({ version }) => version === 2)).toMatchObject({
      predictions: 2,
      latency: null,
      quality: null,
      missing: {},
    });
  });

  it('says what runs even when the hub never registered it', async () => {
    await sendWindow({ device: 'd1', startAt: 1000, rows: 5, manifest: digest('e') });
    expect(await summarise()).toMatchObject([{ manifest: digest('e'), model: null, version: null, predictions: 5 }]);
  });

  it('reads more windows than one page', async () => {
    await register(digest('a'), 1);
    for (let i = 0; i < 300; i++) await sendWindow({ device: `d${i}`, startAt: 1000 + i, rows: 1 });
    expect(await summarise()).toMatchObject([{ devices: 300, predictions: 300, latency: { count: 300 } }]);
  });
});
