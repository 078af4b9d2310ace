// Sets up the MQTT side of a hub in this process, with a real database, and devices that speak to it. Never asserts.
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { makeId } from '@drover/core/ids';
import { encodeEntry, encodeMessage } from '@drover/wire/encode';
import type { EntryBody, Hello, MessageKind, MessageOf, Metadata, MetadataReq } from '@drover/wire/messages';
import { readMessage } from '@drover/wire/read';
import { deviceFilter, downTopic, type UpKind, upTopic } from '@drover/wire/topics';
import mqtt, { type IClientOptions, type MqttClient } from 'mqtt';
import { pino } from 'pino';
import type { BlobStore } from '../../hub/src/blobs/blob-store.ts';
import { openFolderStore } from '../../hub/src/blobs/folder-store.ts';
import { insertDevice } from '../../hub/src/db/devices.ts';
import { openStore } from '../../hub/src/db/sqlite-store.ts';
import type { Store } from '../../hub/src/db/store.ts';
import { hashSecret } from '../../hub/src/identity/admission.ts';
import { type MqttSide, startMqtt } from '../../hub/src/mqtt/start-mqtt.ts';
import { openSealing } from '../../hub/src/sealing/sealing.ts';
import { until } from '../../packages/testkit/src/until.ts';

export const newId = (): string => makeId(Date.now(), randomBytes(10));

export interface Side {
  readonly store: Store;
  readonly blobs: BlobStore;
  readonly mqtt: MqttSide;
  readonly folder: string;
  /** Devices about which something was reported, in order. */
  readonly reported: string[];
  /** What the hub answers to requests for release metadata, by name. */
  readonly metadata: Map<string, Uint8Array>;
  join(device: string): Promise<void>;
  close(): Promise<void>;
}

