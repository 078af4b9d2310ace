// Devices whose clock is wrong by half a century: one that starts in 1970 joins in everything; one in 2090 holds every new
// document for expired and keeps what it runs. Neither loses a prediction.
import path from 'node:path';
import {
  type AgentProgram,
  deploy,
  device,
  type HubProgram,
  joinAgent,
  remove,
  runAgent,
  scratch,
  startHub,
} from '@drover/testkit/fleet';
import { readHubRows } from '@drover/testkit/hub-tables';
import {
  askOffset,
  countPredictions,
  predictRows,
  readStatus,
  registerOffset,
  waitOnline,
} from '@drover/testkit/offset';
import { killAll } from '@drover/testkit/program';
import { until } from '@drover/testkit/until';
import type { Deployment, Rollout } from '@drover/wire/http/rollouts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const ENV = { DROVER_HUB_PROBATION_SECONDS: '0', DROVER_HUB_WINDOW_SECONDS: '1' };
const preload = ['--import', new URL('../../packages/testkit/src/clock-preload.ts', import.meta.url).href];
const dir = scratch('clock');
let hub: HubProgram;

beforeAll(async () => {
  hub = await startHub(path.join(dir, 'hub'), [], ENV);
});

afterAll(async () => {
  await killAll();
  remove(dir);
});

/** An agent that believes it is `at` now. */
const runAt = (id: string, at: number): Promise<AgentProgram> =>
  runAgent(path.join(dir, id), [], { DROVER_CLOCK_OFFSET_MS: String(at - Date.now()) }, preload);

const windowsOf = (id: string): { startAt: number; endAt: number; rows: number; receivedAt: number }[] =>
  readHubRows(hub.data, 'SELECT startAt, endAt, rows, receivedAt FROM windows WHERE device = ? ORDER BY startAt', id);

describe('an agent whose clock stands', () => {
  it('in 1970 connects, installs, predicts, and its windows can be used', async () => {
    await joinAgent(hub, path.join(dir, 'old'), 'old');
    const agent = await runAt('old', Date.UTC(1970, 0, 1, 0, 0, 5));
    await waitOnline(hub, 'old');
    const { version } = await registerOffset(hub, 100);
    expect(await deploy(hub, 'offset', version, ['old'])).toMatchObject([{ state: 'committed' }]);
    await predictRows(agent, 30);
    await until('the predictions at the hub', async () => (await countPredictions(hub, 'old')) === 30);
    // It has seen signed documents: its windows lie at the time of the hub, give or take the flight, and not in 1970.
    for (const { startAt, endAt, receivedAt } of windowsOf('old')) {
      expect(Math.abs(receivedAt - startAt)).toBeLessThan(60_000);
      expect(endAt).toBeGreaterThanOrEqual(startAt);
    }
    await agent.stop();
    // After a power cut the clock is in 1970 again: the model serves at once and what is signed later is taken.
    const again = await runAt('old', Date.UTC(1970, 0, 1, 0, 0, 5));
    expect(await until('a served model', () => askOffset(again))).toBe(100);
    const second = await registerOffset(hub, 150);
    expect(await deploy(hub, 'offset', second.version, ['old'])).toMatchObject([{ state: 'committed' }]);
    await again.stop();
  });

  it('in 2090 connects and predicts with what it has, says that a new document has expired, and takes it when the clock is right', async () => {
    await joinAgent(hub, path.join(dir, 'new'), 'new');
    const first = await registerOffset(hub, 200);
    const right = await runAgent(path.join(dir, 'new'));
    expect(await deploy(hub, 'offset', first.version, ['new'])).toMatchObject([{ state: 'committed' }]);
    await right.stop();

    const wrong = await runAt('new', Date.UTC(2090, 5, 1));
    expect(await until('a served model', () => askOffset(wrong))).toBe(200);
    await waitOnline(hub, 'new');
    const second = await registerOffset(hub, 300);
    const rollout = await hub.post<Rollout>('/api/v1/rollouts', {
      model: 'offset',
      version: second.version,
      devices: ['new'],
    });
    const deployments = async () =>
      (await hub.get<{ items: Deployment[] }>(`/api/v1/rollouts/${rollout.id}/deployments`)).items;
    await until('the refusal by code', async () => {
      const [own] = await deployments();
      const refused = (await readStatus(wrong)).hub.desiredRefusal;
      return own?.code === 'desired_expired' || refused?.code === 'desired_expired';
    });
    expect((await device(hub, 'new')).slots).toMatchObject([{ inSync: false, running: { manifest: first.manifest } }]);
    const before = await countPredictions(hub, 'new');
    await predictRows(wrong, 30);
    expect(await askOffset(wrong)).toBe(200);
    await until('the predictions at the hub', async () => (await countPredictions(hub, 'new')) >= before + 31);
    expect(windowsOf('new').reduce((n, { rows }) => n + rows, 0)).toBe(await countPredictions(hub, 'new'));
    await wrong.stop();

    const healed = await runAgent(path.join(dir, 'new'));
    await waitOnline(hub, 'new');
    expect(await deploy(hub, 'offset', second.version, ['new'])).toMatchObject([
      { state: expect.stringMatching(/committed|already_installed/) as string },
    ]);
    expect(await askOffset(healed)).toBe(300);
    await healed.stop();
  });
});
