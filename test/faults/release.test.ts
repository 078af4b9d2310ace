// kill -9 of the hub at each durable write of a publication: afterwards the release metadata is whole, either before or
// after the change, and the stock client reads it. A hub of 0.1 goes on with its keys and its versions.
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import {
  type HubProgram,
  listManifest,
  registerModel,
  remove,
  samePorts,
  scratch,
  startHub,
} from '@drover/testkit/fleet';
import { readHubRows } from '@drover/testkit/hub-tables';
import { killAll } from '@drover/testkit/program';
import { openTufClient, type TufClient } from '@drover/testkit/tuf-client';
import { until } from '@drover/testkit/until';
import { buildOffsetModel } from '@drover/testkit/versions';
import { createKeyFile, openKeyFile } from '@drover/trust/key-files';
import { signRelease } from '@drover/trust/tuf/publisher';
import type { RoleView } from '@drover/wire/http/release';
import { afterAll, describe, expect, it } from 'vitest';

const dir = scratch('release-faults');
afterAll(async () => {
  await killAll();
  remove(dir);
});

const preload = ['--import', path.resolve(import.meta.dirname, '../../packages/testkit/src/crash-preload.ts')];

interface Listed {
  readonly path: string;
  readonly manifest: string;
}

/** What the newest files say and what the table says must be the same. */
function checkWhole(data: string): void {
  const rows = readHubRows<{ role: string; version: number; bytes: Uint8Array }>(
    data,
    'SELECT role, max(version) AS version, bytes FROM tufRoles GROUP BY role',
  );
  const files = new Map(
    rows.map((row) => [
      row.role,
      JSON.parse(Buffer.from(row.bytes).toString('utf8')) as { signed: Record<string, never> },
    ]),
  );
  const meta = files.get('snapshot')?.signed['meta'] as unknown as Record<string, { version: number }>;
  for (const { role, version } of rows.filter(({ role }) => !['root', 'snapshot', 'timestamp'].includes(role)))
    expect([role, meta[`${role}.json`]?.version]).toEqual([role, version]);
  const listed = [...files]
    .filter(([role]) => role.includes('~'))
    .flatMap(([, { signed }]) =>
      Object.entries(signed['targets'] as unknown as Record<string, { hashes: { sha256: string } }>).map(
        ([target, { hashes }]) => ({ path: target, manifest: hashes.sha256 }),
      ),
    );
  const table = readHubRows<Listed>(data, 'SELECT path, manifest FROM tufTargets ORDER BY path');
  expect(table).toEqual(listed.toSorted((a, b) => (a.path < b.path ? -1 : 1)));
}

async function clientOf(hub: HubProgram, name: string): Promise<TufClient> {
  const { tufRoot } = await hub.post<{ tufRoot: string }>('/api/v1/devices', { id: `d-${name}` });
  return openTufClient(path.join(dir, name), hub, path.join(hub.data, 'run/token'), Buffer.from(tufRoot, 'base64'));
}

