// Many devices fetch one artifact from one hub: together where they want it at the same time, each at its own speed, and none
// pays for another that is slow, frozen or dies.
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { type HubProgram, remove, samePorts, scratch, startHub } from '@drover/testkit/fleet';
import { type Linked, receivedBy, rollOut, runLinked } from '@drover/testkit/linked-agent';
import { askOffset, readStatus, registerOffset, waitOnline } from '@drover/testkit/offset';
import { killAll } from '@drover/testkit/program';
import { until } from '@drover/testkit/until';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

const MB = 1024 * 1024;
const CHUNK = 256 * 1024;
const ENV = { DROVER_HUB_PROBATION_SECONDS: '0', DROVER_HUB_WINDOW_SECONDS: '900' };

let dir: string;
let hub: HubProgram;
const rigs: Linked[] = [];

beforeEach(() => {
  dir = scratch('delivery');
});

afterEach(async () => {
  await killAll();
  for (const { proxy } of rigs.splice(0)) await proxy.close();
  remove(dir);
});

const begin = async (flags: readonly string[] = []): Promise<void> => {
  hub = await startHub(path.join(dir, 'hub'), flags, ENV);
};

async function addRig(id: string, labels: readonly string[] = [], flags: readonly string[] = []): Promise<Linked> {
  const rig = await runLinked(hub, dir, id, { labels, flags });
  rigs.push(rig);
  return rig;
}

async function readMetric(name: string): Promise<number> {
  const response = await fetch(`${hub.httpUrl}/metrics`, { headers: { authorization: `Bearer ${hub.token}` } });
  return Number(new RegExp(`^${name} (\\d+)`, 'm').exec(await response.text())?.[1]);
}

const forgetPeak = (): void => writeFileSync(`/proc/${hub.process.pid}/clear_refs`, '5');
const peakRssMb = (): number =>
  Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${hub.process.pid}/status`, 'utf8'))?.[1]) / 1024;
const rssMb = (): number =>
  Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${hub.process.pid}/status`, 'utf8'))?.[1]) / 1024;

