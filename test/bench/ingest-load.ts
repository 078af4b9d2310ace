// Plays devices that send windows as fast as they are acknowledged, against a hub or the bare reference: the same
// messages, the same number on the way. Prints one line of JSON: what was acknowledged in the measured time.
//
//   node ingest-load.ts FILE     where FILE holds LoadOptions as JSON
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { makeId } from '@drover/core/ids';
import { encodeEntry, encodeMessage } from '@drover/wire/encode';
import { readMessage } from '@drover/wire/read';
import { deviceFilter, downTopic, upTopic } from '@drover/wire/topics';
import { readCpuSeconds } from './process-facts.ts';
import { makeWindowBytes, makeWindowEntry } from './sample-window.ts';
import { openClient } from './wire-client.ts';

export interface LoadOptions {
  readonly target: 'hub' | 'bare';
  readonly port: number;
  /** The process that listens. */
  readonly pid: number;
  readonly devices: readonly { readonly id: string; readonly secret: string }[];
  /** Messages of one device that are not acknowledged yet. */
  readonly flying: number;
  readonly windowsPerMessage: number;
  /** Start of the first window, ms since epoch: each load brings later windows than the one before it. */
  readonly firstStartAt: number;
  readonly warmMs: number;
  readonly runMs: number;
}

export interface LoadResult {
  readonly seconds: number;
  readonly messages: number;
  readonly windows: number;
  /** Seconds of CPU that the process took in the measured time. */
  readonly cpuSeconds: number;
  /** Windows acknowledged since the first connection, warm-up and rest included. */
  readonly windowsInAll: number;
  readonly messageBytes: number;
  /** Milliseconds from publish to acknowledgement. */
  readonly medianMs: number;
  readonly p99Ms: number;
}

const options = JSON.parse(readFileSync(process.argv[2] ?? '', 'utf8')) as LoadOptions;
const { target, port, flying, windowsPerMessage } = options;
const newId = (): string => makeId(Date.now(), randomBytes(10));
const stats = makeWindowBytes();
const stamp = () => ({ sentAt: Date.now(), sentMono: Math.floor(performance.now()) });
const WINDOW_MS = 900_000;

/** Nobody sends before all are connected: a flooded hub admits slowly, and that is not what is measured here. */
let isOpen = false;
let isMeasuring = false;
let isEnding = false;
let messages = 0;
let messagesInAll = 0;
let messageBytes = 0;
const latencies: number[] = [];

interface Player {
  readonly ready: () => void;
  readonly isReady: Promise<void>;
  readonly fill: () => void;
}

async function playDevice(device: { readonly id: string; readonly secret: string }): Promise<Player> {
  const [outboxId, bootId, sessionId] = [newId(), newId(), newId()];
  const sentAt: number[] = [];
  let sent = 0;
  let acked = 0;

  function sendOne(): void {
    const first = sent * windowsPerMessage + 1;
    const items = Array.from({ length: windowsPerMessage }, (_, i) => {
      const number = first + i;
      const entry = makeWindowEntry(stats, number, options.firstStartAt + number * WINDOW_MS, bootId);
      return { seq: number, body: encodeEntry(entry) };
    });
    const up = encodeMessage('up', { outboxId, bootId, oldestSeq: acked * windowsPerMessage + 1, items }, stamp());
    messageBytes = up.length;
    sentAt.push(performance.now());
    sent += 1;
    client.publish(upTopic(device.id, 'up'), up);
  }
  const fill = (): void => {
    while (isOpen && !isEnding && sent - acked < flying) sendOne();
  };

  function onAcked(upTo: number): void {
    const now = performance.now();
    for (; acked < upTo; acked += 1) {
      messagesInAll += 1;
      const at = sentAt.shift() ?? now;
      if (!isMeasuring) continue;
      messages += 1;
      latencies.push(now - at);
    }
    fill();
  }

  const { promise, resolve } = Promise.withResolvers<void>();
  const player: Player = { ready: resolve, isReady: promise, fill };
  const ackTopic = downTopic(device.id, 'ack');
  const client = await openClient({
    port,
    device: device.id,
    secret: device.secret,
    filters: [deviceFilter(device.id)],
    onMessage(topic, payload) {
      if (topic !== ackTopic) return;
      if (target === 'bare') {
        onAcked(Buffer.from(payload).readUInt32BE(0));
        return;
      }
      const ack = readMessage('ack', payload);
      if (!ack.ok) throw new Error(ack.detail);
      if (ack.value.message.refused.length > 0)
        throw new Error(`refused: ${JSON.stringify(ack.value.message.refused[0])}`);
      player.ready();
      onAcked(Math.floor(ack.value.message.lastSeq / windowsPerMessage));
    },
  });
  if (target === 'bare') player.ready();
  else {
    const capabilities = {
      runtime: 'native', runtimeVersion: '1', arch: 'x64', platform: 'linux', maxOpset: 21, maxMlOpset: 5, maxIr: 10, memoryBytes: 1,
    } as const; // biome-ignore format: one record
    const hello = {
      outboxId, bootId, sessionId, agentVersion: '0.1.0', capabilities, generation: 0, slots: [], oldestSeq: 1, nextSeq: 1,
    }; // biome-ignore format: one record
    client.publish(upTopic(device.id, 'hello'), encodeMessage('hello', hello, stamp()), 1);
  }
  return player;
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

const players: Player[] = [];
for (const device of options.devices) players.push(await playDevice(device));
// A hub answers the hello when it is stored.
await Promise.all(players.map((player) => player.isReady));
isOpen = true;
for (const player of players) player.fill();
await pause(options.warmMs);
isMeasuring = true;
const cpuBefore = readCpuSeconds(options.pid);
const startAt = performance.now();
await pause(options.runMs);
isMeasuring = false;
const seconds = (performance.now() - startAt) / 1000;
const cpuSeconds = readCpuSeconds(options.pid) - cpuBefore;
isEnding = true;
const sorted = Float64Array.from(latencies).sort();
const result: LoadResult = {
  seconds,
  messages,
  windows: messages * windowsPerMessage,
  cpuSeconds,
  windowsInAll: messagesInAll * windowsPerMessage,
  messageBytes,
  medianMs: sorted[sorted.length >> 1] ?? Number.NaN,
  p99Ms: sorted[Math.floor(sorted.length * 0.99)] ?? Number.NaN,
};
process.stdout.write(`${JSON.stringify(result)}\n`);
process.exit(0);
