// The local server with real models in both runtimes: named fields, the Open Inference Protocol in JSON and binary, errors.
import { mkdtempSync, rmSync } from 'node:fs';
import http from 'node:http';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { refuse } from '@drover/core/reasons';
import { openRuntime } from '@drover/infer/open';
import { decodeWindow } from '@drover/sketch/window-sketch';
import { buildTinyBundle, type TinyOptions, tinyProbability } from '@drover/testkit/tiny-bundle';
import { makeKey } from '@drover/trust/dsse';
import type { Entry, WindowEntry } from '@drover/wire/messages';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { makeClock } from '../clock.ts';
import { openLabelBook } from '../observe/labels.ts';
import { PredictionRing } from '../observe/predictions.ts';
import { DEFAULT_WINDOWS, openWindowBook } from '../observe/windows.ts';
import { makeReadings } from '../sense/readings.ts';
import { openBlobStore } from '../store/blobs.ts';
import { openDatabase } from '../store/database.ts';
import { openLabelStore } from '../store/label-store.ts';
import { loadBundle } from './bundle.ts';
import { BODY_BYTES, type LocalServer, startServer } from './http.ts';
import { type ServedModel, serveModel } from './served-model.ts';
import { makeServedSlots } from './slots.ts';

const BOOT = 'b'.repeat(32);
const release = makeKey().signer;
let dir: string;
const closing: (() => unknown)[] = [];

beforeEach(() => {
  dir = mkdtempSync(path.join(tmpdir(), 'drover-http-'));
});
afterEach(async () => {
  for (const close of closing.splice(0).toReversed()) await close();
  rmSync(dir, { recursive: true, force: true });
});

async function serve(
  runtimeName: 'native' | 'wasm' = 'native',
  options: TinyOptions = {},
  at: { socket?: string } = {},
) {
  const runtime = await openRuntime(runtimeName);
  const db = openDatabase(dir);
  if (!runtime.ok || !db.ok) throw new Error('no runtime or database');
  closing.push(() => db.value.close());
  const bundle = await buildTinyBundle(release, options);
  const blobs = openBlobStore(dir);
  for (const [sha256, bytes] of bundle.blobs) {
    const part = await blobs.openPart({ sha256, size: bytes.length });
    part.write(0, bytes);
    await part.finish();
  }
  const loaded = await loadBundle(bundle, blobs, runtime.value);
  if (!loaded.ok) throw new Error(`${loaded.code}: ${loaded.detail}`);
  const sent: WindowEntry[] = [];
  const outbox = { append: ({ body }: Entry) => void (body.kind === 'window' && sent.push(body)) };
  const clock = makeClock();
  const ring = new PredictionRing();
  const labels = openLabelBook({ clock, bootId: BOOT, ring, outbox, store: openLabelStore(db.value) });
  const { layout } = loaded.value.predictor ?? {};
  if (layout) labels.register(bundle.digest, layout.answer, loaded.value.reference?.prefix);
  const windows = openWindowBook({ clock, bootId: BOOT, outbox, policy: DEFAULT_WINDOWS });
  const stream = windows.open('default', 'active', bundle.digest, loaded.value.reference);
  const model: ServedModel = serveModel(loaded.value, stream, { bootId: BOOT, ring, mono: clock.mono });
  const served = makeServedSlots();
  served.put('default', model);
  const readings = makeReadings({
    served,
    labels,
    mono: clock.mono,
    labelColumn: undefined,
    labelDelayMs: 0,
    onFirstRefusal: () => undefined,
  });
  const replay = async () => refuse('decision_unknown', 'no log here');
  const listenAt = at.socket === undefined ? { host: '127.0.0.1', port: 0 } : { socket: at.socket };
  const server = await startServer(listenAt, { served, labels, readings, replay, status: () => ({ fine: true }) });
  if (!server.ok) throw new Error(server.detail);
  closing.push(() => server.value.close());
  const window = () => {
    stream.close('shutdown');
    const entry = sent.at(-1);
    const sketch = entry && decodeWindow(entry.stats, loaded.value.reference);
    if (!sketch?.ok) throw new Error('no window');
    return { entry, sketch: sketch.value };
  };
  return { server: server.value, window, labels, bundle, listenAt };
}

