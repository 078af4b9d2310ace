import { createHash } from 'node:crypto';
import { isId } from '@drover/core/ids';
import { signRoot } from '@drover/trust/root';
import { openTrustedSet } from '@drover/trust/trusted-set';
import { CHUNK_BYTES } from '@drover/wire/limits';
import type { SlotReport } from '@drover/wire/messages';
import { chunkTopic } from '@drover/wire/topics';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { findAuditBreak, listAudit } from '../../hub/src/db/audit.ts';
import { readDesired } from '../../hub/src/db/desired.ts';
import { setLabels } from '../../hub/src/db/devices.ts';
import { listDeploymentEvents, listDeployments, listRollouts, readRollout } from '../../hub/src/db/rollouts.ts';
import { query, sqlOf } from '../../hub/src/db/store.ts';
import { abortRollout } from '../../hub/src/rollouts/control.ts';
import { createRollout } from '../../hub/src/rollouts/create.ts';
import { previewRollout } from '../../hub/src/rollouts/preview.ts';
import { type Reconciler, startReconciler } from '../../hub/src/rollouts/tick.ts';
import { until } from '../../packages/testkit/src/until.ts';
import { connectDevice, type Side, startSide } from './mqtt-bench.ts';
import { director, newest, policy, readDocument, register, release, report, slotReport } from './rollout-bench.ts';

let side: Side;
let reconciler: Reconciler;

beforeEach(async () => {
  side = await startSide((device) => reconciler.poke(device));
  reconciler = startReconciler({
    store: side.store,
    director,
    policy,
    now: Date.now,
    log: pino({ level: 'silent' }),
    measureArms: async () => new Map(),
    onDesired: (device) => void side.mqtt.sendDesired(device),
  });
  await side.join('d1');
  await side.join('d2');
});
afterEach(async () => {
  await reconciler.close();
  await side.close();
});

// What releases a version is another test's subject: here all are listed.
const pathsOf = async (manifest: string) => [`local/pump/${manifest.length}.json`];
const deps = () => ({ store: side.store, now: Date.now, reconciler, pathsOf });

async function start(request: Parameters<typeof createRollout>[1]) {
  const made = await createRollout(deps(), request, 'tester');
  if (!made.ok) throw new Error(made.detail);
  return made.value.id;
}

const states = async (rollout: string) =>
  Object.fromEntries((await listDeployments(side.store, rollout, { limit: 100 })).map((d) => [d.device, d.state]));

