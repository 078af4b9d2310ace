import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { startTinyHub, type TinyHub } from '@drover/testkit/tiny-hub';
import { makeRepoKey } from '@drover/testkit/tuf-repo';
import { until } from '@drover/testkit/until';
import type { DesiredDoc } from '@drover/trust/documents';
import { encodeSignedEnvelope } from '@drover/wire/encode';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { RunConfig } from '../config.ts';
import { writeIdentity } from '../identity.ts';
import { type RunningAgent, startAgent } from '../run.ts';
import { openDatabase } from '../store/database.ts';
import type { HandedRoots } from './handed-roots.ts';

const DEVICE = 'press-1';
const DAY = 86_400_000;
let hub: TinyHub;
let dataDir: string;
const agents: RunningAgent[] = [];

async function start(extra: Partial<RunConfig> = {}): Promise<RunningAgent> {
  const config: RunConfig = {
    command: 'run', dataDir, http: { host: '127.0.0.1', port: 0 }, socket: undefined, runtime: 'native', source: undefined,
    slot: 'default', rate: 0, labelColumn: undefined, labelDelayMs: 0, slots: undefined, release: undefined,
    cache: undefined, httpDelivery: true, holdFile: undefined, reconnectMaxMs: 2000, decisions: 'inputs', decisionBytes: 2 ** 20, raw: 'deny', personal: [], captureBytes: 0, captureEveryMs: 600_000, telemetryBytes: 0, logLevel: 'silent', ...extra,
  }; // biome-ignore format: one record
  const agent = await startAgent(config, pino({ level: process.env['TEST_LOG'] ?? 'silent' }));
  if (!agent.ok) throw new Error(`${agent.code}: ${agent.detail}`);
  agents.push(agent.value);
  return agent.value;
}

async function stop(agent: RunningAgent): Promise<void> {
  agents.splice(agents.indexOf(agent), 1);
  await agent.stop();
}

const join = (roots: HandedRoots, release?: 'person'): void =>
  writeIdentity(
    dataDir,
    { device: DEVICE, secret: 's'.repeat(43), mqttUrl: hub.broker.url, hubId: hub.hubId, ...(release && { release }) },
    roots,
  );

const lastState = () => hub.states.at(-1)?.slots.find(({ slot }) => slot === 'default');
const committed = (digest: string) =>
  until('commit', () => {
    const slot = lastState();
    return slot?.running === digest && slot.deployment?.state === 'committed' && slot.deployment.manifest === digest;
  });
const refused = (code: string) => until(code, () => hub.states.at(-1)?.desiredRefusal?.code === code, 15_000);

async function answers(agent: RunningAgent, version: number): Promise<void> {
  await until(`an answer of version ${version}`, async () => {
    const body = JSON.stringify({ fields: { load: 0, heat: 0, shift: 'day' } });
    const response = await fetch(`${agent.httpUrl}/v1/predict/default`, { method: 'POST', body });
    return ((await response.json()) as { version?: number }).version === version;
  });
}

beforeEach(async () => {
  hub = await startTinyHub();
  dataDir = mkdtempSync(path.join(tmpdir(), 'drover-release-'));
  join(hub.roots);
});

afterEach(async () => {
  for (const agent of agents.splice(0)) await agent.stop();
  await hub.close();
  rmSync(dataDir, { recursive: true, force: true });
});

