// The hub's front door for devices: what comes before a device is known costs next to nothing, and a known device says and
// hears only its own. Another device that is connected all the while must not notice any of it.
import net from 'node:net';
import { type HubProgram, remove, scratch, startHub } from '@drover/testkit/fleet';
import { readPeakRss } from '@drover/testkit/host';
import { killAll } from '@drover/testkit/program';
import {
  connectOptions,
  joinDevice,
  makeRawDevice,
  type RawDevice,
  settle,
  tryConnect,
} from '@drover/testkit/raw-device';
import { until } from '@drover/testkit/until';
import { deviceFilter, HUB_TOPIC, sharedChunkFilter, upTopic } from '@drover/wire/topics';
import type { MqttClient } from 'mqtt';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const MB = 1024 * 1024;
const dir = scratch('door');
let hub: HubProgram;
let bystander: RawDevice;

beforeAll(async () => {
  hub = await startHub(dir);
  bystander = makeRawDevice(await joinDevice(hub, 'bystander'));
  await bystander.connect(hub);
});

afterAll(async () => {
  bystander.disconnect();
  await killAll();
  remove(dir);
});

/** The device that was there before still has its first connection and gets its acks. */
async function expectUndisturbed(): Promise<void> {
  expect(bystander.isConnected).toBe(true);
  bystander.append({ subject: '', at: Date.now(), body: { kind: 'log', level: 30, message: 'still here' } });
  await settle(bystander, 5000);
  expect(hub.exit()).toBeUndefined();
}

interface Pipe {
  readonly socket: net.Socket;
  readonly received: () => number;
  readonly isClosed: () => boolean;
}

async function openPipe(): Promise<Pipe> {
  const socket = net.connect(hub.mqttPort, '127.0.0.1');
  let received = 0;
  let closed = false;
  socket.on('data', (bytes) => {
    received += bytes.length;
  });
  socket.on('close', () => {
    closed = true;
  });
  socket.on('error', () => undefined);
  await new Promise<void>((resolve, reject) => socket.once('connect', resolve).once('error', reject));
  return { socket, received: () => received, isClosed: () => closed };
}

/** Writes as fast as the other side takes it; resolves with the bytes that left when all are out or the socket is closed. */
async function pour(pipe: Pipe, head: Uint8Array, total: number): Promise<number> {
  const piece = Buffer.alloc(64 * 1024, 0x41);
  pipe.socket.write(head);
  for (let sent = 0; sent < total && !pipe.isClosed(); sent += piece.length) {
    if (pipe.socket.write(piece)) continue;
    await until('room in the socket', () => pipe.socket.writableLength < piece.length || pipe.isClosed());
  }
  return pipe.socket.bytesWritten - (pipe.isClosed() ? pipe.socket.writableLength : 0);
}

/** A CONNECT that announces `length` bytes (MQTT 3.1.1 §2.2.3), with a right beginning. */
function connectHead(length: number): Buffer {
  const bytes = [0x10];
  for (let rest = length; ; ) {
    const byte = rest % 128;
    rest = Math.floor(rest / 128);
    bytes.push(rest > 0 ? byte | 0x80 : byte);
    if (rest === 0) break;
  }
  return Buffer.from([...bytes, 0, 4, 0x4d, 0x51, 0x54, 0x54, 4, 0xc2, 0, 30, 0xff, 0xff]);
}

describe('before authentication', () => {
  it('a CONNECT of 150 MB is cut off at once and costs the hub less than 20 MB', async () => {
    const before = readPeakRss(hub.process.pid ?? 0);
    const pipes = await Promise.all([openPipe(), openPipe(), openPipe()]);
    const sent = await Promise.all(pipes.map((pipe) => pour(pipe, connectHead(150 * MB), 150 * MB)));
    await until('the sockets to be closed', () => pipes.every((pipe) => pipe.isClosed()), 10_000);
    // What left before the end was seen lies in socket buffers of the kernel, not in the hub.
    expect(Math.max(...sent)).toBeLessThan(20 * MB);
    expect(readPeakRss(hub.process.pid ?? 0) - before).toBeLessThan(20 * MB);
    await expectUndisturbed();
  });

  it.each([
    ['garbage', Buffer.from(Array.from({ length: 4096 }, (_, i) => (i * 167 + 13) & 0xff))],
    ['an HTTP request', Buffer.from('GET / HTTP/1.1\r\nhost: hub\r\n\r\n')],
    ['a PUBLISH before CONNECT', Buffer.from([0x30, 0x05, 0, 1, 0x61, 0x62, 0x63])],
    ['a length of five bytes', Buffer.from([0x10, 0xff, 0xff, 0xff, 0xff, 0x01])],
    ['zeros', Buffer.alloc(64 * 1024)],
  ])('%s ends the connection without an answer', async (_, bytes) => {
    const pipe = await openPipe();
    pipe.socket.write(bytes);
    await until('the end', () => pipe.isClosed(), 5000);
    expect(pipe.received()).toBe(0);
    await expectUndisturbed();
  });

  it('a CONNECT that trickles, and a socket that says nothing, are ended in time', async () => {
    const [slow, mute] = await Promise.all([openPipe(), openPipe()]);
    const head = connectHead(200);
    let at = 0;
    const drip = setInterval(() => slow.socket.write(head.subarray(at, ++at)), 250);
    try {
      await until('both to be ended', () => slow.isClosed() && mute.isClosed(), 30_000);
    } finally {
      clearInterval(drip);
    }
    expect(slow.received() + mute.received()).toBe(0);
    await expectUndisturbed();
  });

  it.each([
    ['nobody', { username: undefined, password: undefined } as object],
    ['a wrong secret', { password: 'A'.repeat(43) }],
    ['no secret', { password: undefined }],
    ['an unknown device', { clientId: 'stranger', username: 'stranger' }],
    ["another device's name with one's own secret", { username: 'bystander' }],
    ['a client id that is not the user name', { clientId: 'press-7' }],
    ['a session to be kept', { clean: false }],
  ])('%s is refused', async (_, change) => {
    const credentials = await joinDevice(hub, `press-${Date.now().toString(36)}`);
    expect(await tryConnect(hub, { ...connectOptions(credentials), ...change })).toBeInstanceOf(Error);
    await expectUndisturbed();
  });

  it('MQTT 5 is refused, and a will anywhere else than on the own topic', async () => {
    const credentials = await joinDevice(hub, 'press-5');
    expect(await tryConnect(hub, { ...connectOptions(credentials), protocolVersion: 5 })).toBeInstanceOf(Error);
    const will = { topic: upTopic('bystander', 'gone'), payload: Buffer.from('x'), qos: 1 as const, retain: false };
    expect(await tryConnect(hub, { ...connectOptions(credentials), will })).toBeInstanceOf(Error);
    await expectUndisturbed();
  });
});

