// Plays devices that fetch one artifact, several times over, from a hub over MQTT or from a plain HTTP server. Every copy
// is hashed. Prints one line of JSON: the time it took and what the serving process used meanwhile.
//
//   node delivery-load.ts FILE     where FILE holds DeliveryOptions as JSON; for a hub it prints "ready" when all said hello
import { createHash, randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import http from 'node:http';
import { makeId } from '@drover/core/ids';
import { parseManifest } from '@drover/trust/documents';
import { encodeMessage } from '@drover/wire/encode';
import { CHUNK_BYTES, CHUNKS_PER_REQ } from '@drover/wire/limits';
import { readMessage } from '@drover/wire/read';
import { deviceFilter, downTopic, parseTopic, upTopic } from '@drover/wire/topics';
import { readCpuSeconds } from './process-facts.ts';
import { openClient, type WireClient } from './wire-client.ts';

export interface DeliveryOptions {
  readonly target: 'hub' | 'http';
  readonly port: number;
  /** The process that serves. */
  readonly pid: number;
  readonly devices: readonly { readonly id: string; readonly secret: string }[];
  /** SHA-256 of the artifact. */
  readonly digest: string;
  readonly size: number;
  /** Copies that each device fetches, one after the other. */
  readonly copies: number;
}

export interface DeliveryResult {
  readonly seconds: number;
  readonly bytes: number;
  readonly cpuSeconds: number;
  /** Chunks that had to be asked for again. */
  readonly repeated: number;
}

const options = JSON.parse(readFileSync(process.argv[2] ?? '', 'utf8')) as DeliveryOptions;
const { target, port, devices, digest, size, copies } = options;
const newId = (): string => makeId(Date.now(), randomBytes(10));
const stamp = () => ({ sentAt: Date.now(), sentMono: Math.floor(performance.now()) });
const CHUNKS = Math.ceil(size / CHUNK_BYTES);
/** As the agent: half of what one request may ask for is on the way when the next half is asked for. */
const ASK = CHUNKS_PER_REQ / 2;
const STALLED_MS = 2000;

let repeated = 0;

function checkCopy(actual: string): void {
  if (actual !== digest) throw new Error(`a copy has the digest ${actual}`);
}

/** One device's way through its copies, chunk by chunk. */
class Fetcher {
  readonly done: Promise<void>;
  readonly #finish: () => void;
  readonly #client: () => WireClient;
  readonly #device: string;
  #copy = 0;
  #hash = createHash('sha256');
  #next = 0;
  #asked = 0;
  #request = 0;
  #lastAt = 0;
  readonly #early = new Map<number, Uint8Array>();

  constructor(device: string, client: () => WireClient) {
    this.#device = device;
    this.#client = client;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.done = promise;
    this.#finish = resolve;
  }

  begin(): void {
    this.#lastAt = performance.now();
    this.#ask();
  }

  #ask(): void {
    while (this.#asked < CHUNKS && this.#asked - this.#next <= ASK) {
      const count = Math.min(ASK, CHUNKS - this.#asked);
      this.#request += 1;
      const req = { digest, first: this.#asked, count, request: this.#request };
      this.#client().publish(upTopic(this.#device, 'req'), encodeMessage('req', req, stamp()));
      this.#asked += count;
    }
  }

  take(index: number, bytes: Uint8Array): void {
    if (this.#copy === copies || index < this.#next) return;
    this.#lastAt = performance.now();
    // Copied: the bytes belong to the parser.
    this.#early.set(index, index === this.#next ? bytes : Buffer.from(bytes));
    for (let next = this.#early.get(this.#next); next; next = this.#early.get(this.#next)) {
      this.#hash.update(next);
      this.#early.delete(this.#next);
      this.#next += 1;
    }
    if (this.#next < CHUNKS) {
      this.#ask();
      return;
    }
    checkCopy(this.#hash.digest('hex'));
    this.#copy += 1;
    if (this.#copy === copies) {
      this.#finish();
      return;
    }
    this.#hash = createHash('sha256');
    this.#next = 0;
    this.#asked = 0;
    this.#ask();
  }

  /** QoS 0 may lose a chunk: what did not come is asked for again. */
  rescue(): void {
    if (this.#copy === copies || performance.now() - this.#lastAt < STALLED_MS) return;
    repeated += this.#asked - this.#next;
    this.#asked = this.#next;
    this.begin();
  }
}

const capabilities = {
  runtime: 'native', runtimeVersion: '1', arch: 'x64', platform: 'linux', maxOpset: 21, maxMlOpset: 5, maxIr: 10, memoryBytes: 2 ** 30,
} as const; // biome-ignore format: one record

interface Player {
  readonly fetcher: Fetcher;
  /** Resolves when a desired document names the artifact. */
  readonly wished: Promise<void>;
}

async function playDevice({ id, secret }: { readonly id: string; readonly secret: string }): Promise<Player> {
  const fetcher = new Fetcher(id, () => client);
  const { promise: wished, resolve: onWish } = Promise.withResolvers<void>();
  const client = await openClient({
    port,
    device: id,
    secret,
    filters: [deviceFilter(id)],
    onMessage(topic, payload) {
      const to = parseTopic(topic);
      if (to.ok && to.value.kind === 'chunk') {
        fetcher.take(to.value.index, payload);
      } else if (topic === downTopic(id, 'desired')) {
        const desired = readMessage('desired', payload);
        if (!desired.ok) throw new Error(desired.detail);
        const names = desired.value.message.manifests.some((envelope) => {
          const manifest = parseManifest(envelope.payload);
          return manifest.ok && manifest.value.blobs.model.sha256 === digest;
        });
        if (names) onWish();
      } else if (topic === downTopic(id, 'cmd')) {
        const cmd = readMessage('cmd', payload);
        if (cmd.ok && cmd.value.message.body.kind === 'chunkRefused') throw new Error(cmd.value.message.body.detail);
      }
    },
  });
  const hello = {
    outboxId: newId(), bootId: newId(), sessionId: newId(), agentVersion: '0.1.0', capabilities, generation: 0, slots: [], oldestSeq: 1, nextSeq: 1,
  }; // biome-ignore format: one record
  client.publish(upTopic(id, 'hello'), encodeMessage('hello', hello, stamp()), 1);
  return { fetcher, wished };
}

async function fetchFromHub(): Promise<DeliveryResult> {
  const players: Player[] = [];
  for (const device of devices) players.push(await playDevice(device));
  process.stdout.write('ready\n');
  await Promise.all(players.map(({ wished }) => wished));
  const timer = setInterval(() => {
    for (const { fetcher } of players) fetcher.rescue();
  }, STALLED_MS);
  const result = await measure(() => {
    for (const { fetcher } of players) fetcher.begin();
    return Promise.all(players.map(({ fetcher }) => fetcher.done));
  });
  clearInterval(timer);
  return result;
}

function fetchOnce(agent: http.Agent): Promise<void> {
  return new Promise((resolve, reject) => {
    const request = http.get({ host: '127.0.0.1', port, path: '/', agent }, (response) => {
      const hash = createHash('sha256');
      response.on('data', (bytes: Buffer) => hash.update(bytes));
      response.on('end', () => {
        checkCopy(hash.digest('hex'));
        resolve();
      });
      response.on('error', reject);
    });
    request.on('error', reject);
  });
}

const fetchOverHttp = (): Promise<DeliveryResult> =>
  measure(() =>
    Promise.all(
      devices.map(async () => {
        const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
        for (let copy = 0; copy < copies; copy += 1) await fetchOnce(agent);
        agent.destroy();
      }),
    ),
  );

async function measure(run: () => Promise<unknown>): Promise<DeliveryResult> {
  const cpuBefore = readCpuSeconds(options.pid);
  const startAt = performance.now();
  await run();
  const seconds = (performance.now() - startAt) / 1000;
  const cpuSeconds = readCpuSeconds(options.pid) - cpuBefore;
  return { seconds, cpuSeconds, bytes: devices.length * copies * size, repeated };
}

const result = await (target === 'hub' ? fetchFromHub() : fetchOverHttp());
process.stdout.write(`${JSON.stringify(result)}\n`);
process.exit(0);
