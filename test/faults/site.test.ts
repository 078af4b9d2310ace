// Devices of one site that serve each other pay for the bytes of an artifact once on the link that they share: also when the
// one that fetches is slow, stands still, dies or cannot be reached by the others, who never wait for it without a bound.
import path from 'node:path';
import { type HubProgram, remove, scratch, startHub } from '@drover/testkit/fleet';
import { type Linked, receivedBy, rollOut, runLinked } from '@drover/testkit/linked-agent';
import { askOffset, readStatus, registerOffset } from '@drover/testkit/offset';
import { killAll } from '@drover/testkit/program';
import { until } from '@drover/testkit/until';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const MB = 1024 * 1024;
const CHUNK = 256 * 1024;
const SIZE = 5 * MB;
/** Beside the artifact each device is told this and that, and may get a chunk twice. */
const ASIDE = CHUNK + 64 * 1024;
const NAMES = ['a', 'b', 'c'] as const;
const ENV = { DROVER_HUB_PROBATION_SECONDS: '0', DROVER_HUB_WINDOW_SECONDS: '900' };

const dir = scratch('site');
const site: Linked[] = [];
let hub: HubProgram;
let late: Linked;

beforeAll(async () => {
  hub = await startHub(path.join(dir, 'hub'), [], ENV);
  for (const name of NAMES)
    site.push(await runLinked(hub, dir, name, { labels: ['site=north'], flags: ['--cache', '127.0.0.1:0'] }));
});

afterAll(async () => {
  await killAll();
  for (const { proxy } of [...site, late].filter((rig) => rig !== undefined)) await proxy.close();
  remove(dir);
});

/** Bytes over the links from now on. */
function meter(rigs: readonly Linked[]): () => number {
  const sum = (): number => rigs.reduce((n, { proxy }) => n + proxy.bytes.toClient, 0);
  const before = sum();
  return () => sum() - before;
}

const signal = ({ agent }: Linked, name: NodeJS.Signals): void => void agent.process.kill(name);

/** Rolls a new version out to the site over slow links, and finds the one that fetches it, in the middle of it. */
async function begin(offset: number, bytesPerSecond: number) {
  const { version } = await registerOffset(hub, offset, SIZE);
  const wan = meter(site);
  const own = site.map((rig) => ({ rig, bytes: meter([rig]) }));
  for (const { proxy } of site) proxy.throttle(bytesPerSecond);
  const rollout = await rollOut(hub, version, NAMES);
  const first = await until('one to be in the middle', () => own.find(({ bytes }) => bytes() > 1.5 * MB)?.rig);
  return { first, others: site.filter((rig) => rig !== first), rollout, wan };
}

describe('a site whose devices serve each other', () => {
  it('pays for the bytes once, and nothing for one that comes later', async () => {
    const { version } = await registerOffset(hub, 100, SIZE);
    const wan = meter(site);
    const rollout = await rollOut(hub, version, NAMES);
    for (const name of NAMES) await rollout.committed(name, 90_000);
    expect(wan()).toBeLessThan(SIZE + 3 * ASIDE);
    const local = await Promise.all(
      site.map(async ({ agent }) => (await readStatus(agent)).delivery['neighbour']?.bytes ?? 0),
    );
    expect(local.reduce((a, b) => a + b, 0)).toBeGreaterThan(2 * SIZE);

    late = await runLinked(hub, dir, 'd', { labels: ['site=north'] });
    await (await rollOut(hub, version, ['d'])).committed('d', 90_000);
    expect(late.proxy.bytes.toClient).toBeLessThan(ASIDE);
  });

  it('pays once when the one that fetches is slow and its process stands still for a while', async () => {
    const { first, rollout, wan } = await begin(200, 1.5 * MB);
    signal(first, 'SIGSTOP');
    const end = performance.now() + 2500;
    await until('it to have stood still', () => performance.now() > end);
    signal(first, 'SIGCONT');
    for (const name of NAMES) await rollout.committed(name, 90_000);
    expect(wan()).toBeLessThan(SIZE + 3 * ASIDE);
  });

  it('pays for the rest when the one that fetches dies: another takes over, and it gets the rest from them', async () => {
    const { first, others, rollout, wan } = await begin(300, 1.5 * MB);
    await first.agent.kill();
    for (const { id } of others) await rollout.committed(id, 90_000);
    for (const rig of others) expect(await askOffset(rig.agent)).toBe(300);
    await first.start();
    await rollout.committed(first.id, 90_000);
    // What was on the way to the dead one is paid for: a window of its rate.
    expect(wan()).toBeLessThan(SIZE + 3 * ASIDE + 3 * MB);
    expect(await receivedBy(first)).toBeLessThan(SIZE - MB / 2);
  });

  it('waits for one that hangs no longer than a while', async () => {
    const { first, others, rollout } = await begin(400, 1.5 * MB);
    const wan = meter(others);
    signal(first, 'SIGSTOP');
    for (const { id } of others) await rollout.committed(id, 60_000);
    // One of them took over, for both; all of it where they had nothing of it yet.
    expect(wan()).toBeLessThan(SIZE + 2 * ASIDE);
    signal(first, 'SIGCONT');
    await rollout.committed(first.id, 90_000);
  });

  it('brings the bytes over the link when no neighbour can be reached', async () => {
    const { version } = await registerOffset(hub, 500, SIZE);
    for (const { proxy } of site) proxy.throttle(0);
    const rollout = await rollOut(hub, version, NAMES);
    for (const name of NAMES) await rollout.committed(name, 90_000);
    const wan = meter([late]);
    for (const rig of site) signal(rig, 'SIGSTOP');
    await (await rollOut(hub, version, ['d'])).committed('d', 60_000);
    for (const rig of site) signal(rig, 'SIGCONT');
    expect(wan()).toBeGreaterThan(SIZE);
    expect(wan()).toBeLessThan(SIZE + 3 * ASIDE);
  });
});
