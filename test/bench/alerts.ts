// Measures one look at a large fleet for alerts, on a real store: while all is well, when a fifth of it begins to drift or loses its
// link, and after. Never asserts.
import path from 'node:path';
import { WindowSketch } from '@drover/sketch/window-sketch';
import { remove, scratch } from '@drover/testkit/fleet';
import pino from 'pino';
import { openAlertBook } from '../../hub/src/alerts/book.ts';
import { listIncidents } from '../../hub/src/db/alerts.ts';
import { insertDevice } from '../../hub/src/db/devices.ts';
import { openStore } from '../../hub/src/db/sqlite-store.ts';
import { query, type Statement, type Store, sqlOf } from '../../hub/src/db/store.ts';
import { storeWindow } from '../../hub/src/db/uplink.ts';
import type { FeatureDrift } from '../../hub/src/monitoring/drift.ts';
import type { ModelFacts } from '../../hub/src/monitoring/model-facts.ts';
import { openModelWatch } from '../../hub/src/monitoring/watch.ts';
import { atMost, type BenchReport } from './report.ts';
import { fillWindow, makeMatrix, makeReference } from './sample-window.ts';

const DEVICES = 5000;
const FEATURES = 20;
/** Devices of the site where something happens. */
const SITES = 5;
const MANIFEST = 'a'.repeat(64);
const BATCH = 500;
const WINDOWS = 4;

const idOf = (n: number): string => `press-${n}`;
const labelsOf = (n: number) => ({ site: `s${n % SITES}`, line: `l${n % 40}`, firmware: n % 3 === 0 ? '2.1' : '2.0' });

const slotOf = (n: number): Statement => ({
  query: query(
    sqlOf.insertInto('deviceSlots').values({
      device: idOf(n), slot: 'default', running: MANIFEST, previous: null, deploymentId: null, deploymentManifest: null, state: null, revision: 1,
      code: null, detail: null, enteredAt: null, bytesDone: 0, bytesTotal: 0, updatedAt: 0, progressAt: 0,
    }), // biome-ignore format: one row
  ),
});
const presence = (where: (n: number) => boolean, is: 'online' | 'offline'): Statement[] =>
  Array.from({ length: DEVICES }, (_, n) => n)
    .filter(where)
    .map((n) => ({
      query: query(sqlOf.updateTable('devices').set({ presence: is, lastSeenAt: 1 }).where('id', '=', idOf(n))),
    }));

const driftOf = (now: number, hasMoved: (n: number) => boolean): FeatureDrift[] =>
  Array.from({ length: DEVICES * FEATURES }, (_, at): FeatureDrift => {
    const [n, feature] = [Math.floor(at / FEATURES), `f${at % FEATURES}`];
    const isBad = at % FEATURES === 0 && hasMoved(n);
    return {
      device: idOf(n), slot: 'default', manifest: MANIFEST, model: 'wear', version: 1, feature, windows: 100, at: now, diagnosis: undefined, needed: 0,
      evidence: isBad ? 1 : 0, verdict: isBad ? 'material' : 'ok', ...(isBad ? { aspect: 'level', change: 2, leastChange: 1 } : { aspect: undefined, change: 0, leastChange: 0 }),
    };
  }); // biome-ignore format: one record

/** Four windows of a quarter of an hour of each device, decoded and measured. */
async function watchModels(
  commit: (statements: readonly Statement[]) => Promise<void>,
  store: Store,
  now: number,
): Promise<number> {
  const reference = makeReference();
  const window = new WindowSketch(reference);
  fillWindow(window, makeMatrix());
  const stats = window.encode();
  await commit(
    Array.from(
      { length: DEVICES * WINDOWS },
      (_, at) =>
      storeWindow({
        device: idOf(Math.floor(at / WINDOWS)), slot: 'default', role: 'active', manifest: MANIFEST, bootId: 'b'.repeat(32), number: at % WINDOWS, revision: 0,
        startAt: now - ((at % WINDOWS) + 1) * 900_000, endAt: now - (at % WINDOWS) * 900_000, firstMono: 0, lastMono: 1, rows: window.rowCount, errors: 0, closedBy: 'boundary',
        stats, receivedAt: now,
      }), // biome-ignore format: one row
    ),
  );
  const facts: ModelFacts = { model: 'wear', version: 1, baseline: undefined, reference };
  const watch = openModelWatch({ store, readFacts: async () => facts, now: () => now, windowSeconds: 900 });
  const start = performance.now();
  const found = await watch.models();
  const took = performance.now() - start;
  if (found.length !== DEVICES || found[0]?.values['model.windows'] !== WINDOWS) throw new Error('windows are wanting');
  return took;
}

