// A real agent that may send only few bytes of windows in a day, and what its hub then knows: what windows said, that they say less, and
// how the machine is.
import path from 'node:path';
import { buildBaseline, encodeBaseline } from '@drover/sketch/baseline';
import {
  deploy,
  type HubProgram,
  joinAgent,
  registerModel,
  remove,
  runAgent,
  scratch,
  startHub,
} from '@drover/testkit/fleet';
import { ENTRY, killAll, start } from '@drover/testkit/program';
import { buildTinyModel } from '@drover/testkit/tiny-bundle';
import { until } from '@drover/testkit/until';
import type { DeviceLog } from '@drover/wire/http/devices';
import type { DeviceMetrics } from '@drover/wire/http/monitoring';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openStore } from '../../hub/src/db/sqlite-store.ts';
import { query, sqlOf } from '../../hub/src/db/store.ts';

const KILOBYTES = 4;
const dir = scratch('telemetry');
let hub: HubProgram;

beforeAll(async () => {
  hub = await startHub(path.join(dir, 'hub'), [], {
    DROVER_HUB_PROBATION_SECONDS: '0',
    DROVER_HUB_WINDOW_SECONDS: '1',
  });
  const rows = 400;
  const baseline = buildBaseline([
    { name: 'load', values: Float64Array.from({ length: rows }, (_, n) => Math.sin(n) * 3) },
    { name: 'heat', values: Float64Array.from({ length: rows }, (_, n) => Math.cos(n * 1.7) * 3) },
    { name: 'shift', values: Array.from({ length: rows }, (_, n) => (n % 2 ? 'day' : 'night')) },
  ]);
  if (!baseline.ok) throw new Error(baseline.detail);
  await registerModel(hub, 'tiny', {
    model: buildTinyModel(), baseline: encodeBaseline(baseline.value), featureNames: ['load', 'heat', 'shift'], classes: ['ok', 'fault'],
  }); // biome-ignore format: one record
}, 60_000);
afterAll(async () => {
  await killAll();
  remove(dir);
});

describe('an agent with a budget of telemetry', () => {
  it('keeps it, says that it says less, and tells of its machine', async () => {
    const data = path.join(dir, 'press-1');
    await joinAgent(hub, data, 'press-1');
    const agent = await runAgent(data, ['--telemetry-kb-day', String(KILOBYTES)]);
    expect(await deploy(hub, 'tiny', 1, ['press-1'])).toMatchObject([{ state: 'committed' }]);
    const logs = async () => (await hub.get<{ items: DeviceLog[] }>('/api/v1/devices/press-1/logs')).items;
    let asked = 0;
    await until('it says so', async () => {
      const body = JSON.stringify({ fields: { load: Math.fround(Math.sin(asked)), heat: 1, shift: 'day' } });
      const response = await fetch(`${agent.httpUrl}/v1/predict/default`, { method: 'POST', body });
      expect(response.status).toBe(200);
      asked += 1;
      return (await logs()).some(({ message }) => message.includes('sent once a day'));
    });
    const [newest] = await logs();
    expect(newest).toMatchObject({
      level: 40,
      code: 'telemetry_reduced',
      message: expect.stringContaining('sent once a day'),
    });

    const metrics = await until('a report with the machine', async () => {
      const found = await hub.get<DeviceMetrics>('/api/v1/devices/press-1/metrics');
      return found.device['device.machine_memory_free'] === null ? undefined : found;
    });
    expect(metrics.device['device.machine_memory_free']).toBeGreaterThan(1e6);
    expect(metrics.device['device.connections']).toBeGreaterThanOrEqual(1);

    const cli = start(ENTRY.cli, [
      'device',
      'logs',
      'press-1',
      '--hub',
      hub.httpUrl,
      '--token-file',
      path.join(dir, 'hub/run/token'),
    ]);
    expect(await cli.waitForExit(), cli.output()).toBe(0);
    expect(cli.output()).toMatch(/warning +telemetry_reduced/);

    await agent.stop();
    // The last window is sent whatever it costs: no row is lost.
    const opened = openStore(path.join(dir, 'hub/db/hub.db'), 1);
    if (!opened.ok) throw new Error(opened.detail);
    const windows = await until('every row is told', async () => {
      const rows = await opened.value.rows(query(sqlOf.selectFrom('windows').select(['rows', 'stats', 'closedBy'])));
      return rows.reduce((sum, { rows: count }) => sum + count, 0) === asked ? rows : undefined;
    });
    await opened.value.close();
    const inBudget = windows.filter(({ closedBy }) => closedBy === 'boundary' || closedBy === 'count');
    expect(inBudget.length).toBeGreaterThan(0);
    expect(inBudget.reduce((sum, { stats }) => sum + stats.length, 0)).toBeLessThanOrEqual(KILOBYTES * 1024);
  }, 90_000);
});
