// The whole way of a recipe: a hub program that makes it, an agent program that applies it, and what happens when it cannot.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import {
  type AgentProgram,
  deploy,
  type HubProgram,
  joinAgent,
  registerModel,
  remove,
  runAgent,
  scratch,
  startHub,
} from '@drover/testkit/fleet';
import { readHubRows } from '@drover/testkit/hub-tables';
import { addNoise, makeRandom } from '@drover/testkit/model-pairs';
import { buildMlpModel } from '@drover/testkit/models';
import { until } from '@drover/testkit/until';
import { digestOf } from '@drover/trust/dsse';
import { afterEach, beforeEach, describe, expect, it } from 'vitest'; // biome-ignore format: one list

interface Fetched {
  readonly delivery: Record<string, { bytes: number; bad: number }>;
}

const OLD = buildMlpModel([8, 600, 200, 2], makeRandom(3));
const NEW = addNoise(OLD, 1e-5);

/** Enough for a machine that does other things too. */
const SETTINGS = ['--probation-seconds', '0', '--recipe-wait-seconds', '60'];

let folder: string;
let hub: HubProgram;
let agent: AgentProgram | undefined;

beforeEach(async () => {
  folder = scratch('deltas');
  hub = await startHub(path.join(folder, 'hub'), SETTINGS);
  await joinAgent(hub, path.join(folder, 'agent'), 'd1');
});
afterEach(async () => {
  await agent?.stop();
  agent = undefined;
  await hub.stop();
  remove(folder);
});

const fetchedBy = async ({ httpUrl }: AgentProgram): Promise<Fetched['delivery']> =>
  ((await (await fetch(`${httpUrl}/v1/status`)).json()) as Fetched).delivery;
const rows = () =>
  readHubRows<{ base: string; state: string; size: number; recipe: string | null }>(
    hub.data,
    'SELECT base, state, size, recipe FROM patches ORDER BY base',
  );
const register = (model: Uint8Array) => registerModel(hub, 'wear', { model, classes: ['0', '1'] });
const blobOf = (data: string, bytes: Uint8Array): string =>
  path.join(data, 'blobs/sha256', digestOf(bytes).slice(0, 2), digestOf(bytes));

async function deployOne(model: Uint8Array): Promise<void> {
  const { version } = await register(model);
  const [deployment] = await deploy(hub, 'wear', version, ['d1']);
  expect(deployment).toMatchObject({ state: 'committed' });
}

describe('a model that differs a little from the one that runs', () => {
  it('comes as a recipe of half its size, and the recipe is gone from the device afterwards', async () => {
    agent = await runAgent(path.join(folder, 'agent'));
    await deployOne(OLD);
    const before = await fetchedBy(agent);
    await deployOne(NEW);
    const after = await fetchedBy(agent);
    expect(readFileSync(blobOf(agent.data, NEW)).equals(NEW)).toBe(true);
    expect((after['delta']?.bytes ?? 0) - (before['delta']?.bytes ?? 0)).toBe(NEW.length);
    expect(after['delta']?.bad).toBe(0);
    const wire = (after['mqtt']?.bytes ?? 0) - (before['mqtt']?.bytes ?? 0);
    expect(wire).toBeLessThan(0.55 * NEW.length);
    const made = rows().find(({ base }) => base === digestOf(OLD));
    expect(made).toMatchObject({ state: 'made' });
    const held = readdirSync(path.join(agent.data, 'blobs/sha256'), { recursive: true }).map((name) =>
      path.basename(String(name)),
    );
    expect(held).not.toContain(made?.recipe);
  });

  it('comes in full when the base is damaged on the device', async () => {
    agent = await runAgent(path.join(folder, 'agent'));
    await deployOne(OLD);
    const file = blobOf(agent.data, OLD);
    const damaged = readFileSync(file);
    damaged[damaged.length >> 1] = (damaged[damaged.length >> 1] ?? 0) ^ 1;
    writeFileSync(file, damaged);
    await deployOne(NEW);
    expect(readFileSync(blobOf(agent.data, NEW)).equals(NEW)).toBe(true);
    expect(agent.output()).toContain('The base is damaged on the disk');
  });

  it('comes in full when the recipe on the hub is damaged', async () => {
    agent = await runAgent(path.join(folder, 'agent'));
    await deployOne(OLD);
    await agent.stop();
    const { version } = await register(NEW);
    const rolling = deploy(hub, 'wear', version, ['d1']);
    await until('a recipe', () => rows().some(({ base, state }) => base === digestOf(OLD) && state === 'made'));
    for (const { recipe } of rows()) {
      if (!recipe) continue;
      const file = path.join(hub.data, 'blobs/sha256', recipe.slice(0, 2), recipe);
      const bytes = readFileSync(file);
      bytes[1000] = (bytes[1000] ?? 0) ^ 255;
      writeFileSync(file, bytes);
    }
    agent = await runAgent(path.join(folder, 'agent'));
    expect((await rolling)[0]).toMatchObject({ state: 'committed' });
    expect(readFileSync(blobOf(agent.data, NEW)).equals(NEW)).toBe(true);
  });

  it('is made again after the hub was killed while it made it', async () => {
    agent = await runAgent(path.join(folder, 'agent'));
    await deployOne(OLD);
    await agent.stop();
    const { version } = await register(NEW);
    void deploy(hub, 'wear', version, ['d1']).catch(() => undefined);
    await until('the need', () => rows().some(({ base }) => base === digestOf(OLD)));
    await hub.kill();
    hub = await startHub(path.join(folder, 'hub'), SETTINGS);
    await until('a recipe', () => rows().some(({ base, state }) => base === digestOf(OLD) && state === 'made'));
  });
});
