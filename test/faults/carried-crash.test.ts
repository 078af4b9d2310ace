// Power goes away while something is carried: at every durable write of an export, of an import on the device and of an import
// at the hub. Afterwards the same directory is good, nothing is lost and nothing is counted twice.
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { type HubProgram, remove, samePorts, scratch, startHub } from '@drover/testkit/fleet';
import { countHubRows, readHubRows, readRows } from '@drover/testkit/hub-tables';
import { registerOffset } from '@drover/testkit/offset';
import { ENTRY, killAll, start } from '@drover/testkit/program';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { drover, type InsideDevice, joinInside, line } from '../attacks/carried-bench.ts';

const PRELOAD = path.resolve('packages/testkit/src/crash-preload.ts');
const dir = scratch('carried-crash');
const stick = path.join(dir, 'stick');
const crashFile = path.join(dir, 'crash');
let hub: HubProgram;
let device: InsideDevice;
/** Lines that the device wrote. */
let lines = 0;

beforeAll(async () => {
  hub = await startHub(path.join(dir, 'hub'));
  device = await joinInside(hub, 'press-1', path.join(dir, 'press-1'));
});
afterAll(async () => {
  await killAll();
  remove(dir);
});

const write = (count: number): void => {
  device.append(...Array.from({ length: count }, () => line(`line ${++lines}`)));
};
const at = (program: HubProgram) => ({
  httpUrl: program.httpUrl,
  data: { tokenFile: path.join(program.data, 'run/token') },
});
const importReports = () => drover(at(hub), 'import', stick, '--json');

/** Each line once, none missing: what the hub has is what the device wrote. */
function expectAllOnce(): void {
  const stored = readHubRows<{ message: string }>(hub.data, "SELECT message FROM logs WHERE message LIKE 'line %'");
  expect(stored.map(({ message }) => message).toSorted()).toEqual(
    Array.from({ length: lines }, (_, i) => `line ${i + 1}`).toSorted(),
  );
}

/** Runs the agent's command and kills it before its n-th durable write; false when it needed fewer. */
async function crashAt(n: number, ...args: readonly string[]): Promise<boolean> {
  writeFileSync(crashFile, String(n));
  rmSync(`${crashFile}.log`, { force: true });
  const program = start(ENTRY.agent, [...args, '--data', device.data], { DROVER_CRASH_FILE: crashFile }, [
    '--import',
    PRELOAD,
  ]);
  const exit = await program.waitForExit();
  rmSync(crashFile);
  if (exit !== 'SIGKILL') expect(exit, program.output()).toBe(0);
  return exit === 'SIGKILL';
}

/** At 1, 2, 3, … until the command ends by itself; says how often it was killed. */
async function crashEverywhere(args: readonly string[], after: () => Promise<void>): Promise<number> {
  for (let n = 1; ; n++) {
    if (!(await crashAt(n, ...args))) return n - 1;
    await after();
  }
}

describe('a device that is cut off', () => {
  it('in the middle of an export: the hub takes nothing of a half report, and the next export is whole', async () => {
    write(3);
    const killed = await crashEverywhere(['export', '--out', stick], async () => {
      // Whatever lies there: it is imported as a whole or not at all, and the next one is as good as ever.
      const half = await importReports();
      expect(half.out === '' ? (JSON.parse(half.err) as { code: string }).code : 'carrier_empty').toBe('carrier_empty');
      write(1);
      expect(device.exportTo(stick)).toMatchObject({ ok: true });
      expect(await importReports()).toMatchObject({ exit: 0 });
      expectAllOnce();
      rmSync(path.join(stick, 'reports'), { recursive: true });
    });
    expect(killed).toBeGreaterThan(8);
    expect(await importReports()).toMatchObject({ exit: 0 });
    expectAllOnce();
  }, 300_000);

  it('in the middle of an import: the acknowledgement is taken afterwards, and the models are', async () => {
    const { version } = await registerOffset(hub, 100, 600_000);
    await hub.post('/api/v1/rollouts', { model: 'offset', version, devices: ['press-1'] });
    write(2);
    expect(device.exportTo(stick)).toMatchObject({ ok: true });
    expect(await importReports()).toMatchObject({ exit: 0 });
    expect(await drover(at(hub), 'export', '--devices', 'press-1', '--out', stick, '--valid-for', '1d')).toMatchObject({
      exit: 0,
    });
    const generation = (): unknown => readRows(path.join(device.data, 'db/agent.db'), 'SELECT generation FROM desired');
    const before = device.outbox().entries;
    const states = new Set<string>();
    const killed = await crashEverywhere(['import', stick], async () => {
      states.add(`${device.outbox().entries} ${JSON.stringify(generation())}`);
    });
    expect(killed).toBeGreaterThan(8);
    // Before and after: nothing in between is ever there.
    const whole = new RegExp(`^(0|${before}) (\\[\\]|\\[\\{"generation":\\d+\\}\\])$`);
    for (const state of states) expect(state).toMatch(whole);
    expect(await device.importFrom(stick)).toMatchObject({
      ok: true,
      value: { ack: { left: 0 }, models: { isRepeat: true, copiedBytes: 0 } },
    });
    expect(device.outbox()).toMatchObject({ entries: 0 });
  }, 300_000);
});

describe('a hub that is killed', () => {
  it('in the middle of an import has each entry once when the same directory comes again', async () => {
    const ports = samePorts(hub);
    await hub.stop();
    let killed = 0;
    for (const n of [1, 2, 3, 4, 6, 8, 11]) {
      hub = await startHub(hub.data, ports, { DROVER_CRASH_FILE: crashFile }, ['--import', PRELOAD]);
      write(2);
      expect(device.exportTo(stick)).toMatchObject({ ok: true });
      writeFileSync(crashFile, String(n));
      const { exit } = await importReports();
      rmSync(crashFile);
      if (exit !== 0) killed++;
      // Also one that lived: it still counts its writes.
      if (hub.exit() === undefined) await hub.kill();
      hub = await startHub(hub.data, ports);
      expect(await importReports()).toMatchObject({ exit: 0 });
      expectAllOnce();
      await hub.stop();
    }
    expect(killed).toBeGreaterThan(4);
    hub = await startHub(hub.data, ports);
    expect(await importReports()).toMatchObject({ exit: 0 });
    expectAllOnce();
    expect(countHubRows(hub.data, 'quarantine')).toBe(0);
    expect(existsSync(path.join(stick, 'acks/press-1.ack'))).toBe(true);
    expect(await device.importFrom(stick)).toMatchObject({ ok: true, value: { ack: { left: 0 } } });
    expect(readFileSync(path.join(hub.data, 'run/token'), 'utf8').length).toBeGreaterThan(8);
  }, 300_000);
});
