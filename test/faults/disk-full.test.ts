// Full disks, real ones: small file systems in memory. A device without room keeps its model and says why; a hub without room
// refuses uploads by code and acknowledges nothing that it could not commit. Both go on when there is room again.
import { rmSync, statfsSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { deploy, device, type HubProgram, joinAgent, remove, runAgent, scratch, startHub } from '@drover/testkit/fleet';
import { missOut, mountSmallDisk, type SmallDisk } from '@drover/testkit/host';
import { readHubRows } from '@drover/testkit/hub-tables';
import { askOffset, registerOffset, waitOnline } from '@drover/testkit/offset';
import { killAll } from '@drover/testkit/program';
import { joinDevice, makeRawDevice, settle } from '@drover/testkit/raw-device';
import { until } from '@drover/testkit/until';
import type { Deployment, Rollout } from '@drover/wire/http/rollouts';
import { afterEach, beforeEach, describe, expect, it, type TestContext } from 'vitest';

const MB = 1024 * 1024;
const ENV = { DROVER_HUB_PROBATION_SECONDS: '0' };

let dir: string;
let disk: SmallDisk | undefined;
let hub: HubProgram;

beforeEach(() => {
  dir = scratch('disk');
});

afterEach(async () => {
  await killAll();
  disk?.unmount();
  disk = undefined;
  remove(dir);
});

function mount(context: TestContext, name: string, bytes: number): string {
  const mounted = mountSmallDisk(path.join(dir, name), bytes);
  if (typeof mounted === 'string') return missOut(context, `full disks need a small file system: ${mounted}`);
  disk = mounted;
  return mounted.dir;
}

/** Takes all the room that is left but `leave` bytes; with 0, to the last byte that can be had. */
function fill(folder: string, leave = 0): () => void {
  const file = path.join(folder, 'ballast');
  if (leave > 0) {
    const { bavail, bsize } = statfsSync(folder);
    writeFileSync(file, Buffer.alloc(Math.max(0, bavail * bsize - leave)));
    return () => rmSync(file);
  }
  for (const size of [8 * MB, MB, 64 * 1024, 4096, 512]) {
    try {
      for (;;) writeFileSync(file, Buffer.alloc(size), { flag: 'a' });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
    }
  }
  return () => rmSync(file);
}

describe('a full disk', () => {
  it('on the device: the version is refused with disk_full, the old model serves, and it works when there is room', async (context) => {
    const data = path.join(mount(context, 'device', 64 * MB), 'agent');
    hub = await startHub(path.join(dir, 'hub'), [], ENV);
    await joinAgent(hub, data, 'press-1');
    const agent = await runAgent(data);
    const first = await registerOffset(hub, 100);
    expect(await deploy(hub, 'offset', first.version, ['press-1'])).toMatchObject([{ state: 'committed' }]);

    const second = await registerOffset(hub, 200, 4 * MB);
    // Room for small things, none for a model.
    const folder = path.dirname(data);
    const freeMost = fill(folder, 5 * MB);
    const rollout = await hub.post<Rollout>('/api/v1/rollouts', {
      model: 'offset',
      version: second.version,
      devices: ['press-1'],
    });
    const own = async () =>
      (await hub.get<{ items: Deployment[] }>(`/api/v1/rollouts/${rollout.id}/deployments`)).items[0];
    await until('the refusal', async () => (await own())?.code === 'disk_full');
    expect(await askOffset(agent)).toBe(100);
    expect((await device(hub, 'press-1')).slots).toMatchObject([{ running: { manifest: first.manifest } }]);
    expect(agent.exit()).toBeUndefined();

    freeMost();
    // It waits for room and takes the version by itself.
    await until('the version', async () => (await own())?.state === 'committed', 60_000);
    expect(await askOffset(agent)).toBe(200);
    expect((await device(hub, 'press-1')).slots).toMatchObject([
      { inSync: true, running: { manifest: second.manifest } },
    ]);
  });

  it('on the device without a byte left: predictions go on, nothing is lost, and a wish is taken when there is room', async (context) => {
    const data = path.join(mount(context, 'device', 64 * MB), 'agent');
    hub = await startHub(path.join(dir, 'hub'), [], { ...ENV, DROVER_HUB_WINDOW_SECONDS: '1' });
    await joinAgent(hub, data, 'press-1');
    const agent = await runAgent(data);
    const first = await registerOffset(hub, 100);
    expect(await deploy(hub, 'offset', first.version, ['press-1'])).toMatchObject([{ state: 'committed' }]);
    const second = await registerOffset(hub, 200);
    const free = fill(path.dirname(data));
    const rollout = await hub.post<Rollout>('/api/v1/rollouts', {
      model: 'offset',
      version: second.version,
      devices: ['press-1'],
    });
    const own = async () =>
      (await hub.get<{ items: Deployment[] }>(`/api/v1/rollouts/${rollout.id}/deployments`)).items[0];
    const end = performance.now() + 4000;
    let rows = 0;
    await until('windows to be due on the full disk, and the agent to say why', async () => {
      expect(await askOffset(agent)).toBe(100);
      rows += 1;
      return performance.now() > end && /disk_full|SQLITE_FULL|metadata_disk/.test(agent.output());
    });
    expect(agent.exit()).toBeUndefined();
    free();
    const counted = async () =>
      readHubRows<{ n: number | null }>(hub.data, 'SELECT sum(rows) AS n FROM windows').reduce(
        (n, row) => n + (row.n ?? 0),
        0,
      );
    await until('every prediction to be counted after all', async () => (await counted()) === rows);
    expect(readHubRows(hub.data, 'SELECT lost, refused FROM outboxes')).toEqual([{ lost: 0, refused: 0 }]);
    await until('the version', async () => (await own())?.state === 'committed', 60_000);
    expect(await askOffset(agent)).toBe(200);
  });

  it('on the hub: uploads are refused by code, nothing is acknowledged that is not committed, and all arrives later', async (context) => {
    const data = path.join(mount(context, 'hub', 96 * MB), 'hub');
    hub = await startHub(data, [], ENV);
    const raw = makeRawDevice(await joinDevice(hub, 'press-1'));
    await raw.connect(hub);
    const log = (n: number): number =>
      raw.append({
        subject: '',
        at: Date.now(),
        body: { kind: 'log', level: 30, message: `entry ${n} ${'x'.repeat(900)}` },
      });
    for (let n = 1; n <= 50; n++) log(n);
    await settle(raw);

    const free = fill(path.dirname(data));
    const upload = await hub.call<{ code?: string }>('POST', '/api/v1/blobs', Buffer.alloc(4 * MB, 7));
    expect(upload).toMatchObject({ status: 507, body: { code: 'disk_full' } });
    const stored = (): number => readHubRows<{ n: number }>(data, 'SELECT count(*) AS n FROM logs')[0]?.n ?? -1;
    for (let n = 51; n <= 1050; n++) log(n);
    await until(
      'the hub to say that it is not ready',
      async () => (await fetch(`${hub.httpUrl}/health/ready`)).status === 503,
    );
    // Some may still fit into pages that the database has; what is acknowledged is stored, at every moment.
    expect(stored()).toBeGreaterThanOrEqual(raw.ackedSeq);
    expect(raw.ackedSeq).toBeLessThan(raw.lastSeq);
    expect(hub.exit()).toBeUndefined();
    expect((await fetch(`${hub.httpUrl}/health/live`)).status).toBe(200);

    free();
    if (!raw.isConnected) await raw.connect(hub);
    await settle(raw, 60_000);
    expect(stored()).toBe(1050);
    expect(readHubRows(data, 'SELECT lastSeq, entries, lost, refused FROM outboxes')).toEqual([
      { lastSeq: 1050, entries: 1050, lost: 0, refused: 0 },
    ]);
    expect(await hub.call('POST', '/api/v1/blobs', Buffer.alloc(4 * MB, 7))).toMatchObject({ status: 201 });
    await waitOnline(hub, 'press-1');
    raw.disconnect();
    expect(await hub.stop()).toBe(0);
  });
});