describe('a device and the release metadata', () => {
  it('keeps what it holds while the hub answers nothing or nonsense, says why, and takes it when all is well', async () => {
    await start();
    const [one, two] = [await hub.bundle(), await hub.bundle({ version: 2, bias: 1 })];
    await hub.desire(DEVICE, one);
    await committed(one.digest);
    const kept = hub.onMetadataReq;
    hub.onMetadataReq = (device, { name, request }) =>
      void hub.sendMetadata(device, { name, request, content: Buffer.from('{"signed":{},"signatures":[]}') });
    await hub.desire(DEVICE, two);
    await refused('metadata_malformed');
    expect(lastState()).toMatchObject({ running: one.digest });
    expect(hub.states.at(-1)?.generation).toBe(1);
    hub.onMetadataReq = kept;
    // A new connection is a new chance, without waiting for the clock.
    hub.broker.kick(DEVICE);
    await committed(two.digest);
    expect(hub.states.at(-1)?.desiredRefusal).toBeUndefined();
  });

  it('serves what it installed with the version withdrawn, the metadata expired and the hub gone', async () => {
    const [one, two] = [await hub.bundle(), await hub.bundle({ version: 2, bias: 1 })];
    const first = await start();
    await hub.desire(DEVICE, one);
    await committed(one.digest);
    await hub.desire(DEVICE, two);
    await committed(two.digest);
    hub.repo.withdraw('hub', 'tiny', 1);
    hub.repo.withdraw('hub', 'tiny', 2);
    const unreleased = await hub.bundle({ version: 3, bias: 2 });
    await hub.desire(DEVICE, unreleased, { path: 'hub/tiny/3.json' });
    await refused('release_not_approved');
    await answers(first, 2);
    // Back to what was here before: it is installed, and metadata takes nothing back.
    await hub.desire(DEVICE, one, { path: 'hub/tiny/1.json' });
    await committed(one.digest);
    await stop(first);
    await hub.close();
    await answers(await start(), 1);
    hub = await startTinyHub();
  });

  it('goes on serving with every root gone from its disk, says so, and installs nothing', async () => {
    const [one, two] = [await hub.bundle(), await hub.bundle({ version: 2, bias: 1 })];
    const first = await start();
    await hub.desire(DEVICE, one);
    await committed(one.digest);
    await stop(first);
    rmSync(path.join(dataDir, 'release'), { recursive: true });
    const again = await start();
    await answers(again, 1);
    await hub.desire(DEVICE, two);
    await refused('root_invalid');
    await stop(again);
    join(hub.roots);
    await start();
    await committed(two.digest);
  });

  it('says which metadata authorised what it runs', async () => {
    const agent = await start();
    const one = await hub.bundle();
    await hub.desire(DEVICE, one);
    await committed(one.digest);
    await stop(agent);
    const db = openDatabase(dataDir);
    if (!db.ok) throw new Error(db.detail);
    const row = db.value
      .prepare<[], { digest: string; authority: string }>('SELECT digest, authority FROM releases')
      .get();
    db.value.close();
    expect(row?.digest).toBe(one.digest);
    expect(JSON.parse(row?.authority ?? '')).toMatchObject({
      path: 'hub/tiny/1.json', role: 'hub~tiny', release: 1, versions: { root: 1, 'hub~tiny': 1 },
    }); // biome-ignore format: one record
  });

  it('takes the newest wish when several come while the metadata is slow', async () => {
    await start();
    const bundles = [
      await hub.bundle(),
      await hub.bundle({ version: 2, bias: 1 }),
      await hub.bundle({ version: 3, bias: 2 }),
    ];
    const kept = hub.onMetadataReq;
    const held: (() => void)[] = [];
    hub.onMetadataReq = (device, req) => void held.push(() => kept(device, req));
    await until('hello', () => hub.hellos.length > 0);
    for (const bundle of bundles) await hub.desire(DEVICE, bundle);
    await until('a request', () => held.length > 0);
    hub.onMetadataReq = kept;
    for (const go of held) go();
    await committed(bundles[2]?.digest ?? '');
    const manifests = new Set(
      [...hub.entries.values()].flatMap(({ body }) => (body.kind === 'deployment' ? [body.manifest] : [])),
    );
    expect(manifests.has(bundles[1]?.digest ?? '')).toBe(false);
  });

  it('a person must have released: as the setting of a run, as said at join', async () => {
    const one = await hub.bundle();
    const first = await start({ release: 'person' });
    await hub.desire(DEVICE, one);
    await refused('release_person_required');
    await stop(first);
    join(hub.roots, 'person');
    hub.states.length = 0;
    await start();
    await refused('release_person_required');
    expect(lastState()?.running).toBeUndefined();
    const path = hub.repo.approve('acme', 'tiny', 1, one.envelope.payload);
    await hub.desire(DEVICE, one, { path });
    await committed(one.digest);
  });
});

