import { REASONS } from '@drover/core/reasons';
import { PLAN_DEFAULTS } from '@drover/core/rollout/plan';
import type { PlanBody } from '@drover/wire/http/rollout-plan';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { findAuditBreak, listAudit } from '../../hub/src/db/audit.ts';
import { closeSession, setLabels } from '../../hub/src/db/devices.ts';
import { writeGroup } from '../../hub/src/db/groups.ts';
import { countDeployments, listDeployments, type RolloutRow, readRollout } from '../../hub/src/db/rollouts.ts';
import { query, sqlOf } from '../../hub/src/db/store.ts';
import {
  abortRollout,
  approveRollout,
  pauseRollout,
  promoteRollout,
  resumeRollout,
  rollBack,
} from '../../hub/src/rollouts/control.ts';
import { createRollout } from '../../hub/src/rollouts/create.ts';
import { readDeviceWhy } from '../../hub/src/rollouts/explain-device.ts';
import { viewRolloutDetail } from '../../hub/src/rollouts/rollout-views.ts';
import { type Reconciler, startReconciler } from '../../hub/src/rollouts/tick.ts';
import { until } from '../../packages/testkit/src/until.ts';
import { type CarryingDevice, carryOut } from './carrying-device.ts';
import { connectDevice, type Side, startSide } from './mqtt-bench.ts';
import { director, policy, register } from './rollout-bench.ts';

const IDS = ['d1', 'd2', 'd3', 'd4', 'd5', 'd6'];
const log = pino({ level: 'silent' });

let side: Side;
let reconciler: Reconciler;
let devices: Map<string, CarryingDevice>;
/** Offset of the hub's clock: what would take days is looked at at once. */
let ahead: number;

const now = (): number => Date.now() + ahead;

function startReconciling(): void {
  reconciler = startReconciler({
    store: side.store,
    director,
    policy,
    now,
    log,
    measureArms: async () => new Map(),
    onDesired: (id) => void side.mqtt.sendDesired(id),
  });
}

beforeEach(async () => {
  ahead = 0;
  devices = new Map();
  side = await startSide((device) => reconciler.poke(device));
  startReconciling();
  for (const [i, id] of IDS.entries()) {
    await side.join(id);
    await side.store.commit([setLabels(id, { line: `l${Math.floor(i / 2)}`, canary: String(i === 0) })]);
  }
});
afterEach(async () => {
  await Promise.all([...devices.values()].map((device) => device.end()));
  await reconciler.close();
  await side.close();
});

const pathsOf = async () => ['local/pump/1.json'];
const deps = () => ({ store: side.store, now, reconciler, pathsOf });

async function online(ids: readonly string[] = IDS, running?: string): Promise<void> {
  await Promise.all(
    ids.map(async (id) => {
      const device = await connectDevice(
        side.mqtt.port,
        id,
        running === undefined ? {} : { slots: [{ slot: 'default', running }] },
      );
      devices.set(id, carryOut(device, running));
    }),
  );
}

const stagesOf = (...stages: PlanBody['stages']): PlanBody => ({ stages });
const TWO = stagesOf({ name: 'canary', query: 'canary = true' }, { name: 'rest', percent: 100 });

async function start(
  plan: PlanBody,
  version = 1,
  over: { group?: string; query?: string } = { query: '' },
): Promise<string> {
  const made = await createRollout(deps(), { model: 'pump', version, plan, ...over }, 'person:ann');
  if (!made.ok) throw new Error(`${made.code}: ${made.detail}`);
  return made.value.id;
}

const read = async (id: string): Promise<RolloutRow> => {
  const row = await readRollout(side.store, id);
  if (!row) throw new Error('the rollout is gone');
  return row;
};
const becomes = (id: string, state: RolloutRow['state']) =>
  until(`the rollout is ${state}`, async () => (await read(id)).state === state);
