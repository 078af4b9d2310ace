// Checks the metrics of a device against numbers that can be counted by hand.
import { createHash } from 'node:crypto';
import path from 'node:path';
import { DEVICE_METRICS, MODEL_METRICS } from '@drover/core/health/catalogue';
import { buildBaseline } from '@drover/sketch/baseline';
import { LabelledCounts } from '@drover/sketch/labelled';
import { bindBaseline, WindowSketch } from '@drover/sketch/window-sketch';
import { remove, scratch } from '@drover/testkit/fleet';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { insertDevice } from '../db/devices.ts';
import { openStore } from '../db/sqlite-store.ts';
import { query, type Store, sqlOf } from '../db/store.ts';
import { insertOutbox, storeWindow, storeWindowLabels } from '../db/uplink.ts';
import { measureHealth } from './device-metrics.ts';

const made = buildBaseline(
  [
    { name: 'load', values: Float32Array.from({ length: 200 }, (_, i) => i % 50) },
    { name: 'mode', values: Array.from({ length: 200 }, (_, i) => (i % 2 === 0 ? 'a' : 'b')) },
  ],
  { kind: 'classification', classes: ['0', '1'], probabilities: Float64Array.from({ length: 400 }, () => 0.5) },
);
if (!made.ok) throw new Error(made.detail);
const reference = bindBaseline(made.value, createHash('sha256').update('baseline').digest('hex'));
const MANIFEST = 'a'.repeat(64);
const NOW = 1_700_000_000_000;

let dir: string;
let store: Store;

beforeEach(async () => {
  dir = scratch('metrics');
  const opened = openStore(path.join(dir, 'hub.db'), 1);
  if (!opened.ok) throw new Error(opened.detail);
  store = opened.value;
  await store.commit(['d1', 'd2'].map((id) => insertDevice({ id, labels: {}, secretHash: '', joinedAt: 1 })));
});
afterEach(async () => {
  await store.close();
  remove(dir);
});

const deps = () => ({
  store,
  readFacts: async () => ({ model: 'wear', version: 3, baseline: made.ok ? made.value : undefined, reference }),
  readDrift: async () => [],
  now: () => NOW,
});

async function send(number: number): Promise<void> {
  const sketch = new WindowSketch(reference);
  const rows = [
    [10, 'a', 0.9],
    [10, 'b', 0.8],
    [Number.NaN, 'c', 0.3],
    [1e9, undefined, 0.2],
  ] as const;
  for (const [x, mode, p] of rows) {
    sketch.addRow(Float32Array.of(x), 0);
    sketch.addCategorical(0, mode);
    sketch.addLatency(100);
    sketch.addScores([1 - p, p], 0, 2);
  }
  const at = {
    startAt: NOW - 100_000 + number,
    device: 'd1',
    slot: 'default',
    role: 'active' as const,
    manifest: MANIFEST,
    bootId: 'b'.repeat(32),
    number,
    revision: 0,
  };
  const counts = new LabelledCounts({ kind: 'classification', classCount: 2 }, reference.prefix);
  counts.addClass(1, 1, [0.1, 0.9], 0);
  counts.addClass(0, 1, [0.2, 0.8], 0);
  await store.commit([
    storeWindow({
      ...at,
      endAt: NOW - 50_000,
      firstMono: 0,
      lastMono: 1,
      rows: 4,
      errors: 1,
      closedBy: 'boundary',
      stats: sketch.encode(),
      receivedAt: NOW - 48_000,
    }),
    storeWindowLabels({ ...at, labelled: 2, unmatched: 0, counts: counts.encode(), receivedAt: NOW }),
  ]);
}

describe('the metrics of a device', () => {
  it('are all there, and unknown is never 0', async () => {
    const found = await measureHealth(deps(), 'd2', 0);
    expect(Object.keys(found?.device ?? {}).toSorted()).toEqual(DEVICE_METRICS.map(({ name }) => name).toSorted());
    for (const value of Object.values(found?.device ?? {})) expect(value).toBe(null);
    expect(found?.models).toEqual([]);
    expect(await measureHealth(deps(), 'd3', 0)).toBe(undefined);
  });

  it('are what windows, labels and the newest report say', async () => {
    for (const number of [5, 6, 8]) await send(number);
    const health = {
      rssBytes: 80e6,
      cpuRatio: 0.01,
      diskFreeBytes: 5e9,
      uptimeMs: 90_000,
      outboxEntries: 3,
      outboxBytes: 900,
      outboxDropped: 0,
      answerReasons: [{ code: 'answer_novel', count: 4 }],
      readings: [
        { name: 'temperature', value: 61.5 },
        { name: 'connections', value: 3 },
        { name: 'of tomorrow', value: 1 },
      ],
    };
    await store.commit([
      {
        query: query(
          sqlOf
            .updateTable('devices')
            .set({ presence: 'online', lastSeenAt: NOW - 2000, healthJson: JSON.stringify(health) })
            .where('id', '=', 'd1'),
        ),
      },
      insertOutbox({
        device: 'd1',
        outboxId: '1'.repeat(32),
        lastSeq: 9,
        entries: 9,
        lost: 2,
        lostAt: NOW - 5000,
        refused: 1,
        updatedAt: NOW,
      }),
    ]);
    const found = await measureHealth(deps(), 'd1', 0);
    expect(found?.device).toMatchObject({
      'device.online': 1, 'device.silence': 2, 'device.memory': 80e6, 'device.lost_entries': 2, 'device.loss_age': 5, 'device.refused_entries': 1, 'device.own_answers': 4,
      'device.certificate_left': null, 'device.temperature': 61.5, 'device.connections': 3, 'device.machine_cpu': null,
    }); // biome-ignore format: one record
    const [one] = found?.models ?? [];
    expect(Object.keys(one?.values ?? {}).toSorted()).toEqual(MODEL_METRICS.map(({ name }) => name).toSorted());
    expect(one).toMatchObject({ model: 'wear', version: 3, slot: 'default' });
    expect(one?.values).toMatchObject({
      'model.windows': 3, 'model.window_coverage': 0.75, 'model.report_lag': 2, 'model.predictions': 12, 'model.errors': 3, 'model.error_share': 0.2,
      'model.values': 12, 'model.missing_share': 0.25, 'model.outside_share': 1 / 3, 'model.longest_run': 2, 'model.unknown_categories': 1 / 3,
      'model.top_class_share': 0.5, 'model.invalid_scores': 0, 'model.labelled': 6, 'model.label_coverage': 0.5, 'model.accuracy': 0.5,
      'model.material_drift': 0,
    }); // biome-ignore format: one record
    expect(one?.values['model.confidence']).toBeCloseTo(0.8, 1);
    expect(one?.values['model.latency_p99']).toBeCloseTo(100, -1);
    expect((await measureHealth(deps(), 'd1', NOW))?.models).toEqual([]);
  });
});
