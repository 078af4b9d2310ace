// A hub that is killed with -9 in the middle of a rollout decides on as if nothing had been: the rollout ends completed,
// with the deployments it had, each once, and every device runs what was wished.
import path from 'node:path';
import {
  type AgentProgram,
  device,
  type HubProgram,
  joinAgent,
  remove,
  runAgent,
  samePorts,
  scratch,
  startHub,
} from '@drover/testkit/fleet';
import { countHubRows, readHubRows } from '@drover/testkit/hub-tables';
import { askOffset, registerOffset, waitOnline } from '@drover/testkit/offset';
import { killAll } from '@drover/testkit/program';
import { until } from '@drover/testkit/until';
import type { Version } from '@drover/wire/http/models';
import type { Deployment, Rollout } from '@drover/wire/http/rollouts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const dir = scratch('rollout');
const IDS = ['press-1', 'press-2', 'press-3'];
const ENV = { DROVER_HUB_PROBATION_SECONDS: '1' };
/** Several chunks, so that a download is something to be interrupted. */
const PADDING = 3 * 1024 * 1024;

let hub: HubProgram;
let agents: AgentProgram[];
let versions: Version[];

beforeAll(async () => {
  hub = await startHub(path.join(dir, 'hub'), [], ENV);
  for (const id of IDS) await joinAgent(hub, path.join(dir, id), id);
  agents = await Promise.all(IDS.map((id) => runAgent(path.join(dir, id))));
  versions = [await registerOffset(hub, 100, PADDING), await registerOffset(hub, 200, PADDING)];
  await Promise.all(IDS.map((id) => waitOnline(hub, id)));
});

afterAll(async () => {
  await killAll();
  remove(dir);
});

const deploymentsOf = async (rollout: string): Promise<Deployment[]> =>
  (await hub.get<{ items: Deployment[] }>(`/api/v1/rollouts/${rollout}/deployments`)).items;

type Moment = (rollout: string) => Promise<boolean>;
const anyIn =
  (...states: string[]): Moment =>
  async (rollout) =>
    (await deploymentsOf(rollout)).some(({ state }) => states.includes(state));

const MOMENTS: [string, Moment][] = [
  ['right after it said yes', async () => true],
  [
    'when a device has accepted',
    anyIn('accepted', 'downloading', 'verifying', 'staged', 'activating', 'probation', 'committed'),
  ],
  ['when a device is in probation', anyIn('probation', 'committed')],
  ['when a device has committed', anyIn('committed')],
];

describe('a hub that is killed with -9 in a rollout', () => {
  it.each(MOMENTS)('%s ends it as wished, with the same deployments', async (_, moment) => {
    // Each connection that breaks makes an agent wait longer before the next: fresh ones begin anew.
    await Promise.all(agents.map((agent) => agent.stop()));
    agents = await Promise.all(IDS.map((id) => runAgent(path.join(dir, id))));
    await Promise.all(IDS.map((id) => waitOnline(hub, id)));
    const before = countHubRows(hub.data, 'deployments');
    const index = before === 0 ? 0 : (before / IDS.length) % 2;
    const version = versions[index];
    const rollout = await hub.post<Rollout>('/api/v1/rollouts', {
      model: 'offset',
      version: version?.version,
      devices: IDS,
    });
    await until('the moment to kill', () => moment(rollout.id));
    await hub.kill();
    const ids = (): string[] =>
      readHubRows<{ id: string }>(hub.data, 'SELECT id FROM deployments WHERE rollout = ? ORDER BY id', rollout.id).map(
        ({ id }) => id,
      );
    // What was answered with "created" is there after the kill.
    const deployments = ids();
    expect(deployments).toHaveLength(IDS.length);

    hub = await startHub(hub.data, samePorts(hub), ENV);
    await until(
      'the end of the rollout',
      async () => (await hub.get<Rollout>(`/api/v1/rollouts/${rollout.id}`)).state !== 'running',
      60_000,
    );
    expect(await hub.get<Rollout>(`/api/v1/rollouts/${rollout.id}`)).toMatchObject({
      state: 'completed',
      counts: { committed: 3 },
    });
    expect(ids()).toEqual(deployments);
    expect((await deploymentsOf(rollout.id)).map(({ state }) => state)).toEqual([
      'committed',
      'committed',
      'committed',
    ]);
    expect(countHubRows(hub.data, 'deployments')).toBe(before + IDS.length);
    expect(countHubRows(hub.data, 'rollouts', 'id = ?', rollout.id)).toBe(1);
    for (const [i, id] of IDS.entries()) {
      expect((await device(hub, id)).slots).toMatchObject([{ inSync: true, running: { manifest: version?.manifest } }]);
      const agent = agents[i];
      expect(agent && (await askOffset(agent))).toBe([100, 200][index]);
      expect(agent?.exit()).toBeUndefined();
    }
  });

  it('has moved each deployment to its end once', () => {
    const ends = readHubRows<{ n: number }>(
      hub.data,
      "SELECT count(*) AS n FROM deploymentEvents WHERE source = 'hub' AND toState = 'committed' GROUP BY deployment",
    );
    expect(ends.map(({ n }) => n)).toEqual(Array.from({ length: MOMENTS.length * IDS.length }, () => 1));
  });
});