async function ask(
  server: LocalServer,
  method: string,
  where: string,
  body?: unknown,
  headers: Record<string, string> = {},
) {
  const given = body instanceof Uint8Array ? Buffer.from(body) : body === undefined ? undefined : JSON.stringify(body);
  const response = await fetch(`http://127.0.0.1:${server.port}${where}`, {
    method,
    headers,
    ...(given !== undefined && { body: given }),
  });
  const bytes = Buffer.from(await response.arrayBuffer());
  const headerLength = response.headers.get('inference-header-content-length');
  const json: unknown = JSON.parse(
    bytes.subarray(0, headerLength === null ? undefined : Number(headerLength)).toString(),
  );
  return { status: response.status, json: json as Record<string, unknown>, bytes, headerLength };
}

const ROWS = [[1, 0.5, 'day'], [-2, 1, 'night'], [Number.NaN, 3, 'day']] as const; // biome-ignore format: rows
const P = ROWS.map(([load, heat, shift]) => tinyProbability(load, heat, shift));
const jsonInputs = [
  { name: 'x', shape: [3, 2], datatype: 'FP32', data: [[1, 0.5], [-2, 1], [null, 3]] },
  { name: 'c', shape: [3, 1], datatype: 'BYTES', data: ['day', 'night', 'day'] },
]; // biome-ignore format: tensors

function binaryBody(): { body: Buffer; headerLength: string } {
  const x = Buffer.from(Float32Array.from(ROWS.flatMap(([load, heat]) => [load, heat])).buffer);
  const c = Buffer.concat(
    ROWS.map(([, , shift]) => Buffer.concat([Buffer.from([shift.length, 0, 0, 0]), Buffer.from(shift)])),
  );
  const json = Buffer.from(
    JSON.stringify({
      id: 'q1',
      parameters: { binary_data_output: true },
      inputs: [
        { name: 'x', shape: [3, 2], datatype: 'FP32', parameters: { binary_data_size: x.length } },
        { name: 'c', shape: [3, 1], datatype: 'BYTES', parameters: { binary_data_size: c.length } },
      ],
      outputs: [{ name: 'probabilities' }, { name: 'label', parameters: { binary_data: false } }],
    }),
  );
  return { body: Buffer.concat([json, x, c]), headerLength: String(json.length) };
}

