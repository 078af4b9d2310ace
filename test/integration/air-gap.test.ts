// A fleet without a network, both ways, with the programs as people start them: the hub trains, a device that can never reach
// it runs the model, and what it counted comes back once.
import { rmSync } from 'node:fs';
import path from 'node:path';
import {
  type HubProgram,
  joinAgent,
  predict,
  device as readDevice,
  remove,
  runAgent,
  scratch,
  startHub,
} from '@drover/testkit/fleet';
import { countPredictions, readStatus } from '@drover/testkit/offset';
import { ENTRY, killAll, start } from '@drover/testkit/program';
import { until } from '@drover/testkit/until';
import type { ReportImport } from '@drover/wire/http/carry';
import type { Deployment, Rollout } from '@drover/wire/http/rollouts';
import type { Dataset, Run } from '@drover/wire/http/runs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const dir = scratch('air-gap');
const stick = path.join(dir, 'stick');
const ENV = { DROVER_HUB_PROBATION_SECONDS: '0', DROVER_HUB_WINDOW_SECONDS: '1' };
const ROWS = Array.from({ length: 400 }, (_, i) => `${(i * 37) % 101},${(i * 13) % 97},${(i * 37) % 101 > 50 ? 1 : 0}`);
let hub: HubProgram;

/** The address that devices are given is one where nobody listens. */
const NOWHERE = ['--http', '127.0.0.1:0', '--mqtt', '127.0.0.1:0', '--mqtt-url', 'mqtt://127.0.0.1:1'];

beforeAll(async () => {
  hub = await startHub(path.join(dir, 'hub'), NOWHERE, ENV);
});
afterAll(async () => {
  await killAll();
  remove(dir);
});

async function runTo(entry: string, args: readonly string[]): Promise<{ exit: unknown; said: string }> {
  const program = start(entry, args);
  return { exit: await program.waitForExit(60_000), said: program.output() };
}
const dataOf = (id: string): string => path.join(dir, id);
const agent = (id: string, command: 'export' | 'import', on = stick) =>
  runTo(ENTRY.agent, [command, '--data', dataOf(id), ...(command === 'export' ? ['--out', on] : [on])]);
const drover = (...args: string[]) =>
  runTo(ENTRY.cli, [...args, '--hub', hub.httpUrl, '--token-file', path.join(hub.data, 'run/token')]);
async function importReports(): Promise<ReportImport[]> {
  const { exit, said } = await drover('import', stick, '--json');
  expect(exit, said).toBe(0);
  return (JSON.parse(said) as { items: { imported: ReportImport }[] }).items.map(({ imported }) => imported);
}
const exportTo = (devices: string, out = stick, ...more: string[]) =>
  drover('export', '--devices', devices, '--out', out, '--valid-for', '30d', '--json', ...more);

async function train(name: string): Promise<number> {
  const data = await hub.post<Dataset>('/api/v1/datasets?name=t', Buffer.from(`a,b,y\n${ROWS.join('\n')}\n`));
  const { id } = await hub.post<Run>('/api/v1/runs', { model: name, dataset: data.sha256, roles: { label: 'y' } });
  const run = await until('the run', async () => {
    const one = await hub.get<Run>(`/api/v1/runs/${id}`);
    return one.state === 'succeeded' || one.state === 'failed' ? one : undefined;
  });
  expect(run).toMatchObject({ state: 'succeeded' });
  return run.version ?? 0;
}

/** Nobody waits for it: the devices hear of it when somebody comes. */
const deploy = (model: string, version: number, devices: readonly string[]) =>
  hub.post<Rollout>('/api/v1/rollouts', { model, version, devices });