const STAGES = { stages: [{ name: 'canary', count: 1 }, { name: 'rest', percent: 100 }], maxInFlight: 1 }; // biome-ignore format: one record

async function restart(): Promise<void> {
  await hub.kill();
  hub = await startHub(hub.data, samePorts(hub), ENV);
}

const rolloutOf = (id: string): Promise<Rollout> => hub.get<Rollout>(`/api/v1/rollouts/${id}`);

describe('a hub that is killed with -9 between stages', () => {
  it.each([
    ['when the canary is under way', async (id: string) => (await rolloutOf(id)).counts['queued'] === 2],
    ['when the canary has it', anyIn('committed')],
    ['in the second stage', async (id: string) => (await rolloutOf(id)).stage === 1],
  ] as [string, Moment][])('%s keeps each device in its stage and lets no more in than may be', async (_, moment) => {
    const running = (await device(hub, IDS[0] ?? '')).slots[0]?.running?.manifest;
    const version = versions.find(({ manifest }) => manifest !== running);
    const { id } = await hub.post<Rollout>('/api/v1/rollouts', {
      model: 'offset', version: version?.version, query: '', plan: STAGES,
    }); // biome-ignore format: one record
    const stages = (): Record<string, number> =>
      Object.fromEntries(
        readHubRows<{ device: string; stage: number }>(
          hub.data,
          'SELECT device, stage FROM deployments WHERE rollout = ?',
          id,
        ).map((row) => [row.device, row.stage]),
      );
    await until('the moment to kill', () => moment(id));
    const before = stages();
    expect(Object.values(before).toSorted((a, b) => a - b)).toEqual([0, 1, 1]);
    await restart();
    let most = 0;
    await until(
      'the end of the rollout',
      async () => {
        const busy = (await deploymentsOf(id)).filter(({ state }) => !['queued', 'committed'].includes(state)).length;
        most = Math.max(most, busy);
        return (await rolloutOf(id)).state !== 'running';
      },
      90_000,
    );
    expect(await rolloutOf(id)).toMatchObject({ state: 'completed', counts: { committed: 3 } });
    expect(stages()).toEqual(before);
    expect(most).toBe(1);
    for (const name of IDS)
      expect((await device(hub, name)).slots).toMatchObject([{ running: { manifest: version?.manifest } }]);
  });

  it('while it rolls back goes on until everyone is back', async () => {
    const running = (await device(hub, IDS[0] ?? '')).slots[0]?.running?.manifest;
    const version = versions.find(({ manifest }) => manifest !== running);
    const plan = { stages: [{ name: 'two', count: 2, soak: '1h' }, { name: 'rest', percent: 100 }] }; // biome-ignore format: one record
    const { id } = await hub.post<Rollout>('/api/v1/rollouts', {
      model: 'offset',
      version: version?.version,
      query: '',
      plan,
    });
    await until('two have it', async () => (await rolloutOf(id)).counts['committed'] === 2, 60_000);
    await hub.post(`/api/v1/rollouts/${id}/rollback`, { because: 'a test' });
    await restart();
    await until('the end of the rollout', async () => (await rolloutOf(id)).state === 'rolled_back', 90_000);
    const devices = await Promise.all(IDS.map((name) => device(hub, name)));
    for (const { slots } of devices) expect(slots).toMatchObject([{ inSync: true, running: { manifest: running } }]);
    expect((await deploymentsOf(id)).filter(({ purpose }) => purpose === 'revert').map(({ state }) => state)).toEqual([
      'committed', 'committed',
    ]); // biome-ignore format: one list
  });
});
