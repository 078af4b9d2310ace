// The training queue with real training processes: what it takes, cancels, limits and survives.
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { makeId } from '@drover/core/ids';
import { openFolderStore } from '@drover/hub/blobs/folder-store';
import { ensureDataset, listAliases, readVersion } from '@drover/hub/db/models';
import { listRunLogs } from '@drover/hub/db/run-logs';
import { readRun, updateRun } from '@drover/hub/db/runs';
import { openStore } from '@drover/hub/db/sqlite-store';
import type { Store } from '@drover/hub/db/store';
import { openOwnKeys } from '@drover/hub/own-keys';
import { openTrial } from '@drover/hub/registry/trial';
import { openRelease } from '@drover/hub/release/open';
import { openRunner, type RunnerDeps, type TrainingRunner } from '@drover/hub/training/runner';
import { remove, scratch } from '@drover/testkit/fleet';
import { until } from '@drover/testkit/until';
import { buildOffsetModel, buildOffsetVectors } from '@drover/testkit/versions';
import { openPassphrase } from '@drover/trust/passphrase';
import type { RunRequest } from '@drover/wire/http/runs';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

let dir: string;
let store: Store;
let deps: RunnerDeps;
let runner: TrainingRunner;
let request: RunRequest;

/** Rows that a tree can learn: y is 1 where load is above 50. */
const table = (rows: number): string =>
  `load,heat,y\n${Array.from({ length: rows }, (_, i) => `${(i * 37) % 100},${(i * 13) % 17},${(i * 37) % 100 > 50 ? 1 : 0}`).join('\n')}\n`;

async function* once(text: string): AsyncGenerator<Uint8Array> {
  yield Buffer.from(text);
}

beforeEach(async () => {
  dir = scratch('runner');
  const opened = openStore(path.join(dir, 'hub.db'), 1);
  if (!opened.ok) throw new Error(opened.detail);
  store = opened.value;
  const release = await openRelease({
    folder: path.join(dir, 'keys'),
    isDev: true,
    passphrase: openPassphrase({ env: {} }),
    store,
    now: Date.now,
    listRegistered: async () => new Map(),
  });
  if (!release.ok) throw new Error(release.detail);
  const { repository, keyring, manifests } = release.value;
  const own = openOwnKeys(path.join(dir, 'keys'));
  if (!own.ok) throw new Error(own.detail);
  const blobs = await openFolderStore(path.join(dir, 'blobs'), 1e9);
  const put = await blobs.put(once(table(600)), 1e9);
  if (!put.ok) throw new Error(put.detail);
  await store.commit([ensureDataset({ ...put.value, name: 'pumps', project: 'default', createdAt: 1 })]);
  request = { model: 'wear', dataset: put.value.sha256, roles: { label: 'y' } };
  deps = {
    store,
    blobs,
    trusted: release.value,
    release: { repository, keyring, now: Date.now },
    manifests,
    oms: own.value.oms,
    trial: openTrial(),
    now: Date.now,
    jobs: path.join(dir, 'jobs'),
    makeId: () => makeId(Date.now(), randomBytes(10)),
    log: pino({ level: 'silent' }),
    version: '0.0.0',
    limits: { memoryMb: 1024, seconds: 60, queued: 2, graceMs: 200 },
  };
  mkdirSync(deps.jobs);
  runner = openRunner(deps);
});
afterEach(async () => {
  await runner.stop();
  await store.close();
  remove(dir);
});

async function submit(change: Partial<RunRequest> = {}): Promise<string> {
  const submitted = await runner.submit({ ...request, ...change }, 'test');
  if (!submitted.ok) throw new Error(`${submitted.code}: ${submitted.detail}`);
  return submitted.value.id;
}
const ended = (id: string) =>
  until(`run ${id} to end`, async () => {
    const run = await readRun(store, id);
    return run !== undefined && run.endedAt !== null ? run : undefined;
  });
const running = (id: string) =>
  until('the run to have a process', async () => ((await readRun(store, id))?.pid ?? null) !== null);

