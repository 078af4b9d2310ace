// The whole agent in this process against a broker and a small hub: what goes in, what comes out, what survives.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { decodeLabelled } from '@drover/sketch/labelled';
import { peekWindow } from '@drover/sketch/window-sketch';
import { tinyProbability } from '@drover/testkit/tiny-bundle';
import { startTinyHub, type TinyHub } from '@drover/testkit/tiny-hub';
import { until } from '@drover/testkit/until';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { RunConfig } from './config.ts';
import { writeIdentity } from './identity.ts';
import { type RunningAgent, startAgent } from './run.ts';

const DEVICE = 'press-1';
let hub: TinyHub;
let dataDir: string;
const agents: RunningAgent[] = [];

const configOf = (extra: Partial<RunConfig> = {}): RunConfig => ({
  command: 'run', dataDir, http: { host: '127.0.0.1', port: 0 }, socket: undefined, runtime: 'native', source: undefined,
  slot: 'default', rate: 0, labelColumn: undefined, labelDelayMs: 0, slots: undefined, logLevel: 'silent', ...extra,
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
    hub.root,
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
});
