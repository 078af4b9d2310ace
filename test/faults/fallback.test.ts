// A real agent whose model fails: the model before answers, then the rule of the bundle, each with its reason, while no hub can
// be reached; and the hub learns of it when it is back. What another answered is in the decision log like the rest.
import path from 'node:path';
import {
  type AgentProgram,
  deploy,
  device,
  type HubProgram,
  joinAgent,
  registerModel,
  remove,
  runAgent,
  samePorts,
  scratch,
  startHub,
} from '@drover/testkit/fleet';
import { readStatus, registerOffset } from '@drover/testkit/offset';
import { ENTRY, killAll, start } from '@drover/testkit/program';
import { until } from '@drover/testkit/until';
import { buildFragileModel, buildOffsetModel } from '@drover/testkit/versions';
import { digestOf } from '@drover/trust/dsse';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const dir = scratch('fallback');
const data = path.join(dir, 'press-1');
const env = { DROVER_HUB_PROBATION_SECONDS: '0' };
let hub: HubProgram;
let agent: AgentProgram;

async function predict(a: number, b: number): Promise<Record<string, unknown>> {
  const response = await fetch(`${agent.httpUrl}/v1/predict/default`, {
    method: 'POST',
    body: JSON.stringify({ fields: { a, b } }),
  });
  return { status: response.status, ...((await response.json()) as Record<string, unknown>) };
}

async function replay(predictionId: unknown) {
  const program = start(ENTRY.cli, ['replay', String(predictionId), '--data', data, '--json']);
  await program.waitForExit();
  return JSON.parse(program.output()) as Record<string, unknown>;
}

beforeAll(async () => {
  hub = await startHub(path.join(dir, 'hub'), [], env);
  await joinAgent(hub, data, 'press-1');
  agent = await runAgent(data);
  await registerOffset(hub, 100);
  const vectors = Buffer.from(
    JSON.stringify({ type: 'drover.vectors/1', tolerance: 1e-4, x: [[1, 1]], expected: [[203]] }),
  );
  await registerModel(hub, 'offset', {
    model: buildFragileModel(200), vectors, featureNames: ['a', 'b'],
    rules: { limits: { action: 'abstain', fields: [{ field: 'b', high: 50 }, { field: 'a', low: -10 }] }, fallback: { value: -1 } },
  }); // biome-ignore format: one record
  for (const version of [1, 2])
    expect(await deploy(hub, 'offset', version, ['press-1'])).toMatchObject([{ state: 'committed' }]);
  await hub.kill();
});

afterAll(async () => {
  await killAll();
  remove(dir);
});

describe('a model that fails', () => {
  it('is stood in for by the one before, then by the rule, offline, and the hub learns why', {
    timeout: 180_000,
  }, async () => {
    const own = await predict(1, 1);
    expect(own).toMatchObject({ status: 200, answeredBy: 'model', version: 2 });
    expect(own['value']).toBeCloseTo(203, 4);
    expect(own).not.toHaveProperty('reason');

    const previous = await predict(5000, 1);
    expect(previous).toMatchObject({ answeredBy: 'previous', version: 1, value: 5102, reason: 'run_failed' });
    const labels = [{ predictionId: previous['predictionId'], truth: 5000 }];
    const joined = await fetch(`${agent.httpUrl}/v1/labels`, { method: 'POST', body: JSON.stringify(labels) });
    expect(await joined.json()).toEqual({ joined: 1, refused: [] });
    expect(await predict(7, -2)).toMatchObject({ answeredBy: 'previous', value: 103, reason: 'answer_not_number' });
    expect(await predict(3, 60)).toMatchObject({
      answeredBy: 'rule', version: 2, value: -1, reason: 'answer_beyond_limit', detail: 'b',
    }); // biome-ignore format: one record
    // A wrong request stays one.
    const wrong = await fetch(`${agent.httpUrl}/v1/predict/default`, { method: 'POST', body: '{"fields": {"a": 1}}' });
    expect(wrong.status).toBe(400);

    expect(await replay(previous['predictionId'])).toMatchObject({
      verdict: 'matches', answeredBy: 'previous', reason: 'run_failed', version: 1, compared: 1,
    }); // biome-ignore format: one record

    // The model before is lost from the disk: nothing but the rule is left.
    await agent.stop();
    const before = digestOf(buildOffsetModel(100));
    remove(path.join(data, 'blobs/sha256', before.slice(0, 2), before));
    agent = await runAgent(data);
    await until('the model to serve', async () => (await readStatus(agent)).slots.some(({ running }) => running));
    const rule = await predict(5000, 1);
    expect(rule).toMatchObject({ status: 200, answeredBy: 'rule', version: 2, value: -1, reason: 'run_failed' });
    expect(await replay(rule['predictionId'])).toMatchObject({ verdict: 'cannot', code: 'replay_impossible' });
    expect(await predict(2, 2)).toMatchObject({ answeredBy: 'model' });

    hub = await startHub(path.join(dir, 'hub'), samePorts(hub), env);
    const health = await until('the reasons at the hub', async () => {
      const found = (await device(hub, 'press-1')).health;
      return found?.answerReasons?.length ? found : undefined;
    });
    expect(health.answerReasons).toEqual([{ code: 'run_failed', count: 1 }]);
  });
});