/** A trainer of our own: `body` is its program, with `out` the folder it writes to. */
function useTrainer(body: string): void {
  const main = path.join(dir, 'trainer.mjs');
  const head = `import { writeFileSync } from 'node:fs'; const out = process.env.DROVER_JOB_DIR + '/out/';\n`;
  writeFileSync(main, head + body);
  runner = openRunner({ ...deps, trainerMain: main });
}
const b64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64');
const writes = (name: string, bytes: Uint8Array): string =>
  `writeFileSync(out + ${JSON.stringify(name)}, Buffer.from('${b64(bytes)}', 'base64'));\n`;
const HANG = 'setInterval(() => undefined, 1000);\n';

describe('a run', () => {
  it('trains, is accepted on both runtimes, signed and registered; the first version is the champion', async () => {
    const run = await ended(await submit());
    expect(run).toMatchObject({ state: 'succeeded', version: 1, code: null, pid: null });
    expect(JSON.parse(run.metricsJson)).toMatchObject({ test: { accuracy: expect.any(Number) } });
    expect(run.notesJson).toMatch(/agree on native.*agree on wasm/);
    expect((await listRunLogs(store, run.id)).map(({ text }) => text).join('\n')).toContain('Registered wear@1');
    expect(await listAliases(store, 'wear')).toMatchObject([{ alias: 'champion', version: 1 }]);
    await until('the job folder to be gone', () => readdirSync(deps.jobs).length === 0);
  });

  it('gives its version the rules that were asked for, calibrated, and fails with those that do not fit', async () => {
    const rules: NonNullable<RunRequest['rules']> = {
      limits: { action: 'abstain', fields: [{ field: 'load', high: 1000 }] },
      novelty: { action: 'flag', share: 0.001 },
      fallback: { label: '0' },
    };
    const run = await ended(await submit({ rules }));
    expect(run).toMatchObject({ state: 'succeeded', version: 1 });
    const version = await readVersion(store, 'wear', 1);
    expect(JSON.parse(version?.documentJson ?? '')).toMatchObject({ rules });
    const other = await ended(await submit({ rules: { ...rules, fallback: { label: 'maybe' } } }));
    expect(other).toMatchObject({ state: 'failed', code: 'manifest_invalid', version: null });
  });

  it('over the same data and parameters gives the same version again', async () => {
    const one = await ended(await submit());
    const two = await ended(await submit());
    const other = await ended(await submit({ parameters: { iterations: 3 } }));
    expect([one.version, two.version]).toEqual([1, 1]);
    expect(two.notesJson).toContain('same model as version 1');
    expect(other).toMatchObject({ state: 'succeeded', version: 2 });
    expect(await listAliases(store, 'wear')).toMatchObject([{ alias: 'champion', version: 1 }]);
  });

  it('is refused at once when parameters, label or data cannot be right', async () => {
    const refused = async (change: object) => runner.submit({ ...request, ...change } as RunRequest, 'test');
    expect(await refused({ parameters: { bogus: 1 } })).toMatchObject({ code: 'params_invalid' });
    expect(await refused({ roles: {} })).toMatchObject({ code: 'params_invalid' });
    expect(
      await refused({ roles: { label: 'y', derive: { kind: 'endsWithin', rows: 5 }, device: 'd' } }),
    ).toMatchObject({ code: 'params_invalid' });
    expect(await refused({ roles: { derive: { kind: 'endsWithin', rows: 5 } } })).toMatchObject({
      code: 'params_invalid',
    });
    expect(await refused({ dataset: 'f'.repeat(64) })).toMatchObject({ code: 'not_found' });
  });

  it('fails with the code of the trainer', async () => {
    expect(await ended(await submit({ roles: { label: 'nowhere' } }))).toMatchObject({
      state: 'failed',
      code: 'data_column_missing',
      version: null,
    });
  });
});