describe('the keys of the director', () => {
  it('are those of the newest root: it is asked for when a signature is not known, and the old ones count no more', async () => {
    await start();
    const [one, two] = [await hub.bundle(), await hub.bundle({ version: 2, bias: 1 })];
    await hub.desire(DEVICE, one);
    await committed(one.digest);
    const old = hub.rotateDirector();
    await hub.desire(DEVICE, two);
    await committed(two.digest);
    const document: DesiredDoc = {
      type: 'drover.desired/1', device: DEVICE, generation: 99,
      issuedAt: new Date().toISOString(), expiresAt: new Date(Date.now() + DAY).toISOString(),
      slots: { default: { deploymentId: 'a'.repeat(32), manifest: one.digest } },
      policy: { windowMs: 900_000, windowEpochAt: 0, probationMs: 0 },
    }; // biome-ignore format: one record
    await hub.send(DEVICE, 'desired', {
      document: await hub.signDesired(document, old), manifests: [one.envelope],
      releases: [{ manifest: one.digest, path: 'hub/tiny/1.json' }], offers: [],
    }); // biome-ignore format: one record
    await refused('signature_missing');
    expect(lastState()?.running).toBe(two.digest);
  });

  it('that were stolen can neither hold the generation nor the time for ever', async () => {
    const first = await start();
    const [one, two] = [await hub.bundle(), await hub.bundle({ version: 2, bias: 1 })];
    await hub.desire(DEVICE, one, {
      generation: Number.MAX_SAFE_INTEGER,
      issuedAt: '2090-01-01T00:00:00Z',
      expiresAt: '2099-01-01T00:00:00Z',
    });
    await committed(one.digest);
    hub.rotateDirector();
    hub.repo.timestamp = { keys: [makeRepoKey()], threshold: 1 };
    hub.repo.snapshot = hub.repo.timestamp;
    hub.repo.publishRoot();
    hub.repo.publish();
    await hub.desire(DEVICE, two, { generation: 7 });
    await committed(two.digest);
    expect(hub.states.at(-1)?.generation).toBe(7);
    await stop(first);
    // The floor of the time is forgotten on the disk too.
    await start();
    const three = await hub.bundle({ version: 3, bias: 2 });
    await hub.desire(DEVICE, three, { generation: 8 });
    await committed(three.digest);
  });
});

describe('a hostile broker', () => {
  it('does not make a device ask foreign addresses: ways count only with a document that is believed', async () => {
    const asked: (string | undefined)[] = [];
    const foreign = createServer((request, response) => {
      asked.push(request.url);
      response.writeHead(404).end();
    });
    await new Promise<void>((resolve) => {
      foreign.listen(0, '127.0.0.1', resolve);
    });
    const url = `http://127.0.0.1:${(foreign.address() as AddressInfo).port}`;
    const kept = hub.onReq;
    const waiting: (() => void)[] = [];
    hub.onReq = (device, req) => void waiting.push(() => kept(device, req));
    await start();
    const one = await hub.bundle();
    const desired = await hub.desire(DEVICE, one);
    await until('a download', () => waiting.length > 0);
    const { blobs } = one.manifest;
    const digests = Object.values(blobs).flatMap((blob) => (typeof blob === 'object' ? [blob.sha256] : []));
    hub.states.length = 0;
    await hub.send(DEVICE, 'desired', {
      ...desired,
      document: { ...desired.document, payload: Buffer.from('{}') },
      offers: digests.map((digest) => ({ digest, sources: [{ kind: 'neighbour', device: 'other', url }] })),
    });
    await refused('signature_invalid');
    hub.onReq = kept;
    for (const go of waiting) go();
    await committed(one.digest);
    expect(asked).toEqual([]);
    foreign.close();
  });
});

describe('a device that joined a hub of 0.1', () => {
  /** What an agent of 0.1 leaves: its root, its manifests as envelopes, and no release metadata. */
  async function makeOld(): Promise<void> {
    const agent = await start();
    const one = await hub.bundle();
    await hub.desire(DEVICE, one);
    await committed(one.digest);
    await stop(agent);
    const db = openDatabase(dataDir);
    if (!db.ok) throw new Error(db.detail);
    db.value.prepare('INSERT INTO manifests VALUES (?, ?)').run(one.digest, encodeSignedEnvelope(one.envelope));
    db.value.exec('DROP TABLE releases; DROP TABLE spent_day; PRAGMA user_version = 1');
    db.value.close();
    rmSync(path.join(dataDir, 'release'), { recursive: true });
    join({ legacy: hub.legacy });
    hub.states.length = 0;
  }

  it('goes on serving, takes over the release root that the old root key signed, and installs by it', async () => {
    await makeOld();
    const agent = await start();
    await answers(agent, 1);
    const two = await hub.bundle({ version: 2, bias: 1 });
    await hub.desire(DEVICE, two);
    await committed(two.digest);
    const status = (await (await fetch(`${agent.httpUrl}/v1/status`)).json()) as { release: unknown };
    expect(status.release).toEqual({ rootVersion: 1, person: false });
  });

  it('refuses a release root that the old root key did not sign, and installs nothing', async () => {
    await makeOld();
    const key = makeRepoKey();
    hub.repo.root = { keys: [key], threshold: 1 };
    hub.repo.versions.root = 0;
    hub.repo.publishRoot();
    const agent = await start();
    const two = await hub.bundle({ version: 2, bias: 1 });
    await hub.desire(DEVICE, two);
    await refused('metadata_unsigned');
    await answers(agent, 1);
  });
});
