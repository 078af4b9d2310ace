// Quality from end to end: a model that the hub trained, real agents with late labels, one of which answers wrongly from a moment on
// because the world changed and not its inputs; what `drover quality` says before and after, and labels of several devices from a file.
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import {
  type AgentProgram,
  deploy,
  type HubProgram,
  joinAgent,
  predict,
  remove,
  runAgent,
  samePorts,
  scratch,
  startHub,
} from '@drover/testkit/fleet';
import { ENTRY, killAll, start } from '@drover/testkit/program';
import { until } from '@drover/testkit/until';
import type { IncidentView } from '@drover/wire/http/alerts';
import type { QualityItem, QualityReport } from '@drover/wire/http/quality';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const dir = scratch('quality');
const ENV = {
  DROVER_HUB_PROBATION_SECONDS: '0',
  DROVER_HUB_WINDOW_SECONDS: '1',
  DROVER_HUB_DRIFT_LEARN_HOURS: '0',
  DROVER_HUB_ALERT_SECONDS: '1',
};
const RATE = 200;
/** Rows until the world changes for one press. */
const HEALTHY = 12 * RATE;
let hub: HubProgram;

/** Mulberry32: the same rows in every run. */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** A press fails where the load is high. From row `from` on it fails where the load is low: the same inputs, another truth. */
function rows(seed: number, count: number, from = Number.POSITIVE_INFINITY): string {
  const random = seeded(seed);
  const lines = Array.from({ length: count }, (_, i) => {
    const load = 100 * random();
    return `${load.toFixed(3)},${(20 * random()).toFixed(3)},${load > 50 === i < from ? 1 : 0}`;
  });
  return `load,heat,y\n${lines.join('\n')}\n`;
}

async function drover(...args: readonly string[]): Promise<string> {
  const hubFlags = ['--hub', hub.httpUrl, '--token-file', path.join(hub.data, 'run/token')];
  const program = start(ENTRY.cli, [...args, ...hubFlags]);
  expect(await program.waitForExit(60_000), program.output()).toBe(0);
  return program.output();
}
async function readQuality(...args: readonly string[]): Promise<QualityItem | undefined> {
  return (JSON.parse(await drover('quality', 'wear', ...args, '--json')) as QualityReport).items[0];
}
const find = (item: QualityItem | undefined, metric: string, of: string | null = null) =>
  item?.metrics.find((one) => one.metric === metric && one.class === of);

beforeAll(async () => {
  hub = await startHub(path.join(dir, 'hub'), [], ENV);
  const train = path.join(dir, 'train.csv');
  writeFileSync(train, rows(1, 4000));
  await drover('model', 'train', train, '--name', 'wear', '--label', 'y');
  for (const id of ['press-1', 'press-2'])
    await joinAgent(hub, path.join(dir, id), id, ['--label', `site=${id === 'press-1' ? 'north' : 'south'}`]);
});

afterAll(async () => {
  await killAll();
  remove(dir);
});

