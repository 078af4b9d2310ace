// Proves that a shadow outlives its process and not its rollout: kill -9 of the agent and of the hub at every step of its life.
import { createRequire } from 'node:module';
import path from 'node:path';
import {
  type AgentProgram,
  deploy,
  type HubProgram,
  joinAgent,
  remove,
  runAgent,
  samePorts,
  scratch,
  startHub,
} from '@drover/testkit/fleet';
import { askOffset, readStatus, registerOffset, waitOnline } from '@drover/testkit/offset';
import { killAll } from '@drover/testkit/program';
import { until } from '@drover/testkit/until';
import type { Rollout } from '@drover/wire/http/rollouts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const dir = scratch('shadow-fault');
const ENV = { DROVER_HUB_PROBATION_SECONDS: '0' };
let hub: HubProgram;
let agent: AgentProgram;

beforeAll(async () => {
  hub = await startHub(path.join(dir, 'hub'), [], ENV);
  await joinAgent(hub, path.join(dir, 'press-1'), 'press-1');
  agent = await runAgent(path.join(dir, 'press-1'));
  for (const offset of [100, 200]) await registerOffset(hub, offset);
  await waitOnline(hub, 'press-1');
  expect(await deploy(hub, 'offset', 1, ['press-1'])).toMatchObject([{ state: 'committed' }]);
});
afterAll(async () => {
  await killAll();
  remove(dir);
});

const begin = (): Promise<Rollout> =>
  hub.post<Rollout>('/api/v1/rollouts', {
    model: 'offset',
    version: 2,
    slot: 'default.shadow',
    devices: ['press-1'],
    plan: { stages: [{ name: 'beside', percent: 100, soak: '1h' }] },
  });

const runs = async (): Promise<string> =>
  (await readStatus(agent)).slots
    .flatMap(({ slot, running }) => (running === undefined ? [] : [slot]))
    .toSorted((a, b) => (a < b ? -1 : 1))
    .join();
const both = () => until('it runs beside', async () => (await runs()) === 'default,default.shadow');
const alone = () => until('the shadow is gone', async () => (await runs()) === 'default');

async function killAgent(): Promise<void> {
  await agent.kill();
  agent = await runAgent(path.join(dir, 'press-1'));
}

/** What a hub has done that was killed after it wrote the end of a rollout, and before it told a device. */
function endBehindItsBack(id: string): void {
  const Sqlite = createRequire(import.meta.url)('better-sqlite3') as new (
    file: string,
  ) => {
    prepare(sql: string): { run(...values: unknown[]): { changes: number } };
    close(): void;
  };
  const db = new Sqlite(path.join(dir, 'hub/db/hub.db'));
  const sql = "UPDATE rollouts SET state = 'aborted', endedAt = ?, revision = revision + 1 WHERE id = ?";
  const { changes } = db.prepare(sql).run(Date.now(), id);
  db.close();
  expect(changes).toBe(1);
}

describe('a shadow', () => {
  it('is there again after kill -9 of its agent and of the hub, and the answers are those of the champion', async () => {
    const { id } = await begin();
    await both();
    await killAgent();
    await both();
    expect(await askOffset(agent)).toBe(100);
    await hub.kill();
    hub = await startHub(hub.data, samePorts(hub), ENV);
    await waitOnline(hub, 'press-1');
    expect([await runs(), await askOffset(agent)]).toEqual(['default,default.shadow', 100]);
    await hub.post(`/api/v1/rollouts/${id}/abort`, { because: 'seen' });
    await alone();
    await killAgent();
    await alone();
    expect(await askOffset(agent)).toBe(100);
  });

  it('goes although the agent was down when its rollout ended', async () => {
    const { id } = await begin();
    await both();
    await agent.kill();
    await hub.post(`/api/v1/rollouts/${id}/abort`, { because: 'seen' });
    agent = await runAgent(path.join(dir, 'press-1'));
    await alone();
  });

  it('goes although the hub was killed between the end of the rollout and its word to the device', async () => {
    const { id } = await begin();
    await both();
    await hub.kill();
    endBehindItsBack(id);
    hub = await startHub(hub.data, samePorts(hub), ENV);
    await alone();
    expect(await askOffset(agent)).toBe(100);
  });
});
