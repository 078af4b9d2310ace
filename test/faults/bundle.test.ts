// Bundles that must not run: the hub refuses them at the door, and an agent that meets one keeps its model.
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { buildModel, floats, node } from '@drover/onnx/build';
import {
  type AgentProgram,
  deploy,
  device,
  type HubProgram,
  joinAgent,
  registerModel,
  remove,
  runAgent,
  scratch,
  startHub,
} from '@drover/testkit/fleet';
import { killAll } from '@drover/testkit/program';
import { until } from '@drover/testkit/until';
import { buildOffsetModel, buildOffsetVectors } from '@drover/testkit/versions';
import { PAYLOAD_TYPES } from '@drover/trust/documents';
import { makeKey, signPayload } from '@drover/trust/dsse';
import type { Blob, PrepareResponse, Version } from '@drover/wire/http/models';
import type { Deployment, Rollout } from '@drover/wire/http/rollouts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const dir = scratch('bundle');
let hub: HubProgram;

beforeAll(async () => {
  hub = await startHub(path.join(dir, 'hub'), [], { DROVER_HUB_PROBATION_SECONDS: '0' });
});

afterAll(async () => {
  await killAll();
  remove(dir);
});

async function prepare(bytes: Uint8Array) {
  const { sha256 } = await hub.post<Blob>('/api/v1/blobs', bytes);
  return hub.call<PrepareResponse & { code?: string }>('POST', '/api/v1/models/bad/prepare', { model: sha256 });
}

const io = {
  inputs: [{ name: 'x', dtype: 'float32', shape: ['N', 2] }],
  outputs: [{ name: 'y', dtype: 'float32', shape: ['N', 1] }],
} as const;

describe('the hub refuses, by code and with nothing registered,', () => {
  const whole = buildOffsetModel(1);
  const cases: [string, () => Uint8Array, string][] = [
    ['bytes that are no model', () => Buffer.from('hello'), 'onnx_malformed'],
    ['a truncated model', () => whole.subarray(0, whole.length - 20), 'onnx_malformed'],
    [
      'an operator that does not exist',
      () => buildModel({ name: 'm', nodes: [node('Frobnicate', ['x'], ['y'])], ...io, initializers: [] }),
      'onnx_unknown_operator',
    ],
    [
      'an operator of a foreign domain',
      () =>
        buildModel({
          name: 'm',
          nodes: [node('Gemm', ['x', 'w'], ['y'], {}, 'com.evil')],
          ...io,
          initializers: [floats('w', [2, 1], [1, 2])],
        }),
      'onnx_unknown_domain',
    ],
    [
      'an operator set from the future',
      () =>
        buildModel({
          name: 'm',
          nodes: [node('Gemm', ['x', 'w'], ['y'])],
          ...io,
          initializers: [floats('w', [2, 1], [1, 2])],
          opset: 99,
        }),
      'onnx_unsupported_opset',
    ],
  ];
  it.each(cases)('%s', async (_, bytes, code) => {
    const answer = await prepare(bytes());
    expect(answer).toMatchObject({ status: 422, body: { code } });
    const models = await hub.get<{ items: { name: string }[] }>('/api/v1/models');
    expect(models.items.map((m) => m.name)).not.toContain('bad');
  });

  it('a manifest that a stranger signed, and one that was changed after signing', async () => {
    const { sha256 } = await hub.post<Blob>('/api/v1/blobs', whole);
    const prepared = await hub.post<PrepareResponse>('/api/v1/models/bad/prepare', { model: sha256 });
    const envelope = await signPayload(PAYLOAD_TYPES.manifest, Buffer.from(prepared.payload, 'base64'), [
      makeKey().signer,
    ]);
    const signatures = envelope.signatures.map((s) => ({ keyid: s.keyid, sig: Buffer.from(s.sig).toString('base64') }));
    const body = { envelope: { payloadType: prepared.payloadType, payload: prepared.payload, signatures } };
    expect(await hub.call('POST', '/api/v1/models/bad/versions', body)).toMatchObject({
      body: { code: 'signature_missing' },
    });
  });
});

describe('an agent', () => {
  let good: Version;
  let agent: AgentProgram;

  it('keeps its model when the self-test of a version fails on it', async () => {
    await joinAgent(hub, path.join(dir, 'a1'), 'a1');
    agent = await runAgent(path.join(dir, 'a1'));
    good = await registerModel(hub, 'offset', { model: buildOffsetModel(10), vectors: buildOffsetVectors(10) });
    expect(await deploy(hub, 'offset', good.version, ['a1'])).toMatchObject([{ state: 'committed' }]);
    // The hub replays vectors for what it trains; an uploaded bundle may lie, and the device finds out.
    const lying = await registerModel(hub, 'offset', {
      model: buildOffsetModel(20),
      vectors: buildOffsetVectors(20, 0.5),
    });
    expect(await deploy(hub, 'offset', lying.version, ['a1'])).toMatchObject([
      { state: 'failed', code: 'self_test_failed' },
    ]);
    expect((await device(hub, 'a1')).slots).toMatchObject([{ running: { manifest: good.manifest } }]);
  });

  it('refuses bytes that rotted in the hub, keeps its model, and takes the version once the bytes are whole again', async () => {
    const model = buildOffsetModel(30, 300_000);
    const version = await registerModel(hub, 'offset', { model, vectors: buildOffsetVectors(30) });
    const root = path.join(hub.data, 'blobs/sha256');
    const file = readdirSync(root, { recursive: true, encoding: 'utf8' })
      .map((name) => path.join(root, name))
      .find((name) => statSync(name).isFile() && statSync(name).size === model.length);
    expect(file).toBeDefined();
    const bytes = readFileSync(file ?? '');
    const rotten = Buffer.from(bytes);
    rotten[1000] = (rotten[1000] ?? 0) ^ 1;
    writeFileSync(file ?? '', rotten);
    // A hub that has the whole bytes in memory would hide the damage: start it again.
    const ports = ['--http', new URL(hub.httpUrl).host, '--mqtt', `127.0.0.1:${hub.mqttPort}`];
    await hub.stop();
    hub = await startHub(hub.data, ports, { DROVER_HUB_PROBATION_SECONDS: '0' });
    const rollout = await hub.post<Rollout>('/api/v1/rollouts', {
      model: 'offset',
      version: version.version,
      devices: ['a1'],
    });
    const own = async () =>
      (await hub.get<{ items: Deployment[] }>(`/api/v1/rollouts/${rollout.id}/deployments`)).items[0];
    await until(
      'the refusal of the bytes',
      async () =>
        agent.output().includes('artifact_digest_mismatch') || (await own())?.code === 'artifact_digest_mismatch',
      60_000,
    );
    expect((await device(hub, 'a1')).slots).toMatchObject([{ running: { manifest: good.manifest } }]);
    writeFileSync(file ?? '', bytes);
    await hub.stop();
    hub = await startHub(hub.data, ports, { DROVER_HUB_PROBATION_SECONDS: '0' });
    await until('the version by the same wish', async () => (await own())?.state === 'committed', 60_000);
    expect((await device(hub, 'a1')).slots).toMatchObject([{ running: { manifest: version.manifest } }]);
  });
});
