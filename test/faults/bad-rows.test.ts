// What local clients may send to an agent: rows with missing, extra and wrong fields are refused by code, anything else by
// some code, and the agent answers the next good row as if nothing had been.
import path from 'node:path';
import { isReasonCode } from '@drover/core/reasons';
import {
  type AgentProgram,
  deploy,
  type HubProgram,
  joinAgent,
  predict,
  registerModel,
  remove,
  runAgent,
  scratch,
  startHub,
} from '@drover/testkit/fleet';
import { buildPipelineModel } from '@drover/testkit/models';
import { askOffset, readStatus, registerOffset } from '@drover/testkit/offset';
import { killAll } from '@drover/testkit/program';
import { until } from '@drover/testkit/until';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const dir = scratch('rows');
const SEED = 20_260_101;
let hub: HubProgram;
let agent: AgentProgram;

beforeAll(async () => {
  hub = await startHub(path.join(dir, 'hub'), [], { DROVER_HUB_PROBATION_SECONDS: '0' });
  await joinAgent(hub, path.join(dir, 'press-1'), 'press-1');
  agent = await runAgent(path.join(dir, 'press-1'));
  const offset = await registerOffset(hub, 100);
  expect(await deploy(hub, 'offset', offset.version, ['press-1'])).toMatchObject([{ state: 'committed' }]);
  const mixed = await registerModel(hub, 'mixed', {
    model: buildPipelineModel(),
    featureNames: ['speed', 'load', 'colour'],
    classes: ['low', 'high'],
  });
  const rollout = { model: 'mixed', version: mixed.version, devices: ['press-1'], slot: 'mixed' };
  await hub.post('/api/v1/rollouts', rollout);
  await until('the second slot', async () =>
    (await readStatus(agent)).slots.some(({ slot, version }) => slot === 'mixed' && version === mixed.version),
  );
});

afterAll(async () => {
  await killAll();
  remove(dir);
});

async function expectAlive(): Promise<void> {
  expect(await askOffset(agent)).toBe(100);
  expect(agent.exit()).toBeUndefined();
}

async function send(
  method: string,
  route: string,
  body: Uint8Array | string | undefined,
  headers: Record<string, string>,
): Promise<{ status: number; text: string }> {
  const response = await fetch(`${agent.httpUrl}${route}`, {
    method,
    headers,
    ...(body !== undefined && { body }),
    signal: AbortSignal.timeout(10_000),
  } as RequestInit);
  return { status: response.status, text: await response.text() };
}

const JSON_HEADERS = { 'content-type': 'application/json' };

describe('a row by named fields', () => {
  it.each([
    ['a missing field', { a: 1 }, 'input_missing'],
    ['no field at all', {}, 'input_missing'],
    ['an extra field', { a: 1, b: 2, c: 3 }, 'input_extra'],
    ['text for a number', { a: 'one', b: 2 }, 'input_type'],
    ['digits in quotes', { a: '1', b: 2 }, 'input_type'],
    ['a truth value', { a: true, b: 2 }, 'input_type'],
    ['a list', { a: [1], b: 2 }, 'input_type'],
    ['an object', { a: {}, b: 2 }, 'input_type'],
  ])('with %s is refused', async (_, fields, code) => {
    expect(await predict(agent, fields)).toMatchObject({ status: 400, body: { code } });
    await expectAlive();
  });

  it('with names of the language itself is refused like any other extra field', async () => {
    for (const name of ['__proto__', 'constructor', 'toString']) {
      const answer = await send('POST', '/v1/predict/default', `{"fields":{"a":1,"b":2,"${name}":3}}`, JSON_HEADERS);
      expect(JSON.parse(answer.text), name).toMatchObject({ code: 'input_extra' });
      const instead = await send('POST', '/v1/predict/default', `{"fields":{"a":1,"${name}":3}}`, JSON_HEADERS);
      expect(JSON.parse(instead.text), name).toMatchObject({ code: 'input_missing' });
    }
    await expectAlive();
  });

  it('with missing values (null) is answered where the model takes them, and text where it takes text', async () => {
    expect(await predict(agent, { speed: null, load: null, colour: 'red' }, 'mixed')).toMatchObject({ status: 200 });
    expect(await predict(agent, { speed: 1, load: 2, colour: null }, 'mixed')).toMatchObject({ status: 200 });
    expect(await predict(agent, { speed: 1, load: 2, colour: 5 }, 'mixed')).toMatchObject({
      body: { code: 'input_type' },
    });
    expect(await predict(agent, { speed: 1, load: 2 }, 'mixed')).toMatchObject({ body: { code: 'input_missing' } });
    await expectAlive();
  });

  it('for a slot that does not exist is refused', async () => {
    expect(await predict(agent, { a: 1, b: 2 }, 'nothing')).toMatchObject({
      status: 404,
      body: { code: 'slot_empty' },
    });
  });
});

