// A device that the hub never hears over a network: what it says is carried in a directory, and the answer back.
import { cpSync, existsSync, readdirSync } from 'node:fs';
import path from 'node:path';
import {
  deploy,
  type HubProgram,
  joinAgent,
  device as readDevice,
  remove,
  runAgent,
  samePorts,
  scratch,
  startHub,
} from '@drover/testkit/fleet';
import { askOffset, countPredictions, readStatus, registerOffset, waitOnline } from '@drover/testkit/offset';
import { ENTRY, killAll, start } from '@drover/testkit/program';
import { until } from '@drover/testkit/until';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const dir = scratch('carried');
const data = path.join(dir, 'press-1');
const stick = path.join(dir, 'stick');
const ENV = { DROVER_HUB_PROBATION_SECONDS: '0', DROVER_HUB_WINDOW_SECONDS: '1' };
let hub: HubProgram;

beforeAll(async () => {
  hub = await startHub(path.join(dir, 'hub'), [], ENV);
  await joinAgent(hub, data, 'press-1');
  const agent = await runAgent(data);
  const { version } = await registerOffset(hub, 100);
  await waitOnline(hub, 'press-1');
  expect(await deploy(hub, 'offset', version, ['press-1'])).toMatchObject([{ state: 'committed' }]);
  expect(await agent.stop()).toBe(0);
});

afterAll(async () => {
  await killAll();
  remove(dir);
});

async function runTo(entry: string, args: readonly string[]): Promise<{ exit: unknown; said: string }> {
  const program = start(entry, args);
  return { exit: await program.waitForExit(60_000), said: program.output() };
}
const agentExport = (out = stick) => runTo(ENTRY.agent, ['export', '--data', data, '--out', out]);
const agentImport = (from = stick) => runTo(ENTRY.agent, ['import', '--data', data, from]);
async function hubImport(from = stick) {
  const { exit, said } = await runTo(ENTRY.cli, [
    'import', from, '--json', '--hub', hub.httpUrl, '--token-file', path.join(hub.data, 'run/token'),
  ]); // biome-ignore format: one command
  return {
    exit,
    items: (JSON.parse(said) as { items: { code: string | null; imported: Record<string, number> }[] }).items,
  };
}

describe('a report that is carried by hand', () => {
  it('brings what the device counted, once, and its acknowledgement frees the outbox', async () => {
    await hub.stop();
    const agent = await runAgent(data);
    let played = 0;
    await until('three windows in the outbox', async () => {
      for (let i = 0; i < 20; i++) {
        expect(await askOffset(agent)).toBe(100);
        played++;
      }
      return (await readStatus(agent)).outbox.entries >= 3;
    });
    // Beside the agent that runs: what is closed is in it, and nothing is taken away.
    expect(await agentExport()).toMatchObject({ exit: 0 });
    const held = (await readStatus(agent)).outbox.entries;
    expect(held).toBeGreaterThanOrEqual(3);
    expect(await agentImport()).toMatchObject({ exit: 1, said: expect.stringContaining('agent_running') });
    expect(await agent.stop()).toBe(0);
    const { said } = await agentExport();
    const folders = readdirSync(path.join(stick, 'reports/press-1'));
    expect(folders).toHaveLength(1);
    const entries = Number(/(\d+) entries/.exec(said)?.[1]);
    expect(entries).toBeGreaterThanOrEqual(held);

    hub = await startHub(hub.data, samePorts(hub), ENV);
    const first = await hubImport();
    expect(first).toMatchObject({
      exit: 0,
      items: [{ code: null, imported: { entries, repeated: 0, lost: 0, refused: 0, isState: true } }],
    });
    expect(await countPredictions(hub, 'press-1')).toBe(played);
    const again = await hubImport();
    expect(again).toMatchObject({ exit: 0, items: [{ imported: { entries: 0, repeated: entries, isState: false } }] });
    expect(await countPredictions(hub, 'press-1')).toBe(played);
    const seen = await readDevice(hub, 'press-1');
    expect(seen).toMatchObject({ presence: 'offline', slots: [{ slot: 'default', inSync: true }] });

    expect(existsSync(path.join(stick, 'acks/press-1.ack'))).toBe(true);
    expect(await agentImport()).toMatchObject({ exit: 0, said: expect.stringContaining('0 still wait') });
    // Twice is as good as once.
    expect(await agentImport()).toMatchObject({ exit: 0 });
  });

  it('counts nothing twice when the same entries came over MQTT meanwhile, and never sets the device back', async () => {
    await hub.stop();
    const before = await runAgent(data);
    for (let i = 0; i < 30; i++) expect(await askOffset(before)).toBe(100);
    expect(await before.stop()).toBe(0);
    const late = path.join(dir, 'late');
    expect(await agentExport(late)).toMatchObject({ exit: 0 });
    hub = await startHub(hub.data, samePorts(hub), ENV);
    const counted = await countPredictions(hub, 'press-1');
    const online = await runAgent(data);
    await waitOnline(hub, 'press-1');
    await until('the windows over MQTT', async () => (await countPredictions(hub, 'press-1')) === counted + 30);
    const { items } = await hubImport(late);
    expect(items).toMatchObject([{ code: null, imported: { entries: 0, isState: false } }]);
    expect(await countPredictions(hub, 'press-1')).toBe(counted + 30);
    expect(await readDevice(hub, 'press-1')).toMatchObject({ presence: 'online' });
    expect(await online.stop()).toBe(0);
  });

  it('is refused by code when an older one comes after a newer one, and when it is not there', async () => {
    const old = path.join(dir, 'old');
    expect(await agentExport(old)).toMatchObject({ exit: 0 });
    const kept = path.join(dir, 'kept');
    cpSync(old, kept, { recursive: true });
    expect(await agentExport(old)).toMatchObject({ exit: 0 });
    expect(await hubImport(old)).toMatchObject({ exit: 0, items: [{ code: null }] });
    expect(await hubImport(kept)).toMatchObject({ exit: 1, items: [{ code: 'report_stale' }] });
    const empty = await runTo(ENTRY.cli, [
      'import',
      path.join(dir, 'hub'),
      '--hub',
      hub.httpUrl,
      '--token-file',
      path.join(hub.data, 'run/token'),
    ]);
    expect(empty).toMatchObject({ exit: 1, said: expect.stringContaining('carrier_empty') });
  });
});