/** The newest attempt of each device: its state, `<` before one that leads back. */
async function states(id: string): Promise<Record<string, string>> {
  const rows = await listDeployments(side.store, id, { limit: 1000 });
  return Object.fromEntries(
    rows
      .toSorted((a, b) => a.attempt - b.attempt)
      .map((d) => [d.device, `${d.purpose === 'revert' ? '<' : ''}${d.state}`]),
  );
}
const device = (id: string): CarryingDevice => {
  const found = devices.get(id);
  if (!found) throw new Error('the device is not online');
  return found;
};
const whyOf = async (id: string): Promise<string> => {
  const why = await readDeviceWhy(side.store, id, now());
  return why.ok ? why.value.rollouts.map(({ because }) => because).join(' ') : why.detail;
};

describe('a rollout in stages', () => {
  it('begins with its canary and takes the rest only when that came through', async () => {
    const { manifest } = await register(side, 1);
    await online();
    device('d1').hold('probation');
    const id = await start(TWO);
    await until('the canary is in probation', async () => (await states(id))['d1'] === 'probation');
    expect(await read(id)).toMatchObject({ state: 'running', stage: 0, phase: 'admitting' });
    expect(await states(id)).toEqual({
      d1: 'probation',
      d2: 'queued',
      d3: 'queued',
      d4: 'queued',
      d5: 'queued',
      d6: 'queued',
    });
    expect(await whyOf('d2')).toBe('It is in stage "rest", which has not begun.');
    expect(await whyOf('d1')).toContain('It is probation since');
    device('d1').release();
    await becomes(id, 'completed');
    expect(Object.values(await states(id))).toEqual(IDS.map(() => 'committed'));
    for (const one of devices.values()) expect(one.running()).toBe(manifest);
    const { stageViews, events, plan } = await viewRolloutDetail(side.store, await read(id));
    expect(stageViews.map(({ name, devices: n, gate }) => [name, n, gate?.verdict])).toEqual([
      ['canary', 1, 'pass'],
      ['rest', 5, 'pass'],
    ]);
    expect(events.map(({ state, stage, phase }) => `${state} ${stage} ${phase}`)).toEqual([
      'running 0 admitting', 'running 0 soaking', 'running 0 evaluating', 'running 1 admitting', 'running 1 soaking', 'running 1 evaluating', 'completed 1 evaluating',
    ]); // biome-ignore format: one list
    expect(plan).toMatchObject({ onFail: PLAN_DEFAULTS.onFail, patience: '1d' });
    const audit = await listAudit(side.store, { limit: 100 });
    expect(audit.filter(({ action }) => action.startsWith('rollout.')).map(({ actor, action }) => `${actor} ${action}`)).toEqual([
      'person:ann rollout.create', 'hub rollout.stage', 'hub rollout.end',
    ]); // biome-ignore format: one list
    expect(findAuditBreak(audit)).toBeUndefined();
  });

  it('lets no more in than may be under way, and none beside one of its line', async () => {
    await register(side, 1);
    await online();
    for (const one of devices.values()) one.hold('downloading');
    const id = await start({
      ...stagesOf({ name: 'all', percent: 100 }),
      maxInFlight: 2,
      disruption: [{ by: 'line', maxUnavailable: 1 }],
    });
    const busy = async () =>
      Object.entries(await states(id))
        .filter(([, state]) => state !== 'queued')
        .map(([name]) => name);
    await until(
      'two are under way',
      async () => Object.values(await states(id)).filter((s) => s === 'downloading').length === 2,
    );
    const first = await busy();
    expect(first).toHaveLength(2);
    const lineOf = (name: string) => Math.floor(IDS.indexOf(name) / 2);
    expect(new Set(first.map(lineOf)).size).toBe(2);
    const beside = IDS.find((name) => !first.includes(name) && first.some((one) => lineOf(one) === lineOf(name))) ?? '';
    expect(await whyOf(beside)).toMatch(/As many devices as may are under way \(2 of 2\)|has no room/);
    for (const one of devices.values()) one.release();
    await becomes(id, 'completed');
  });

  it('waits for a place while another device of the line is away', async () => {
    await register(side, 1);
    await online(['d1', 'd3']);
    await side.store.commit([
      { query: query(sqlOf.updateTable('devices').set({ presence: 'offline' }).where('id', '=', 'd2')) },
    ]);
    const id = await start({
      ...stagesOf({ name: 'all', percent: 100 }),
      disruption: [{ by: 'line', maxUnavailable: 1 }],
    });
    await until('the free one has it', async () => (await states(id))['d3'] === 'committed');
    expect((await states(id))['d1']).toBe('queued');
    expect(await whyOf('d1')).toBe('Its place has no room: line=l0 has 1 of 1 busy or away.');
    expect(await whyOf('d2')).toContain('It is not connected');
    await online(['d2']);
    await until(
      'both have it',
      async () => Object.values(await states(id)).filter((s) => s === 'committed').length === 3,
    );
  });

  it('stops itself when devices fail, and goes on where a person has seen it', async () => {
    await register(side, 1);
    await online();
    for (const one of devices.values()) one.failWith('self_test_failed');
    const id = await start({ ...stagesOf({ name: 'all', percent: 100 }), maxInFlight: 1 });
    await becomes(id, 'paused');
    expect(await read(id)).toMatchObject({ reason: 'gate_failed' });
    expect((await read(id)).because).toContain('3 of 3 devices failed');
    expect(Object.values(await states(id)).filter((s) => s === 'rolled_back')).toHaveLength(3);
    expect(await whyOf(Object.entries(await states(id)).find(([, s]) => s === 'queued')?.[0] ?? '')).toContain(
      'paused',
    );
    for (const one of devices.values()) one.failWith(undefined);
    expect(await resumeRollout(deps(), id, 'person:ann', 'a broken switch')).toMatchObject({ ok: true });
    await becomes(id, 'completed');
    expect(Object.values(await states(id)).filter((s) => s === 'committed')).toHaveLength(3);
  });

  it('that is rolled back brings each device back to what it ran, also those that are away, and is over when all are', async () => {
    const [one] = [await register(side, 1), await register(side, 2)];
    await online(IDS, one.manifest);
    const id = await start(stagesOf({ name: 'most', count: 4, soak: '1h' }, { name: 'rest', percent: 100 }), 2);
    await until('four have it', async () => (await read(id)).phase === 'soaking');
    const changed = IDS.filter((name) => device(name).running() !== one.manifest);
    expect(changed).toHaveLength(4);
    const away = changed[0] ?? '';
    await device(away).end();
    devices.delete(away);
    await until('it is away', async () => (await whyOf(away)).includes('It has the version'));
    expect(await rollBack(deps(), id, 'person:ann', 'it answers worse')).toMatchObject({
      ok: true,
      value: { state: 'rolling_back' },
    });
    await until(
      'three are back',
      async () => Object.values(await states(id)).filter((s) => s === '<committed').length === 3,
    );
    expect(await read(id)).toMatchObject({ state: 'rolling_back' });
    expect(await whyOf(away)).toContain('when it comes back on its way back');
    expect(Object.values(await states(id)).filter((s) => s === 'cancelled')).toHaveLength(2);
    const back = await connectDevice(side.mqtt.port, away, {
      slots: [{ slot: 'default', running: (await register(side, 3)).manifest }],
    });
    devices.set(away, carryOut(back, undefined));
    await becomes(id, 'rolled_back');
    for (const name of IDS) expect(device(name).running()).toBe(one.manifest);
    expect((await read(id)).because).toBe('4 of 4 devices run again what they ran before.');
  });

  it('goes back by itself where the plan says so, and says which had nothing to go back to', async () => {
    await register(side, 1);
    await online();
    device('d1').failWith(undefined);
    for (const name of IDS.slice(1)) device(name).failWith('self_test_failed');
    const id = await start({
      ...stagesOf({ name: 'canary', query: 'canary = true' }, { name: 'rest', percent: 100 }),
      maxInFlight: 1,
      onFail: 'rollback',
    });
    await becomes(id, 'rollback_incomplete');
    expect((await read(id)).because).toContain('1 had nothing before and keep the version');
    expect((await states(id))['d1']).toBe('committed');
  });

  it('that is paused calls back who was told and has not begun', async () => {
    const { manifest } = await register(side, 1);
    await online(['d1']);
    const id = await start(stagesOf({ name: 'all', percent: 100 }));
    await until('the one that is there has it', async () => (await states(id))['d1'] === 'committed');
    // Nothing is counted in this plan, so also those that are away are told.
    expect(await pauseRollout(deps(), id, 'person:ann')).toMatchObject({
      ok: true,
      value: { state: 'paused', reason: 'operator' },
    });
    await online(['d2']);
    await reconciler.settle();
    expect(device('d2').wish()).toBeUndefined();
    expect((await states(id))['d2']).toBe('queued');
    await resumeRollout(deps(), id, 'person:ann');
    await until('the other has it', async () => device('d2').running() === manifest);
  });

  it('watches a stage for as long as it should, and passes one that cannot be judged to people', async () => {
    await register(side, 1);
    await online();
    const id = await start(
      stagesOf({ name: 'canary', query: 'canary = true', soak: '2h', predictions: 10 }, { name: 'rest', percent: 100 }),
    );
    await until('it is watched', async () => (await read(id)).phase === 'soaking');
    await reconciler.lookAt(id);
    expect(await read(id)).toMatchObject({ phase: 'soaking' });
    ahead = 2 * 3_600_000;
    await reconciler.lookAt(id);
    expect(await read(id)).toMatchObject({ state: 'running', phase: 'evaluating', stage: 0 });
    ahead += 86_400_000;
    await reconciler.lookAt(id);
    expect(await read(id)).toMatchObject({ state: 'paused', reason: 'inconclusive' });
    expect((await read(id)).because).toContain('1 of 1 devices answered fewer than 10 times');
    const promote = (actor: string) => promoteRollout(deps(), id, actor, 'the line stands still today');
    expect(await promote('person:bob')).toMatchObject({ ok: true, value: { state: 'paused' } });
    expect(await promote('person:bob')).toMatchObject({ code: 'approval_twice' });
    expect(await promote('person:eve')).toMatchObject({ ok: true, value: { state: 'running', stage: 1 } });
    await becomes(id, 'completed');
  });

  it('tries again what may be helped, and gives up what makes no progress', async () => {
    await register(side, 1);
    await online(['d1', 'd2']);
    expect(REASONS.artifact_timeout.kind).toBe('transient');
    device('d1').failWith('artifact_timeout');
    device('d2').hold('downloading');
    const id = await start(
      { ...stagesOf({ name: 'all', percent: 100 }), retries: { transient: 1 }, deadlines: { download: '1h' } },
      1,
      { query: 'line = l0' },
    );
    await until('the second try waits', async () =>
      (await listDeployments(side.store, id, { limit: 9 })).some((d) => d.attempt === 2),
    );
    expect(await whyOf('d1')).toContain('It failed and is tried again at');
    device('d1').failWith(undefined);
    ahead = 2 * 60_000;
    await reconciler.lookAt(id);
    await until('the second try came through', async () => (await states(id))['d1'] === 'committed');
    expect((await countDeployments(side.store, [id])).reduce((sum, { count }) => sum + count, 0)).toBe(2);
    ahead = 2 * 3_600_000;
    await reconciler.lookAt(id);
    expect((await states(id))['d2']).toBe('timed_out');
    await until('the wish is taken back', () => device('d2').wish() === undefined);
  });

  it('takes in who joins later, in the last stage, and nobody where the plan leaves them out', async () => {
    await register(side, 1);
    await online();
    await side.store.commit([
      writeGroup({ name: 'lines', query: 'has line', note: '', actor: 'x', createdAt: 1, updatedAt: 1 }),
    ]);
    device('d1').hold('probation');
    const id = await start(TWO, 1, { group: 'lines' });
    await side.join('d7');
    await reconciler.pokeAll();
    expect(Object.keys(await states(id))).not.toContain('d7');
    await side.store.commit([setLabels('d7', { line: 'l3' })]);
    await reconciler.pokeAll();
    expect((await states(id))['d7']).toBe('queued');
    expect(await whyOf('d7')).toContain('stage "rest"');
    device('d1').release();
    await online(['d7']);
    await becomes(id, 'completed');
    expect((await states(id))['d7']).toBe('committed');
  });

  it('lets go of who leaves before it begins, told or not, and goes on with the others', async () => {
    await register(side, 1);
    await side.store.commit([setLabels('d6', { line: 'l2', canary: 'true' })]);
    await online();
    device('d1').hold('probation');
    await device('d6').end();
    const id = await start(TWO, 1, { query: 'has line' });
    const begun = async () => /(?=.*probation)(?=.*offered)/.test(Object.values(await states(id)).join());
    await until('one has begun and one is told', begun);
    await side.store.commit(['d1', 'd2', 'd6'].map((one) => setLabels(one, {})));
    await reconciler.pokeAll();
    device('d1').release();
    await becomes(id, 'completed');
    expect(Object.values(await states(id)).toSorted()).toEqual([...Array(4).fill('committed'), 'removed', 'removed']);
    await online(['d6']);
    await reconciler.settle();
    expect([device('d6').running(), device('d6').wish()]).toEqual([undefined, undefined]);
  });

  it('waits for the people that its plan asks for, who read this plan and did not write it', async () => {
    await register(side, 1);
    await online();
    const id = await start({ ...TWO, approvals: 2 });
    const { planHash } = await read(id);
    const approve = (actor: string, hash = planHash) => approveRollout(deps(), id, actor, { planHash: hash });
    expect(await read(id)).toMatchObject({ state: 'awaiting_approval' });
    expect(await states(id)).toEqual({});
    expect(await approve('person:ann')).toMatchObject({ code: 'approval_own' });
    expect(await approve('person:bob', 'f'.repeat(64))).toMatchObject({ code: 'approval_stale' });
    expect(await approve('person:bob')).toMatchObject({ ok: true, value: { state: 'awaiting_approval' } });
    expect(await approve('person:bob')).toMatchObject({ code: 'approval_twice' });
    expect(await resumeRollout(deps(), id, 'person:ann')).toMatchObject({ code: 'rollout_state' });
    expect(await approve('person:eve')).toMatchObject({ ok: true, value: { state: 'running' } });
    await becomes(id, 'completed');
  });

  it('begins when its time has come, with the devices of then', async () => {
    await register(side, 1);
    await online();
    const id = await start({ ...TWO, startAt: new Date(Date.now() + 3_600_000).toISOString() });
    expect(await read(id)).toMatchObject({ state: 'scheduled' });
    await side.join('d7');
    ahead = 3_600_000;
    await reconciler.lookAt(id);
    expect(await read(id)).toMatchObject({ state: 'running' });
    expect(Object.keys(await states(id))).toHaveLength(7);
    expect(await abortRollout(deps(), id, 'person:ann')).toMatchObject({ ok: true });
    const late = await start({ ...TWO, startAt: new Date(now() + 3_600_000).toISOString() });
    for (const name of IDS) await side.store.commit([setLabels(name, {})]);
    ahead += 3_600_000;
    await reconciler.lookAt(late);
    expect(await read(late)).toMatchObject({ state: 'aborted' });
    expect((await read(late)).because).toContain('"canary" finds none of the 7 targets');
  });

  it('gives way to a newer one and not to one of lower priority', async () => {
    const [, two] = [await register(side, 1), await register(side, 2)];
    await online();
    device('d1').hold('probation');
    const older = await start({ ...TWO, priority: 600 });
    await until('its canary is past the switch', async () => (await states(older))['d1'] === 'probation');
    expect(await createRollout(deps(), { model: 'pump', version: 2, query: 'line = l1' }, 'x')).toMatchObject({
      code: 'rollout_conflict',
    });
    const newer = await start({ ...TWO, priority: 600 }, 2);
    await until(
      'the older one waits for nobody',
      async () => Object.values(await states(older)).filter((s) => s === 'superseded').length === 5,
    );
    device('d1').release();
    await becomes(newer, 'completed');
    await until('the older one is over', async () => (await read(older)).endedAt !== null);
    for (const one of devices.values()) expect(one.running()).toBe(two.manifest);
  });

  it('goes on after a hub that starts again as if nothing had been', async () => {
    await register(side, 1);
    await online();
    device('d1').hold('activating');
    const id = await start({ ...TWO, maxInFlight: 2 });
    await until('the canary switches', async () => (await states(id))['d1'] === 'activating');
    await reconciler.close();
    const before = await listDeployments(side.store, id, { limit: 100 });
    startReconciling();
    await reconciler.settle();
    expect((await listDeployments(side.store, id, { limit: 100 })).map((d) => d.id)).toEqual(before.map((d) => d.id));
    device('d1').release();
    await becomes(id, 'completed');
  });

  it('counts a device that was removed in no way', async () => {
    await register(side, 1);
    await online();
    device('d1').hold('downloading');
    const id = await start(TWO);
    await until('the canary downloads', async () => (await states(id))['d1'] === 'downloading');
    await side.store.commit([
      closeSession('d1', device('d1').sessionId, Date.now()),
      { query: query(sqlOf.deleteFrom('devices').where('id', '=', 'd1')) },
    ]);
    reconciler.poke('d1');
    await until('it is out', async () => (await states(id))['d1'] === 'removed');
    // Its stage has shown nothing: nobody is promoted on it.
    await until('the stage is judged', async () => (await read(id)).phase === 'evaluating');
    expect(await read(id)).toMatchObject({ state: 'running', stage: 0 });
    ahead = 86_400_000;
    await reconciler.lookAt(id);
    expect(await read(id)).toMatchObject({ state: 'paused', reason: 'inconclusive' });
  });

  it('comes after what an older rollout brings back', async () => {
    const [one, , three] = [await register(side, 1), await register(side, 2), await register(side, 3)];
    await online(IDS, one.manifest);
    const older = await start(
      stagesOf({ name: 'canary', query: 'canary = true', soak: '1h' }, { name: 'rest', percent: 100 }),
      2,
    );
    await until('the canary has it', async () => (await states(older))['d1'] === 'committed');
    const newer = await start(
      stagesOf({ name: 'first', query: 'line = l2', soak: '1h' }, { name: 'rest', percent: 100 }),
      3,
    );
    device('d1').hold('activating');
    await rollBack(deps(), older, 'person:ann');
    await until('the canary goes back', async () => (await states(older))['d1'] === '<activating');
    expect((await states(newer))['d1']).toBe('queued');
    await until('the first stage is watched', async () => (await read(newer)).phase === 'soaking');
    ahead = 3_600_000;
    await reconciler.lookAt(newer);
    await until(
      'the rest has it',
      async () => Object.values(await states(newer)).filter((s) => s === 'committed').length === 5,
    );
    expect(await whyOf('d1')).toContain('Another rollout is bringing it back');
    device('d1').release();
    await until('it is back', async () => (await read(older)).state === 'rolled_back');
    await until('and then comes the newer one', () => device('d1').running() === three.manifest);
  });
});
