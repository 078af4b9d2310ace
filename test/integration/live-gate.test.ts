// A rollout whose stage is judged by the answers of its devices beside those of devices without the version, on a real database
// with windows as devices send them.
import path from 'node:path';
import type { Alert } from '@drover/core/alerts/alert';
import { DEFAULT_RULES } from '@drover/core/alerts/rule';
import { WindowSketch } from '@drover/sketch/window-sketch';
import { remove, scratch } from '@drover/testkit/fleet';
import { until } from '@drover/testkit/until';
import { makeKey } from '@drover/trust/dsse';
import type { PlanBody } from '@drover/wire/http/rollout-plan';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { writeAlert, writeRule } from '../../hub/src/db/alerts.ts';
import { insertDevice } from '../../hub/src/db/devices.ts';
import { ensureModel, insertVersion } from '../../hub/src/db/models.ts';
import { listLooks } from '../../hub/src/db/rollout-looks.ts';
import { type RolloutRow, readRollout } from '../../hub/src/db/rollouts.ts';
import { openStore } from '../../hub/src/db/sqlite-store.ts';
import { query, type Statement, type Store, sqlOf } from '../../hub/src/db/store.ts';
import { storeWindow } from '../../hub/src/db/uplink.ts';
import { openArms } from '../../hub/src/monitoring/measure-arms.ts';
import { UNKNOWN_MODEL } from '../../hub/src/monitoring/model-facts.ts';
import { resumeRollout } from '../../hub/src/rollouts/control.ts';
import { createRollout } from '../../hub/src/rollouts/create.ts';
import { readDeviceWhy } from '../../hub/src/rollouts/explain-device.ts';
import { viewRolloutDetail } from '../../hub/src/rollouts/rollout-views.ts';
import { type Reconciler, startReconciler } from '../../hub/src/rollouts/tick.ts';
import { writeSlots } from '../../hub/src/uplink/store-report.ts';

const OLD = 'a'.repeat(64);
const NEW = 'b'.repeat(64);
const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const IDS = Array.from({ length: 40 }, (_, i) => `d${i}`);
const LIMITS = JSON.stringify({ maxIr: 13, maxOpset: 26, maxMlOpset: 5 });

let dir: string;
let store: Store;
let reconciler: Reconciler;
let clock: number;
const now = (): number => clock;

async function commit(statements: readonly Statement[]): Promise<void> {
  const done = await store.commit(statements);
  if (!done.ok) throw new Error(done.why);
}

/** A device does at once what it is told. */
async function obey(device: string): Promise<void> {
  const rows = await store.rows(
    query(
      sqlOf
        .selectFrom('deployments')
        .select(['id', 'manifest'])
        .where('device', '=', device)
        .where('state', '=', 'offered')
        .orderBy('id', 'desc'),
    ),
  );
  const [newest] = rows;
  if (!newest) return;
  const deployment = {
    deploymentId: newest.id,
    manifest: newest.manifest,
    state: 'committed' as const,
    revision: 9,
    enteredAt: 1,
  };
  await commit(writeSlots(device, [{ slot: 'default', running: newest.manifest, deployment }], clock));
  reconciler.poke(device);
}

beforeEach(async () => {
  dir = scratch('live-gate');
  clock = Date.UTC(2026, 2, 10);
  const opened = openStore(path.join(dir, 'hub.db'), clock);
  if (!opened.ok) throw new Error(opened.detail);
  store = opened.value;
  const documentJson = JSON.stringify({ runtime: { irVersion: 10, opset: 21, mlOpset: 3 }, blobs: {} });
  await commit([
    ensureModel({ name: 'wear', project: 'default', createdAt: 1 }),
    ...[OLD, NEW].map((manifest, i) =>
      insertVersion({
        model: 'wear', version: i + 1, manifest, envelope: new Uint8Array(9), source: 'uploaded', sizeBytes: 1, run: null, metricsJson: '{}', documentJson, createdAt: 1,
      }),
    ), // biome-ignore format: one record
    ...IDS.flatMap((id) => [
      insertDevice({ id, labels: {}, secretHash: '', joinedAt: 1 }),
      {
        query: query(
          sqlOf.updateTable('devices').set({ presence: 'online', capabilitiesJson: LIMITS }).where('id', '=', id),
        ),
      },
      ...writeSlots(id, [{ slot: 'default', running: OLD }], 1),
    ]),
  ]);
  const measureArms = openArms({ store, readFacts: async () => UNKNOWN_MODEL });
  reconciler = startReconciler({
    store, director: makeKey().signer, policy: { windowMs: 900_000, windowEpochAt: 0, probationMs: 0 }, now, log: pino({ level: 'silent' }),
    measureArms, onDesired: (device) => void obey(device),
  }); // biome-ignore format: one record
});
afterEach(async () => {
  await reconciler.close();
  await store.close();
  remove(dir);
});

