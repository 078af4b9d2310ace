// The registry through the HTTP side of a real hub: what may be registered, by whom, once. Trials run in processes of their own.
import { createHash } from 'node:crypto';
import path from 'node:path';
import { envelopeToJson } from '@drover/hub/http/envelopes';
import { buildModel, floats, node } from '@drover/onnx/build';
import { type InsideHub, openInsideHub } from '@drover/testkit/inside-hub';
import { buildSoftmaxModel } from '@drover/testkit/models';
import { buildOffsetModel, buildOffsetVectors } from '@drover/testkit/versions';
import { blobRefOf, chunkListOf } from '@drover/trust/chunk-list';
import { encodeDocument, type Manifest, PAYLOAD_TYPES } from '@drover/trust/documents';
import { makeKey, type Signer, signPayload } from '@drover/trust/dsse';
import { openKeyFile } from '@drover/trust/key-files';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

let hub: InsideHub;
let release: Signer;

beforeAll(async () => {
  hub = await openInsideHub();
  const key = openKeyFile(path.join(hub.data.keys, 'release.pem'));
  if (!key.ok) throw new Error(key.detail);
  release = key.value;
});
afterAll(() => hub.end());

interface Prepared {
  readonly payload: string;
  readonly version: number;
  readonly alreadyRegistered: boolean;
  readonly warnings: string[];
}

const problem = (status: number, code: string) => ({ status, json: { status, code } });
const put = async (bytes: Uint8Array): Promise<string> =>
  ((await hub.ask('POST', '/api/v1/blobs', bytes)).json as { sha256: string }).sha256;
const prepare = async (name: string, bytes: Uint8Array, more: object = {}) =>
  hub.ask('POST', `/api/v1/models/${name}/prepare`, { model: await put(bytes), ...more });

async function signAs(payload: Uint8Array, signer: Signer, type: string = PAYLOAD_TYPES.manifest) {
  return { envelope: envelopeToJson(await signPayload(type, payload, [signer])) };
}
const publish = async (name: string, payload: Uint8Array, signer = release) =>
  hub.ask('POST', `/api/v1/models/${name}/versions`, await signAs(payload, signer));

async function register(name: string, bytes: Uint8Array) {
  const { payload } = (await prepare(name, bytes)).json as Prepared;
  return publish(name, Buffer.from(payload, 'base64'));
}
const documentOf = (prepared: unknown): Manifest =>
  JSON.parse(Buffer.from((prepared as Prepared).payload, 'base64').toString('utf8')) as Manifest;