describe('a rollout', () => {
  it('reaches a device with a signed wish and the manifest it names, and ends when the right model answers', async () => {
    const version = await register(side, 1);
    const d1 = await connectDevice(side.mqtt.port, 'd1');
    const rollout = await start({ model: 'pump', version: 'champion', devices: ['d1'] });
    await until('the wish came', () => newest(d1));
    const root = await signRoot(1, { root: [release], release: [release], director: [director] });
    const trusted = openTrustedSet(root);
    const desired = newest(d1);
    if (!trusted.ok || !desired) throw new Error('nothing to verify');
    expect(trusted.value.verifyDesired(desired.document)).toMatchObject({ ok: true });
    expect(trusted.value.verifyManifest(desired.manifests[0] ?? desired.document)).toMatchObject({
      ok: true,
      value: { digest: version.manifest },
    });
    const { generation, slots, policy: sent } = readDocument(d1);
    const id = slots['default']?.deploymentId ?? '';
    expect({ generation, sent, isId: isId(id), manifest: slots['default']?.manifest }).toEqual({
      generation: 1,
      sent: policy,
      isId: true,
      manifest: version.manifest,
    });

    report(d1, 1, slotReport(id, version.manifest, 'downloading', 1));
    await until('the hub follows', async () => (await states(rollout))['d1'] === 'downloading');
    // The claim alone is no success: another model still answers.
    report(d1, 2, slotReport(id, version.manifest, 'committed', 2, 'f'.repeat(64)));
    await until('the hub follows', async () => (await states(rollout))['d1'] === 'probation');
    d1.send('state', {
      bootId: d1.hello.bootId, revision: 9, generation, slots: [slotReport(id, version.manifest, 'committed', 2, version.manifest)],
      health: { rssBytes: 1, cpuRatio: 0, diskFreeBytes: 1, uptimeMs: 1, outboxEntries: 0, outboxBytes: 0, outboxDropped: 0 },
    }); // biome-ignore format: one row
    await until(
      'the rollout is completed',
      async () => (await readRollout(side.store, rollout))?.state === 'completed',
    );
    expect(await states(rollout)).toEqual({ d1: 'committed' });
    const events = await listDeploymentEvents(side.store, id);
    expect(events.filter((e) => e.source === 'hub').map((e) => e.toState)).toEqual([
      'queued',
      'offered',
      'downloading',
      'probation',
      'committed',
    ]);
    expect(events.filter((e) => e.source === 'device').map((e) => e.toState)).toEqual(['downloading', 'committed']);
    const audit = await listAudit(side.store, { limit: 10 });
    expect(audit.map((row) => [row.actor, row.action])).toEqual([
      ['tester', 'rollout.create'],
      ['hub', 'device.desired'],
      ['hub', 'deployment.end'],
      ['hub', 'rollout.end'],
    ]);
    expect(findAuditBreak(audit)).toBeUndefined();
    await d1.end();
  });

  it('delivers every byte of the artifact to a device that may have it', async () => {
    const version = await register(side, 1, 3 * CHUNK_BYTES + 777);
    const d1 = await connectDevice(side.mqtt.port, 'd1');
    await start({ model: 'pump', version: 1, query: '' });
    await until('the wish came', () => newest(d1));
    d1.send('req', { digest: version.blob, first: 0, count: 16, request: 1 });
    const chunk = (i: number) => d1.received.find(({ topic }) => topic === chunkTopic('d1', version.blob, i))?.payload;
    await until('the last chunk came', () => chunk(0) && chunk(1) && chunk(2) && chunk(3));
    const whole = Buffer.concat([0, 1, 2, 3].map((i) => chunk(i) ?? Buffer.alloc(0)));
    expect(createHash('sha256').update(whole).digest('hex')).toBe(version.blob);
    expect(chunk(4)).toBeUndefined();
    const d2 = await connectDevice(side.mqtt.port, 'd2');
    await until('the wish of the other came', () => newest(d2));
    await d1.end();
    await d2.end();
  });

  it('waits for a device that is away and is sent with its hello; a late joiner is not part of it', async () => {
    await register(side, 1);
    const rollout = await start({ model: 'pump', version: 1, query: 'not has spare' });
    await side.join('d3');
    expect(await states(rollout)).toEqual({ d1: 'queued', d2: 'queued' });
    const d2 = await connectDevice(side.mqtt.port, 'd2');
    await until('the wish came', () => newest(d2));
    const d3 = await connectDevice(side.mqtt.port, 'd3');
    await reconciler.settle();
    expect(newest(d3)).toBeUndefined();
    expect(await states(rollout)).toEqual({ d1: 'queued', d2: 'offered' });
    await d2.end();
    await d3.end();
  });

  it('supersedes an older one, and names what cannot run or runs already', async () => {
    const [first] = [await register(side, 1), await register(side, 2), await register(side, 3, 10, 99)];
    const running: SlotReport = { slot: 'default', running: first.manifest };
    const d1 = await connectDevice(side.mqtt.port, 'd1', { slots: [running] });
    const same = await start({ model: 'pump', version: 1, devices: ['d1'] });
    await until('it is completed', async () => (await readRollout(side.store, same))?.state === 'completed');
    expect(await states(same)).toEqual({ d1: 'already_installed' });
    expect(newest(d1)).toBeUndefined();
    const older = await start({ model: 'pump', version: 2, devices: ['d1'] });
    await until('it is offered', async () => (await states(older))['d1'] === 'offered');
    const tooNew = await start({ model: 'pump', version: 3, devices: ['d1'] });
    await until('it is refused', async () => (await readRollout(side.store, tooNew))?.state === 'completed');
    expect(await states(tooNew)).toEqual({ d1: 'incompatible' });
    expect(await states(older)).toEqual({ d1: 'offered' });
    await start({ model: 'pump', version: 1, devices: ['d1'] });
    await until(
      'the older one is superseded',
      async () => (await readRollout(side.store, older))?.state === 'superseded',
    );
    await d1.end();
  });

  it('that is aborted leaves each device with what it has', async () => {
    const [first, second] = [await register(side, 1), await register(side, 2)];
    const d1 = await connectDevice(side.mqtt.port, 'd1');
    const one = await start({ model: 'pump', version: 1, devices: ['d1'] });
    await until('the wish came', () => newest(d1));
    const id = readDocument(d1).slots['default']?.deploymentId ?? '';
    report(d1, 1, slotReport(id, first.manifest, 'committed', 1, first.manifest));
    await until('it is completed', async () => (await readRollout(side.store, one))?.state === 'completed');
    const two = await start({ model: 'pump', version: 2, devices: ['d1', 'd2'] });
    await until('the second wish came', () => readDocument(d1).slots['default']?.manifest === second.manifest);
    expect(await abortRollout(deps(), two, 'tester')).toMatchObject({ ok: true, value: { state: 'aborted' } });
    await until('the wish is the old one again', () => readDocument(d1).slots['default']?.manifest === first.manifest);
    expect(readDocument(d1)).toMatchObject({ generation: 3, slots: { default: { deploymentId: id } } });
    expect(await states(two)).toEqual({ d1: 'cancelled', d2: 'cancelled' });
    expect(await abortRollout(deps(), two, 'tester')).toMatchObject({ code: 'rollout_ended' });
    await d1.end();
  });

  it('counts past the generation of a device after the hub was restored from a backup', async () => {
    await register(side, 1);
    const d1 = await connectDevice(side.mqtt.port, 'd1');
    await start({ model: 'pump', version: 1, devices: ['d1'] });
    await until('the wish came', () => newest(d1));
    await d1.end();
    const again = await connectDevice(side.mqtt.port, 'd1', { generation: 12 });
    await until('a later wish came', () => again.all('desired').length > 0 && readDocument(again).generation === 13);
    expect((await readDesired(side.store, 'd1'))?.generation).toBe(13);
    await again.end();
  });

  it('is refused by code when it cannot be meant', async () => {
    await register(side, 1);
    await side.store.commit([setLabels('d1', { site: 'berlin' })]);
    const ask = (request: Parameters<typeof createRollout>[1]) => createRollout(deps(), request, 'tester');
    expect(await ask({ model: 'none', version: 1, query: '' })).toMatchObject({ code: 'model_unknown' });
    expect(await ask({ model: 'pump', version: 9, query: '' })).toMatchObject({ code: 'version_unknown' });
    expect(await ask({ model: 'pump', version: 'best', query: '' })).toMatchObject({ code: 'version_unknown' });
    expect(await ask({ model: 'pump', version: 1 })).toMatchObject({ code: 'target_invalid' });
    expect(await ask({ model: 'pump', version: 1, query: '', devices: ['d1'] })).toMatchObject({
      code: 'target_invalid',
    });
    expect(await ask({ model: 'pump', version: 1, devices: ['d1', 'd9'] })).toMatchObject({ code: 'device_unknown' });
    expect(await ask({ model: 'pump', version: 1, query: 'site=paris' })).toMatchObject({ code: 'target_empty' });
    expect(await ask({ model: 'pump', version: 1, query: 'site=' })).toMatchObject({ code: 'query_invalid' });
    expect(await abortRollout(deps(), 'x', 'tester')).toMatchObject({ code: 'rollout_unknown' });
  });

  it('takes a removed device out', async () => {
    await register(side, 1);
    const rollout = await start({ model: 'pump', version: 1, devices: ['d1'] });
    await side.store.commit([{ query: query(sqlOf.deleteFrom('devices').where('id', '=', 'd1')) }]);
    reconciler.poke('d1');
    await until('it is removed', async () => (await states(rollout))['d1'] === 'removed');
  });

  it('says before what it would do, and does nothing', async () => {
    const [one] = [await register(side, 1), await register(side, 2, 100, 27)];
    await side.join('d3');
    await side.store.commit([setLabels('d1', { canary: 'true' })]);
    const slots: SlotReport[] = [{ slot: 'default', running: one.manifest }];
    const [d1, d2] = [
      await connectDevice(side.mqtt.port, 'd1', { slots }),
      await connectDevice(side.mqtt.port, 'd2', { slots }),
    ];
    const plan = {
      stages: [
        { name: 'canary', query: 'canary = true' },
        { name: 'rest', percent: 100 },
      ],
    };
    const preview = async (version: number) => {
      const seen = await previewRollout(deps(), { model: 'pump', version, query: '', plan });
      if (!seen.ok) throw new Error(seen.detail);
      return seen.value.stages;
    };
    expect(await preview(1)).toMatchObject([
      { name: 'canary', devices: 1, online: 1, alreadyInstalled: 1, bytes: 0 },
      { name: 'rest', devices: 2, online: 1, alreadyInstalled: 1, unheard: 1, bytes: 100 },
    ]);
    expect(await preview(2)).toMatchObject([
      { never: [{ code: 'opset_too_new', devices: 1, examples: ['d1'] }], bytes: 0 },
      {
        never: [{ code: 'opset_too_new', devices: 1 }],
        unheard: 1,
        from: [{ running: 'nothing' }, { running: 'pump@1' }],
      },
    ]);
    const wrong = { stages: [{ name: 'a', percent: 5 }] };
    expect(await previewRollout(deps(), { model: 'pump', version: 1, query: '', plan: wrong })).toMatchObject({
      code: 'plan_invalid',
    });
    expect(await listRollouts(side.store, { limit: 9 })).toEqual([]);
    await d1.end();
    await d2.end();
  });
});