let numbers = 0;
/** Windows of an hour each from `from` to `to`: 200 answers, some errors, some latency. */
async function answer(
  from: number,
  to: number,
  of: (id: string, i: number) => { manifest: string; errors: number; latencyUs: number },
): Promise<void> {
  const statements: Statement[] = [];
  for (const [i, device] of IDS.entries()) {
    const { manifest, errors, latencyUs } = of(device, i);
    const window = new WindowSketch();
    for (let row = 0; row < 200; row++) window.addRow(new Float32Array(0), 0);
    for (let row = 0; row < 200; row++) window.latency.add(latencyUs * (1 + (row % 10) / 10));
    const stats = window.encode();
    for (let startAt = from; startAt + HOUR <= to; startAt += HOUR)
      statements.push(
        storeWindow({
          device, slot: 'default', role: 'active', manifest, bootId: 'c'.repeat(32), number: numbers++, revision: 1, startAt, endAt: startAt + HOUR, firstMono: 0,
          lastMono: 1, rows: 200, errors: errors + ((startAt / HOUR + i) % 3), closedBy: 'boundary', stats, receivedAt: startAt + HOUR,
        }),
      ); // biome-ignore format: one record
  }
  await commit(statements);
}

const read = async (id: string): Promise<RolloutRow> => {
  const row = await readRollout(store, id);
  if (!row) throw new Error('the rollout is gone');
  return row;
};

async function begin(
  live: NonNullable<NonNullable<PlanBody['gate']>['live']>,
  onFail: PlanBody['onFail'] = 'rollback',
): Promise<string> {
  await answer(clock - 3 * DAY, clock, (_, i) => ({ manifest: OLD, errors: i % 4, latencyUs: 400 + 10 * i }));
  const plan: PlanBody = {
    stages: [
      { name: 'canary', count: 12 },
      { name: 'rest', percent: 100 },
    ],
    gate: { live },
    onFail,
  };
  const made = await createRollout(
    { store, now, reconciler, pathsOf: async () => ['x'] },
    { model: 'wear', version: 2, query: '', plan },
    'ann',
  );
  if (!made.ok) throw new Error(made.detail);
  await until('the canary is watched', async () => (await read(made.value.id)).phase !== 'admitting');
  return made.value.id;
}

const running = async (): Promise<Map<string, string | null>> =>
  new Map(
    (await store.rows(query(sqlOf.selectFrom('deviceSlots').select(['device', 'running'])))).map((row) => [
      row.device,
      row.running,
    ]),
  );

/** A day goes by in which devices with the version answer as `withIt` says. */
async function passDay(withIt: { errors: number; latency: number }): Promise<void> {
  const runs = await running();
  await answer(clock, clock + DAY, (id, i) => {
    const hasIt = runs.get(id) === NEW;
    return {
      manifest: hasIt ? NEW : OLD,
      errors: (i % 4) + (hasIt ? withIt.errors : 0),
      latencyUs: (400 + 10 * i) * (hasIt ? withIt.latency : 1),
    };
  });
  clock += DAY;
}

