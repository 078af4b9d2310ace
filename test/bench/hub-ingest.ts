// Measures windows that a real hub process stores and acknowledges per second, against a bare broker with a bare group
// insert under the same load, in turns. Never asserts a rate; fails when what was acknowledged is not stored.
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { remove, scratch } from '@drover/testkit/fleet';
import { type Program, start } from '@drover/testkit/program';
import { until } from '@drover/testkit/until';
import type { JoinResponse } from '@drover/wire/http/devices';
import Database from 'better-sqlite3';
import type { LoadOptions, LoadResult } from './ingest-load.ts';
import { readPeakRssMb, readRssMb } from './process-facts.ts';
import { type BenchReport, type BenchRow, ratioAtLeast } from './report.ts';
import { startWarmHub } from './warm-hub.ts';

const DEVICES = 200;
/** Messages of one device on the way. */
const FLYING = 8;
const WARM_MS = 500;
const RUN_MS = 2000;
const TURNS = 3;

const here = (file: string): string => path.join(import.meta.dirname, file);
const pidOf = (program: Program): number => program.process.pid ?? 0;

interface Target {
  readonly program: Program;
  readonly port: number;
  readonly name: LoadOptions['target'];
  readonly devices: LoadOptions['devices'];
  readonly idleRssMb: number;
  /** How many windows are in its database file, after it ended. */
  readonly countStored: () => number;
}

async function openHub(folder: string): Promise<Target> {
  const hub = await startWarmHub(folder);
  const idleRssMb = readRssMb(pidOf(hub));
  const devices: { id: string; secret: string }[] = [];
  for (let i = 0; i < DEVICES; i += 1) {
    const { device, secret } = await hub.post<JoinResponse>('/api/v1/devices', { id: `bench-${i}` });
    devices.push({ id: device, secret });
  }
  const countStored = (): number => count(path.join(hub.data, 'db/hub.db'), 'SELECT count(*) FROM windows');
  return { program: hub, port: hub.mqttPort, name: 'hub', devices, idleRssMb, countStored };
}

async function openBare(folder: string, windowsPerMessage: number): Promise<Target> {
  const file = path.join(folder, 'bare.db');
  const program = start(here('bare-hub.ts'), [file, String(windowsPerMessage)]);
  const port = await until('the port of the bare hub', () => {
    if (program.exit() !== undefined) return Promise.reject(new Error(program.output()));
    return Number(/"port":(\d+)/.exec(program.output())?.[1]);
  });
  const devices = Array.from({ length: DEVICES }, (_, i) => ({ id: `bench-${i}`, secret: '' }));
  const countStored = (): number => count(file, 'SELECT count(*) FROM messages');
  return { program, port, name: 'bare', devices, idleRssMb: readRssMb(pidOf(program)), countStored };
}

function count(file: string, sql: string): number {
  const db = new Database(file, { readonly: true });
  const stored = db.prepare<[], number>(sql).pluck().get() ?? 0;
  db.close();
  return stored;
}

async function runLoad(folder: string, target: Target, windowsPerMessage: number, turn: number): Promise<LoadResult> {
  const file = path.join(folder, 'load.json');
  const { program, port, name, devices } = target;
  const options: LoadOptions = {
    target: name,
    port,
    pid: pidOf(program),
    devices,
    flying: FLYING,
    windowsPerMessage,
    // Far enough apart that no turn reaches the windows of the next.
    firstStartAt: 1_700_000_000_000 + turn * 1e12,
    warmMs: WARM_MS,
    runMs: RUN_MS,
  };
  writeFileSync(file, JSON.stringify(options));
  const load = start(here('ingest-load.ts'), [file]);
  const exit = await load.waitForExit(60_000);
  if (exit !== 0) throw new Error(`the load ended with ${exit}: ${load.output().slice(-2000)}`);
  const result = JSON.parse(load.output().trim().split('\n').at(-1) ?? '') as LoadResult;
  if (result.windows === 0) throw new Error(`${name} acknowledged nothing`);
  return result;
}

