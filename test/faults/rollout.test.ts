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