describe('delivery to many', () => {
  it('goes out once to all that want it together, and nothing twice', async () => {
    await begin();
    const names = ['a', 'b', 'c', 'd'];
    for (const name of names) await addRig(name);
    const { version } = await registerOffset(hub, 100, 12 * MB);
    // The link decides the pace, not how busy this machine is: none is done before the last one asks.
    for (const { proxy } of rigs) proxy.throttle(2 * MB);
    const own = await rollOut(hub, version, names);
    for (const name of names) await own.committed(name);
    let together = 0;
    for (const rig of rigs) {
      const { delivery } = await readStatus(rig.agent);
      together += delivery['broadcast']?.bytes ?? 0;
      for (const { bad, duplicate } of Object.values(delivery)) expect([bad, duplicate]).toEqual([0, 0]);
      expect(await askOffset(rig.agent)).toBe(100);
    }
    // On a busy machine some fall behind and are left to pull by themselves: what was sent to all served more than one.
    const sent = await readMetric('drover_hub_artifact_broadcast_bytes_total');
    expect(sent).toBeGreaterThan(MB);
    expect(together).toBeGreaterThan(1.5 * sent);
  });

  it('leaves the slow and the frozen behind: the others are served, and the hub holds little for anyone', async () => {
    await begin();
    const fast = ['a', 'b', 'c'];
    for (const name of fast) await addRig(name);
    const slow = await addRig('slow');
    const frozen = await addRig('frozen');
    const { version } = await registerOffset(hub, 100, 24 * MB);
    const before = rssMb();
    forgetPeak();
    slow.proxy.throttle(20 * 1024);
    const own = await rollOut(hub, version, [...fast, 'slow', 'frozen']);
    await until('the frozen one to have begun', async () => (await receivedBy(frozen)) > 0);
    frozen.proxy.freeze(true);
    for (const name of fast) await own.committed(name);
    expect(peakRssMb() - before).toBeLessThan(120);

    // A command to the slow one passes what is on the way to it.
    const at = slow.proxy.bytes.toClient;
    const sent = await hub.call('POST', '/api/v1/labels', {
      device: 'slow',
      labels: [{ predictionId: `${'0'.repeat(32)}-1`, truth: 1 }],
    });
    if (sent.status < 300) await until('bytes to the slow one', () => slow.proxy.bytes.toClient > at);
    expect((await own.of('slow'))?.state).toBe('downloading');
    expect(await receivedBy(slow)).toBeLessThan(6 * MB);

    slow.proxy.throttle(0);
    frozen.proxy.freeze(false);
    await own.committed('slow');
    await own.committed('frozen', 90_000);
  });

  it('goes on within a chunk after kill -9 of the device, of the hub and after cuts', async () => {
    await begin();
    const rig = await addRig('a');
    const { version } = await registerOffset(hub, 100, 6 * MB);
    rig.proxy.throttle(MB);
    const own = await rollOut(hub, version, ['a']);
    let got = 0;
    for (let kill = 1; kill <= 3; kill++) {
      await until('more of it', async () => (await receivedBy(rig)) > MB);
      if (kill === 2) {
        const flags = samePorts(hub);
        await hub.kill();
        await begin(flags);
        await waitOnline(hub, 'a', 60_000);
        continue;
      }
      got += await receivedBy(rig);
      await rig.agent.kill();
      await rig.start();
    }
    rig.proxy.cut();
    rig.proxy.throttle(0);
    await own.committed('a');
    got += await receivedBy(rig);
    // Each kill may cost the chunk that was being written.
    expect(got).toBeLessThanOrEqual(6 * MB + 3 * CHUNK + 64 * 1024);
    expect(await askOffset(rig.agent)).toBe(100);
  });
});

describe('a site', () => {
  it('gives turns: with one at a time all get there', async () => {
    await begin(['--site-transfers', '1']);
    const names = ['a', 'b', 'c'];
    for (const name of names) await addRig(name, ['site=north']);
    const { version } = await registerOffset(hub, 100, 3 * MB);
    const own = await rollOut(hub, version, names);
    for (const name of names) await own.committed(name, 90_000);
    for (const rig of rigs) expect((await readStatus(rig.agent)).delivery['broadcast']).toBeUndefined();
  });
});

describe('HTTPS beside MQTT', () => {
  it('brings the bytes past MQTT when both sides allow it, and MQTT brings them when it fails', async () => {
    await begin(['--http-delivery', 'on']);
    const willing = await addRig('a');
    const unwilling = await addRig('b', [], ['--http-delivery', 'off']);
    const { version } = await registerOffset(hub, 100, 4 * MB);
    const own = await rollOut(hub, version, ['a', 'b']);
    await own.committed('a');
    await own.committed('b');
    expect((await readStatus(willing.agent)).delivery).toMatchObject({ mirror: { bad: 0 } });
    expect((await readStatus(willing.agent)).delivery['mirror']?.bytes).toBeGreaterThan(4 * MB);
    expect((await readStatus(unwilling.agent)).delivery['mirror']).toBeUndefined();
    expect(willing.proxy.bytes.toClient).toBeLessThan(MB);
  });

  it('is left when a mirror lies or is not there', async () => {
    // Two addresses of this machine: one answers anything, one nothing.
    await begin(['--mirror', 'http://127.0.0.1:9/{sha256}']);
    const rig = await addRig('a');
    const { version } = await registerOffset(hub, 100, 2 * MB);
    const own = await rollOut(hub, version, ['a']);
    await own.committed('a');
    expect((await readStatus(rig.agent)).delivery['mqtt']?.bytes).toBeGreaterThan(2 * MB);
    expect(rig.agent.output()).toContain('a way to an artifact failed: mirror');
  });
});
