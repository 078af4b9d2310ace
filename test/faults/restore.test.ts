// A hub comes back from a backup that is older than what its devices hold. The devices keep what they run; a document with
// a generation they know and other content is refused; the next deployment reaches them.
import { cpSync } from 'node:fs';
import path from 'node:path';
import {
  type AgentProgram,
  deploy,
  device,
  type HubProgram,
  joinAgent,
  remove,
  runAgent,
  samePorts,
  scratch,
  startHub,
} from '@drover/testkit/fleet';
import { readHubRows } from '@drover/testkit/hub-tables';
import { askOffset, readStatus, registerOffset, waitOnline } from '@drover/testkit/offset';
import { killAll } from '@drover/testkit/program';
import { until } from '@drover/testkit/until';
import type { Rollout } from '@drover/wire/http/rollouts';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

const ENV = { DROVER_HUB_PROBATION_SECONDS: '0' };
const DEVICE = 'press-1';

let dir: string;
let hub: HubProgram;
let agent: AgentProgram;
let ports: string[];

beforeEach(async () => {
  dir = scratch('restore');
  hub = await startHub(path.join(dir, 'hub'), [], ENV);
  ports = samePorts(hub);
  await joinAgent(hub, path.join(dir, DEVICE), DEVICE);
  agent = await runAgent(path.join(dir, DEVICE));
  const { version } = await registerOffset(hub, 100);
  expect(await deploy(hub, 'offset', version, [DEVICE])).toMatchObject([{ state: 'committed' }]);
  await hub.stop();
  cpSync(hub.data, path.join(dir, 'backup'), { recursive: true });
  hub = await startHub(hub.data, ports, ENV);
  await waitOnline(hub, DEVICE);
});

afterEach(async () => {
  await killAll();
  remove(dir);
});

async function restore(): Promise<void> {
  await hub.stop();
  remove(hub.data);
  cpSync(path.join(dir, 'backup'), hub.data, { recursive: true });
}

const rowOf = (): { generation: number; reportedGeneration: number } | undefined =>
  readHubRows<{ generation: number; reportedGeneration: number }>(
    hub.data,
    'SELECT generation, reportedGeneration FROM devices JOIN desiredDocs ON device = id WHERE id = ?',
    DEVICE,
  )[0];

describe('a hub that was restored from a backup', () => {
  it('counts past the generation that a device holds, and its next deployment arrives', async () => {
    for (const offset of [200, 300]) {
      const { version } = await registerOffset(hub, offset);
      expect(await deploy(hub, 'offset', version, [DEVICE])).toMatchObject([{ state: 'committed' }]);
    }
    const { generation } = (await readStatus(agent)).hub;
    await restore();
    expect(rowOf()?.generation).toBeLessThan(generation);
    hub = await startHub(hub.data, ports, ENV);
    await waitOnline(hub, DEVICE);
    // Whatever the restored hub wishes by itself, the device serves one of the models it had, without a break.
    expect([100, 300]).toContain(await askOffset(agent));

    // The restored hub gives the number 2 to another content than before.
    const again = await registerOffset(hub, 400);
    expect(again.version).toBe(2);
    expect(await deploy(hub, 'offset', again.version, [DEVICE])).toMatchObject([{ state: 'committed' }]);
    expect(await askOffset(agent)).toBe(400);
    expect((await readStatus(agent)).hub.generation).toBeGreaterThan(generation);
    expect((await device(hub, DEVICE)).slots).toMatchObject([{ inSync: true, running: { manifest: again.manifest } }]);
  });

  it('with a document of the same generation and other content is refused by the device, which keeps its model', async () => {
    const second = await registerOffset(hub, 200);
    expect(await deploy(hub, 'offset', second.version, [DEVICE])).toMatchObject([{ state: 'committed' }]);
    const held = (await readStatus(agent)).hub.generation;
    await agent.stop();
    await restore();
    hub = await startHub(hub.data, ports, ENV);
    // While the device is away the restored hub uses the same generation for something else.
    const other = await registerOffset(hub, 500);
    const rollout = await hub.post<Rollout>('/api/v1/rollouts', {
      model: 'offset',
      version: other.version,
      devices: [DEVICE],
    });
    await until('the restored hub to write its document', () => (rowOf()?.generation ?? 0) === held, 10_000);

    agent = await runAgent(path.join(dir, DEVICE));
    expect(await until('a served model', () => askOffset(agent))).toBe(200);
    await until('the refusal', () => agent.output().includes('desired_conflict'));
    expect(agent.exit()).toBeUndefined();
    // The hub hears of it and uses a number that the device does not know: the wish arrives after all.
    await until(
      'the rollout to end',
      async () => (await hub.get<Rollout>(`/api/v1/rollouts/${rollout.id}`)).state === 'completed',
    );
    expect(await askOffset(agent)).toBe(500);
    expect((await readStatus(agent)).hub).toMatchObject({ desiredRefusal: null });
    expect((await readStatus(agent)).hub.generation).toBeGreaterThan(held);
    expect(hub.output()).toContain('desired_conflict');
  });
});