describe.each(['native', 'wasm'] as const)('the Open Inference Protocol on %s', (runtime) => {
  it('answers JSON and binary alike, and counts every row', async () => {
    const { server, window } = await serve(runtime);
    const json = await ask(server, 'POST', '/v2/models/default/infer', { id: 'q0', inputs: jsonInputs });
    expect(json).toMatchObject({
      status: 200,
      json: { id: 'q0', model_name: 'default', model_version: '1', parameters: { prediction_id: `${BOOT}-1` } },
    });
    const outputs = json.json['outputs'] as { name: string; shape: number[]; datatype: string; data: number[] }[];
    expect(outputs.map(({ name, shape, datatype }) => [name, shape, datatype])).toEqual([['label', [3], 'INT64'], ['probabilities', [3, 2], 'FP32']]); // biome-ignore format: rows
    P.forEach((p, row) => expect(outputs[1]?.data[row * 2 + 1]).toBeCloseTo(p, 6));
    expect(outputs[0]?.data).toEqual(P.map((p) => (p > 0.5 ? 1 : 0)));

    const { body, headerLength } = binaryBody();
    const binary = await ask(server, 'POST', '/v2/models/default/versions/1/infer', body, {
      'inference-header-content-length': headerLength,
    });
    expect(binary).toMatchObject({
      status: 200,
      json: { id: 'q1', outputs: [{ name: 'probabilities', parameters: { binary_data_size: 24 } }, { name: 'label' }] },
    });
    const floats = new Float32Array(new Uint8Array(binary.bytes.subarray(Number(binary.headerLength))).buffer);
    P.forEach((p, row) => expect(floats[row * 2 + 1]).toBeCloseTo(p, 6));

    const { entry, sketch } = window();
    expect(entry).toMatchObject({ rows: 6, errors: 0 });
    // Baseline order: heat, load. One load of three was missing.
    expect(sketch.numeric.map((one) => one.validity.missing)).toEqual([0, 2]);
    expect(sketch.latency.total).toBe(6);
  });

  it('answers named fields like the formula, one after another and at once', async () => {
    const { server, window, labels } = await serve(runtime);
    const answers = await Promise.all(
      Array.from({ length: 20 }, async (_, n) => {
        const fields = { load: n / 10 - 1, heat: 0.3, shift: n % 2 === 0 ? 'day' : 'night' };
        const { status, json } = await ask(server, 'POST', '/v1/predict/default', { fields });
        expect(status).toBe(200);
        expect((json['probabilities'] as Record<string, number>)['fault']).toBeCloseTo(
          tinyProbability(fields.load, 0.3, n % 2 === 0 ? 'day' : 'night'),
          6,
        );
        return json;
      }),
    );
    expect(answers[0]).toMatchObject({ slot: 'default', model: 'tiny', version: 1 });
    expect(labels.join(String(answers[3]?.['predictionId']), 'ok')).toBeUndefined();
    expect(window().entry).toMatchObject({ rows: 20 });
  });
});

