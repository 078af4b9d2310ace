// A confidential model on its whole way: registered, deployed, served, and after a restart without the hub; what lies on the
// device and what went over the wire is searched for its plaintext.
import { readdirSync, readFileSync, statSync } from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import {
  type AgentProgram, deploy, type HubProgram, joinAgent, registerModel, remove, runAgent, scratch, startHub,
} from '@drover/testkit/fleet'; // biome-ignore format: one list
import { readHubRows } from '@drover/testkit/hub-tables';
import { addNoise, makeRandom } from '@drover/testkit/model-pairs';
import { buildMlpModel } from '@drover/testkit/models';
import { until } from '@drover/testkit/until';
import { digestOf } from '@drover/trust/dsse';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

const MODEL = buildMlpModel([8, 600, 200, 2], makeRandom(3));
const NEXT = addNoise(MODEL, 1e-5);
/** Weights from the middle of the file, and the names of its tensors: what no device may show. */
const MARKERS = [MODEL, NEXT].flatMap((model) => {
  const bytes = Buffer.from(model);
  return [bytes.subarray(bytes.length >> 1, (bytes.length >> 1) + 32), bytes.subarray(100_000, 100_032)];
});
const shows = (bytes: Buffer): boolean => MARKERS.some((marker) => bytes.includes(marker));

let folder: string;
let hub: HubProgram;
let agent: AgentProgram | undefined;
let recorder: net.Server;
let recorded: Buffer[];
const sockets = new Set<net.Socket>();

async function findFreePort(): Promise<number> {
  const server = net.createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as net.AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** Passes connections on to the hub and keeps what goes through. */
async function startRecorder(hubPort: number): Promise<number> {
  recorded = [];
  recorder = net.createServer((from) => {
    const to = net.connect(hubPort, '127.0.0.1');
    for (const [one, other] of [[from, to], [to, from]] as const) {
      sockets.add(one);
      one.on('data', (bytes: Buffer) => {
        recorded.push(bytes);
        other.write(bytes);
      });
      one.on('close', () => other.destroy());
      one.on('error', () => other.destroy());
    }
  }); // biome-ignore format: one loop
  await new Promise<void>((resolve) => recorder.listen(0, '127.0.0.1', resolve));
  return (recorder.address() as net.AddressInfo).port;
}

beforeEach(async () => {
  folder = scratch('confidential');
  const mqttPort = await findFreePort();
  const port = await startRecorder(mqttPort);
  hub = await startHub(path.join(folder, 'hub'), [
    '--http', '127.0.0.1:0', '--mqtt', `127.0.0.1:${mqttPort}`, '--mqtt-url', `mqtt://127.0.0.1:${port}`, '--probation-seconds', '0',
  ]); // biome-ignore format: one list
  const ready = JSON.parse(readFileSync(path.join(hub.data, 'run/hub.json'), 'utf8')) as { mqttUrl: string };
  expect(ready.mqttUrl).toContain(String(port));
});
afterEach(async () => {
  await agent?.stop();
  agent = undefined;
  await hub.stop();
  for (const socket of sockets) socket.destroy();
  recorder.close();
  remove(folder);
});

const filesOf = (dir: string): string[] =>
  readdirSync(dir, { recursive: true })
    .map((name) => path.join(dir, String(name)))
    .filter((file) => statSync(file, { throwIfNoEntry: false })?.isFile());

describe('a confidential model', () => {
  it('serves on a device whose disk and wire never hold its plaintext, also without the hub', async () => {
    const marked = await hub.call<{ confidential: boolean }>('PUT', '/api/v1/models/wear/confidential', {
      confidential: true,
    });
    expect(marked).toMatchObject({ status: 200, body: { confidential: true } });
    const data = path.join(folder, 'agent');
    await joinAgent(hub, data, 'd1');
    agent = await runAgent(data);
    for (const model of [MODEL, NEXT]) {
      const { version } = await registerModel(hub, 'wear', { model, classes: ['0', '1'] });
      expect((await deploy(hub, 'wear', version, ['d1']))[0]).toMatchObject({ state: 'committed' });
    }
    const [row] = readHubRows<{ sealed: string; size: number }>(
      hub.data,
      'SELECT sealed, size FROM sealedArtifacts WHERE plain = ?',
      digestOf(NEXT),
    );
    const wire = Buffer.concat(recorded);
    // The search finds what is there: the ciphertext went this way.
    const cipher = readFileSync(path.join(hub.data, 'blobs/sha256', row?.sealed.slice(0, 2) ?? '', row?.sealed ?? ''));
    expect(cipher.length).toBe(row?.size);
    expect(wire.includes(cipher.subarray(1000, 1100))).toBe(true);
    expect(shows(wire)).toBe(false);
    expect(filesOf(data).filter((file) => shows(readFileSync(file)))).toEqual([]);
    expect(filesOf(data).some((file) => file.endsWith(row?.sealed ?? '-'))).toBe(true);
    expect(statSync(path.join(data, 'keys/sealing.pem')).mode & 0o777).toBe(0o600);
    expect(statSync(path.join(hub.data, 'keys/sealing.key')).mode & 0o777).toBe(0o600);
    expect(readHubRows(hub.data, 'SELECT * FROM patches')).toEqual([]);

    await agent.stop();
    await hub.stop();
    agent = await runAgent(data);
    const running = await until('the sealed model to serve', async () => {
      const status = (await (await fetch(`${agent?.httpUrl}/v1/status`)).json()) as { slots: { running?: string }[] };
      return status.slots[0]?.running;
    });
    expect(running).toMatch(/^[0-9a-f]{64}$/);
    expect(filesOf(data).filter((file) => shows(readFileSync(file)))).toEqual([]);
  });
});
