// The release metadata of a real hub as others see it: the stock client of tuf-js reads it over HTTP, publishers change it,
// a restart goes on, and what was tampered with is refused.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { envelopeToJson } from '@drover/hub/http/envelopes';
import { listManifest } from '@drover/testkit/fleet';
import { type InsideHub, openInsideHub } from '@drover/testkit/inside-hub';
import { openTufClient, type TufClient } from '@drover/testkit/tuf-client';
import { buildOffsetModel } from '@drover/testkit/versions';
import { PAYLOAD_TYPES } from '@drover/trust/documents';
import { digestOf, makeKey, type Signer, signPayload } from '@drover/trust/dsse';
import { openKeyFile } from '@drover/trust/key-files';
import { signRelease } from '@drover/trust/tuf/publisher';
import type { RoleView } from '@drover/wire/http/release';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const dir = mkdtempSync(path.join(tmpdir(), 'drover-release-'));
let hub: InsideHub;
let release: Signer;

beforeAll(async () => {
  hub = await openInsideHub({}, path.join(dir, 'hub'));
  const key = openKeyFile(path.join(hub.data.keys, 'release.pem'));
  if (!key.ok) throw new Error(key.detail);
  release = key.value;
});
afterAll(async () => {
  await hub.end();
  rmSync(dir, { recursive: true });
});

/** A client that was handed the root that a joining device gets. */
async function openClient(name: string): Promise<TufClient> {
  const joined = (await hub.ask('POST', '/api/v1/devices', { id: `d-${name}` })).json as { tufRoot: string };
  return openTufClient(path.join(dir, name), hub, hub.data.tokenFile, Buffer.from(joined.tufRoot, 'base64'));
}

async function prepare(name: string, offset: number): Promise<Buffer> {
  const { sha256 } = (await hub.ask('POST', '/api/v1/blobs', buildOffsetModel(offset))).json as { sha256: string };
  const prepared = await hub.ask('POST', `/api/v1/models/${name}/prepare`, { model: sha256 });
  return Buffer.from((prepared.json as { payload: string }).payload, 'base64');
}
const envelopeOf = async (payload: Uint8Array) =>
  envelopeToJson(await signPayload(PAYLOAD_TYPES.manifest, payload, [release]));

async function register(name: string, offset: number): Promise<Buffer> {
  const payload = await prepare(name, offset);
  const body = { envelope: await envelopeOf(payload), release: await listManifest(hub, payload, release) };
  expect(await hub.ask('POST', `/api/v1/models/${name}/versions`, body)).toMatchObject({ status: 201 });
  return payload;
}

async function view() {
  const { items } = (await hub.ask('GET', '/api/v1/tuf/roles')).json as { items: RoleView[] };
  const read = async (file: string) => {
    const reply = await hub.ask('GET', `/api/v1/tuf/metadata/${file}`);
    return reply.status === 200 ? Buffer.from(reply.text) : undefined;
  };
  return { roles: items, read };
}

async function change(model: string, asked: Parameters<typeof signRelease>[3], signer = release) {
  const signed = await signRelease(await view(), { signers: [signer], now: Date.now() }, model, asked);
  if (!signed.ok || signed.value === undefined) throw new Error(signed.ok ? 'no change' : signed.detail);
  return signed.value;
}
const post = (body: unknown) => hub.ask('POST', '/api/v1/tuf/publications', body);
const refused = (status: number, code: string) => ({ status, json: { code } });

describe('the stock client of tuf-js', () => {
  it('refreshes, finds a target by its path and downloads the exact payload of the manifest', async () => {
    const payload = await register('pump', 1);
    const { updater, folder } = await openClient('stock');
    await updater.refresh();
    const info = await updater.getTargetInfo('local/pump/1.json');
    expect(info).toMatchObject({
      length: payload.length,
      hashes: { sha256: digestOf(payload) },
      custom: { release: 1 },
    });
    if (!info) throw new Error('it is there');
    const file = await updater.downloadTarget(info);
    expect(file.startsWith(folder)).toBe(true);
    expect(readFileSync(file)).toEqual(payload);
    expect(await updater.getTargetInfo('local/pump/2.json')).toBeUndefined();
    expect(await updater.getTargetInfo('acme/pump/1.json')).toBeUndefined();
  });

  it('sees a new version, and sees a withdrawn one no more', async () => {
    await register('valve', 1);
    const client = await openClient('follow');
    const { folder } = client;
    expect(await client.reopen().updater.getTargetInfo('local/valve/1.json')).toBeDefined();
    await register('valve', 2);
    expect(await client.reopen().updater.getTargetInfo('local/valve/2.json')).toBeDefined();
    expect(await post(await change('valve', { withdraw: [1], minRelease: 2 }))).toMatchObject({ status: 200 });
    const { updater } = client.reopen();
    expect(await updater.getTargetInfo('local/valve/1.json')).toBeUndefined();
    expect(await updater.getTargetInfo('local/valve/2.json')).toBeDefined();
    const role = JSON.parse(readFileSync(path.join(folder, 'metadata/local~valve.json'), 'utf8')) as object;
    expect(role).toMatchObject({ signed: { 'x-drover': { minRelease: 2 } } });
  });

  it('goes on with a hub that was started again, and with one whose clock stood still', async () => {
    await register('fan', 1);
    const client = await openClient('restart');
    await client.updater.refresh();
    for (let starts = 0; starts < 3; starts++) {
      await hub.stop();
      hub = await openInsideHub({}, path.join(dir, 'hub'));
      expect(await client.moveTo(hub).updater.getTargetInfo('local/fan/1.json')).toBeDefined();
    }
  });
});

