// The whole agent in this process against a broker and a small hub: what goes in, what comes out, what survives.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { decodeLabelled } from '@drover/sketch/labelled';
import { peekWindow } from '@drover/sketch/window-sketch';
import { startBroker } from '@drover/testkit/broker';
import { tinyProbability } from '@drover/testkit/tiny-bundle';
import { startTinyHub, type TinyHub } from '@drover/testkit/tiny-hub';
import { until } from '@drover/testkit/until';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { RunConfig } from './config.ts';
import { writeIdentity } from './identity.ts';
import { type RunningAgent, startAgent } from './run.ts';
import { openDatabase } from './store/database.ts';

const DEVICE = 'press-1';
let hub: TinyHub;
let dataDir: string;
const agents: RunningAgent[] = [];

const configOf = (extra: Partial<RunConfig> = {}): RunConfig => ({
  command: 'run', dataDir, http: { host: '127.0.0.1', port: 0 }, socket: undefined, runtime: 'native', source: undefined,
  slot: 'default', rate: 0, labelColumn: undefined, labelDelayMs: 0, slots: undefined, release: undefined, cache: undefined,
  httpDelivery: true, holdFile: undefined, reconnectMaxMs: 2000, decisions: 'inputs', decisionBytes: 2 ** 20, raw: 'deny', personal: [], captureBytes: 0, captureEveryMs: 600_000, telemetryBytes: 0, logLevel: 'silent', ...extra,
}); // biome-ignore format: one record

async function start(extra: Partial<RunConfig> = {}): Promise<RunningAgent> {
  const agent = await startAgent(configOf(extra), pino({ level: process.env['TEST_LOG'] ?? 'silent' }));
  if (!agent.ok) throw new Error(`${agent.code}: ${agent.detail}`);
  agents.push(agent.value);
  return agent.value;
}

async function stop(agent: RunningAgent): Promise<void> {
  agents.splice(agents.indexOf(agent), 1);
  await agent.stop();
}

async function post(agent: RunningAgent, where: string, body: unknown) {
  const response = await fetch(`${agent.httpUrl}${where}`, { method: 'POST', body: JSON.stringify(body) });
  return { status: response.status, json: (await response.json()) as Record<string, unknown> };
}

const lastState = () => hub.states.at(-1)?.slots.find(({ slot }) => slot === 'default');
const waitCommitted = (digest: string) =>
  until('commit', () => {
    const slot = lastState();
    return slot?.running === digest && slot.deployment?.state === 'committed' && slot.deployment.manifest === digest;
  });
const entriesOf = (kind: string) =>
  [...hub.entries.values()].map(({ body }) => body).filter((body) => body.kind === kind);

beforeEach(async () => {
  hub = await startTinyHub();
  dataDir = mkdtempSync(path.join(tmpdir(), 'drover-agent-'));
  writeIdentity(
    dataDir,
    { device: DEVICE, secret: 's'.repeat(43), mqttUrl: hub.broker.url, hubId: hub.hubId },
    hub.roots,
  );
});

afterEach(async () => {
  for (const agent of agents.splice(0)) await agent.stop();
  await hub.close();
  rmSync(dataDir, { recursive: true, force: true });
});

