// A device made by hand: MQTT, wire messages and an outbox in memory, with nothing of the agent in it. For tests that must
// know exactly what was sent, what was acknowledged, and that nothing else happened.
import { randomBytes } from 'node:crypto';
import { makeId } from '@drover/core/ids';
import { encodeEntry, encodeMessage } from '@drover/wire/encode';
import type { Desired, Entry, MessageOf } from '@drover/wire/messages';
import { readMessage } from '@drover/wire/read';
import { deviceFilter, HUB_TOPIC, parseTopic, upTopic } from '@drover/wire/topics';
import mqtt, { type IClientOptions, type MqttClient } from 'mqtt';
import type { HubProgram } from './fleet.ts';
import { until } from './until.ts';

export const newId = (): string => makeId(Date.now(), randomBytes(10));

export interface Credentials {
  readonly device: string;
  readonly secret: string;
}

/** Joins over HTTP, as the agent's own command does. */
export async function joinDevice(hub: HubProgram, id: string): Promise<Credentials> {
  const { device, secret } = await hub.post<Credentials>('/api/v1/devices', { id });
  return { device, secret };
}

/** What CONNECT says for a device that keeps the rules; a test changes what it wants to break. */
export const connectOptions = ({ device, secret }: Credentials): IClientOptions => ({
  protocolVersion: 4,
  clean: true,
  clientId: device,
  username: device,
  password: secret,
  keepalive: 30,
  connectTimeout: 20_000,
  reconnectPeriod: 0,
  queueQoSZero: false,
});

/** Resolves with the client when the broker accepted, with the reason when it did not or closed the connection. */
export function tryConnect(hub: HubProgram, options: IClientOptions): Promise<MqttClient | Error> {
  const client = mqtt.connect(hub.mqttUrl, options);
  return new Promise((resolve) => {
    client.once('connect', () => resolve(client));
    client.once('error', (error) => {
      client.end(true);
      resolve(error);
    });
    client.once('close', () => resolve(new Error('the connection was closed')));
    // Later trouble is what many tests provoke: they look at `connected`, and no event may be left without a listener.
    client.on('error', () => undefined);
  });
}

const STAMP = (): { sentAt: number; sentMono: number } => ({
  sentAt: Date.now(),
  sentMono: Math.floor(performance.now()),
});

/** Kinds of messages whose topic has the same name. */
type UpMessage = 'hello' | 'state' | 'up' | 'gone' | 'req';

export interface RawDevice {
  readonly credentials: Credentials;
  readonly outboxId: string;
  readonly bootId: string;
  /** Highest number that the hub says is in its database. */
  readonly ackedSeq: number;
  /** Numbers that were appended. */
  readonly lastSeq: number;
  /** What the hub refused, by number. */
  readonly refused: ReadonlyMap<number, string>;
  /** Desired documents as they came. */
  readonly desired: readonly Desired[];
  readonly isConnected: boolean;
  append(entry: Entry | Uint8Array): number;
  connect(hub: HubProgram, generation?: number): Promise<void>;
  /** Publishes a message as this device. */
  send<K extends UpMessage>(kind: K, message: MessageOf[K]): void;
  disconnect(): void;
}

/** At most this many messages without an ack, each with at most this many entries. */
const IN_FLIGHT = 4;
const PER_MESSAGE = 64;

/** `onAck` is called after each ack, when it is known what is stored: the moment to append more. */
export function makeRawDevice(
  credentials: Credentials,
  onAck: (device: RawDevice) => void = () => undefined,
): RawDevice {
  const { device: id } = credentials;
  const outboxId = newId();
  const bootId = newId();
  const held = new Map<number, Uint8Array>();
  const refused = new Map<number, string>();
  const desired: Desired[] = [];
  let client: MqttClient | undefined;
  let lastSeq = 0;
  let ackedSeq = 0;
  let sentSeq = 0;

  const publish = <K extends UpMessage>(kind: K, message: MessageOf[K]): void =>
    void client?.publish(upTopic(id, kind), Buffer.from(encodeMessage(kind, message, STAMP())), { qos: 0 });

  function pump(): void {
    while (client?.connected && sentSeq < lastSeq && sentSeq - ackedSeq < IN_FLIGHT * PER_MESSAGE) {
      const items = [];
      for (let seq = sentSeq + 1; seq <= Math.min(lastSeq, sentSeq + PER_MESSAGE); seq++) {
        const body = held.get(seq);
        if (!body) throw new Error(`entry ${seq} was forgotten before it was acknowledged`);
        items.push({ seq, body });
      }
      sentSeq += items.length;
      publish('up', { outboxId, bootId, oldestSeq: ackedSeq + 1, items });
    }
  }

  function takeAck(payload: Uint8Array): void {
    const arrived = readMessage('ack', payload);
    if (!arrived.ok) throw new Error(`the hub sent an ack that cannot be read: ${arrived.detail}`);
    const ack = arrived.value.message;
    if (ack.outboxId !== outboxId) return;
    for (const { seq, code } of ack.refused) refused.set(seq, code);
    for (let seq = ackedSeq + 1; seq <= ack.lastSeq; seq++) held.delete(seq);
    ackedSeq = Math.max(ackedSeq, ack.lastSeq);
    sentSeq = Math.max(sentSeq, ackedSeq);
    onAck(device);
    pump();
  }

  const device: RawDevice = {
    credentials,
    outboxId,
    bootId,
    refused,
    desired,
    get ackedSeq() {
      return ackedSeq;
    },
    get lastSeq() {
      return lastSeq;
    },
    get isConnected() {
      return client?.connected ?? false;
    },
    append(entry) {
      lastSeq += 1;
      held.set(lastSeq, entry instanceof Uint8Array ? entry : encodeEntry(entry));
      pump();
      return lastSeq;
    },
    async connect(hub, generation = 0) {
      const own = await tryConnect(hub, connectOptions(credentials));
      if (own instanceof Error) throw own;
      client = own;
      own.on('message', (topic, payload) => {
        const to = parseTopic(topic);
        if (!to.ok || to.value.to !== 'device') return;
        if (to.value.kind === 'ack') takeAck(payload);
        if (to.value.kind !== 'desired') return;
        const arrived = readMessage('desired', payload);
        if (arrived.ok) desired.push(arrived.value.message);
      });
      await own.subscribeAsync([deviceFilter(id), HUB_TOPIC], { qos: 1 });
      publish('hello', {
        outboxId,
        bootId,
        sessionId: newId(),
        agentVersion: '0.0.0-test',
        capabilities: {
          runtime: 'native', runtimeVersion: '1.30.0', arch: 'x64', platform: 'linux',
          maxOpset: 26, maxMlOpset: 5, maxIr: 13, memoryBytes: 2 ** 30,
        }, // biome-ignore format: numbers
        generation,
        slots: [],
        oldestSeq: ackedSeq + 1,
        nextSeq: lastSeq + 1,
      });
      // What was on its way when the last connection ended may be lost: everything that is not acknowledged goes again.
      sentSeq = ackedSeq;
      pump();
    },
    send: publish,
    disconnect() {
      client?.end(true);
      client = undefined;
    },
  };
  return device;
}

/** Waits until everything that was appended is acknowledged. */
export const settle = (device: RawDevice, deadlineMs = 30_000): Promise<boolean> =>
  until(
    `the ack of ${device.lastSeq} entries of ${device.credentials.device}`,
    () => device.ackedSeq === device.lastSeq,
    deadlineMs,
  );