describe('preparing', () => {
  it('says what is in a regression and warns of what it has to make up', async () => {
    const { status, json } = await prepare('offset', buildOffsetModel(1));
    expect(status).toBe(200);
    expect(json).toMatchObject({ version: 1, alreadyRegistered: false });
    expect(documentOf(json)).toMatchObject({
      features: [{ name: 'x0', kind: 'numeric', input: 'x', index: 0 }, { name: 'x1' }],
      task: { kind: 'regression', output: 'y' },
      lineage: { source: 'uploaded' },
    });
    expect((json as Prepared).warnings.join(' ')).toMatch(/names were made up.*no baseline.*no self-test/);
  });

  it('takes names and classes from the request, and refuses another number of them', async () => {
    const named = await prepare('soft', buildSoftmaxModel(), { featureNames: ['a', 'b'], classes: ['p', 'q', 'r'] });
    expect(documentOf(named.json)).toMatchObject({
      features: [{ name: 'a' }, { name: 'b' }],
      task: { kind: 'classification', classes: ['p', 'q', 'r'], label: 'label', probabilities: 'probabilities' },
    });
    expect(await prepare('soft', buildSoftmaxModel(), { featureNames: ['a'] })).toMatchObject(
      problem(422, 'manifest_invalid'),
    );
    expect(await prepare('soft', buildSoftmaxModel(), { classes: ['a'] })).toMatchObject(
      problem(422, 'manifest_invalid'),
    );
  });

  it('refuses a description that is too large to reach a device, before anybody signs it', async () => {
    const width = 3000;
    const wide = buildModel({
      name: 'wide',
      nodes: [node('MatMul', ['x', 'w'], ['y'])],
      inputs: [{ name: 'x', dtype: 'float32', shape: ['N', width] }],
      outputs: [{ name: 'y', dtype: 'float32', shape: ['N', 1] }],
      initializers: [floats('w', [width, 1], new Float32Array(width))],
    });
    const reply = await prepare('wide', wide);
    expect(reply).toMatchObject(problem(422, 'manifest_invalid'));
    expect((reply.json as { detail: string }).detail).toContain('131072');
  });

  it('reads the schema that a file carries', async () => {
    const schema = {
      features: [
        { name: 'load', kind: 'numeric', input: 'x', index: 1 },
        { name: 'heat', kind: 'numeric', input: 'x', index: 0 },
      ],
      classes: ['ok', 'worn', 'broken'],
    };
    const file = buildSoftmaxModel({ 'drover.schema': JSON.stringify(schema) });
    expect(documentOf((await prepare('soft', file)).json)).toMatchObject({
      features: schema.features,
      task: { classes: schema.classes },
    });
  });

  it.each([
    ['bytes that are no model', () => Buffer.from('hello'), 'onnx_malformed'],
    ['a truncated model', () => buildOffsetModel(1).subarray(0, 90), 'onnx_malformed'],
    ['external data', () => buildExternal(), 'onnx_external_data'],
    ['an unknown operator', () => buildBroken('Frobnicate'), 'onnx_unknown_operator'],
    ['a foreign domain', () => buildBroken('Gemm', 'com.evil'), 'onnx_unknown_domain'],
  ])('refuses %s', async (_, bytes, code) => {
    expect(await prepare('bad', bytes())).toMatchObject(problem(422, code));
    expect(await hub.ask('GET', '/api/v1/models/bad')).toMatchObject(problem(404, 'model_unknown'));
  });

  it('refuses a model that passes every check and that the runtime does not load', async () => {
    // Shapes that do not multiply: only the runtime finds out.
    const model = buildModel({
      name: 'm',
      nodes: [node('Gemm', ['x', 'w'], ['y'])],
      inputs: [{ name: 'x', dtype: 'float32', shape: ['N', 2] }],
      outputs: [{ name: 'y', dtype: 'float32', shape: ['N', 1] }],
      initializers: [floats('w', [3, 1], [1, 2, 3])],
    });
    expect(await prepare('bad', model)).toMatchObject(problem(422, 'onnx_load_failed'));
  });

  it('refuses blobs that were not uploaded and side files that are none', async () => {
    expect(await hub.ask('POST', '/api/v1/models/m/prepare', { model: '0'.repeat(64) })).toMatchObject(
      problem(404, 'artifact_unknown'),
    );
    const junk = await put(Buffer.from('{}'));
    expect(await prepare('m', buildOffsetModel(1), { baseline: junk })).toMatchObject(problem(422, 'baseline_invalid'));
    expect(await prepare('m', buildOffsetModel(1), { vectors: junk })).toMatchObject(problem(422, 'manifest_invalid'));
  });

  it('warns of vectors that the model does not answer: the device will refuse them', async () => {
    const vectors = await put(buildOffsetVectors(1, 0.5));
    const { status, json } = await prepare('m', buildOffsetModel(1), { vectors });
    expect(status).toBe(200);
    expect((json as Prepared).warnings.join(' ')).toContain('devices will refuse it');
  });
});

function buildBroken(operator: string, domain?: string): Uint8Array {
  return buildModel({
    name: 'm',
    nodes: [node(operator, ['x', 'w'], ['y'], {}, domain)],
    inputs: [{ name: 'x', dtype: 'float32', shape: ['N', 2] }],
    outputs: [{ name: 'y', dtype: 'float32', shape: ['N', 1] }],
    initializers: [floats('w', [2, 1], [1, 2])],
  });
}

/** The same with its weights in another file. */
const buildExternal = (): Uint8Array =>
  buildModel({
    name: 'm',
    nodes: [node('Gemm', ['x', 'w'], ['y'])],
    inputs: [{ name: 'x', dtype: 'float32', shape: ['N', 2] }],
    outputs: [{ name: 'y', dtype: 'float32', shape: ['N', 1] }],
    initializers: [
      {
        name: 'w',
        dims: [2, 1],
        data_type: 1,
        data_location: 1,
        external_data: [{ key: 'location', value: '/etc/passwd' }],
      },
    ],
  });