describe('a fleet without a network', () => {
  it('runs what the hub trained, and what it counted comes back once', async () => {
    for (const id of ['press-1', 'press-2']) {
      await joinAgent(hub, dataOf(id), id);
      // The first report says what the device can run.
      expect(await agent(id, 'export')).toMatchObject({ exit: 0 });
    }
    const early = await exportTo('press-1');
    expect(early).toMatchObject({ exit: 1, said: expect.stringContaining('export_nothing') });
    expect(await importReports()).toMatchObject([
      { device: 'press-1', entries: 0 },
      { device: 'press-2', entries: 0 },
    ]);

    const version = await train('wear');
    const rollout = await deploy('wear', version, ['press-1', 'press-2']);
    const made = await exportTo('press-1,press-2');
    expect(made.exit, made.said).toBe(0);
    const first = JSON.parse(made.said) as { number: number; blobs: number; fetched: number };
    expect(first.fetched).toBe(first.blobs);
    expect(first.blobs).toBeGreaterThan(0);

    let played = 0;
    for (const id of ['press-1', 'press-2']) {
      const taken = await agent(id, 'import');
      expect(taken, taken.said).toMatchObject({ exit: 0, said: expect.stringContaining('is taken') });
      expect(await agent(id, 'import')).toMatchObject({ exit: 0, said: expect.stringContaining('was taken before') });
      const running = await runAgent(dataOf(id));
      await until('an answer', async () => (await predict(running, { a: 1, b: 2 })).status === 200);
      played += 1;
      for (let i = 0; i < 20; i++, played++) expect((await predict(running, { a: i, b: 2 })).status).toBe(200);
      expect((await readStatus(running)).hub.connected).toBe(false);
      expect(await running.stop()).toBe(0);
      expect(await agent(id, 'export')).toMatchObject({ exit: 0 });
    }

    const reports = await importReports();
    expect(reports.map(({ entries }) => entries > 0)).toEqual([true, true]);
    const again = await importReports();
    expect(again.map(({ entries }) => entries)).toEqual([0, 0]);
    const counted = async (): Promise<number> =>
      (await countPredictions(hub, 'press-1')) + (await countPredictions(hub, 'press-2'));
    // The first prediction may have been asked more than once, before the model answered: those were no predictions.
    expect(await counted()).toBe(played);
    await until(
      'the rollout',
      async () => (await hub.get<Rollout>(`/api/v1/rollouts/${rollout.id}`)).state === 'completed',
    );
    const { items } = await hub.get<{ items: Deployment[] }>(`/api/v1/rollouts/${rollout.id}/deployments`);
    expect(items.map(({ state }) => state)).toEqual(['committed', 'committed']);
    expect(await readDevice(hub, 'press-1')).toMatchObject({ presence: 'offline', slots: [{ inSync: true }] });
    for (const id of ['press-1', 'press-2'])
      expect(await agent(id, 'import')).toMatchObject({ exit: 0, said: expect.stringContaining(' 0 still wait') });
  }, 300_000);

  it('brings the next version without what the earlier export brought, and never goes back to it', async () => {
    const before = path.join(dir, 'before');
    expect(await exportTo('press-1', before)).toMatchObject({ exit: 0 });
    const version = await train('wear');
    await deploy('wear', version, ['press-1']);
    const next = path.join(dir, 'next');
    const made = await exportTo('press-1', next, '--since', before);
    expect(made.exit, made.said).toBe(0);
    const { blobs, fetched } = JSON.parse(made.said) as { blobs: number; fetched: number };
    expect(fetched).toBeLessThanOrEqual(blobs);
    const taken = await agent('press-1', 'import', next);
    expect(taken, taken.said).toMatchObject({ exit: 0 });
    const old = await agent('press-1', 'import', before);
    expect(old).toMatchObject({ exit: 1, said: expect.stringContaining('export_stale') });
    const running = await runAgent(dataOf('press-1'));
    await until('the new version', async () => (await readStatus(running)).slots[0]?.version === version);
    expect(await running.stop()).toBe(0);
    // For whom it is not, it is nothing.
    expect(await agent('press-2', 'import', next)).toMatchObject({
      exit: 1,
      said: expect.stringContaining('export_other_device'),
    });
    rmSync(before, { recursive: true });
  });
});
