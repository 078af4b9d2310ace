// Drift from end to end: a model that the hub trained, real agents that are fed from files and send a window a second, and what
// `drover drift` says before, when one of them moves, and after the hub was killed.
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import {
  deploy,
  type HubProgram,
  joinAgent,
  remove,
  runAgent,
  samePorts,
  scratch,
  startHub,
} from '@drover/testkit/fleet';
import { ENTRY, killAll, start } from '@drover/testkit/program';
import { until } from '@drover/testkit/until';
import type { DriftView } from '@drover/wire/http/monitoring';
import { parquetMetadata, parquetReadObjects } from 'hyparquet';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const dir = scratch('drift');
const ENV = { DROVER_HUB_PROBATION_SECONDS: '0', DROVER_HUB_WINDOW_SECONDS: '1', DROVER_HUB_DRIFT_LEARN_HOURS: '0' };
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

/** Load and heat are uniform; a press fails where the load is high. From row `from` on, the load of a bad sensor reads 40 more. */
function rows(seed: number, count: number, from = Number.POSITIVE_INFINITY): string {
  const random = seeded(seed);
  const lines = Array.from({ length: count }, (_, i) => {
    const load = 100 * random();
    return `${(load + (i >= from ? 40 : 0)).toFixed(3)},${(20 * random()).toFixed(3)},${load > 50 ? 1 : 0}`;
  });
  return `load,heat,y\n${lines.join('\n')}\n`;
}

async function drover(...args: readonly string[]): Promise<string> {
  const hubFlags = ['--hub', hub.httpUrl, '--token-file', path.join(hub.data, 'run/token')];
  const program = start(ENTRY.cli, [...args, ...hubFlags]);
  expect(await program.waitForExit(60_000), program.output()).toBe(0);
  return program.output();
}
const readDrift = async (): Promise<DriftView> => JSON.parse(await drover('drift', '--json')) as DriftView;

const RATE = 200;
/** Windows of a second; the bad sensor begins after the device knows itself. */
const HEALTHY = 45 * RATE;

beforeAll(async () => {
  hub = await startHub(path.join(dir, 'hub'), [], ENV);
  const train = path.join(dir, 'train.csv');
  writeFileSync(train, rows(1, 4000));
  await drover('model', 'train', train, '--name', 'wear', '--label', 'y');
  for (const id of ['press-1', 'press-2', 'press-3'])
    await joinAgent(hub, path.join(dir, id), id, ['--label', 'site=north']);
});

afterAll(async () => {
  await killAll();
  remove(dir);
});

describe('drift', () => {
  it('is found on the device whose sensor moved, on its feature, and again after kill -9 of the hub', {
    timeout: 300_000,
  }, async () => {
    expect(await drover('drift')).toContain('No windows yet');
    for (const [at, id] of ['press-1', 'press-2', 'press-3'].entries()) {
      const file = path.join(dir, `${id}.csv`);
      writeFileSync(file, rows(10 + at, HEALTHY + 60 * RATE, id === 'press-2' ? HEALTHY : undefined));
      const feed = ['--source', `csv:${file}`, '--rate', String(RATE), '--label-column', 'y'];
      await runAgent(path.join(dir, id), feed);
    }
    expect(await deploy(hub, 'wear', 1, ['press-1', 'press-2', 'press-3'])).toMatchObject([
      { state: 'committed' }, { state: 'committed' }, { state: 'committed' },
    ]); // biome-ignore format: one list
    await until('windows', async () => ((await readDrift()).counts['learning'] ?? 0) >= 6, 60_000);
    const all = await drover('drift', '--device', 'press-1', '--all');
    expect(all).toMatch(/press-1 .* load .* learning .* more windows/);

    // The values lie elsewhere and so outside the reference range too: the tail may be sure a window before the level, which is named first.
    const found = await until(
      'the bad sensor',
      async () => {
        const view = await readDrift();
        return view.items.some(
          ({ feature, aspect, verdict }) => feature === 'load' && verdict === 'material' && aspect === 'level',
        )
          ? view
          : undefined;
      },
      200_000,
    );
    const moved = found.items.filter(({ verdict }) => verdict === 'material');
    expect(moved.find(({ feature }) => feature === 'load')).toMatchObject({
      device: 'press-2', model: 'wear', version: 1, aspect: 'level', diagnosis: { kind: 'bias' },
    }); // biome-ignore format: one record
    // What the model answers moves with its input, and nothing else does.
    expect(moved.filter(({ device, feature }) => device !== 'press-2' || feature === 'heat')).toEqual([]);
    // 40 of an interquartile range of 50, less what windows show that evidence began to gather in.
    expect(moved.find(({ feature }) => feature === 'load')?.change).toBeGreaterThan(0.3);
    expect(found.causes.find(({ feature }) => feature === 'load')).toMatchObject({
      kind: 'devices',
      moved: 1,
      devices: ['press-2'],
    });
    expect(await drover('drift')).toMatch(/press-2 .* load .* material .* level .* IQR/);

    // The windows of what did move are counted as false alarms where somebody says that nothing changed.
    expect(await drover('calibrate', '--device', 'press-2')).toMatch(
      /windows of 1 devices[\s\S]*numeric .* (MORE than stated|not enough)/,
    );
    expect(await drover('metrics')).toMatch(/model\.latency_p99 +microseconds +windows/);
    expect(await drover('metrics', 'press-1', '--all')).toMatch(/default: wear@1 .* model\.predictions/);
    const table = path.join(dir, 'windows.csv');
    await drover('windows', 'export', '--device', 'press-1', '--out', table);
    const [head, first] = readFileSync(table, 'utf8').split('\r\n');
    expect(head).toMatch(/^device,slot,model,version,manifest,start,end,rows,/);
    expect(first).toMatch(/^press-1,default,wear,1,[0-9a-f]{64},/);
    const parquet = path.join(dir, 'windows.parquet');
    await drover('windows', 'export', '--device', 'press-1', '--format', 'parquet', '--out', parquet);
    const exported = await parquetReadObjects({ file: Uint8Array.from(readFileSync(parquet)).buffer });
    expect(exported[0]).toMatchObject({ device: 'press-1', model: 'wear', version: 1n, start: expect.any(Date) });
    expect(await drover('drift', '--all', '--format', 'csv')).toMatch(
      /^device,slot,model,version,feature,verdict,.*\r\n(.*\r\n)*press-2,default,wear,1,load,material,0,level,0\.\d+,/,
    );
    const quality = path.join(dir, 'quality.parquet');
    await drover('quality', '--format', 'parquet', '--out', quality);
    expect(parquetMetadata(Uint8Array.from(readFileSync(quality)).buffer).schema.map(({ name }) => name)).toContain(
      'coverage',
    );
    const ports = samePorts(hub);
    await hub.kill();
    hub = await startHub(path.join(dir, 'hub'), ports, ENV);
    const after = await readDrift();
    expect(after.items.find(({ feature }) => feature === 'load')).toMatchObject({
      device: 'press-2',
      verdict: 'material',
    });

    // A person says that this is right now: it is learnt anew, also after another kill, and stands in the audit log.
    expect(await drover('drift', 'rebaseline', 'press-2', '--reason', 'new load cell')).toContain(
      'All features of press-2',
    );
    await hub.kill();
    hub = await startHub(path.join(dir, 'hub'), ports, ENV);
    expect((await readDrift()).items).toEqual([]);
    expect(await drover('audit', 'list', '--json')).toMatch(/drift\.rebaseline[\s\S]*new load cell/);
  });
});