describe('a stage that is judged by its answers', () => {
  it('passes after the looks that were planned, when nothing became worse', async () => {
    const id = await begin({ errors: 1, latency: 20, looks: 2 });
    const { phaseSince } = await read(id);
    await passDay({ errors: 0, latency: 1 });
    await reconciler.lookAt(id);
    expect(await read(id)).toMatchObject({ stage: 0, phase: 'soaking' });
    const looks = () => listLooks(store, { rollout: id, stage: 0, since: phaseSince });
    expect((await looks()).map(({ look, metric, treated, control, verdict }) => [look, metric, treated, control, verdict])).toEqual([
      [1, 'errors', 12, 28, 'pass'], [1, 'latency', 12, 28, 'pass'],
    ]); // biome-ignore format: one list
    // The same look is not taken twice.
    await reconciler.lookAt(id);
    expect(await looks()).toHaveLength(2);
    await passDay({ errors: 0, latency: 1 });
    await reconciler.lookAt(id);
    expect(await read(id)).toMatchObject({ stage: 1, phase: 'admitting' });
    expect((await read(id)).because).toMatch(
      /0 of 12 devices failed\. errors pass: .* 12 devices beside 28\. latency pass: /,
    );
  });

  it('is stopped and brought back at the first look that shows it to be worse', async () => {
    const id = await begin({ errors: 1, latency: 20, looks: 3 });
    expect([...(await running()).values()].filter((manifest) => manifest === NEW)).toHaveLength(12);
    await passDay({ errors: 12, latency: 1 });
    await reconciler.lookAt(id);
    await until('it is rolled back', async () => (await read(id)).state === 'rolled_back');
    expect([...(await running()).values()].every((manifest) => manifest === OLD)).toBe(true);
    const { events } = await viewRolloutDetail(store, await read(id));
    expect(events.find(({ state }) => state === 'rolling_back')?.because).toMatch(
      /^Stage "canary": errors fail: 5\.\d percentage points more \(5\.\d to 5\.\d\), 12 devices beside 28\.$/,
    );
  });

  it('is not stopped by what moves everyone, nor by what only is written down', async () => {
    const id = await begin({ latency: 20, looks: 1, dryRun: true });
    await passDay({ errors: 0, latency: 2 });
    await reconciler.lookAt(id);
    const { events, stageViews } = await viewRolloutDetail(store, await read(id));
    expect(stageViews[0]?.gate?.verdict).toBe('pass');
    expect(events.find(({ stage }) => stage === 1)?.because).toContain('latency fail: 100 % more');
  });

  it('that cannot be compared is passed by nobody but people', async () => {
    const id = await begin({ mistakes: 2, looks: 1 });
    await passDay({ errors: 0, latency: 1 });
    await reconciler.lookAt(id);
    expect(await read(id)).toMatchObject({ stage: 0, phase: 'evaluating' });
    clock += DAY;
    await reconciler.lookAt(id);
    expect(await read(id)).toMatchObject({ state: 'paused', reason: 'inconclusive' });
    expect((await read(id)).because).toContain(
      'mistakes: 0 devices with the version and 0 without could be compared; 8 of each are needed.',
    );
  });

  it('counts a device that does not answer as it must as one that failed, from the first window on', async () => {
    await answer(clock - DAY, clock, (_, i) => ({ manifest: OLD, errors: i % 4, latencyUs: 400 }));
    const plan: PlanBody = {
      stages: [
        { name: 'canary', count: 12, soak: '1d' },
        { name: 'rest', percent: 100 },
      ],
      gate: { errorLimit: 10 },
    };
    const made = await createRollout(
      { store, now, reconciler, pathsOf: async () => ['x'] },
      { model: 'wear', version: 2, query: '', plan },
      'ann',
    );
    if (!made.ok) throw new Error(made.detail);
    const { id } = made.value;
    await until('the canary is watched', async () => (await read(id)).phase === 'soaking');
    const runs = await running();
    const bad = [...runs].flatMap(([device, manifest]) => (manifest === NEW ? [device] : [])).slice(0, 4);
    await answer(clock, clock + HOUR, (device, i) => ({
      manifest: runs.get(device) === NEW ? NEW : OLD, errors: bad.includes(device) ? 120 : i % 4, latencyUs: 400,
    })); // biome-ignore format: one record
    clock += HOUR;
    await reconciler.lookAt(id);
    expect(await read(id)).toMatchObject({ state: 'paused', reason: 'gate_failed' });
    expect((await read(id)).because).toContain('4 of 12 devices failed');
    const why = await readDeviceWhy(store, bad[0] ?? '', clock);
    expect(why.ok && why.value.rollouts[0]?.because).toMatch(
      /does not answer as it must: 12[0-2] of 32[0-2] requests got no answer\.$/,
    );
  });

  it('pauses when an alert of a rule that freezes fires on a device that it let in, once', async () => {
    const quality = DEFAULT_RULES.find(({ id }) => id === 'quality');
    if (!quality) throw new Error('the rule ships');
    await commit([writeRule({ ...quality, freezes: true }, 1)]);
    const id = await begin({ errors: 1, looks: 3 });
    const withIt = [...(await running())].filter(([, manifest]) => manifest === NEW).map(([device]) => device);
    const alert = (device: string): Alert => ({
      rule: 'quality', subject: device, group: 'wear', device, state: 'firing', held: 'firing', enteredAt: clock + 1, badSince: 1, goodSince: null,
      what: 'quality', summary: '', incident: 'i1',
    }); // biome-ignore format: one record
    await commit([writeAlert(alert(IDS.find((device) => !withIt.includes(device)) ?? ''))]);
    await reconciler.lookAt(id);
    expect(await read(id)).toMatchObject({ state: 'running' });
    const [first = ''] = withIt;
    await commit([writeAlert(alert(first))]);
    await reconciler.lookAt(id);
    const because = `The alert "quality" fires on ${first} (incident i1).`;
    expect(await read(id)).toMatchObject({ state: 'paused', reason: 'alert', because });
    clock += 1000;
    const deps = { store, now, reconciler, pathsOf: async () => ['x'] };
    expect(await resumeRollout(deps, id, 'person:ann', 'seen')).toMatchObject({
      ok: true,
      value: { state: 'running' },
    });
  });

  it('with looks at any time passes as soon as it is sure', async () => {
    const id = await begin({ errors: 3, looks: 'any', every: '1d' });
    await passDay({ errors: 0, latency: 1 });
    await reconciler.lookAt(id);
    expect(await read(id)).toMatchObject({ stage: 1 });
  });
});
