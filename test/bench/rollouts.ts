// Measures how the hub decides a rollout on a real store: making it, one look at it, and a whole one in which every device does at
// once what it is told. Devices are rows; no message is sent. Never asserts.
import path from 'node:path';
import { decideRollout } from '@drover/core/rollout/decide';
import { remove, scratch } from '@drover/testkit/fleet';
import { makeKey } from '@drover/trust/dsse';
import type { PlanBody } from '@drover/wire/http/rollout-plan';
import pino from 'pino';
import { insertDevice } from '../../hub/src/db/devices.ts';
import { ensureModel, insertVersion } from '../../hub/src/db/models.ts';
import { readRollout } from '../../hub/src/db/rollouts.ts';
import { openStore } from '../../hub/src/db/sqlite-store.ts';
import { query, type Statement, type Store, sqlOf } from '../../hub/src/db/store.ts';
import { createRollout } from '../../hub/src/rollouts/create.ts';
import { readRolloutFacts } from '../../hub/src/rollouts/read-snapshot.ts';
import { startReconciler } from '../../hub/src/rollouts/tick.ts';
import { writeSlots } from '../../hub/src/uplink/store-report.ts';
import { atMost, type BenchReport, type BenchRow } from './report.ts';

const BATCH = 500;
/** A whole rollout of more takes minutes. */
const MOST_WHOLE = 10_000;
const OLD = 'a'.repeat(64);
const NEW = 'b'.repeat(64);
const LIMITS = JSON.stringify({ maxIr: 13, maxOpset: 26, maxMlOpset: 5 });

const idOf = (n: number): string => `press-${n}`;

interface Counted {
  readonly store: Store;
  commits: number;
  statements: number;
}

/** The same store, with its write transactions counted. */
function countWrites(store: Store): Counted {
  const counted: Counted = {
    commits: 0,
    statements: 0,
    store: {
      rows: (q) => store.rows(q),
      first: (q) => store.first(q),
      backup: (file) => store.backup(file),
      close: () => store.close(),
      commit: (statements) => {
        counted.commits++;
        counted.statements += statements.length;
        return store.commit(statements);
      },
    },
  };
  return counted;
}

async function fill(store: Store, devices: number): Promise<void> {
  const statements: Statement[] = [
    ensureModel({ name: 'wear', project: 'default', createdAt: 1 }),
    ...[OLD, NEW].map((manifest, i) =>
      insertVersion({
        model: 'wear', version: i + 1, manifest, envelope: new Uint8Array(1500), source: 'uploaded', sizeBytes: 1, run: null, metricsJson: '{}',
        documentJson: JSON.stringify({ runtime: { irVersion: 10, opset: 21, mlOpset: 3 }, blobs: {} }), createdAt: 1,
      }),
    ),
  ]; // biome-ignore format: one record
  for (let n = 0; n < devices; n++) {
    statements.push(
      insertDevice({
        id: idOf(n),
        labels: { site: `s${n % 20}`, line: `l${Math.floor(n / 10)}` },
        secretHash: '',
        joinedAt: 1,
      }),
      {
        query: query(
          sqlOf.updateTable('devices').set({ presence: 'online', capabilitiesJson: LIMITS }).where('id', '=', idOf(n)),
        ),
      },
      ...writeSlots(idOf(n), [{ slot: 'default', running: OLD }], 1),
    );
  }
  for (let at = 0; at < statements.length; at += BATCH) {
    const done = await store.commit(statements.slice(at, at + BATCH));
    if (!done.ok) throw new Error(done.why);
  }
}

const median = (times: readonly number[]): number =>
  times.toSorted((a, b) => a - b)[Math.floor(times.length / 2)] ?? Number.NaN;