describe('a tensor over the Open Inference Protocol', () => {
  const infer = (inputs: unknown, slot = 'default') =>
    send('POST', `/v2/models/${slot}/infer`, JSON.stringify({ inputs }), JSON_HEADERS);
  const x = { name: 'x', datatype: 'FP32', shape: [1, 2], data: [1, 1] };
  it.each([
    ['no input', [], 'input_missing'],
    ['another name', [{ ...x, name: 'z' }], /input_(extra|missing)/],
    ['an input too many', [x, { ...x, name: 'z' }], 'input_extra'],
    ['another type', [{ ...x, datatype: 'INT64' }], 'input_type'],
    ['text in the data', [{ ...x, data: ['a', 'b'] }], 'input_type'],
    ['a type that does not exist', [{ ...x, datatype: 'FP128' }], /input_type|agent_request_invalid/],
    ['another width', [{ ...x, shape: [1, 3], data: [1, 1, 1] }], 'input_shape'],
    ['fewer numbers than the shape says', [{ ...x, data: [1] }], 'input_shape'],
    ['more numbers than the shape says', [{ ...x, data: [1, 1, 1] }], 'input_shape'],
    ['a negative shape', [{ ...x, shape: [-1, 2] }], /input_shape|agent_request_invalid/],
    [
      'a shape that would be terabytes',
      [{ ...x, shape: [2 ** 40, 2] }],
      /input_shape|agent_request_(invalid|too_large)/,
    ],
  ])('with %s is refused', async (_, inputs, code) => {
    const answer = await infer(inputs);
    expect(answer.status).toBe(400);
    expect((JSON.parse(answer.text) as { code: string }).code).toMatch(code);
    await expectAlive();
  });
});

describe('anything else', () => {
  /** 2xx with an answer, or 4xx with a known code: never 5xx, never silence. */
  async function expectAnswered({ status, text }: { status: number; text: string }): Promise<void> {
    expect(status, text).toBeLessThan(500);
    if (status < 400) return;
    // One refusal, or a list with one for each reading.
    const body = JSON.parse(text) as { code?: string; refused?: { code: string }[] };
    const codes = body.code === undefined ? (body.refused ?? []).map(({ code }) => code) : [body.code];
    expect(codes.length, text).toBeGreaterThan(0);
    for (const code of codes) expect(isReasonCode(code), text).toBe(true);
  }

  const routes = fc.constantFrom(
    '/v1/predict/default', '/v1/predict/mixed', '/v1/readings/default', '/v1/readings/mixed', '/v1/labels',
    '/v2/models/default/infer', '/v2/models/mixed/infer', '/v2/models/default/versions/1/infer', '/v1/%ff', '/v2/models/%00/infer',
  ); // biome-ignore format: one list
  const wrapped = fc.oneof(
    fc.jsonValue(),
    fc.record({
      fields: fc.dictionary(fc.constantFrom('a', 'b', 'speed', 'load', 'colour', '__proto__', 'x'), fc.jsonValue()),
    }),
    fc.record({
      inputs: fc.array(
        fc.record(
          {
            name: fc.constantFrom('x', 'c', 'z', ''),
            datatype: fc.constantFrom('FP32', 'BYTES', 'INT64', 'BOOL', 'FP16', 'nothing'),
            shape: fc.array(fc.oneof(fc.integer({ min: -2, max: 4 }), fc.constant(2 ** 31)), { maxLength: 4 }),
            data: fc.oneof(
              fc.array(fc.oneof(fc.double(), fc.string(), fc.boolean()), { maxLength: 8 }),
              fc.jsonValue(),
            ),
            parameters: fc.record({ binary_data_size: fc.oneof(fc.integer(), fc.string()) }),
          },
          { requiredKeys: [] },
        ),
        { maxLength: 3 },
      ),
    }),
  );

  it('in JSON is answered, and the next good row too', async () => {
    await fc.assert(
      fc.asyncProperty(routes, wrapped, async (route, value) => {
        await expectAnswered(await send('POST', route, JSON.stringify(value), JSON_HEADERS));
      }),
      { seed: SEED, numRuns: 400 },
    );
    await expectAlive();
  });

  it('in bytes, with and without the binary extension, is answered', async () => {
    const lengths = fc.constantFrom('0', '1', '7', '-1', '1e9', '99999999999', 'x', '');
    await fc.assert(
      fc.asyncProperty(
        routes,
        fc.uint8Array({ minLength: 1, maxLength: 2000 }),
        lengths,
        async (route, bytes, length) => {
          const headers = {
            'content-type': 'application/octet-stream',
            ...(length !== '' && { 'inference-header-content-length': length }),
          };
          await expectAnswered(await send('POST', route, bytes, headers));
        },
      ),
      { seed: SEED, numRuns: 300 },
    );
    await expectAlive();
  });

  it('as an announced or sent body of 40 MB is refused', async () => {
    const answer = await send('POST', '/v2/models/default/infer', Buffer.alloc(40 * 1024 * 1024), JSON_HEADERS).catch(
      () => undefined,
    );
    // A server that closes while the client still writes may be seen as a broken connection.
    if (answer) expect(answer.status).toBe(413);
    await expectAlive();
  });

  it('has not been counted as predictions', async () => {
    const { refused } = (await readStatus(agent)).readings;
    expect(Object.keys(refused).every((code) => isReasonCode(code))).toBe(true);
    expect(agent.output()).not.toContain('UnhandledPromiseRejection');
  });
});
