// Measures windows that a real hub process stores and acknowledges per second, against a bare broker with a bare group
// insert in the same run under the same load. Never asserts a rate; fails when what was acknowledged is not stored.
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { remove, scratch, startHub } from '@drover/testkit/fleet';
import { type Program, start } from '@drover/testkit/program';
import { until } from '@drover/testkit/until';
import type { JoinResponse } from '@drover/wire/http/devices';
import Database from 'better-sqlite3';
import type { LoadOptions, LoadResult } from './ingest-load.ts';
import { readPeakRssMb } from './process-facts.ts';
import { type BenchReport, type BenchRow, ratioAtLeast } from './report.ts';

const DEVICES = 200;
const FLYING = 8;
const WARM_MS = 2000;
const RUN_MS = 6000;

const here = (file: string): string => path.join(import.meta.dirname, file);
const pidOf = (program: Program): number => program.process.pid ?? 0;

interface Measured extends LoadResult {
  readonly cpuMicros: number;
  readonly peakRssMb: number;
}

/** Runs the load against a program that listens, and reads what that program used in the measured time. */
async function runLoad(
  folder: string,
  target: Program,
  options: Omit<LoadOptions, 'pid' | 'flying' | 'warmMs' | 'runMs'>,
): Promise<Measured> {
  const file = path.join(folder, 'load.json');
  writeFileSync(
    file,
    JSON.stringify({
      ...options,
      pid: pidOf(target),
      flying: FLYING,
      warmMs: WARM_MS,
      runMs: RUN_MS,
    } satisfies LoadOptions),
  );
  const load = start(here('ingest-load.ts'), [file]);
  const exit = await load.waitForExit(60_000);
  if (exit !== 0) throw new Error(`the load ended with ${exit}: ${load.output().slice(-2000)}`);
  const result = JSON.parse(load.output().trim().split('\n').at(-1) ?? '') as LoadResult;
  if (result.windows === 0) throw new Error('nothing was acknowledged');
  return { ...result, cpuMicros: (result.cpuSeconds * 1e6) / result.windows, peakRssMb: readPeakRssMb(pidOf(target)) };
}

/** Refuses to report a rate of what is not there. */
function countStored(file: string, sql: string, acknowledged: number): void {
  const db = new Database(file, { readonly: true });
  const stored = db.prepare<[], number>(sql).pluck().get() ?? 0;
  db.close();
  if (stored < acknowledged) throw new Error(`${acknowledged} were acknowledged and ${stored} are stored`);
}

async function measureHub(windowsPerMessage: number): Promise<Measured> {
  const folder = scratch('bench-hub');
  try {
    const hub = await startHub(path.join(folder, 'hub'), ['--log-level', 'warn']);
    const devices: { id: string; secret: string }[] = [];
    for (let i = 0; i < DEVICES; i += 1) {
      const { device, secret } = await hub.post<JoinResponse>('/api/v1/devices', { id: `bench-${i}` });
      devices.push({ id: device, secret });
    }
    const measured = await runLoad(folder, hub, { target: 'hub', port: hub.mqttPort, devices, windowsPerMessage });
    await hub.stop();
    countStored(path.join(hub.data, 'db/hub.db'), 'SELECT count(*) FROM windows', measured.windowsInAll);
    return measured;
  } finally {
    remove(folder);
  }
}

async function measureBare(windowsPerMessage: number): Promise<Measured> {
  const folder = scratch('bench-bare');
  try {
    const file = path.join(folder, 'bare.db');
    const bare = start(here('bare-hub.ts'), [file]);
    const port = await until('the port of the bare hub', () => {
      if (bare.exit() !== undefined) return Promise.reject(new Error(bare.output()));
      const said = /"port":(\d+)/.exec(bare.output());
      return said ? Number(said[1]) : undefined;
    });
    const devices = Array.from({ length: DEVICES }, (_, i) => ({ id: `bench-${i}`, secret: '' }));
    const measured = await runLoad(folder, bare, { target: 'bare', port, devices, windowsPerMessage });
    await bare.stop();
    countStored(file, `SELECT count(*) * ${windowsPerMessage} FROM messages`, measured.windowsInAll);
    return measured;
  } finally {
    remove(folder);
  }
}

export async function bench(): Promise<BenchReport> {
  const rows: BenchRow[] = [];
  for (const [name, windowsPerMessage] of [
    ['one window a message', 1],
    ['16 windows a message (after an outage)', 16],
  ] as const) {
    const bare = await measureBare(windowsPerMessage);
    const hub = await measureHub(windowsPerMessage);
    const beside = (what: string, unit: string, pick: (m: Measured) => number, more: Partial<BenchRow> = {}): void => {
      const reference = { name: 'bare aedes + bare insert', value: pick(bare) };
      rows.push({ name: `${name}: ${what}`, value: pick(hub), unit, reference, ...more });
    };
    beside('messages stored and acknowledged', '/s', (m) => m.messages / m.seconds, { budget: ratioAtLeast(0.8) });
    beside('windows stored and acknowledged', '/s', (m) => m.windows / m.seconds);
    beside('CPU', 'µs/window', (m) => m.cpuMicros);
    beside('publish to acknowledgement, median', 'ms', (m) => m.medianMs);
    beside('publish to acknowledgement, p99', 'ms', (m) => m.p99Ms);
    beside('peak RSS', 'MB', (m) => m.peakRssMb);
  }
  return {
    title: `Hub ingest: ${DEVICES} devices, ${FLYING} messages of each on the way, SQLite with synchronous=FULL`,
    rows,
    notes: [
      'The load runs in a process of its own on the same cores. The reference reads no message: no protobuf, no checks, no dedupe by outbox, one row a message.',
    ],
  };
}