describe('a hub', () => {
  it('deploys nothing that no metadata lists', async () => {
    const payload = await prepare('bare', 1);
    expect(
      await hub.ask('POST', '/api/v1/models/bare/versions', { envelope: await envelopeOf(payload) }),
    ).toMatchObject({ status: 201 });
    await hub.ask('POST', '/api/v1/devices', { id: 'dev-bare' });
    const rollout = { model: 'bare', version: 1, devices: ['dev-bare'] };
    expect(await hub.ask('POST', '/api/v1/rollouts', rollout)).toMatchObject(refused(409, 'release_unlisted'));
    expect((await hub.ask('GET', '/api/v1/models/bare/versions/1')).json).toMatchObject({ released: [] });
    const listed = await listManifest(hub, payload, release);
    expect(await post(listed)).toMatchObject({ status: 200 });
    expect(await hub.ask('POST', '/api/v1/rollouts', rollout)).toMatchObject({ status: 201 });
    expect(await post(await change('bare', { withdraw: [1] }))).toMatchObject({ status: 200 });
    expect(await hub.ask('POST', '/api/v1/rollouts', rollout)).toMatchObject(refused(409, 'release_unlisted'));
  });

  it('serves no file that is not there, whatever it is called', async () => {
    for (const name of ['2.root.json', '1.acme.json', 'root.json', '..%2Fhub.db', '%00', 'timestamp.json.x'])
      expect((await hub.ask('GET', `/api/v1/tuf/metadata/${name}`)).status).toBeGreaterThanOrEqual(400);
    const payload = await register('served', 1);
    const good = `local/served/${digestOf(payload)}.1.json`;
    expect(await hub.ask('GET', `/api/v1/tuf/targets/${good}`)).toMatchObject({
      status: 200,
      text: payload.toString(),
    });
    for (const target of [good.replace('.1.', '.2.'), good.replace('local', 'hub'), 'local/served/1.json'])
      expect((await hub.ask('GET', `/api/v1/tuf/targets/${target}`)).status).toBeGreaterThanOrEqual(400);
    expect((await hub.ask('GET', '/api/v1/tuf/roles', undefined, { authorization: undefined })).status).toBe(401);
  });

  it('takes nothing of a publisher that is stale, forged, for another team, or says more than was asked', async () => {
    await register('strict', 1);
    await register('strict', 2);
    const good = await change('strict', { withdraw: [1] });
    const [file] = good.files;
    if (!file) throw new Error('one file');
    const alter = (edit: (signed: { targets: Record<string, object>; version: number }) => void) => {
      const json = JSON.parse(Buffer.from(file.metadata, 'base64').toString()) as Parameters<typeof edit>[0] & {
        signed: Parameters<typeof edit>[0];
      };
      edit(json.signed);
      return { ...good, files: [{ ...file, metadata: Buffer.from(JSON.stringify(json)).toString('base64') }] };
    };
    const cases: [unknown, string][] = [
      [alter((signed) => void (signed.version += 1)), 'metadata_unsigned'],
      [alter((signed) => void (signed.targets = {})), 'metadata_unsigned'],
      [{ ...good, team: 'hub' }, 'team_unknown'],
      [{ ...good, team: 'acme' }, 'team_unknown'],
      [{ ...good, changes: { strict: {} } }, 'release_changed'],
      [{ ...good, changes: { strict: { withdraw: [1], minRelease: 2 } } }, 'release_changed'],
      [{ ...good, files: [{ role: 'hub~strict', metadata: file.metadata }] }, 'metadata_forbidden'],
      [{ ...good, files: [{ role: 'local~strict', metadata: 'AAAA' }] }, 'metadata_malformed'],
    ];
    for (const [body, code] of cases) expect(await post(body)).toMatchObject({ json: { code } });
    expect(await post(good)).toMatchObject({ status: 200 });
    expect(await post(good)).toMatchObject({ json: { code: 'metadata_version' } });
  });

  it('knows no publisher by a key that "targets" does not name', async () => {
    const signed = await signRelease(await view(), { signers: [makeKey().signer], now: Date.now() }, 'pump', {});
    expect(signed).toMatchObject({ ok: false, code: 'team_unknown' });
  });
});