describe('quality', () => {
  it('says that the model became wrong, when, by how much and where, and that the estimate could not see it', {
    timeout: 300_000,
  }, async () => {
    expect(await drover('quality')).toContain('No windows yet');
    const agents: AgentProgram[] = [];
    for (const [at, id] of ['press-1', 'press-2'].entries()) {
      const file = path.join(dir, `${id}.csv`);
      writeFileSync(file, rows(10 + at, HEALTHY + 20 * RATE, id === 'press-2' ? HEALTHY : undefined));
      const feed = [
        '--source',
        `csv:${file}`,
        '--rate',
        String(RATE),
        '--label-column',
        'y',
        '--label-delay-ms',
        '500',
      ];
      agents.push(await runAgent(path.join(dir, id), feed));
    }
    expect(await deploy(hub, 'wear', 1, ['press-1', 'press-2'])).toMatchObject([
      { state: 'committed' }, { state: 'committed' },
    ]); // biome-ignore format: one list

    const well = await until(
      'labels while all is well',
      async () => {
        const item = await readQuality();
        return (item?.labelled ?? 0) >= 400 ? item : undefined;
      },
      60_000,
    );
    expect(well.errors.changes).toEqual([]);
    expect(find(well, 'accuracy')?.value).toBeGreaterThan(0.95);

    const wrong = await until(
      'the change',
      async () => {
        const item = await readQuality();
        const isSure = Number(item?.errors.devices[0]?.changes[0]?.rowsAfter) >= 4 * RATE;
        return isSure && item?.errors.changes.length && item.estimate?.labelCheck?.isContradicted ? item : undefined;
      },
      120_000,
    );
    expect(wrong).toMatchObject({ model: 'wear', version: 1, devices: 2 });
    expect(wrong.errors).toMatchObject({ detector: 'adwin', delta: 0.002, devicesWatched: 2, devicesChanged: 1 });
    const [own] = wrong.errors.devices[0]?.changes ?? [];
    expect(wrong.errors.devices[0]?.device).toBe('press-2');
    expect(own).toMatchObject({ direction: 'worse' });
    expect(own?.before).toBeLessThan(0.05);
    // The window in which it began holds rows of both worlds.
    expect(own?.after).toBeGreaterThan(0.75);
    expect(Number(own?.rowsBefore)).toBeGreaterThan(HEALTHY - 2.5 * RATE);
    expect(Number(own?.rowsBefore)).toBeLessThan(HEALTHY + 1.5 * RATE);
    expect(wrong.errors.changes[0]?.direction).toBe('worse');
    // Inputs and scores are as they were: without labels all seems well.
    expect(wrong.estimate).toMatchObject({ source: 'baseline', isExtrapolated: false });
    expect(wrong.estimate?.metrics[0]?.value).toBeGreaterThan(0.95);
    expect(wrong.estimate?.limits.join(' ')).toMatch(/cannot see concept drift.*Labels contradict it/);
    // One alert of the device that went wrong, and its incident names it.
    const incident = await until('the incident', async () => {
      const { items } = await hub.get<{ items: IncidentView[] }>('/api/v1/incidents');
      // All together may show it a window before the device does by itself: until then it is both of them.
      return items.find(({ rule, devices }) => rule === 'quality' && devices === 1);
    });
    expect(incident).toMatchObject({ severity: 'warning', state: 'open' });
    expect(incident.title).toMatch(/^answers of wear are wrong more than they were.*: press-2 \(error rate 0.* -> 0/);
    expect(await drover('model', 'slices', 'wear', 'site')).toContain('compared by site');
    const table = await drover('quality', 'wear');
    expect(table).toMatch(/site=north +accuracy/);
    expect(table).toMatch(/accuracy .* to .* rows/);
    expect(table).toMatch(/The model became worse at .*: error rate/);
    expect(table).toMatch(/press-2 became worse/);
    expect(table).toMatch(/Of 2 devices with labels 1 show it/);
    // Two devices are not eight: the rates are said, their difference is not.
    expect(await drover('quality', 'wear', '--by', 'site')).toMatch(
      /site=south .* accuracy .* needs 8 devices on each side/,
    );
    const healthy = await readQuality('--device', 'press-1');
    expect(healthy?.errors.changes).toEqual([]);
    expect(find(healthy, 'accuracy')?.value).toBeGreaterThan(0.95);

    // What was answered through the door of a device gets its labels from one file for both.
    const given: string[] = [];
    for (const agent of agents) {
      const id = agent === agents[0] ? 'press-1' : 'press-2';
      for (const load of [10, 90]) {
        const answer = await predict(agent, { load, heat: 3 });
        given.push(`${id},${answer.body.predictionId},${load > 50 ? 1 : 0}`);
      }
    }
    const before = (await readQuality())?.labelled ?? 0;
    const file = path.join(dir, 'truths.csv');
    writeFileSync(file, `device,predictionId,truth\n${given.join('\n')}\n`);
    expect(await drover('labels', 'import', file)).toContain('Sent 4 labels to 2 devices');
    await until('imported labels', async () => ((await readQuality())?.labelled ?? 0) >= before + 4, 60_000);

    // A business number of both, now.
    const scrap = path.join(dir, 'scrap.csv');
    const now = new Date().toISOString();
    writeFileSync(scrap, `device,at,value\npress-1,${now},2\npress-2,${now},6\n`);
    expect(await drover('kpi', 'push', 'scrap', scrap)).toContain('Stored 2 numbers of "scrap"');
    expect(await drover('kpi', 'show', 'scrap')).toMatch(/wear@1 .* default .* 4/);
    expect(await drover('kpi', 'list')).toMatch(/scrap .* 2 .* 2/);
    expect(await drover('audit', 'list', '--json')).toContain('kpi.push');

    const ports = samePorts(hub);
    await hub.kill();
    hub = await startHub(path.join(dir, 'hub'), ports, ENV);
    expect((await readQuality())?.errors.devices).toMatchObject([{ device: 'press-2' }]);
  });
});