describe('the local server', () => {
  it('says what it serves', async () => {
    const { server } = await serve();
    expect((await ask(server, 'GET', '/v2')).json).toMatchObject({
      name: 'drover-agent',
      extensions: ['binary_tensor_data'],
    });
    expect((await ask(server, 'GET', '/v2/health/live')).json).toEqual({ live: true });
    expect((await ask(server, 'GET', '/v2/health/ready')).json).toEqual({ ready: true });
    expect((await ask(server, 'GET', '/v2/models/default')).json).toMatchObject({
      name: 'default', versions: ['1'], inputs: [{ name: 'x', datatype: 'FP32', shape: [-1, 2] }, { name: 'c', datatype: 'BYTES' }],
    }); // biome-ignore format: tensors
    expect(await ask(server, 'GET', '/v2/models/default/versions/active/ready')).toMatchObject({
      status: 200,
      json: { ready: true },
    });
    expect(await ask(server, 'GET', '/v2/models/none/ready')).toMatchObject({ status: 404, json: { ready: false } });
    expect((await ask(server, 'GET', '/v1/status')).json).toEqual({ fine: true });
  });

  it('refuses bad requests by code, with a sentence, and keeps serving', async () => {
    const { server, window } = await serve();
    const [x, c] = jsonInputs;
    const right = { load: 1, heat: 1, shift: 'day' };
    const infer = '/v2/models/default/infer';
    const cases: [string, string, unknown, number, string][] = [
      ['POST', '/v1/predict/default', { fields: { load: 1, heat: 1 } }, 400, 'input_missing'],
      ['POST', '/v1/predict/default', { fields: { ...right, wind: 1 } }, 400, 'input_extra'],
      ['POST', '/v1/predict/default', { fields: { ...right, load: 'NaN' } }, 400, 'input_type'],
      ['POST', '/v1/predict/default', { rows: [] }, 400, 'agent_request_invalid'],
      ['POST', '/v1/predict/other', { fields: right }, 404, 'slot_empty'],
      ['POST', infer, { inputs: [x] }, 400, 'input_missing'],
      ['POST', infer, { inputs: [x, c, { ...x, name: 'z' }] }, 400, 'input_extra'],
      ['POST', infer, { inputs: [{ ...x, shape: [3, 3] }, c] }, 400, 'input_shape'],
      ['POST', infer, { inputs: [{ ...x, shape: [1e9, 1e9] }, c] }, 400, 'input_shape'],
      ['POST', infer, { inputs: [{ ...x, datatype: 'FP16' }, c] }, 400, 'input_type'],
      ['POST', infer, { inputs: [{ ...x, data: ['a', 1, 1, 1, 1, 1] }, c] }, 400, 'input_type'],
      ['POST', infer, { inputs: [{ ...x, shape: [2, 2], data: [1, 2, 3, 4] }, c] }, 400, 'input_shape'],
      ['POST', infer, { inputs: jsonInputs, outputs: [{ name: 'nope' }] }, 400, 'agent_request_invalid'],
      ['POST', infer, [], 400, 'agent_request_invalid'],
      ['POST', '/v2/models/default/versions/9/infer', { inputs: jsonInputs }, 404, 'agent_not_found'],
      ['POST', '/v1/labels', { a: 1 }, 400, 'agent_request_invalid'],
      ['GET', '/nowhere', undefined, 404, 'agent_not_found'],
      ['GET', '//', undefined, 404, 'agent_not_found'],
      ['GET', '//[::1', undefined, 404, 'agent_not_found'],
      ['GET', '/v2/models/%zz', undefined, 404, 'slot_empty'],
      ['DELETE', '/v1/status', undefined, 404, 'agent_not_found'],
    ];
    for (const [method, where, body, status, code] of cases) {
      const answer = await ask(server, method, where, body);
      expect([where, body, answer.status, answer.json]).toMatchObject([
        where,
        body,
        status,
        { code, error: expect.stringMatching(/\w\./) },
      ]);
    }
    const depth = 100_000;
    const deep = `{"inputs":[{"name":"x","shape":[1,2],"datatype":"FP32","data":${'['.repeat(depth)}${']'.repeat(depth)}}]}`;
    expect(await ask(server, 'POST', infer, Buffer.from(deep))).toMatchObject({
      status: 400,
      json: { code: 'input_shape' },
    });
    const { body } = binaryBody();
    for (const length of ['-1', 'x', '999999', '10']) {
      expect((await ask(server, 'POST', infer, body, { 'inference-header-content-length': length })).status).toBe(400);
    }
    expect((await ask(server, 'POST', '/v1/predict/default', { fields: right })).status).toBe(200);
    expect(window().entry?.errors).toBeGreaterThan(5);
  });

  it('takes pushed readings and late labels', async () => {
    const { server, window } = await serve();
    const pushed = await ask(server, 'POST', '/v1/readings/default', [
      { load: '1.5', heat: 'hot', shift: 'day', extra: 1 },
      7,
    ]);
    expect(pushed).toMatchObject({
      status: 200,
      json: { predictionIds: [`${BOOT}-1`, null], refused: [{ index: 1, code: 'reading_unreadable' }] },
    });
    const labels = [
      { predictionId: `${BOOT}-1`, truth: 'fault' },
      { predictionId: `${BOOT}-7`, truth: 'ok' },
      { truth: 1 },
    ];
    expect((await ask(server, 'POST', '/v1/labels', labels)).json).toMatchObject({
      joined: 1, refused: [{ index: 1, code: 'label_unknown' }, { index: 2, code: 'agent_request_invalid' }],
    }); // biome-ignore format: refusals
    expect(window().sketch.numeric.map((one) => one.validity.wrongType)).toEqual([1, 0]);
  });

  it('serves a model that has no baseline', async () => {
    const { server, window } = await serve('native', { withBaseline: false });
    await ask(server, 'POST', '/v1/predict/default', { fields: { load: 1, heat: 1, shift: 'day' } });
    expect(window()).toMatchObject({ entry: { rows: 1 } });
  });

  it('refuses a body beyond the limit before it is read, and pages of other origins', async () => {
    const { server } = await serve();
    const status = await new Promise((resolve, reject) => {
      const headers = { 'content-length': String(BODY_BYTES + 1) };
      const request = http.request({ port: server.port, method: 'POST', path: '/v1/labels', headers }, (response) =>
        resolve(response.statusCode),
      );
      request.on('error', reject).flushHeaders();
    });
    expect(status).toBe(413);
    expect((await ask(server, 'GET', '/v2', undefined, { origin: 'https://evil.example' })).status).toBe(400);
    const rebound = await new Promise((resolve, reject) => {
      http
        .get({ port: server.port, path: '/v2', headers: { host: 'evil.example' } }, (response) =>
          resolve(response.statusCode),
        )
        .on('error', reject);
    });
    expect(rebound).toBe(400);
  });

  it('listens on a Unix socket, and says when the address is taken', async () => {
    const socket = path.join(dir, 'agent.sock');
    const first = await serve('native', {}, { socket });
    const status = await new Promise((resolve, reject) => {
      http
        .get({ socketPath: socket, path: '/v2/health/live' }, (response) => resolve(response.statusCode))
        .on('error', reject);
    });
    expect(status).toBe(200);
    const second = await startServer(first.listenAt, {
      served: makeServedSlots(),
      labels: first.labels,
      readings: undefined as never,
      replay: undefined as never,
      status: () => ({}),
    });
    expect(second).toMatchObject({ ok: false, code: 'agent_port_taken' });
  });
});