export async function startSide(onReported: (device: string) => void = () => undefined): Promise<Side> {
  const folder = mkdtempSync(path.join(tmpdir(), 'drover-hub-'));
  const opened = openStore(path.join(folder, 'db', 'hub.db'), Date.now());
  if (!opened.ok) throw new Error(opened.detail);
  const store = opened.value;
  const blobs = await openFolderStore(path.join(folder, 'blobs'), 1e9);
  const reported: string[] = [];
  const metadata = new Map<string, Uint8Array>();
  const side = await startMqtt({
    store,
    blobs,
    pathsOf: () => Promise.resolve([]),
    readMetadata: (name) => Promise.resolve(metadata.get(name)),
    log: pino({ level: process.env['DROVER_TEST_LOG'] ?? 'silent' }),
    hubId: newId(),
    now: Date.now,
    newId,
    onReported: (device) => {
      reported.push(device);
      onReported(device);
    },
    sealing: openSealing({ store, blobs, hubKey: Buffer.alloc(32, 7), now: Date.now }),
    host: '127.0.0.1',
    port: 0,
  });
  return {
    store,
    blobs,
    mqtt: side,
    folder,
    metadata,
    reported,
    async join(device) {
      await store.commit([
        insertDevice({ id: device, labels: {}, secretHash: hashSecret(`secret of ${device}`), joinedAt: Date.now() }),
      ]);
    },
    async close() {
      await side.close();
      await store.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

export interface TestDevice {
  readonly client: MqttClient;
  readonly hello: Hello;
  readonly received: { readonly topic: string; readonly payload: Buffer }[];
  send<K extends Exclude<UpKind, 'meta'>>(kind: K, message: MessageOf[K]): void;
  askMetadata(req: MetadataReq): void;
  /** Answers to requests for release metadata so far. */
  metadata(): Metadata[];
  /** Sends entries as one uplink message with consecutive numbers from `firstSeq`. */
  up(firstSeq: number, bodies: readonly (EntryBody | Uint8Array)[], oldestSeq?: number): void;
  /** All messages of a kind so far, read. */
  all<K extends MessageKind & ('desired' | 'ack' | 'cmd')>(kind: K): MessageOf[K][];
  /** The highest number that the hub acknowledged. */
  acked(): number;
  end(): Promise<void>;
}

const stamp = () => ({ sentAt: Date.now(), sentMono: Math.floor(performance.now()) });

export const CAPABILITIES = {
  runtime: 'native',
  runtimeVersion: '1.30.0',
  arch: 'x64',
  platform: 'linux',
  maxOpset: 26,
  maxMlOpset: 5,
  maxIr: 13,
  memoryBytes: 1e9,
} as const;

export function connectRaw(port: number, device: string, options: IClientOptions = {}): MqttClient {
  return mqtt.connect({
    host: '127.0.0.1',
    port,
    protocolVersion: 4,
    clientId: device,
    username: device,
    password: `secret of ${device}`,
    clean: true,
    keepalive: 30,
    reconnectPeriod: 0,
    ...options,
  });
}

/** Connects, listens and says hello, as an agent does. */
export async function connectDevice(port: number, device: string, given: Partial<Hello> = {}): Promise<TestDevice> {
  const hello: Hello = {
    outboxId: newId(),
    bootId: newId(),
    sessionId: newId(),
    agentVersion: '0.1.0',
    capabilities: CAPABILITIES,
    generation: 0,
    slots: [],
    oldestSeq: 1,
    nextSeq: 1,
    ...given,
  };
  const gone = encodeMessage('gone', { sessionId: hello.sessionId, bootId: hello.bootId }, stamp());
  const client = connectRaw(port, device, {
    will: { topic: upTopic(device, 'gone'), payload: Buffer.from(gone), qos: 1, retain: false },
  });
  const received: { topic: string; payload: Buffer }[] = [];
  client.on('message', (topic, payload) => received.push({ topic, payload }));
  client.on('error', () => undefined);
  await until(`${device} connects`, () => client.connected);
  await client.subscribeAsync(deviceFilter(device), { qos: 1 });
  const self: TestDevice = {
    client,
    hello,
    received,
    metadata: () =>
      received
        .filter(({ topic }) => topic === downTopic(device, 'meta'))
        .flatMap(({ payload }) => {
          const read = readMessage('metadata', payload);
          return read.ok ? [read.value.message] : [];
        }),
    askMetadata: (req) =>
      void client.publish(upTopic(device, 'meta'), Buffer.from(encodeMessage('metadataReq', req, stamp()))),
    send: (kind, message) =>
      void client.publish(upTopic(device, kind), Buffer.from(encodeMessage(kind, message, stamp())), {
        qos: kind === 'hello' ? 1 : 0,
      }),
    up(firstSeq, bodies, oldestSeq = firstSeq) {
      const items = bodies.map((body, i) => ({
        seq: firstSeq + i,
        body: body instanceof Uint8Array ? body : encodeEntry({ subject: '', at: Date.now(), body }),
      }));
      self.send('up', { outboxId: hello.outboxId, bootId: hello.bootId, oldestSeq, items });
    },
    all(kind) {
      return received
        .filter(({ topic }) => topic === downTopic(device, kind))
        .flatMap(({ payload }) => {
          const read = readMessage(kind, payload);
          return read.ok ? [read.value.message] : [];
        });
    },
    acked: () =>
      Math.max(
        0,
        ...self
          .all('ack')
          .filter((a) => a.outboxId === hello.outboxId)
          .map((a) => a.lastSeq),
      ),
    end: () => client.endAsync(true),
  };
  self.send('hello', hello);
  await until(`${device} is greeted`, () => self.all('ack').length > 0);
  return self;
}

export const makeWindow = (number: number, over: Partial<Extract<EntryBody, { kind: 'window' }>> = {}): EntryBody => ({
  kind: 'window',
  slot: 'default',
  role: 'active',
  manifest: 'ab'.repeat(32),
  bootId: 'cd'.repeat(16),
  number,
  revision: 1,
  startAt: number * 1000,
  endAt: number * 1000 + 1000,
  firstMono: 0,
  lastMono: 1,
  rows: 10,
  errors: 0,
  closedBy: 'boundary',
  stats: Buffer.from([1, 2, 3]),
  ...over,
});