describe('kill -9 while a publication is stored', () => {
  it('leaves all of it or nothing, at every write', async () => {
    const data = path.join(dir, 'killed');
    let hub = await startHub(data);
    const flags = samePorts(hub);
    const version = await registerModel(hub, 'pump', { model: buildOffsetModel(1) });
    const client = await clientOf(hub, 'killed');
    expect(await client.find('local/pump/1.json')).toBe(true);
    const key = openKeyFile(path.join(data, 'keys/release.pem'));
    if (!key.ok) throw new Error(key.detail);
    const detail = await hub.get<{ payload: string }>('/api/v1/models/pump/versions/1');
    await hub.stop();
    const crash = path.join(dir, 'crash');
    let isListed = true;
    let deaths = 0;
    for (let write = 1, isOver = false; !isOver && write < 40; write++) {
      rmSync(crash, { force: true });
      hub = await startHub(data, flags, { DROVER_CRASH_FILE: crash }, preload);
      const { items } = await hub.get<{ items: RoleView[] }>('/api/v1/tuf/roles');
      const read = async (file: string) => {
        const answer = await fetch(`${hub.httpUrl}/api/v1/tuf/metadata/${file}`, {
          headers: { authorization: `Bearer ${hub.token}` },
        });
        return answer.ok ? new Uint8Array(await answer.arrayBuffer()) : undefined;
      };
      const order = { signers: [key.value], now: Date.now() };
      const request = isListed
        ? await signRelease({ roles: items, read }, order, 'pump', { withdraw: [1] })
        : { ok: true as const, value: await listManifest(hub, Buffer.from(detail.payload, 'base64'), key.value) };
      if (!request.ok) throw new Error(request.detail);
      writeFileSync(crash, String(write));
      const answered = await hub.call('POST', '/api/v1/tuf/publications', request.value).then(
        ({ status }) => status,
        () => 0,
      );
      if (answered === 0) {
        deaths++;
        await until('the end of the killed hub', () => hub.exit() !== undefined);
        expect(hub.exit()).toBe('SIGKILL');
      } else {
        expect(answered).toBe(200);
        isOver = true;
        await hub.kill();
      }
      checkWhole(data);
      isListed =
        readHubRows<Listed>(data, `SELECT path, manifest FROM tufTargets WHERE manifest = '${version.manifest}'`)
          .length > 0;
    }
    expect(deaths).toBeGreaterThan(4);
    rmSync(crash, { force: true });
    hub = await startHub(data, flags);
    expect(await client.find('local/pump/1.json')).toBe(isListed);
    checkWhole(data);
    await hub.stop();
  }, 600_000);
});

describe('a hub restored from a backup', () => {
  it('goes on above what clients saw', async () => {
    const data = path.join(dir, 'restored');
    let hub = await startHub(data);
    const flags = samePorts(hub);
    await registerModel(hub, 'pump', { model: buildOffsetModel(1) });
    const client = await clientOf(hub, 'restored');
    await hub.stop();
    const saved = readFileSync(path.join(data, 'db/hub.db'));
    for (let starts = 0; starts < 2; starts++) {
      hub = await startHub(data, flags);
      expect(await client.find('local/pump/1.json')).toBe(true);
      await hub.stop();
    }
    writeFileSync(path.join(data, 'db/hub.db'), saved);
    for (const side of ['-wal', '-shm']) rmSync(path.join(data, `db/hub.db${side}`), { force: true });
    hub = await startHub(data, flags);
    expect(await client.find('local/pump/1.json')).toBe(true);
    await hub.stop();
  });
});

describe('a data folder of 0.1', () => {
  it('keeps its keys, gets the missing ones, and its root signs the first metadata', async () => {
    const data = path.join(dir, 'older');
    const keys = path.join(data, 'keys');
    mkdirSync(keys, { recursive: true, mode: 0o700 });
    const old = new Map(
      ['root', 'release', 'director'].map((role) => [role, createKeyFile(path.join(keys, `${role}.pem`)).keyid]),
    );
    const hub = await startHub(data);
    for (const role of ['online', 'targets', 'training']) expect(existsSync(path.join(keys, `${role}.pem`))).toBe(true);
    const { items } = await hub.get<{ items: RoleView[] }>('/api/v1/tuf/roles');
    const keyOf = (role: string) => items.find((one) => one.role === role)?.keys[0]?.keyid;
    expect([keyOf('root'), keyOf('local'), keyOf('director')]).toEqual(
      ['root', 'release', 'director'].map((role) => old.get(role)),
    );
    const joined = await hub.post<{ root: { signatures: { keyid: string }[] } }>('/api/v1/devices', { id: 'of-0-1' });
    expect(joined.root.signatures[0]?.keyid).toBe(old.get('root'));
    await hub.stop();
  });
});
