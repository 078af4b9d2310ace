// The decision log of a real agent: what it answered comes out again bit for bit, from the running agent, beside a dead one
// and after kill -9 in the middle of predictions; other bits and a model that is gone are said.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { type AgentProgram, deploy, joinAgent, remove, runAgent, scratch, startHub } from '@drover/testkit/fleet';
import { readStatus, registerOffset } from '@drover/testkit/offset';
import { ENTRY, killAll, start } from '@drover/testkit/program';
import { until } from '@drover/testkit/until';
import Database from 'better-sqlite3';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const dir = scratch('decisions');
const data = path.join(dir, 'press-1');
let agent: AgentProgram;

async function predict(a: number, b: number): Promise<{ predictionId: string; value: number }> {
  const response = await fetch(`${agent.httpUrl}/v1/predict/default`, {
    method: 'POST',
    body: JSON.stringify({ fields: { a, b } }),
  });
  expect(response.status).toBe(200);
  return (await response.json()) as { predictionId: string; value: number };
}

async function replay(predictionId: string, more: readonly string[] = []) {
  const program = start(ENTRY.cli, ['replay', predictionId, '--data', data, '--json', ...more]);
  const exit = await program.waitForExit();
  return { exit, json: JSON.parse(program.output()) as Record<string, unknown> };
}

const restart = async (flags: readonly string[] = []): Promise<void> => {
  agent = await runAgent(data, flags);
  await until('the model to serve', async () => (await readStatus(agent)).slots.some(({ running }) => running));
};

beforeAll(async () => {
  const hub = await startHub(path.join(dir, 'hub'), [], { DROVER_HUB_PROBATION_SECONDS: '0' });
  await joinAgent(hub, data, 'press-1');
  agent = await runAgent(data);
  const { version } = await registerOffset(hub, 100);
  expect(await deploy(hub, 'offset', version, ['press-1'])).toMatchObject([{ state: 'committed' }]);
  // Everything below is offline.
  await hub.kill();
});

afterAll(async () => {
  await killAll();
  remove(dir);
});

describe('the decision log', () => {
  it('replays a prediction bit for bit beside the agent and without it', { timeout: 120_000 }, async () => {
    const { predictionId, value } = await predict(0.1, -7.3);
    const live = await replay(predictionId);
    expect(live).toMatchObject({
      exit: 0,
      json: { verdict: 'matches', compared: 1, model: 'offset', version: 1, runtime: { same: true }, differences: [] },
    });
    expect(JSON.stringify(live.json)).not.toContain(String(value));

    const response = await fetch(`${agent.httpUrl}/v2/models/default/infer`, {
      method: 'POST',
      body: JSON.stringify({ inputs: [{ name: 'x', datatype: 'FP32', shape: [3, 2], data: [1, 2, 3, 4, 5, 0.1] }] }),
    });
    const { parameters } = (await response.json()) as { parameters: { prediction_id: string } };
    const [boot, first] = parameters.prediction_id.split('-');
    expect(await replay(`${boot}-${Number(first) + 2}`)).toMatchObject({ exit: 0, json: { compared: 3 } });

    expect(await replay(`${'f'.repeat(32)}-1`)).toMatchObject({ exit: 6, json: { code: 'decision_unknown' } });
    await agent.stop();
    expect(await replay(predictionId)).toMatchObject({ exit: 0, json: { verdict: 'matches', compared: 1 } });
    await restart();
  });

  it('survives kill -9 whole, but for the last second', { timeout: 120_000 }, async () => {
    const early: string[] = [];
    for (let i = 0; i < 50; i++) early.push((await predict(i, i / 3)).predictionId);
    // A replay writes what is gathered: from here on a kill cannot take these.
    expect(await replay(early[0] ?? '')).toMatchObject({ exit: 0 });
    const late: string[] = [];
    let isOver = false;
    const load = (async () => {
      while (!isOver) {
        const one = await predict(late.length, 1).catch(() => undefined);
        if (one) late.push(one.predictionId);
      }
    })();
    await until('load', () => late.length > 200);
    await agent.kill();
    isOver = true;
    await load;

    const db = new Database(path.join(data, 'db/decisions.db'), { readonly: true });
    expect(db.pragma('integrity_check', { simple: true })).toBe('ok');
    db.close();
    expect(await replay(early.at(-1) ?? '')).toMatchObject({ exit: 0, json: { verdict: 'matches' } });
    await restart();
    // The agent that came after is asked for predictions of the one that was killed.
    expect(await replay(early[10] ?? '')).toMatchObject({ exit: 0, json: { verdict: 'matches' } });
    const lost = await replay(late.at(-1) ?? '');
    expect([0, 6]).toContain(lost.exit);
  });

  it('says what differs when the log says another answer, and why it cannot tell', { timeout: 120_000 }, async () => {
    const { predictionId, value } = await predict(0.123, 0.777);
    await agent.stop();
    const file = path.join(data, 'db/decisions.db');
    const bytes = readFileSync(file);
    const was = Buffer.alloc(8);
    was.writeDoubleLE(value);
    const forged = Buffer.alloc(8);
    forged.writeDoubleLE(value + 1);
    const at = bytes.lastIndexOf(was);
    expect(at).toBeGreaterThan(0);
    forged.copy(bytes, at);
    writeFileSync(file, bytes);
    const differs = { output: 'value[0]', recorded: String(value + 1), replayed: String(value) };
    expect(await replay(predictionId)).toMatchObject({ exit: 1, json: { verdict: 'differs', differences: [differs] } });

    await restart(['--decisions', 'digests']);
    const digest = (await predict(3, 4)).predictionId;
    expect(await replay(digest)).toMatchObject({ exit: 1, json: { verdict: 'cannot', code: 'decision_input_absent' } });
    await agent.stop();

    for (const folder of readdirSync(path.join(data, 'blobs/sha256'))) remove(path.join(data, 'blobs/sha256', folder));
    expect(await replay(predictionId)).toMatchObject({
      exit: 1,
      json: { verdict: 'cannot', code: 'artifact_size_mismatch' },
    });
  });
});