/** A whole rollout: a canary of one in a hundred, then all, at most a tenth at once, one of a line. */
async function runWhole(
  counted: Counted,
  devices: number,
  isWhole: boolean,
): Promise<{ seconds: number; createMs: number }> {
  const { store } = counted;
  const told = new Set<string>();
  const reconciler = startReconciler({
    store, director: makeKey().signer, policy: { windowMs: 900_000, windowEpochAt: 0, probationMs: 0 }, now: Date.now,
    log: pino({ level: 'silent' }), measureArms: async () => new Map(), onDesired: (device) => void told.add(device),
  }); // biome-ignore format: one record
  const plan: PlanBody = {
    stages: [{ name: 'canary', percent: 1 }, { name: 'rest', percent: 100 }],
    maxInFlight: Math.max(10, devices / 10),
    disruption: [{ by: 'line', maxUnavailable: 1 }],
  }; // biome-ignore format: one record
  const began = performance.now();
  const made = await createRollout(
    { store, now: Date.now, reconciler, pathsOf: async () => ['x'] },
    { model: 'wear', version: 2, query: '', plan },
    'bench',
  );
  const createMs = performance.now() - began;
  if (!made.ok) throw new Error(made.detail);
  while (isWhole) {
    await reconciler.settle();
    if ((await readRollout(store, made.value.id))?.state === 'completed') break;
    const batch = [...told].slice(0, BATCH);
    if (batch.length === 0) {
      await new Promise((resolve) => setTimeout(resolve, 5));
      continue;
    }
    for (const device of batch) told.delete(device);
    const rows = await store.rows(
      query(
        sqlOf
          .selectFrom('deployments')
          .select(['id', 'device', 'state'])
          .where('rollout', '=', made.value.id)
          .where('device', 'in', batch),
      ),
    );
    const reports = rows
      .filter(({ state }) => state === 'offered')
      .flatMap(({ id, device }) =>
        writeSlots(
          device,
          [
            {
              slot: 'default',
              running: NEW,
              deployment: { deploymentId: id, manifest: NEW, state: 'committed', revision: 9, enteredAt: 1 },
            },
          ],
          Date.now(),
        ),
      );
    await store.commit(reports);
    counted.commits--;
    counted.statements -= reports.length;
    reconciler.poke(...batch);
  }
  const seconds = (performance.now() - began) / 1000;
  await reconciler.close();
  return { seconds, createMs };
}

/** One look with nothing to do: what reading and what deciding takes. */
async function look(store: Store, id: string): Promise<{ readMs: number; decideMs: number }> {
  const reads: number[] = [];
  const decides: number[] = [];
  for (let i = 0; i < 5; i++) {
    const row = await readRollout(store, id);
    if (!row) throw new Error('the rollout is gone');
    const start = performance.now();
    const { snapshot } = await readRolloutFacts(store, { ...row, state: 'running' }, 0);
    const read = performance.now();
    decideRollout(snapshot, Date.now());
    reads.push(read - start);
    decides.push(performance.now() - read);
  }
  return { readMs: median(reads), decideMs: median(decides) };
}

async function measure(devices: number): Promise<BenchRow[]> {
  const dir = scratch('bench-rollouts');
  const opened = openStore(path.join(dir, 'hub.db'), 1);
  if (!opened.ok) throw new Error(opened.detail);
  try {
    await fill(opened.value, devices);
    const counted = countWrites(opened.value);
    const isWhole = devices <= MOST_WHOLE;
    const { seconds, createMs } = await runWhole(counted, devices, isWhole);
    const [row] = await opened.value.rows(query(sqlOf.selectFrom('rollouts').select('id')));
    const { readMs, decideMs } = await look(opened.value, row?.id ?? '');
    const n = devices.toLocaleString('en-US');
    const limits = devices <= 10_000 ? { budget: atMost(1000) } : {};
    return [
      { name: `${n} devices: made and begun`, value: createMs, unit: 'ms' },
      { name: `${n} devices: one look, read`, value: readMs, unit: 'ms', ...limits },
      { name: `${n} devices: one look, decided`, value: decideMs, unit: 'ms' },
      ...(isWhole
        ? [
            { name: `${n} devices: a whole rollout`, value: seconds, unit: 's' },
            { name: `${n} devices: rows written per device`, value: counted.statements / devices, unit: 'rows' },
            { name: `${n} devices: write transactions`, value: counted.commits, unit: '' },
          ]
        : []),
    ];
  } finally {
    await opened.value.close();
    remove(dir);
  }
}

export async function bench(): Promise<BenchReport> {
  const rows: BenchRow[] = [];
  for (const devices of [1000, 10_000, 100_000]) rows.push(...(await measure(devices)));
  return {
    title: 'Rollouts: deciding them, with devices as rows of a real store',
    rows,
    notes: [
      'A canary of one in a hundred, then all; a tenth of the fleet at once; one machine of ten on each line. Each device does at once what it is told.',
      'Rows are those that the hub decides on: letting in, offering, the signed document, the end, their events and audit rows. Reports of devices are not counted.',
    ],
  };
}