describe('a known device', () => {
  const connect = async (id: string): Promise<MqttClient> => {
    const client = await tryConnect(hub, connectOptions(await joinDevice(hub, id)));
    if (client instanceof Error) throw client;
    return client;
  };

  it('may listen only to what is its own', async () => {
    const client = await connect('listener');
    const refused = [
      '#', '+/#', 'drover/#', 'drover/1/#', 'drover/1/d/+/#', 'drover/1/d/+/desired', deviceFilter('bystander'),
      'drover/1/u/#', upTopic('bystander', 'up'), '$share/all/drover/1/d/listener/#', `$share/g/${deviceFilter('listener')}`,
      '$SYS/#', sharedChunkFilter('ab'.repeat(32)), 'drover/1/a/#', 'drover/1/a/+/0',
    ]; // biome-ignore format: one list
    for (const filter of refused) {
      // SUBACK 128 (MQTT 3.1.1 §3.9.3); the client says it as an error or as the granted value.
      const granted = await client.subscribeAsync(filter, { qos: 1 }).then(
        ([grant]) => grant?.qos ?? 128,
        () => 128,
      );
      expect(granted, filter).toBe(128);
    }
    expect(client.connected).toBe(true);
    const own = await client.subscribeAsync([deviceFilter('listener'), HUB_TOPIC], { qos: 1 });
    expect(own.map(({ qos }) => qos)).toEqual([1, 1]);
    client.end(true);
    await expectUndisturbed();
  });

  it.each([
    ['a topic of another device', upTopic('bystander', 'up')],
    ["another device's ear", 'drover/1/d/bystander/desired'],
    ['its own ear', 'drover/1/d/talker/cmd'],
    ['a wrong partition', upTopic('talker', 'up').replace(/p\d\d/, 'p99')],
    ['a foreign tree', 'sensors/1'],
    ['a system topic', '$SYS/broker/load'],
    ['the heartbeat of the hub', HUB_TOPIC],
    ['a shared chunk', `drover/1/a/${'ab'.repeat(32)}/0`],
  ])('may not publish to %s: its connection ends', async (name, topic) => {
    const id = `talker-${name.replaceAll(/[^a-z]+/g, '-')}`;
    const client = await connect(id);
    client.publish(topic.replaceAll('talker/', `${id}/`), 'x', { qos: 0 });
    await until('the connection to be ended', () => !client.connected, 5000);
    await expectUndisturbed();
  });

  it('may not leave anything behind, and its message of 600 KB ends the connection', async () => {
    const retained = await connect('keeper');
    retained.publish(upTopic('keeper', 'up'), 'x', { qos: 0, retain: true });
    await until('the end of the one that retains', () => !retained.connected, 5000);
    const large = await connect('large');
    large.publish(upTopic('large', 'up'), Buffer.alloc(600 * 1024), { qos: 0 });
    await until('the end of the one that says too much', () => !large.connected, 5000);
    await expectUndisturbed();
  });

  it('sends a message that cannot be read: it is dropped and counted, and the connection stays', async () => {
    const client = await connect('mumbler');
    for (const kind of ['hello', 'state', 'up', 'gone', 'req', 'meta'] as const) {
      await client.publishAsync(upTopic('mumbler', kind), Buffer.from('not protobuf at all'), { qos: 1 });
      await client.publishAsync(upTopic('mumbler', kind), Buffer.alloc(0), { qos: 1 });
    }
    expect(client.connected).toBe(true);
    client.end(true);
    await expectUndisturbed();
  });
});
