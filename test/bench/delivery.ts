// Measures what one artifact costs a real hub that gives it to 1, 10 and 50 devices by each way, against a plain node:http
// server that gives out the same bytes, and against the bytes themselves. Devices are played by one process. Never asserts.
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { type HubProgram, registerModel, remove, samePorts, scratch, startHub } from '@drover/testkit/fleet';
import { buildMlpModel } from '@drover/testkit/models';
import { type Program, start } from '@drover/testkit/program';
import { until } from '@drover/testkit/until';
import type { JoinResponse } from '@drover/wire/http/devices';
import type { Rollout } from '@drover/wire/http/rollouts';
import type { DeliveryOptions, DeliveryResult, Way } from './delivery-load.ts';
import { readPeakRssMb, readRssMb, resetPeakRss } from './process-facts.ts';
import { type BenchReport, type BenchRow, below, ratioAtMost } from './report.ts';
import { makeUniform } from './sample-window.ts';
import { startWarmHub } from './warm-hub.ts';

interface Case {
  readonly devices: number;
  /** Copies that each fetches: enough bytes for CPU time that is counted in hundredths of a second. */
  readonly copies: number;
}
const SMALL: readonly Case[] = [
  { devices: 1, copies: 8 },
  { devices: 10, copies: 2 },
  { devices: 50, copies: 1 },
];
const LARGE: readonly Case[] = [1, 10, 50].map((devices) => ({ devices, copies: 1 }));
/** 2.6 and 26 million weights: 10.4 and 104 MB. */
const MODELS = [
  { name: '10 MB', widths: [200, 10_000, 60, 2], cases: SMALL },
  { name: '100 MB', widths: [200, 100_000, 60, 2], cases: LARGE },
] as const;
/** The shared topic first: devices that do not listen make the hub stop asking for a while. */
const WAYS: readonly Way[] = ['broadcast', 'neighbour', 'pull', 'door'];
const TITLES: Readonly<Record<Way, string>> = {
  broadcast: 'one broadcast',
  neighbour: 'one site with a cache',
  pull: 'pull over MQTT',
  door: 'HTTP range of the hub',
  http: 'plain node:http',
};
const FLAGS = ['--http-delivery', 'on'];
const LIMIT_MS = 80_000;
/** No case is begun after this time: the bench has a limit of its own, and says what it left out. */
const LAST_BEGIN_MS = 270_000;

const here = (file: string): string => path.join(import.meta.dirname, file);
const pidOf = (program: Program): number => program.process.pid ?? 0;

interface Measured extends DeliveryResult {
  readonly peakRssMb: number;
  readonly idleMb: number;
}

/** `whenReady` runs once the devices are there; the measured time begins after it. */
async function runLoad(
  folder: string,
  server: Program,
  options: Omit<DeliveryOptions, 'pid'>,
  whenReady?: () => Promise<void>,
): Promise<Measured> {
  const file = path.join(folder, 'delivery.json');
  writeFileSync(file, JSON.stringify({ ...options, pid: pidOf(server) } satisfies DeliveryOptions));
  const idleMb = readRssMb(pidOf(server));
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
  return { ...result, peakRssMb: readPeakRssMb(pidOf(server)), idleMb };
}

async function joinDevices(
  hub: HubProgram,
  prefix: string,
  count: number,
  labels: Readonly<Record<string, string>>,
): Promise<{ id: string; secret: string }[]> {
  const devices: { id: string; secret: string }[] = [];
  for (let i = 0; i < count; i += 1) {
    const { device, secret } = await hub.post<JoinResponse>('/api/v1/devices', { id: `${prefix}-${i}`, labels });
    devices.push({ id: device, secret });
  }
  return devices;
}

function rowsOf(name: string, way: Way, ours: Measured, plain: Measured, isJudged: boolean): BenchRow[] {
  const at = `${name}, ${TITLES[way]}`;
  const perGb = (m: Measured): number => (m.cpuSeconds * 1e9) / m.bytes;
  const reference = (pick: (m: Measured) => number) => ({ name: TITLES.http, value: pick(plain) });
  return [
    {
      name: `${at}: CPU for each GB delivered`,
      value: perGb(ours),
      unit: 's',
      reference: reference(perGb),
      ...(isJudged && { budget: ratioAtMost(1) }),
    },
    { name: `${at}: time in all`, value: ours.seconds, unit: 's', reference: reference((m) => m.seconds) },
    {
      name: `${at}: peak RSS`,
      value: ours.peakRssMb,
      unit: 'MB',
      budget: below(200),
      note: `${ours.idleMb.toFixed(0)} MB before`,
    },
    {
      name: `${at}: artifact bytes that left the hub`,
      value: ours.sentBytes / 1e6,
      unit: 'MB',
      reference: { name: 'bytes of the copies', value: ours.bytes / 1e6 },
    },
  ];
}

