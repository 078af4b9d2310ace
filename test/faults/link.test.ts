// A bad link between agent and hub: cut, frozen, slow, damaging. The agent predicts through all of it, every window arrives
// once, and a download that was damaged is thrown away by its digest and fetched again until it is whole.
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { type FaultProxy, startFaultProxy } from '@drover/testkit/fault-proxy';
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
import { askOffset, countPredictions, readStatus, registerOffset, waitOnline } from '@drover/testkit/offset';
import { killAll } from '@drover/testkit/program';
import { until } from '@drover/testkit/until';
import type { Rollout } from '@drover/wire/http/rollouts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const MB = 1024 * 1024;
const ENV = { DROVER_HUB_PROBATION_SECONDS: '0', DROVER_HUB_WINDOW_SECONDS: '1' };
const dir = scratch('link');
const data = path.join(dir, 'press-1');
let hub: HubProgram;
let proxy: FaultProxy;
let agent: AgentProgram;
let played = 0;
let serving = 100;

beforeAll(async () => {
  hub = await startHub(path.join(dir, 'hub'), [], ENV);
  await joinAgent(hub, data, 'press-1');
  proxy = await startFaultProxy({ host: '127.0.0.1', port: hub.mqttPort });
  const file = path.join(data, 'identity.json');
  const identity = JSON.parse(readFileSync(file, 'utf8')) as Record<string, string>;
  writeFileSync(file, JSON.stringify({ ...identity, mqttUrl: `mqtt://127.0.0.1:${proxy.port}` }));
  agent = await runAgent(data);
  const { version } = await registerOffset(hub, serving);
  expect(await deploy(hub, 'offset', version, ['press-1'])).toMatchObject([{ state: 'committed' }]);
});

afterAll(async () => {
  await killAll();
  await proxy.close();
  remove(dir);
});

async function play(rows: number): Promise<void> {
  for (let i = 0; i < rows; i++) expect(await askOffset(agent)).toBe(serving);
  played += rows;
}

/** Plays until the condition holds: the agent must answer all the while. */
const playUntil = (what: string, isEnough: () => Promise<boolean>, deadlineMs = 30_000): Promise<boolean> =>
  until(
    what,
    async () => {
      await play(5);
      return isEnough();
    },
    deadlineMs,
  );

async function expectAllCountedOnce(): Promise<void> {
  await until('an empty outbox and every prediction at the hub', async () => {
    const { outbox } = await readStatus(agent);
    return outbox.entries === 0 && (await countPredictions(hub, 'press-1')) === played;
  });
  expect(readHubRows(hub.data, 'SELECT sum(rows) AS rows FROM windows')).toEqual([{ rows: played }]);
  expect(readHubRows(hub.data, 'SELECT lost, refused FROM outboxes')).toEqual([{ lost: 0, refused: 0 }]);
}

const connected = async (): Promise<boolean> => (await readStatus(agent)).hub.connected;

describe('a link', () => {
  it('that is cut again and again loses and doubles nothing', async () => {
    for (let cut = 0; cut < 3; cut++) {
      const { nextSeq } = (await readStatus(agent)).outbox;
      await playUntil('a window to be on its way', async () => (await readStatus(agent)).outbox.nextSeq > nextSeq);
      proxy.cut();
      await playUntil('the agent to be back', connected);
    }
    proxy.refuse(true);
    const { nextSeq } = (await readStatus(agent)).outbox;
    await playUntil('two windows kept', async () => (await readStatus(agent)).outbox.nextSeq >= nextSeq + 2);
    expect(await connected()).toBe(false);
    expect((await readStatus(agent)).outbox.entries).toBeGreaterThanOrEqual(2);
    proxy.refuse(false);
    await playUntil('the agent to be back', connected, 60_000);
    await expectAllCountedOnce();
  });

  it('that freezes without closing loses and doubles nothing', async () => {
    proxy.freeze(true);
    const { nextSeq } = (await readStatus(agent)).outbox;
    await playUntil('three windows kept', async () => (await readStatus(agent)).outbox.nextSeq >= nextSeq + 3);
    expect((await readStatus(agent)).outbox.entries).toBeGreaterThanOrEqual(3);
    proxy.freeze(false);
    await expectAllCountedOnce();
  });

  it('that is slow brings a model while predictions go on and are reported', async () => {
    const version = await registerOffset(hub, 200, 2 * MB);
    const before = await countPredictions(hub, 'press-1');
    proxy.throttle(512 * 1024);
    const rollout = await hub.post<Rollout>('/api/v1/rollouts', {
      model: 'offset',
      version: version.version,
      devices: ['press-1'],
    });
    // The windows do not wait for the download to end.
    await playUntil('a window at the hub in the middle of the download', async () => {
      const now = await countPredictions(hub, 'press-1');
      return now > before;
    });
    await until(
      'the rollout to end',
      async () => (await hub.get<Rollout>(`/api/v1/rollouts/${rollout.id}`)).state === 'completed',
    );
    proxy.throttle(0);
    serving = 200;
    await play(1);
    await expectAllCountedOnce();
  });

  it('that damages what it carries: the bytes are refused by digest, and the version is taken when they come whole', async () => {
    const version = await registerOffset(hub, 300, 3 * MB);
    proxy.corrupt(300_000);
    const rollout = await hub.post<Rollout>('/api/v1/rollouts', {
      model: 'offset',
      version: version.version,
      devices: ['press-1'],
    });
    await playUntil('damaged bytes to be refused', async () => agent.output().includes('artifact_digest_mismatch'));
    expect((await device(hub, 'press-1')).slots).toMatchObject([{ inSync: false }]);
    proxy.corrupt(0);
    await until(
      'the rollout to end',
      async () => (await hub.get<Rollout>(`/api/v1/rollouts/${rollout.id}`)).state === 'completed',
      60_000,
    );
    serving = 300;
    await play(1);
    await waitOnline(hub, 'press-1', 60_000);
    expect((await device(hub, 'press-1')).slots).toMatchObject([
      { inSync: true, running: { manifest: version.manifest } },
    ]);
    await expectAllCountedOnce();
  });
});