describe('a model of several chunks', () => {
  it('binds the list of their hashes, which is a blob of its own; a list that is not theirs is refused', async () => {
    const bytes = buildOffsetModel(77, 600_000);
    const { json } = await prepare('chunky', bytes);
    const manifest = documentOf(json);
    const list = chunkListOf(bytes) ?? new Uint8Array();
    expect(manifest.blobs.model).toEqual(blobRefOf(bytes));
    expect(list.length).toBe(Math.ceil(bytes.length / (256 * 1024)) * 32);
    const other = await put(Buffer.alloc(list.length, 3));
    const forged = { ...manifest, blobs: { ...manifest.blobs, model: { ...manifest.blobs.model, chunkList: other } } };
    expect(await publish('chunky', encodeDocument(forged))).toMatchObject(problem(422, 'artifact_digest_mismatch'));
    const { chunkList: _, ...bare } = manifest.blobs.model;
    // As the tools of 0.1 sign it.
    expect(
      (await publish('chunky', encodeDocument({ ...manifest, blobs: { ...manifest.blobs, model: bare } }))).status,
    ).toBe(201);
  });
});

describe('publishing', () => {
  it('registers what the release key signed, once, and lists it', async () => {
    const prepared = (await prepare('pump', buildOffsetModel(2))).json as Prepared;
    const payload = Buffer.from(prepared.payload, 'base64');
    const first = await publish('pump', payload);
    expect(first).toMatchObject({
      status: 201,
      json: { model: 'pump', version: 1, source: 'uploaded', aliases: [], runningOn: 0 },
    });
    expect(await publish('pump', payload)).toMatchObject({ status: 201, json: { version: 1 } });
    expect((await prepare('pump', buildOffsetModel(2))).json).toMatchObject({
      version: 1,
      alreadyRegistered: true,
      payload: prepared.payload,
    });
    expect(await hub.ask('GET', '/api/v1/models/pump')).toMatchObject({ json: { latest: 1, aliases: {} } });
    expect(await hub.ask('GET', '/api/v1/models/pump/versions/1')).toMatchObject({
      json: { keyids: [release.keyid], document: { model: 'pump' } },
    });
    const { manifest } = first.json as { manifest: string };
    expect(await hub.ask('GET', `/api/v1/manifests/${manifest}`)).toMatchObject({
      json: { model: 'pump', version: 1 },
    });
  });

  it('counts versions up and pages them newest first', async () => {
    for (const offset of [1, 2, 3])
      expect(await register('many', buildOffsetModel(offset))).toMatchObject({ json: { version: offset } });
    const one = await hub.ask('GET', '/api/v1/models/many/versions?limit=2');
    expect(one).toMatchObject({ json: { items: [{ version: 3 }, { version: 2 }] } });
    const { nextCursor } = one.json as { nextCursor: string };
    expect(await hub.ask('GET', `/api/v1/models/many/versions?cursor=${nextCursor}`)).toMatchObject({
      json: { items: [{ version: 1 }], nextCursor: null },
    });
  });

  it('believes only the release key, and only exact bytes', async () => {
    const payload = Buffer.from(((await prepare('trust', buildOffsetModel(4))).json as Prepared).payload, 'base64');
    expect(await publish('trust', payload, makeKey().signer)).toMatchObject(problem(422, 'signature_missing'));
    const director = openKeyFile(path.join(hub.data.keys, 'director.pem'));
    if (!director.ok) throw new Error(director.detail);
    expect(await publish('trust', payload, director.value)).toMatchObject(problem(422, 'signature_missing'));
    const { envelope } = await signAs(payload, release);
    const altered = Buffer.from(payload.toString('utf8').replace('"version":1', '"version":2')).toString('base64');
    const send = (change: object) =>
      hub.ask('POST', '/api/v1/models/trust/versions', { envelope: { ...envelope, ...change } });
    expect(await send({ payload: altered })).toMatchObject(problem(422, 'signature_invalid'));
    expect(await send({ payload: `${envelope.payload.slice(0, -4)}!!!!` })).toMatchObject(
      problem(422, 'envelope_malformed'),
    );
    expect(await send({ payloadType: PAYLOAD_TYPES.desired })).toMatchObject(problem(422, 'payload_type_mismatch'));
    expect(await hub.ask('GET', '/api/v1/models/trust')).toMatchObject(problem(404, 'model_unknown'));
  });

  it('refuses a signed manifest that does not fit: name, number, blobs, tensors', async () => {
    const base = documentOf((await prepare('fit', buildOffsetModel(5))).json);
    const signed = (change: Partial<Manifest>, name = 'fit') => publish(name, encodeDocument({ ...base, ...change }));
    expect(await signed({}, 'other')).toMatchObject(problem(422, 'manifest_invalid'));
    expect(await signed({ version: 7 })).toMatchObject(problem(409, 'version_conflict'));
    const { model } = base.blobs;
    expect(await signed({ blobs: { model: { ...model, size: model.size + 1 } } })).toMatchObject(
      problem(422, 'artifact_size_mismatch'),
    );
    expect(await signed({ blobs: { model, baseline: { sha256: 'f'.repeat(64), size: 1 } } })).toMatchObject(
      problem(404, 'artifact_unknown'),
    );
    const [x] = base.inputs;
    if (x === undefined) throw new Error('one input');
    expect(await signed({ inputs: [{ ...x, shape: ['N', 3] }] })).toMatchObject(
      problem(422, 'onnx_signature_mismatch'),
    );
    expect(await signed({})).toMatchObject({ status: 201 });
  });

  it('gives one of two that publish the same number at once, and tells the other', async () => {
    const one = documentOf((await prepare('race', buildOffsetModel(6))).json);
    const two = documentOf((await prepare('race', buildOffsetModel(7))).json);
    const replies = await Promise.all([one, two].map((document) => publish('race', encodeDocument(document))));
    expect(replies.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([201, 409]);
  });
});

describe('aliases', () => {
  it('point at versions that exist, and are not numbers or "latest"', async () => {
    await register('alias', buildOffsetModel(8));
    const point = (alias: string, version: unknown) =>
      hub.ask('PUT', `/api/v1/models/alias/aliases/${alias}`, { version });
    expect(await point('champion', 1)).toMatchObject({ status: 200, json: { aliases: { champion: 1 } } });
    expect(await hub.ask('GET', '/api/v1/models/alias/versions')).toMatchObject({
      json: { items: [{ aliases: ['champion'] }] },
    });
    expect(await point('champion', 2)).toMatchObject(problem(404, 'not_found'));
    expect(await point('latest', 1)).toMatchObject(problem(400, 'alias_reserved'));
    expect(await point('7', 1)).toMatchObject(problem(400, 'alias_reserved'));
    expect(await point('champion', '1')).toMatchObject(problem(400, 'request_invalid'));
  });
});

describe('Idempotency-Key', () => {
  const keyed = (key: string, body: unknown) =>
    hub.ask('POST', '/api/v1/models/keyed/prepare', body, { 'idempotency-key': key });

  it('gives the first answer again, and refuses the key for another request', async () => {
    const model = await put(buildOffsetModel(9));
    const first = await keyed('k1', { model });
    const again = await keyed('k1', { model });
    expect(again.status).toBe(200);
    expect(again.text).toBe(first.text);
    expect(again.headers['idempotency-replayed']).toBe('true');
    expect(await keyed('k1', { model, classes: ['a', 'b'] })).toMatchObject(problem(422, 'idempotency_conflict'));
    expect(await keyed('with space', { model })).toMatchObject(problem(400, 'request_invalid'));
  });

  it('does not keep a refusal', async () => {
    const bytes = buildOffsetModel(10);
    const model = createHash('sha256').update(bytes).digest('hex');
    expect(await keyed('k2', { model })).toMatchObject(problem(404, 'artifact_unknown'));
    await put(bytes);
    expect(await keyed('k2', { model })).toMatchObject({ status: 200 });
  });

  it('lets one of two that come at once work', async () => {
    const model = await put(buildOffsetModel(11));
    const replies = await Promise.all([keyed('k3', { model }), keyed('k3', { model })]);
    expect(replies.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([200, 409]);
  });
});