describe('a trainer that misbehaves', () => {
  it('and crashes fails its run with what it said last', async () => {
    useTrainer(`console.error('out of cheese'); process.exit(9);`);
    expect(await ended(await submit())).toMatchObject({
      state: 'failed',
      code: 'training_failed',
      detail: expect.stringContaining('out of cheese'),
    });
  });

  it('and delivers nothing is not accepted', async () => {
    useTrainer('');
    expect(await ended(await submit())).toMatchObject({ state: 'failed', code: 'acceptance_failed', version: null });
  });

  it('and delivers something that is no model is not accepted', async () => {
    useTrainer(writes('model.onnx', Buffer.from('hello')));
    expect(await ended(await submit())).toMatchObject({ state: 'failed', code: 'onnx_malformed' });
  });

  it('and promises other answers than its model gives is not accepted', async () => {
    const baseline = { type: 'drover.baseline/1', rows: 0, features: [] };
    useTrainer(
      writes('model.onnx', buildOffsetModel(3)) +
        writes('vectors.json', buildOffsetVectors(3, 0.01)) +
        writes('baseline.json', Buffer.from(JSON.stringify(baseline))) +
        writes('metrics.json', Buffer.from('{"test":{"r2":1}}')),
    );
    expect(await ended(await submit())).toMatchObject({ state: 'failed', code: 'acceptance_failed', version: null });
    expect(await listAliases(store, 'wear')).toEqual([]);
  });

  it('and runs too long is ended, also when it does not listen', async () => {
    useTrainer(`process.on('SIGTERM', () => undefined); ${HANG}`);
    expect(await ended(await submit({ timeoutSeconds: 1 }))).toMatchObject({
      state: 'failed',
      code: 'training_timeout',
    });
  });

  it('and takes too much memory is ended', async () => {
    deps = { ...deps, limits: { ...deps.limits, memoryMb: 128 } };
    useTrainer(`const held = []; setInterval(() => held.push(Buffer.alloc(32 * 1024 * 1024, 1)), 20);`);
    expect(await ended(await submit())).toMatchObject({ state: 'failed', code: 'data_too_large' });
  });

  it('and talks without end does not fill the database', async () => {
    useTrainer(
      `for (let i = 0; i < 6000; i++) console.log('line ' + i + ' ' + 'x'.repeat(2000)); process.stdout.write('y'.repeat(500000)); process.exitCode = 1;`,
    );
    const run = await ended(await submit());
    const lines = await listRunLogs(store, run.id);
    expect(lines).toHaveLength(5000);
    expect(Math.max(...lines.map(({ text }) => text.length))).toBeLessThanOrEqual(1024);
  });
});

describe('the queue', () => {
  it('works one run at a time, in order, and is bounded', async () => {
    useTrainer(HANG);
    const first = await submit();
    await running(first);
    const waiting = [await submit(), await submit()];
    expect(await runner.submit(request, 'test')).toMatchObject({ code: 'queue_full' });
    expect(await runner.counts()).toEqual({ queued: 2, running: 1 });
    for (const id of [...waiting, first]) expect(await runner.cancel(id, 'test')).toMatchObject({ ok: true });
    for (const id of [first, ...waiting])
      expect(await ended(id)).toMatchObject({ state: 'cancelled', code: 'training_cancelled' });
    expect(await runner.cancel(first, 'test')).toMatchObject({ code: 'run_not_active' });
    expect(await runner.cancel('0'.repeat(32), 'test')).toMatchObject({ code: 'not_found' });
  });

  it('ends its process with the hub and goes on with what waits after a start', async () => {
    useTrainer(HANG);
    const first = await submit();
    await running(first);
    const second = await submit();
    const pid = (await readRun(store, first))?.pid ?? 0;
    await runner.stop();
    expect(await ended(first)).toMatchObject({ state: 'failed', code: 'hub_restarted' });
    expect(existsSync(`/proc/${pid}`)).toBe(false);
    expect(await runner.submit(request, 'test')).toMatchObject({ code: 'hub_stopping' });
    runner = openRunner(deps);
    await runner.recover();
    expect(await ended(second)).toMatchObject({ state: 'succeeded', version: 1 });
  });

  it('marks what a killed hub left as failed, and never touches a process that is not its trainer', async () => {
    const id = await submit();
    await ended(id);
    // As if the hub had died while the run worked, and the number of its process belonged to somebody else by now.
    await store.commit([updateRun(id, 'succeeded', { state: 'running', pid: process.pid, endedAt: null })]);
    runner = openRunner(deps);
    await runner.recover();
    expect(await readRun(store, id)).toMatchObject({ state: 'failed', code: 'hub_restarted', pid: null });
  });
});
