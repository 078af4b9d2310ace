// Measures what one 10 MB artifact costs a real hub that gives it to 1, 10 and 50 devices over MQTT, against a plain
// node:http server that gives out the same bytes. Devices are played by one process that speaks the wire. Never asserts.
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { type HubProgram, registerModel, remove, scratch } from '@drover/testkit/fleet';
import { buildMlpModel } from '@drover/testkit/models';
import { type Program, start } from '@drover/testkit/program';
import { until } from '@drover/testkit/until';
import { digestOf } from '@drover/trust/dsse';
import type { JoinResponse } from '@drover/wire/http/devices';
import type { Rollout } from '@drover/wire/http/rollouts';
import type { DeliveryOptions, DeliveryResult } from './delivery-load.ts';
import { readPeakRssMb, readRssMb, resetPeakRss } from './process-facts.ts';
import { type BenchReport, type BenchRow, below, ratioAtMost } from './report.ts';
import { makeUniform } from './sample-window.ts';
import { startWarmHub } from './warm-hub.ts';

/** Devices, and copies that each fetches: enough bytes for CPU time that is counted in hundredths of a second. */
const CASES = [
  { devices: 1, copies: 20 },
  { devices: 10, copies: 4 },
  { devices: 50, copies: 1 },
] as const;
/** 2.6 million weights: 10.4 MB. */
const WIDTHS = [200, 10_000, 60, 2];
const LIMIT_MS = 60_000;

const here = (file: string): string => path.join(import.meta.dirname, file);
const pidOf = (program: Program): number => program.process.pid ?? 0;

interface Measured extends DeliveryResult {
  readonly peakRssMb: number;
}

type LoadOptions = Omit<DeliveryOptions, 'pid'>;

/** `whenReady` runs once the devices are there; the measured time begins after it. */
async function runLoad(
  folder: string,
  server: Program,
  options: LoadOptions,
  whenReady?: () => Promise<void>,
): Promise<Measured> {
  const file = path.join(folder, 'delivery.json');
  writeFileSync(file, JSON.stringify({ ...options, pid: pidOf(server) } satisfies DeliveryOptions));
  resetPeakRss(pidOf(server));
  const load = start(here('delivery-load.ts'), [file]);
  if (whenReady) {
    await until('the devices', () => {
      if (load.exit() !== undefined) return Promise.reject(new Error(load.output().slice(-2000)));
      return load.output().includes('ready\n');
    });
    await whenReady();
  }
  const exit = await load.waitForExit(LIMIT_MS);
  if (exit !== 0) throw new Error(`the load ended with ${exit}: ${load.output().slice(-2000)}`);
  const result = JSON.parse(load.output().trim().split('\n').at(-1) ?? '') as DeliveryResult;
  return { ...result, peakRssMb: readPeakRssMb(pidOf(server)) };
}

async function joinDevices(hub: HubProgram, count: number): Promise<{ id: string; secret: string }[]> {
  const devices: { id: string; secret: string }[] = [];
  for (let i = 0; i < count; i += 1) {
    const { device, secret } = await hub.post<JoinResponse>('/api/v1/devices', { id: `of-${count}-${i}` });
    devices.push({ id: device, secret });
  }
  return devices;
}

export async function bench(): Promise<BenchReport> {
  const folder = scratch('bench-delivery');
  try {
    const model = buildMlpModel(WIDTHS, makeUniform(3));
    const artifact = path.join(folder, 'model.onnx');
    writeFileSync(artifact, model);
    const http = start(here('plain-http.ts'), [artifact]);
    const httpPort = await until('the port of the plain server', () => Number(/"port":(\d+)/.exec(http.output())?.[1]));

    const hub = await startWarmHub(folder);
    const { version } = await registerModel(hub, 'large', { model, classes: ['0', '1'] });
    const shared = { digest: digestOf(model), size: model.length };
    const rows: BenchRow[] = [];
    let repeated = 0;
    for (const { devices: count, copies } of CASES) {
      const devices = await joinDevices(hub, count);
      const plain = await runLoad(folder, http, { ...shared, target: 'http', port: httpPort, devices, copies });
      const idleMb = readRssMb(pidOf(hub));
      const rollOut = async (): Promise<void> => {
        await hub.post<Rollout>('/api/v1/rollouts', { model: 'large', version, devices: devices.map(({ id }) => id) });
      };
      const ours = await runLoad(
        folder,
        hub,
        { ...shared, target: 'hub', port: hub.mqttPort, devices, copies },
        rollOut,
      );
      repeated += ours.repeated;
      const name = `${count} ${count === 1 ? 'device' : 'devices'}`;
      const beside = (
        what: string,
        unit: string,
        pick: (m: Measured) => number,
        more: Partial<BenchRow> = {},
      ): void => {
        const reference = { name: 'plain node:http', value: pick(plain) };
        rows.push({ name: `${name}: ${what}`, value: pick(ours), unit, reference, ...more });
      };
      beside(
        'CPU for each GB',
        's',
        (m) => (m.cpuSeconds * 1e9) / m.bytes,
        count === 50 ? { budget: ratioAtMost(1) } : {},
      );
      beside('time for one copy each', 's', (m) => m.seconds / copies);
      beside('bytes in all', 'MB/s', (m) => m.bytes / 1e6 / m.seconds);
      beside('peak RSS while delivering', 'MB', (m) => m.peakRssMb, { budget: below(200) });
      rows.push({ name: `${name}: RSS of the hub before`, value: idleMb, unit: 'MB' });
    }
    await hub.stop();
    await http.stop();
    return {
      title: `Delivery: one artifact of ${(model.length / 1e6).toFixed(1)} MB, by chunks over MQTT`,
      rows,
      notes: [`Every copy was hashed by who fetched it. ${repeated} chunks had to be asked for again.`],
    };
  } finally {
    remove(folder);
  }
}