export async function bench(): Promise<BenchReport> {
  const folder = scratch('bench-delivery');
  try {
    const rows: BenchRow[] = [];
    const leftOut: string[] = [];
    const startAt = performance.now();
    const isLate = (): boolean => performance.now() - startAt > LAST_BEGIN_MS;
    let repeated = 0;
    let hub = await startWarmHub(folder, FLAGS);
    for (const { name, widths, cases } of MODELS) {
      if (isLate()) {
        leftOut.push(name);
        continue;
      }
      const model = buildMlpModel([...widths], makeUniform(3));
      const artifact = path.join(folder, `${name.replace(' ', '')}.onnx`);
      writeFileSync(artifact, model);
      const { version } = await registerModel(hub, `m${widths[1]}`, { model, classes: ['0', '1'] });
      // What registering left in memory is not what delivering costs.
      const ports = samePorts(hub);
      await hub.stop();
      const env = { NODE_COMPILE_CACHE: path.join(folder, 'compile-cache') };
      hub = await startHub(hub.data, ['--log-level', 'warn', ...FLAGS, ...ports], env);
      const http = start(here('plain-http.ts'), [artifact]);
      const httpPort = await until('the port of the plain server', () =>
        Number(/"port":(\d+)/.exec(http.output())?.[1]),
      );
      const plain = new Map<number, Measured>();
      for (const { devices: count, copies } of cases) {
        const devices = Array.from({ length: count }, (_, i) => ({ id: `h${i}`, secret: '' }));
        const options = { way: 'http' as const, port: httpPort, devicesUrl: '', artifact, devices, copies };
        if (!isLate()) plain.set(count, await runLoad(folder, http, options));
      }
      await http.stop();
      for (const way of WAYS) {
        for (const { devices: count, copies } of cases) {
          if (count === 1 && (way === 'broadcast' || way === 'neighbour')) continue;
          const title = `${name} to ${count} ${count === 1 ? 'device' : 'devices'}`;
          if (isLate()) {
            leftOut.push(`${title}, ${TITLES[way]}`);
            continue;
          }
          const labels = way === 'neighbour' ? { site: `s${count}-${widths[1]}` } : {};
          const devices = await joinDevices(hub, `${way}-${widths[1]}-${count}`, count, labels);
          const rollOut = async (): Promise<void> => {
            const wish = { model: `m${widths[1]}`, version, devices: devices.map(({ id }) => id) };
            await hub.post<Rollout>('/api/v1/rollouts', wish);
          };
          const once = way === 'neighbour' || way === 'broadcast' ? 1 : copies;
          const options = { way, port: hub.mqttPort, devicesUrl: hub.devicesUrl, artifact, devices, copies: once };
          const ours = await runLoad(folder, hub, options, rollOut);
          process.stderr.write(
            `${title}, ${TITLES[way]}: ${ours.seconds.toFixed(1)} s, CPU ${((ours.cpuSeconds * 1e9) / ours.bytes).toFixed(2)} s/GB, RSS ${ours.peakRssMb.toFixed(0)} MB\n`,
          );
          repeated += ours.repeated;
          const reference = plain.get(count);
          if (reference) rows.push(...rowsOf(title, way, ours, reference, count === 50));
        }
      }
    }
    await hub.stop();
    return {
      title: 'Delivery: artifacts of 10.4 and 104 MB, by each way',
      rows,
      notes: [
        `Every chunk was hashed by who fetched it. ${repeated} chunks came twice.`,
        ...(leftOut.length > 0 ? [`Left out for lack of time: ${leftOut.join('; ')}.`] : []),
        'One site with a cache: the first of the site fetches over MQTT; the others fetch from it, which costs the hub a hint each. Times of it hold one process that plays all of them.',
        'Times of fewer copies than the reference made are not comparable where both differ: CPU is for each GB.',
      ],
    };
  } finally {
    remove(folder);
  }
}
