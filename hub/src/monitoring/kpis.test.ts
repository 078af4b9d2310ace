// Business numbers at the hub: joined to the windows of their device, replaced and not doubled, all of a request or nothing.
import path from 'node:path';
import { remove, scratch } from '@drover/testkit/fleet';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { insertDevice } from '../db/devices.ts';
import { listKpis } from '../db/kpis.ts';
import { openStore } from '../db/sqlite-store.ts';
import type { Store } from '../db/store.ts';
import { storeWindow } from '../db/uplink.ts';
import { type KpiDeps, storeKpi, viewKpi } from './kpis.ts';
import { UNKNOWN_MODEL } from './model-facts.ts';

let dir: string;
let store: Store;
let deps: KpiDeps;
const digest = (letter: string): string => letter.repeat(64);
const readFacts = async (manifest: string) => ({
  ...UNKNOWN_MODEL,
  model: 'wear',
  version: manifest === digest('a') ? 1 : 2,
});

beforeEach(async () => {
  dir = scratch('kpis');
  const opened = openStore(path.join(dir, 'hub.db'), 1);
  if (!opened.ok) throw new Error(opened.detail);
  store = opened.value;
  deps = { store, readFacts, now: () => 7 };
  for (let d = 0; d < 9; d++)
    await store.commit([
      insertDevice({ id: `d${d}`, labels: {}, secretHash: '', joinedAt: 1 }),
      ...['a', 'b'].map((letter, at) =>
        storeWindow({
          startAt: 1000 * at, device: `d${d}`, slot: 'default', role: 'active', manifest: digest(letter), bootId: 'b'.repeat(32), number: at,
          revision: 0, endAt: 1000 * at + 1000, firstMono: 0, lastMono: 1, rows: 1, errors: 0, closedBy: 'boundary',
          stats: new Uint8Array(1), receivedAt: 1,
        }),
      ),
    ]); // biome-ignore format: one row
});
afterEach(async () => {
  await store.close();
  remove(dir);
});

const at = (ms: number): string => new Date(ms).toISOString();
/** Nine devices, each with its own usual; 3 less with the second version. */
const fleet = () =>
  Array.from({ length: 9 }, (_, d) =>
    [500, 1500].map((ms, i) => ({ device: `d${d}`, at: at(ms), value: 10 * d - 3 * i + 0.1 * (d % 3) * i })),
  ).flat();

describe('business numbers at the hub', () => {
  it('are joined to what answered, and compared on the devices that ran both', async () => {
    expect(await storeKpi(deps, 'scrap', { points: fleet() }, 'ann')).toEqual({ ok: true, value: { points: 18 } });
    expect(
      await storeKpi(deps, 'scrap', { points: [{ device: 'd0', at: at(2 * 86_400_000), value: 5 }] }, 'ann'),
    ).toMatchObject({ ok: true });
    const view = await viewKpi(deps, 'scrap');
    expect(view).toMatchObject({ name: 'scrap', unjoined: 1 });
    expect(view.versions.map(({ version, devices, points, change }) => [version, devices, points, change?.version])).toEqual([
      [1, 9, 9, undefined], [2, 9, 9, 1],
    ]); // biome-ignore format: version, devices, numbers, compared with
    expect(view.versions[0]).toMatchObject({ mean: 40, change: null });
    expect(view.versions[1]?.change?.mean).toBeCloseTo(-2.9, 9);
    expect(view.versions[1]?.change?.high).toBeLessThan(-2.8);
    expect(view.versions[1]?.change?.low).toBeGreaterThan(-3);
    expect((await viewKpi(deps, 'scrap', 1000)).versions).toMatchObject([{ version: 2, change: null }]);
    expect(await viewKpi(deps, 'other')).toEqual({ name: 'other', versions: [], unjoined: 0 });
  });

  it('are replaced and not doubled, and go with their device', async () => {
    for (const value of [1, 2])
      await storeKpi(deps, 'scrap', { points: [{ device: 'd0', at: at(500), value }] }, 'ann');
    expect(await listKpis(store)).toMatchObject([{ name: 'scrap', points: 1 }]);
    expect((await viewKpi(deps, 'scrap')).versions).toMatchObject([{ mean: 2, points: 1, low: null, high: null }]);
  });

  it('are stored all or none', async () => {
    const good = { device: 'd0', at: at(500), value: 1 };
    expect(await storeKpi(deps, 'scrap', { points: [good, { ...good, device: 'gone' }] }, 'ann')).toMatchObject({
      code: 'device_unknown',
    });
    expect(
      await storeKpi(deps, 'scrap', { points: [good, { ...good, at: '2026-13-01T00:00:00Z' }] }, 'ann'),
    ).toMatchObject({
      code: 'request_invalid',
    });
    expect(await listKpis(store)).toEqual([]);
  });

  it('are read page by page, with a device that crosses a page', async () => {
    const points = Array.from({ length: 1500 }, (_, i) => ({ device: 'd1', at: at(i), value: 1 }));
    for (const from of [0, 1000]) await storeKpi(deps, 'long', { points: points.slice(from, from + 1000) }, 'ann');
    await storeKpi(
      deps,
      'long',
      { points: points.slice(0, 900).map((one) => ({ ...one, device: 'd2', value: 2 })) },
      'ann',
    );
    const { versions } = await viewKpi(deps, 'long');
    expect(versions.map(({ version, points: n, devices }) => [version, n, devices])).toEqual([[1, 1900, 2], [2, 500, 1]]); // biome-ignore format: version, numbers, devices
  });
});
