// An agent is killed with -9 right before each durable write of an activation, one write after the other, until a whole
// activation passes. After every kill it serves a whole model at once and ends at the version that the hub wishes.
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
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
  scratch,
  startHub,
} from '@drover/testkit/fleet';
import { killAll } from '@drover/testkit/program';
import { until } from '@drover/testkit/until';
import { buildOffsetModel, buildOffsetVectors } from '@drover/testkit/versions';
import type { Version } from '@drover/wire/http/models';
import type { Rollout } from '@drover/wire/http/rollouts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const dir = scratch('activation');
const agentDir = path.join(dir, 'press-1');
const armed = path.join(dir, 'crash-at');
const preload = ['--import', new URL('../../packages/testkit/src/crash-preload.ts', import.meta.url).href];
const OFFSETS = [100, 200];

let hub: HubProgram;
let versions: Version[];

/** The answer of the model that serves now, as the offset that tells its version; undefined when nothing serves. */
async function servedOffset(agent: AgentProgram): Promise<number | undefined> {
  const response = await fetch(`${agent.httpUrl}/v2/models/default/infer`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ inputs: [{ name: 'x', datatype: 'FP32', shape: [1, 2], data: [1, 1] }] }),
    signal: AbortSignal.timeout(5000),
  });
  if (response.status !== 200) return undefined;
  const body = (await response.json()) as { outputs: { data: number[] }[] };
  return (body.outputs[0]?.data[0] ?? Number.NaN) - 3;
}

beforeAll(async () => {
  hub = await startHub(path.join(dir, 'hub'), [], { DROVER_HUB_PROBATION_SECONDS: '0' });
  await joinAgent(hub, agentDir, 'press-1');
  versions = [];
  for (const offset of OFFSETS) {
    versions.push(
      await registerModel(hub, 'offset', {
        model: buildOffsetModel(offset, 600_000),
        vectors: buildOffsetVectors(offset),
      }),
    );
  }
});

afterAll(async () => {
  await killAll();
  remove(dir);
});

describe('kill -9 in an activation', () => {
  it('at any durable write leaves a serving model and ends at the wished version', { timeout: 300_000 }, async () => {
    // The preload sleeps until the file is there: one process can be the survivor of a round and the victim of the next.
    const start = (): Promise<AgentProgram> => runAgent(agentDir, [], { DROVER_CRASH_FILE: armed }, preload);
    let agent = await start();
    expect(await deploy(hub, 'offset', 1, ['press-1'])).toMatchObject([{ state: 'committed' }]);

    const died: string[] = [];
    for (let point = 1; ; point++) {
      expect(point, 'an activation has fewer durable writes than this').toBeLessThan(120);
      rmSync(armed, { force: true });
      rmSync(`${armed}.log`, { force: true });
      const wished = point % 2;
      await until('the agent to be online', async () => (await device(hub, 'press-1')).presence === 'online');
      // The state before: what the last round ended with, served and reported.
      expect(await until('a served model', () => servedOffset(agent))).toBe(OFFSETS[1 - wished]);
      writeFileSync(armed, String(point));
      const rollout = await hub.post<Rollout>('/api/v1/rollouts', {
        model: 'offset',
        version: wished + 1,
        devices: ['press-1'],
      });
      const outcome = await until('a crash or a finished rollout', async () => {
        if (agent.exit() !== undefined) return 'crashed';
        return (await hub.get<Rollout>(`/api/v1/rollouts/${rollout.id}`)).state === 'running' ? undefined : 'finished';
      });
      if (outcome === 'finished') {
        expect(died.length).toBeGreaterThan(5);
        await agent.stop();
        break;
      }
      expect(agent.exit()).toBe('SIGKILL');
      died.push(existsSync(`${armed}.log`) ? readFileSync(`${armed}.log`, 'utf8').trim() : '?');

      rmSync(armed);
      agent = await start();
      // Whole at once: the old model or the new one, never nothing and never a mixture.
      const served = await until('a served model after the crash', () => servedOffset(agent), 10_000);
      expect(OFFSETS).toContain(served);
      const state = async () => (await hub.get<Rollout>(`/api/v1/rollouts/${rollout.id}`)).state;
      await until(
        `the end of the rollout after a crash at write ${point} (${died.at(-1)})`,
        async () => (await state()) !== 'running',
      );
      const report = await device(hub, 'press-1');
      expect(report.slots).toMatchObject([{ inSync: true, running: { manifest: versions[wished]?.manifest } }]);
      expect(await servedOffset(agent)).toBe(OFFSETS[wished]);
    }
  });
});