export async function bench(): Promise<BenchReport> {
  const dir = scratch('bench-alerts');
  const opened = openStore(path.join(dir, 'hub.db'), 1);
  if (!opened.ok) throw new Error(opened.detail);
  const store = opened.value;
  const commit = async (statements: readonly Statement[]): Promise<void> => {
    for (let at = 0; at < statements.length; at += BATCH) {
      const done = await store.commit(statements.slice(at, at + BATCH));
      if (!done.ok) throw new Error(done.why);
    }
  };
  try {
    let now = Date.UTC(2026, 2, 1);
    let ids = 0;
    let drift = driftOf(now, () => false);
    await commit(
      Array.from({ length: DEVICES }, (_, n) =>
        insertDevice({ id: idOf(n), labels: labelsOf(n), secretHash: '', joinedAt: 1 }),
      ),
    );
    await commit(Array.from({ length: DEVICES }, (_, n) => slotOf(n)));
    await commit(presence(() => true, 'online'));
    const book = await openAlertBook({
      store, readDrift: async () => drift, readFacts: async () => ({ model: 'wear', version: 1, baseline: undefined, reference: undefined }),
      watch: { models: async () => [], errors: async () => [] }, now: () => now, staleMs: 3_600_000, hubId: 'f'.repeat(32),
      newId: () => (++ids).toString(16).padStart(32, '0'), log: pino({ level: 'silent' }), tiers: 1, wake: () => undefined,
    }); // biome-ignore format: one record
    const look = async (): Promise<number> => {
      const start = performance.now();
      await book.look();
      return performance.now() - start;
    };
    const median = async (): Promise<number> => {
      const times: number[] = [];
      for (let i = 0; i < 5; i++) times.push(await look());
      return times.sort((a, b) => a - b)[2] ?? Number.NaN;
    };
    const isThere = (n: number): boolean => n % SITES === 0;
    await look();
    const calmMs = await median();
    drift = driftOf(now, isThere);
    const driftMs = await look();
    const driftAfterMs = await median();
    await commit(presence(isThere, 'offline'));
    await look();
    now += 3_600_000;
    drift = driftOf(now, isThere);
    const offlineMs = await look();
    const open = await listIncidents(store, true, 100);
    const titles = open.map(({ title }) => title).sort();
    const isRight = open.length === 2 && titles.every((title) => title.includes('1000 of 1000 devices with site=s0'));
    if (!isRight) throw new Error(`incidents are ${JSON.stringify(titles)}`);
    const modelsMs = await watchModels(commit, store, now);
    return {
      title: `Alerts: one look at ${DEVICES} devices with ${FEATURES} features each`,
      rows: [
        { name: 'all is well', value: calmMs, unit: 'ms', budget: atMost(1000) },
        { name: '1,000 devices of one site begin to drift', value: driftMs, unit: 'ms', budget: atMost(3000) },
        { name: 'they go on', value: driftAfterMs, unit: 'ms', budget: atMost(1000) },
        { name: 'the same 1,000 were offline for an hour', value: offlineMs, unit: 'ms', budget: atMost(3000) },
        {
          name: 'metrics of all models over an hour, every five minutes',
          value: modelsMs,
          unit: 'ms',
          budget: atMost(10_000),
        },
      ],
      notes: ['2,000 alerts come to two incidents, each named by its site. The hub looks every 30 s.'],
    };
  } finally {
    await store.close();
    remove(dir);
  }
}