interface Measured {
  readonly turns: readonly LoadResult[];
  readonly idleRssMb: number;
  readonly peakRssMb: number;
}

/** Ends a target and refuses to report a rate of what is not there. */
async function close(
  { program, countStored, name, idleRssMb }: Target,
  turns: readonly LoadResult[],
): Promise<Measured> {
  const peakRssMb = readPeakRssMb(pidOf(program));
  await program.stop();
  const acknowledged = turns.reduce((sum, { windowsInAll }) => sum + windowsInAll, 0);
  const stored = countStored();
  if (stored < acknowledged) throw new Error(`${name}: ${acknowledged} were acknowledged and ${stored} are stored`);
  return { turns, idleRssMb, peakRssMb };
}

async function measure(windowsPerMessage: number): Promise<{ hub: Measured; bare: Measured }> {
  const folder = scratch('bench-ingest');
  try {
    const hub = await openHub(folder);
    const bare = await openBare(folder, windowsPerMessage);
    const turns: { hub: LoadResult; bare: LoadResult }[] = [];
    for (let turn = 0; turn < TURNS; turn += 1) {
      turns.push({
        bare: await runLoad(folder, bare, windowsPerMessage, turn),
        hub: await runLoad(folder, hub, windowsPerMessage, turn),
      });
    }
    return {
      hub: await close(
        hub,
        turns.map((t) => t.hub),
      ),
      bare: await close(
        bare,
        turns.map((t) => t.bare),
      ),
    };
  } finally {
    remove(folder);
  }
}

const sumOf = (turns: readonly LoadResult[], pick: (turn: LoadResult) => number): number =>
  turns.reduce((sum, turn) => sum + pick(turn), 0);
const medianOf = (turns: readonly LoadResult[], pick: (turn: LoadResult) => number): number =>
  turns.map(pick).toSorted((a, b) => a - b)[turns.length >> 1] ?? Number.NaN;

export async function bench(): Promise<BenchReport> {
  const rows: BenchRow[] = [];
  for (const [name, windowsPerMessage] of [
    ['one window a message', 1],
    ['16 windows a message (after an outage)', 16],
  ] as const) {
    const { hub, bare } = await measure(windowsPerMessage);
    const beside = (what: string, unit: string, pick: (m: Measured) => number, more: Partial<BenchRow> = {}): void => {
      const reference = { name: 'bare aedes + bare insert', value: pick(bare) };
      rows.push({ name: `${name}: ${what}`, value: pick(hub), unit, reference, ...more });
    };
    const perSecond =
      (pick: (turn: LoadResult) => number) =>
      ({ turns }: Measured): number =>
        sumOf(turns, pick) / sumOf(turns, (turn) => turn.seconds);
    beside(
      'messages stored and acknowledged',
      '/s',
      perSecond((turn) => turn.messages),
      { budget: ratioAtLeast(0.8) },
    );
    beside(
      'windows stored and acknowledged',
      '/s',
      perSecond((turn) => turn.windows),
    );
    beside(
      'CPU',
      'µs/window',
      ({ turns }) => (1e6 * sumOf(turns, (t) => t.cpuSeconds)) / sumOf(turns, (t) => t.windows),
    );
    beside('publish to acknowledgement, median', 'ms', ({ turns }) => medianOf(turns, (turn) => turn.medianMs));
    beside('publish to acknowledgement, p99', 'ms', ({ turns }) => medianOf(turns, (turn) => turn.p99Ms));
    beside('RSS before the load', 'MB', (m) => m.idleRssMb);
    beside('peak RSS', 'MB', (m) => m.peakRssMb);
  }
  return {
    title: `Hub ingest: ${DEVICES} devices, ${FLYING} messages of each on the way, SQLite with synchronous=FULL`,
    rows,
    notes: [
      `${TURNS} turns each, in alternation; the load is a process of its own on the same cores. The reference reads no message: no protobuf, no checks, no dedupe; it cuts the bytes in as many rows as there are windows.`,
    ],
  };
}