describe.each(['native', 'wasm'] as const)('rules on %s', (runtime) => {
  const fields = (load: number, heat: number) => ({ fields: { load, heat, shift: 'day' } });

  it('put the fallback in the place of an answer that may not stand, and count the row all the same', async () => {
    const rules = {
      limits: { action: 'abstain' as const, fields: [{ field: 'heat', high: 10 }] },
      confidence: { action: 'abstain' as const, least: 0.9 },
      novelty: { action: 'flag' as const, share: 0 as const },
      fallback: { label: 'fault' },
    };
    const { server, window } = await serve(runtime, { rules });
    const predict = async (load: number, heat: number) =>
      (await ask(server, 'POST', '/v1/predict/default', fields(load, heat))).json;
    expect(await predict(-2, 1)).toMatchObject({ label: 'ok', answeredBy: 'model', model: 'tiny', version: 1 });
    const unsure = await predict(0, 0);
    expect(unsure).toMatchObject({ label: 'fault', answeredBy: 'rule', reason: 'answer_unsure' });
    expect(unsure).not.toHaveProperty('probabilities');
    expect(await predict(-2, 11)).toMatchObject({ answeredBy: 'rule', reason: 'answer_beyond_limit', detail: 'heat' });
    const novel = await predict(-1e6, -1e6);
    expect(novel).toMatchObject({ label: 'ok', answeredBy: 'model', reason: 'answer_novel' });
    expect(window().sketch.rowCount).toBe(4);
  });

  it('say nothing for the model where there is no fallback', async () => {
    const { server } = await serve(runtime, { rules: { confidence: { action: 'abstain', least: 0.9 } } });
    const { status, json } = await ask(server, 'POST', '/v1/predict/default', fields(0, 0));
    expect(status).toBe(200);
    expect(json).toMatchObject({ answeredBy: 'none', reason: 'answer_unsure', detail: 'probability 0.500' });
    expect(Object.keys(json)).not.toContain('label');
  });

  it('leave a model alone for a while that was too slow three times in a row, and a wrong request wrong', async () => {
    const rules = { latency: { action: 'abstain' as const, mostMs: 1e-9 }, fallback: { label: 'ok' } };
    const { server, window } = await serve(runtime, { rules });
    for (let i = 0; i < 8; i++) {
      const { json } = await ask(server, 'POST', '/v1/predict/default', fields(i, 0));
      expect(json).toMatchObject({
        answeredBy: 'rule',
        label: 'ok',
        reason: 'answer_late',
        predictionId: `${BOOT}-${i + 1}`,
      });
    }
    expect((await ask(server, 'POST', '/v1/predict/default', { fields: { load: 1 } })).status).toBe(400);
    expect(window().sketch.rowCount).toBe(3);
  });
});