describe('an agent and its hub', () => {
  it('takes a model, serves it, counts it, and sends the statistics at the end', async () => {
    const agent = await start();
    const bundle = await hub.bundle();
    await until('hello', () => hub.hellos.length > 0);
    await hub.desire(DEVICE, bundle);
    await waitCommitted(bundle.digest);

    const answer = await post(agent, '/v1/predict/default', { fields: { load: 1.5, heat: 0.25, shift: 'night' } });
    expect(answer.status).toBe(200);
    const p = (answer.json['probabilities'] as Record<string, number>)['fault'];
    expect(p).toBeCloseTo(tinyProbability(1.5, 0.25, 'night'), 6);
    expect(answer.json['label']).toBe('fault');

    const labelled = await post(agent, '/v1/labels', [{ predictionId: answer.json['predictionId'], truth: 'ok' }]);
    expect(labelled.json).toEqual({ joined: 1, refused: [] });
    await stop(agent);

    const [window] = entriesOf('window');
    if (window?.kind !== 'window') throw new Error('no window');
    expect(window).toMatchObject({
      rows: 1,
      errors: 0,
      closedBy: 'shutdown',
      manifest: bundle.digest,
      slot: 'default',
    });
    expect(peekWindow(window.stats)).toMatchObject({ ok: true, value: { rowCount: 1 } });
    const labels = entriesOf('labels').at(-1);
    if (labels?.kind !== 'labels') throw new Error('no labels');
    expect(labels).toMatchObject({ number: window.number, bootId: window.bootId, labelled: 1 });
    const counts = decodeLabelled(labels.counts);
    expect(counts.ok && [...counts.value.confusion]).toEqual([0, 1, 0, 0]);
    expect(entriesOf('deployment').map((entry) => entry.kind === 'deployment' && entry.state)).toEqual([
      'accepted', 'downloading', 'verifying', 'staged', 'activating', 'probation', 'committed',
    ]); // biome-ignore format: one list
    expect(hub.gones).toHaveLength(1);
  });

  it('starts from what it holds with the hub off, and answers', async () => {
    const bundle = await hub.bundle();
    const first = await start();
    await hub.desire(DEVICE, bundle);
    await waitCommitted(bundle.digest);
    await stop(first);
    await hub.close();
    const again = await start();
    const answer = await until('a prediction', async () => {
      const given = await post(again, '/v1/predict/default', { fields: { load: 0, heat: 0, shift: 'day' } });
      return given.status === 200 ? given.json : undefined;
    });
    expect(answer['probabilities']).toEqual({ ok: 0.5, fault: 0.5 });
    expect((await post(again, '/v1/readings/default', { load: 1, heat: 1, shift: 'day' })).status).toBe(200);
    await stop(again);
    hub = await startTinyHub();
    writeIdentity(dataDir, { device: DEVICE, secret: 'x', mqttUrl: hub.broker.url, hubId: hub.hubId }, hub.roots);
  });

  it('keeps its model when a candidate fails its self-test, and says why', async () => {
    const good = await hub.bundle();
    const agent = await start();
    await hub.desire(DEVICE, good);
    await waitCommitted(good.digest);
    const bad = await hub.bundle({ version: 2, bias: 1, wrongVectors: true });
    await hub.desire(DEVICE, bad);
    const slot = await until('failure', () => {
      const one = lastState();
      return one?.deployment?.state === 'failed' && one;
    });
    expect(slot).toMatchObject({
      running: good.digest,
      deployment: { code: 'self_test_failed', manifest: bad.digest },
    });
    const answer = await post(agent, '/v1/predict/default', { fields: { load: 0, heat: 0, shift: 'day' } });
    expect(answer.json).toMatchObject({ version: 1, probabilities: { fault: 0.5 } });
  });

  it('takes the next version under load without a refused prediction, and closes the window of the one before', async () => {
    const agent = await start();
    const [one, two] = [await hub.bundle(), await hub.bundle({ version: 2, bias: 3 })];
    await hub.desire(DEVICE, one);
    await waitCommitted(one.digest);
    const versions = new Set<unknown>();
    let isOver = false;
    const load = (async () => {
      while (!isOver) {
        const { status, json } = await post(agent, '/v1/predict/default', {
          fields: { load: 0, heat: 0, shift: 'day' },
        });
        expect(status).toBe(200);
        versions.add(json['version']);
      }
    })();
    await hub.desire(DEVICE, two);
    await waitCommitted(two.digest);
    await until('an answer of version 2', () => versions.has(2));
    isOver = true;
    await load;
    expect(lastState()).toMatchObject({ running: two.digest, previous: one.digest });
    await until('the window of version 1', () =>
      entriesOf('window').some((w) => w.kind === 'window' && w.manifest === one.digest && w.closedBy === 'version'),
    );
  });

  it('refuses documents by code and goes on with what it holds', async () => {
    await start();
    const bundle = await hub.bundle();
    await hub.desire(DEVICE, bundle);
    await waitCommitted(bundle.digest);
    const other = await hub.bundle({ version: 2, bias: 1 });
    const refusal = async (code: string) => until(code, () => hub.states.at(-1)?.desiredRefusal?.code === code);

    await hub.desire('press-2', other);
    const forOther = await hub.desire('press-2', other);
    await hub.send(DEVICE, 'desired', forOther);
    await refusal('desired_other_device');

    const forged = await startTinyHub();
    const theirs = await forged.desire(DEVICE, await forged.bundle());
    await forged.close();
    await hub.send(DEVICE, 'desired', theirs);
    await refusal('signature_missing');

    await hub.desire(DEVICE, other, { generation: 1 });
    await refusal('desired_conflict');

    const unreleased = await hub.bundle({ version: 3 });
    await hub.desire(DEVICE, unreleased, { generation: 50, path: 'hub/tiny/3.json' });
    await refusal('release_not_approved');
    await hub.desire(DEVICE, unreleased, { generation: 51, path: hub.approve(other) });
    await refusal('release_digest_mismatch');
    await hub.desire(DEVICE, unreleased, { generation: 52, path: '../hub/tiny/2.json' });
    await refusal('metadata_name_invalid');

    const naked = await hub.desire(DEVICE, other, { generation: 60 });
    await hub.send(DEVICE, 'desired', { ...naked, manifests: [] });
    await until('the last one', () => hub.states.at(-1)?.generation === 60);
    await waitCommitted(other.digest);
  });

  it('brings a damaged blob again, and the model before answers meanwhile', async () => {
    const first = await start();
    const [one, two] = [await hub.bundle(), await hub.bundle({ version: 2, bias: 1 })];
    await hub.desire(DEVICE, one);
    await waitCommitted(one.digest);
    await hub.desire(DEVICE, two);
    await waitCommitted(two.digest);
    await stop(first);
    const { sha256 } = two.manifest.blobs.model;
    const file = path.join(dataDir, 'blobs/sha256', sha256.slice(0, 2), sha256);
    const bytes = readFileSync(file);
    bytes[40] = (bytes[40] ?? 0) ^ 4;
    writeFileSync(file, bytes);
    const kept = hub.onReq;
    const held: (() => void)[] = [];
    hub.onReq = (device, req) => void held.push(() => kept(device, req));
    const again = await start();
    const versionNow = async () =>
      (await post(again, '/v1/predict/default', { fields: { load: 0, heat: 0, shift: 'day' } })).json['version'];
    await until('the model before', async () => (await versionNow()) === 1);
    await until('a request', () => held.length > 0);
    hub.onReq = kept;
    for (const go of held) go();
    await until('the repaired model', async () => (await versionNow()) === 2);
  });

  it('brings an artifact of many chunks over a connection that dies in the middle', async () => {
    await start();
    const big = await hub.bundle({ ballast: 3_000_000 });
    const kept = hub.onReq;
    let requests = 0;
    hub.onReq = (device, req) => {
      requests += 1;
      if (requests === 2) hub.broker.kick(DEVICE);
      else kept(device, req);
    };
    await hub.desire(DEVICE, big);
    await waitCommitted(big.digest);
    // Two sessions, and in the second one more hello: by then the runtime is open and has a name.
    expect(new Set(hub.hellos.map(({ sessionId }) => sessionId)).size).toBe(2);
    expect(hub.hellos.map(({ capabilities }) => capabilities.runtime)).toEqual(['', '', 'native']);
    expect(new Set(hub.hellos.map(({ bootId }) => bootId)).size).toBe(1);
    // The will of the session that died, with its own id.
    expect(hub.gones.map(({ sessionId }) => sessionId)).toEqual([hub.hellos[0]?.sessionId]);
  });

  it('keeps statistics until the hub has committed them, and forgets nothing for a forged ack', async () => {
    hub.onUp = (device, { outboxId }) => void hub.ack(device, { outboxId, lastSeq: 1_000_000 });
    const agent = await start();
    const bundle = await hub.bundle();
    await hub.desire(DEVICE, bundle);
    await waitCommitted(bundle.digest);
    await post(agent, '/v1/readings/default', { load: 1, heat: 1, shift: 'day' });
    await stop(agent);
    hub.entries.clear();
    hub.onUp = (device, up) => void hub.ack(device, { outboxId: up.outboxId, lastSeq: up.items.at(-1)?.seq ?? 0 });
    const again = await start();
    await until('everything', () => entriesOf('window').length === 1);
    expect([...hub.entries.keys()]).toEqual(Array.from({ length: hub.entries.size }, (_, i) => i + 1));
    const status = async () =>
      (await (await fetch(`${again.httpUrl}/v1/status`)).json()) as { outbox: { entries: number } };
    await until('an empty outbox', async () => (await status()).outbox.entries === 0);
  });

  it('answers commands: state, labels, and one that came too late', async () => {
    const agent = await start();
    const bundle = await hub.bundle();
    await hub.desire(DEVICE, bundle);
    await waitCommitted(bundle.digest);
    const { json } = await post(agent, '/v1/predict/default', { fields: { load: 3, heat: 0, shift: 'day' } });
    const before = hub.states.length;
    const ids = [
      await hub.cmd(DEVICE, { kind: 'requestState' }),
      await hub.cmd(DEVICE, {
        kind: 'pushLabels',
        labels: [{ predictionId: String(json['predictionId']), truth: 'fault' }],
      }),
      await hub.cmd(DEVICE, { kind: 'pushLabels', labels: [] }, 1000),
    ];
    const results = await until('three answers', () => {
      const found = entriesOf('cmdResult').flatMap((body) => (body.kind === 'cmdResult' ? [body] : []));
      return found.length === 3 ? found : undefined;
    });
    expect(results.map(({ cmdId, ok, code }) => [cmdId, ok, code])).toEqual([[ids[0], true, undefined], [ids[1], true, undefined], [ids[2], false, 'cmd_expired']]); // biome-ignore format: triples
    expect(hub.states.length).toBeGreaterThan(before);
    await until('the labels', () => entriesOf('labels').some((body) => body.kind === 'labels' && body.labelled === 1));
  });

  it('closes windows at the length of a policy that comes while it runs', async () => {
    const agent = await start();
    const bundle = await hub.bundle();
    await hub.desire(DEVICE, bundle, { policy: { windowMs: 1000, windowEpochAt: 250, probationMs: 0 } });
    await waitCommitted(bundle.digest);
    await post(agent, '/v1/readings/default', { load: 1, heat: 1, shift: 'day' });
    const [window] = await until('a window', () => (entriesOf('window').length > 0 ? entriesOf('window') : undefined));
    if (window?.kind !== 'window') throw new Error('no window');
    expect(window).toMatchObject({ rows: 1, closedBy: 'boundary' });
    expect((window.endAt - 250) % 1000).toBe(0);
  });

  it('is alone on its data directory, and says who holds it', async () => {
    await start();
    const second = await startAgent(configOf(), pino({ level: 'silent' }));
    expect(second).toMatchObject({ ok: false, code: 'agent_running' });
    expect(second.ok ? '' : second.detail).toContain(String(process.pid));
  });

  it('replays a file as readings, with labels that come late', async () => {
    const rows = Array.from(
      { length: 50 },
      (_, n) => `${n % 2 === 0 ? 2 : -2},0.5,day,${n % 2 === 0 ? 'fault' : 'ok'}`,
    );
    const file = path.join(dataDir, 'rows.csv');
    writeFileSync(file, `load,heat,shift,truth\n${rows.join('\n')}\nbroken\n`);
    const agent = await start({ source: { kind: 'csv', file }, labelColumn: 'truth', labelDelayMs: 5 });
    const bundle = await hub.bundle();
    await hub.desire(DEVICE, bundle);
    const status = async () =>
      (await (await fetch(`${agent.httpUrl}/v1/status`)).json()) as { readings: unknown; labels: { labelled: number } };
    await until('all labels', async () => (await status()).labels.labelled === 50);
    expect((await status()).readings).toEqual({ taken: 50, refused: { reading_unreadable: 1 } });
    await stop(agent);
    const labels = entriesOf('labels').at(-1);
    const counts = labels?.kind === 'labels' ? decodeLabelled(labels.counts) : undefined;
    expect(counts?.ok && [...counts.value.confusion]).toEqual([25, 0, 0, 25]);
    expect(entriesOf('window')).toMatchObject([{ rows: 50 }]);
  });

  it('reads readings from a topic of another broker', async () => {
    const sensors = await startBroker();
    const agent = await start({ source: { kind: 'mqtt', url: sensors.url, topic: 'plant/+' } });
    const bundle = await hub.bundle();
    await hub.desire(DEVICE, bundle);
    await waitCommitted(bundle.digest);
    const status = async () =>
      (await (await fetch(`${agent.httpUrl}/v1/status`)).json()) as { readings: { taken: number; refused: object } };
    await until('a reading', async () => {
      await sensors.publish('plant/press', Buffer.from('{"load": 1, "heat": 2, "shift": "day"}'));
      return (await status()).readings.taken > 0;
    });
    await sensors.publish('plant/press', Buffer.from('not json'));
    await until('the refusal', async () =>
      Object.keys((await status()).readings.refused).includes('reading_unreadable'),
    );
    await stop(agent);
    await sensors.close();
  });

  it('rolls back a model that crashes the process again and again', async () => {
    const first = await start();
    const [one, two] = [await hub.bundle(), await hub.bundle({ version: 2, bias: 1 })];
    await hub.desire(DEVICE, one);
    await waitCommitted(one.digest);
    await hub.desire(DEVICE, two, { policy: { windowMs: 900_000, windowEpochAt: 0, probationMs: 3_600_000 } });
    await until('probation', () => lastState()?.deployment?.state === 'probation');
    await stop(first);
    // What three kills leave behind.
    const db = openDatabase(dataDir);
    if (!db.ok) throw new Error(db.detail);
    db.value.exec(
      "UPDATE process SET is_running = 1; UPDATE deployments SET record = json_set(record, '$.crashes', 2)",
    );
    db.value.close();
    await start();
    const slot = await until('the way back', () => {
      const state = lastState();
      return state?.deployment?.state === 'rolled_back' ? state : undefined;
    });
    expect(slot).toMatchObject({
      running: one.digest,
      deployment: { code: 'activation_crashed', manifest: two.digest },
    });
    expect(slot.previous).toBeUndefined();
  });
});
