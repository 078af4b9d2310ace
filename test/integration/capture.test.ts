// What may leave a device, on the wire of a real hub: every byte that an agent sends is recorded and searched for the values that it
// was asked about. With raw rows denied (the default) none is there; allowed, they are, but for those of personal fields, which
// are also nowhere on the disk of the device and in no log.
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { buildBaseline, encodeBaseline } from '@drover/sketch/baseline';
import {
  type AgentProgram,
  deploy,
  type HubProgram,
  joinAgent,
  registerModel,
  remove,
  runAgent,
  scratch,
  startHub,
} from '@drover/testkit/fleet';
import { readStatus } from '@drover/testkit/offset';
import { ENTRY, killAll, start } from '@drover/testkit/program';
import { buildTinyModel } from '@drover/testkit/tiny-bundle';
import { until } from '@drover/testkit/until';
import type { SampleView } from '@drover/wire/http/samples';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const dir = scratch('capture');
let hub: HubProgram;
const closing: (() => void)[] = [];

/** Forwards to the broker and keeps what the agent sends. */
async function record(port: number): Promise<{ port: number; sent: () => Buffer }> {
  const parts: Buffer[] = [];
  const server = net.createServer((client) => {
    const upstream = net.connect(port, '127.0.0.1');
    client.on('data', (part) => void parts.push(Buffer.from(part)));
    client.pipe(upstream).pipe(client);
    for (const socket of [client, upstream]) socket.on('error', () => [client, upstream].map((each) => each.destroy()));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  closing.push(() => server.close());
  return { port: (server.address() as net.AddressInfo).port, sent: () => Buffer.concat(parts) };
}

/** A value as anybody would write it: float32, float64, both byte orders, and decimal text. */
function formsOf(value: number): Buffer[] {
  const forms = [Buffer.from(String(value))];
  for (const width of [4, 8]) {
    for (const isLittle of [true, false]) {
      const bytes = new DataView(new ArrayBuffer(width));
      if (width === 4) bytes.setFloat32(0, value, isLittle);
      else bytes.setFloat64(0, value, isLittle);
      forms.push(Buffer.from(bytes.buffer));
    }
  }
  return forms;
}
const holds = (bytes: Buffer, value: number): boolean => formsOf(value).some((form) => bytes.includes(form));

/** float32 numbers of many digits, so that no other number looks like them by chance. */
const ROWS = Array.from({ length: 40 }, (_, i) => ({
  load: Math.fround(0.123456 * (i + 1) + 0.0037),
  heat: Math.fround(1.7654321 - 0.0317 * i),
  shift: i === 7 ? 'night' : 'day',
}));
const SECRET_TEXT = 'anna.example-4711';

async function runRecorded(
  name: string,
  flags: readonly string[],
): Promise<{ agent: AgentProgram; data: string; sent: () => Buffer }> {
  const data = path.join(dir, name);
  const wire = await record(hub.mqttPort);
  await joinAgent(hub, data, name);
  const file = path.join(data, 'identity.json');
  const identity = JSON.parse(readFileSync(file, 'utf8')) as Record<string, string>;
  writeFileSync(file, JSON.stringify({ ...identity, mqttUrl: `mqtt://127.0.0.1:${wire.port}` }));
  const agent = await runAgent(data, ['--log-level', 'trace', '--capture-every', '1', ...flags]);
  expect(await deploy(hub, 'tiny', 1, [name])).toMatchObject([{ state: 'committed' }]);
  for (const row of ROWS) {
    const fields = name === 'personal' ? { ...row, shift: SECRET_TEXT } : row;
    for (const where of ['predict', 'readings']) {
      const body = JSON.stringify(where === 'predict' ? { fields } : fields);
      const response = await fetch(`${agent.httpUrl}/v1/${where}/default`, { method: 'POST', body });
      expect(response.status).toBe(200);
    }
  }
  return { agent, data, sent: wire.sent };
}

/** Every byte below a folder. */
const readFolder = (folder: string): Buffer =>
  Buffer.concat(
    readdirSync(folder, { recursive: true, encoding: 'utf8' })
      .map((name) => path.join(folder, name))
      .filter((file) => statSync(file).isFile())
      .map((file) => readFileSync(file)),
  );

const samplesOf = async (device: string): Promise<SampleView[]> =>
  (await hub.get<{ items: SampleView[] }>(`/api/v1/samples?device=${device}&limit=1000`)).items;

beforeAll(async () => {
  hub = await startHub(path.join(dir, 'hub'), [], {
    DROVER_HUB_PROBATION_SECONDS: '0',
    DROVER_HUB_WINDOW_SECONDS: '3600',
  });
  const rows = 400;
  const baseline = buildBaseline([
    { name: 'load', values: Float64Array.from({ length: rows }, (_, n) => Math.sin(n) * 3) },
    { name: 'heat', values: Float64Array.from({ length: rows }, (_, n) => Math.cos(n * 1.7) * 3) },
    { name: 'shift', values: Array.from({ length: rows }, (_, n) => (n % 3 === 0 ? 'night' : 'day')) },
  ]);
  if (!baseline.ok) throw new Error(baseline.detail);
  await registerModel(hub, 'tiny', {
    model: buildTinyModel(), baseline: encodeBaseline(baseline.value), featureNames: ['load', 'heat', 'shift'], classes: ['ok', 'fault'],
  }); // biome-ignore format: one record
});

afterAll(async () => {
  await killAll();
  for (const close of closing) close();
  remove(dir);
});

describe('raw rows', () => {
  it('that are denied never leave: no byte of them is on the wire', { timeout: 120_000 }, async () => {
    const { agent, sent } = await runRecorded('denied', []);
    await agent.stop();
    const bytes = sent();
    // The statistics did leave.
    const { items } = await hub.get<{ items: { predictions: number }[] }>('/api/v1/summary?device=denied');
    expect(items[0]?.predictions).toBe(2 * ROWS.length);
    for (const { load, heat } of ROWS) expect([holds(bytes, load), holds(bytes, heat)]).toEqual([false, false]);
    expect(await samplesOf('denied')).toEqual([]);
  });

  it('that are allowed come to the hub by name, and are listed and exported', { timeout: 120_000 }, async () => {
    const { agent, sent } = await runRecorded('allowed', ['--raw', 'allow']);
    await agent.stop();
    const samples = await until('the samples', async () => {
      const found = await samplesOf('allowed');
      return found.length > 0 ? found : undefined;
    });
    expect(samples.length).toBeLessThan(2 * ROWS.length);
    for (const { fields, label, probabilities, why } of samples) {
      const row = ROWS.find(({ load }) => load === fields['load']);
      expect(fields).toEqual(row);
      expect(['unsure', 'random', 'novel']).toContain(why);
      expect(label).toBe((probabilities?.['fault'] ?? 0) > 0.5 ? 'fault' : 'ok');
    }
    expect(new Set(samples.map(({ why }) => why)).size).toBeGreaterThan(1);
    const bytes = sent();
    expect(samples.every(({ fields }) => holds(bytes, Number(fields['load'])))).toBe(true);

    const csv = path.join(dir, 'rows.csv');
    const env = { DROVER_HUB: hub.httpUrl, DROVER_TOKEN_FILE: path.join(hub.data, 'run/token') };
    const program = start(ENTRY.cli, ['samples', 'export', csv, '--device', 'allowed', '--model', 'tiny'], env);
    expect(await program.waitForExit()).toBe(0);
    const [head, ...lines] = readFileSync(csv, 'utf8').trim().split('\r\n');
    expect(head).toBe('predictionId,device,model,version,at,why,score,answer,load,heat,shift');
    expect(lines).toHaveLength(samples.length);
  });

  it('keep their personal fields on the device, where no file and no log holds them', {
    timeout: 120_000,
  }, async () => {
    const { agent, data, sent } = await runRecorded('personal', ['--raw', 'allow', '--pii', 'heat,shift,not-a-field']);
    const [window] = (await readStatus(agent)).slots;
    expect(window?.running).toBeDefined();
    await agent.stop();
    const samples = await until('the samples', async () => {
      const found = await samplesOf('personal');
      return found.length > 0 ? found : undefined;
    });
    for (const { fields, withheld } of samples) {
      expect(Object.keys(fields)).toEqual(['load']);
      expect(withheld).toEqual(['heat', 'shift']);
    }
    for (const place of [sent(), readFolder(data), Buffer.from(agent.output())]) {
      expect(place.includes(SECRET_TEXT)).toBe(false);
      expect(ROWS.filter(({ heat }) => holds(place, heat))).toEqual([]);
    }
    // The search finds what is there.
    expect(ROWS.filter(({ load }) => holds(sent(), load)).length).toBeGreaterThan(0);
    const found = start(ENTRY.cli, ['replay', samples[0]?.predictionId ?? '', '--data', data, '--json']);
    await found.waitForExit();
    expect(JSON.parse(found.output())).toMatchObject({ verdict: 'cannot', code: 'decision_input_absent' });
  });
});
