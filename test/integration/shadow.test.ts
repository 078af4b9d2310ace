// Proves that a candidate runs beside the model that answers on real devices: nobody hears it, the hub knows how far both agree,
// its rollout stops when they do not, and it goes when the rollout is over.
import path from 'node:path';
import {
  type AgentProgram,
  deploy,
  type HubProgram,
  joinAgent,
  predict,
  remove,
  runAgent,
  scratch,
  startHub,
} from '@drover/testkit/fleet';
import { readStatus, registerOffset, waitOnline } from '@drover/testkit/offset';
import { killAll } from '@drover/testkit/program';
import { until } from '@drover/testkit/until';
import type { Summary } from '@drover/wire/http/monitoring';
import type { Rollout, RolloutDetail } from '@drover/wire/http/rollouts';
import type { SampleView } from '@drover/wire/http/samples';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const dir = scratch('shadow');
const IDS = ['press-1', 'press-2'];
let hub: HubProgram;
let agents: AgentProgram[];

beforeAll(async () => {
  hub = await startHub(path.join(dir, 'hub'), [], {
    DROVER_HUB_PROBATION_SECONDS: '0',
    DROVER_HUB_WINDOW_SECONDS: '1',
  });
  for (const id of IDS) await joinAgent(hub, path.join(dir, id), id);
  agents = await Promise.all(
    IDS.map((id) => runAgent(path.join(dir, id), ['--raw', 'allow', '--capture-every', '1', '--slots', 'default'])),
  );
  // Beside 103, 104 is near and 203 is not.
  for (const offset of [100, 101, 200]) await registerOffset(hub, offset);
  await Promise.all(IDS.map((id) => waitOnline(hub, id)));
  expect(await deploy(hub, 'offset', 1, IDS)).toMatchObject([{ state: 'committed' }, { state: 'committed' }]);
});
afterAll(async () => {
  await killAll();
  remove(dir);
});

const begin = (version: number): Promise<Rollout> =>
  hub.post<Rollout>('/api/v1/rollouts', {
    model: 'offset',
    version,
    slot: 'default.shadow',
    devices: IDS,
    plan: {
      stages: [{ name: 'beside', percent: 100, soak: '2s' }],
      gate: { agreement: { min: 90, minDevices: 2, minCompared: 20 } },
      patience: '2m',
    },
  });

/** Asks all agents again and again, until the rollout is in the state; every answer is one of version 1. */
async function askUntil(id: string, state: string): Promise<Rollout> {
  return until(
    `rollout ${id} to be ${state}`,
    async () => {
      for (const agent of agents)
        expect((await predict(agent, { a: 1, b: 1 })).body).toMatchObject({
          version: 1,
          answeredBy: 'model',
          value: 103,
        });
      const rollout = await hub.get<Rollout>(`/api/v1/rollouts/${id}`);
      if (rollout.state === 'paused' && state !== 'paused') throw new Error(rollout.because);
      return rollout.state === state ? rollout : undefined;
    },
    60_000,
  );
}

const slotsOf = async (agent: AgentProgram): Promise<string[]> =>
  (await readStatus(agent)).slots.filter(({ running }) => running !== undefined).map(({ slot }) => slot);

const isGone = () =>
  until('the shadows are gone', async () =>
    (await Promise.all(agents.map(slotsOf))).every((slots) => slots.join() === 'default'),
  );

describe('a shadow', () => {
  it('that agrees passes, is heard by nobody, and goes when its rollout is over', { timeout: 120_000 }, async () => {
    const { id } = await begin(2);
    await until('both run beside', async () =>
      (await Promise.all(agents.map(slotsOf))).every((slots) => slots.includes('default.shadow')),
    );
    const response = await fetch(`${agents[0]?.httpUrl}/v1/predict/default.shadow`, {
      method: 'POST',
      body: JSON.stringify({ fields: { a: 1, b: 1 } }),
    });
    expect(await response.text()).toContain('slot_empty');
    const done = await askUntil(id, 'completed');
    expect(done.because).toMatch(/2 shadows agree on 100 % of the rows \([\d.]+ % to 100 %\); 90 % are asked for\./);
    await isGone();
    const { agreement } = await hub.get<RolloutDetail>(`/api/v1/rollouts/${id}`);
    expect(agreement?.judged).toMatchObject({ verdict: 'pass' });
    expect(agreement?.devices.map(({ device }) => device).toSorted((a, b) => (a < b ? -1 : 1))).toEqual(IDS);
    for (const one of agreement?.devices ?? []) expect([one.agreed, one.distance]).toEqual([one.compared, 1]);
    const { items } = await hub.get<Summary>('/api/v1/summary');
    expect([...new Set(items.map(({ version }) => version))]).toEqual([1]);
  });

  it('that disagrees stops its rollout, and the rows that show it come to the hub', { timeout: 120_000 }, async () => {
    const { id } = await begin(3);
    const stopped = await askUntil(id, 'paused');
    expect(stopped).toMatchObject({ reason: 'gate_failed' });
    expect(stopped.because).toMatch(/agree on 0 % of the rows/);
    // What is paused stays beside, for whoever looks at it.
    expect(await slotsOf(agents[0] as AgentProgram)).toContain('default.shadow');
    await hub.post(`/api/v1/rollouts/${id}/abort`, { because: 'seen' });
    await isGone();
    const samples = await until('rows on which both differ', async () => {
      const found = (await hub.get<{ items: SampleView[] }>('/api/v1/samples?why=disagree')).items;
      return found.length > 0 ? found : undefined;
    });
    // Of the champion, with the distance.
    expect(samples[0]).toMatchObject({ slot: 'default', version: 1, score: 100 });
  });

  it('has brought what the rollout after it needs', async () => {
    const bytes = async () =>
      Promise.all(
        agents.map(async (agent) => Object.values((await readStatus(agent)).delivery).map((from) => from.bytes)),
      );
    const before = await bytes();
    expect(await deploy(hub, 'offset', 3, IDS)).toMatchObject([{ state: 'committed' }, { state: 'committed' }]);
    expect(await bytes()).toEqual(before);
  });

  it('is asked only what a shadow can be asked', async () => {
    const refusal = (slot: string, gate: object) =>
      hub
        .post('/api/v1/rollouts', {
          model: 'offset', version: 2, slot, devices: IDS, plan: { stages: [{ name: 'all', percent: 100 }], gate },
        }) // biome-ignore format: one request
        .then(() => '', String);
    expect(await refusal('default', { agreement: {} })).toContain('only shadows agree');
    expect(await refusal('default.shadow', { live: {} })).toContain('shadows answer nobody');
    expect(await refusal('default.shadow.shadow', {})).toContain('no slot has the shadow');
  });
});
