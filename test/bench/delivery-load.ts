// Plays devices that fetch one artifact, several times over, from a hub by one of its ways or from a plain HTTP server. Every
// chunk is hashed and compared. Prints one line of JSON: the time it took and what the serving process used meanwhile.
//
//   node delivery-load.ts FILE     where FILE holds DeliveryOptions as JSON; for a hub it prints "ready" when all said hello
import { createHash, randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { makeId } from '@drover/core/ids';
import { parseManifest } from '@drover/trust/documents';
import { encodeMessage } from '@drover/wire/encode';
import { BITMAP_BYTES, CHUNK_BYTES, PIECE_BYTES } from '@drover/wire/limits';
import type { Cmd } from '@drover/wire/messages';
import { readMessage } from '@drover/wire/read';
import { deviceFilter, downTopic, parseTopic, sharedChunkFilter, upTopic } from '@drover/wire/topics';
import { readCpuSeconds } from './process-facts.ts';
import { openClient, type WireClient } from './wire-client.ts';

/** `pull`: each device alone over MQTT; `broadcast`: they listen when they are asked to; `door`: the hub's range requests;
 * `neighbour`: one of a site over MQTT, the others from it; `http`: plain node:http, the reference. */
export type Way = 'pull' | 'broadcast' | 'door' | 'neighbour' | 'http';

export interface DeliveryOptions {
  readonly way: Way;
  /** Of MQTT, or of the plain server. */
  readonly port: number;
  /** The hub's listener for devices. */
  readonly devicesUrl: string;
  /** The process that serves. */
  readonly pid: number;
  readonly devices: readonly { readonly id: string; readonly secret: string }[];
  /** The file with the artifact, to know what is right. */
  readonly artifact: string;
  /** Copies that each device fetches, one after the other. */
  readonly copies: number;
}

export interface DeliveryResult {
  readonly seconds: number;
  /** Of copies that devices had in the end, and of artifact bytes that the serving process sent for them. */
  readonly bytes: number;
  readonly sentBytes: number;
  readonly cpuSeconds: number;
  /** Chunks that came twice. */
  readonly repeated: number;
}

const options = JSON.parse(readFileSync(process.argv[2] ?? '', 'utf8')) as DeliveryOptions;
const { way, port, devices, copies } = options;
const artifact = readFileSync(options.artifact);
const size = artifact.length;
const digest = createHash('sha256').update(artifact).digest('hex');
const newId = (): string => makeId(Date.now(), randomBytes(10));
const stamp = () => ({ sentAt: Date.now(), sentMono: Math.floor(performance.now()) });
const CHUNKS = Math.ceil(size / CHUNK_BYTES);
const hashOf = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('base64');
const right = Array.from({ length: CHUNKS }, (_, i) =>
  hashOf(artifact.subarray(i * CHUNK_BYTES, (i + 1) * CHUNK_BYTES)),
);
const sizeOf = (index: number): number => Math.min(CHUNK_BYTES, size - index * CHUNK_BYTES);
const fullMask = (index: number): number => (1 << Math.ceil(sizeOf(index) / PIECE_BYTES)) - 1;
/** As the agent: after half of what came, after this much, or when no more comes. */
const REPORT_BYTES = 1024 * 1024;
const QUIET_MS = 20;
const STALLED_MS = 2000;

let repeated = 0;
let sentBytes = 0;

function check(index: number, bytes: Uint8Array): void {
  if (hashOf(bytes) !== right[index]) throw new Error(`chunk ${index} of a copy is damaged`);
}

/** One device's way through its copies over MQTT. */
class Fetcher {
  readonly done: Promise<void>;
  readonly #finish: () => void;
  readonly #client: () => WireClient;
  readonly #device: string;
  #copy = 0;
  /** Pieces that are missing, a byte a chunk. */
  #missing = new Uint8Array();
  #parts = new Map<number, Buffer>();
  #left = 0;
  #request = 0;
  #unreported = 0;
  #taken = 0;
  #lastAt = 0;

  constructor(device: string, client: () => WireClient) {
    this.#device = device;
    this.#client = client;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.done = promise;
    this.#finish = resolve;
  }

  begin(): void {
    this.#missing = Uint8Array.from({ length: CHUNKS }, (_, index) => fullMask(index));
    this.#left = CHUNKS;
    this.#report(true);
  }

  #report(isNew: boolean): void {
    this.#lastAt = performance.now();
    this.#unreported = 0;
    if (isNew) this.#request += 1;
    const found = this.#missing.findIndex((mask) => mask !== 0);
    const first = found < 0 ? CHUNKS : found;
    const bitmap = found < 0 ? new Uint8Array(1) : this.#missing.slice(first, first + BITMAP_BYTES);
    const req = { digest, first, count: 0, request: this.#request, bitmap };
    this.#client().publish(upTopic(this.#device, 'req'), encodeMessage('req', req, stamp()));
  }

  take(index: number, piece: number | undefined, bytes: Uint8Array): void {
    sentBytes += bytes.length;
    if (this.#copy === copies) return;
    this.#lastAt = performance.now();
    this.#unreported += bytes.length;
    this.#taken += bytes.length;
    const mask = this.#missing[index] ?? 0;
    if (mask === 0) {
      repeated += 1;
      return;
    }
    if (piece === undefined) check(index, bytes);
    else {
      const part = this.#parts.get(index) ?? Buffer.alloc(sizeOf(index));
      this.#parts.set(index, part);
      part.set(bytes, piece * PIECE_BYTES);
    }
    const rest = piece === undefined ? 0 : mask & ~(1 << piece);
    this.#missing[index] = rest;
    if (rest === 0) {
      const part = this.#parts.get(index);
      if (piece !== undefined && part) check(index, part);
      this.#parts.delete(index);
      this.#left -= 1;
    }
    if (this.#left > 0) {
      if (this.#unreported >= Math.max(PIECE_BYTES, Math.min(REPORT_BYTES, this.#taken / 2))) this.#report(false);
      return;
    }
    this.#report(true);
    this.finishCopy();
  }

  finishCopy(): void {
    this.#copy += 1;
    if (this.#copy === copies) this.#finish();
    else this.begin();
  }

  told(body: Cmd['body']): void {
    if (body.kind === 'chunkRefused') throw new Error(body.detail);
    if (way === 'broadcast' && body.kind === 'listen') this.#client().subscribe(sharedChunkFilter(digest));
    if (body.kind === 'unlisten' && this.#copy < copies) this.#report(false);
    if (body.kind !== 'offer' || this.#copy === copies) return;
    const [source] = body.sources;
    if (source?.kind !== 'neighbour') return;
    // It asks the hub for nothing meanwhile.
    this.#lastAt = Number.POSITIVE_INFINITY;
    void fetchOnce(source.url, undefined).then(() => this.finishCopy());
  }

  /** What came is said although it is little. QoS 0 may lose a chunk: what did not come is asked for again. */
  rescue(): void {
    if (this.#copy < copies && this.#unreported > 0 && performance.now() - this.#lastAt > QUIET_MS) this.#report(false);
    else if (this.#copy < copies && performance.now() - this.#lastAt > STALLED_MS) this.#report(true);
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

async function playDevice({ id, secret }: (typeof devices)[number], cacheUrl: string | undefined): Promise<Player> {
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
        fetcher.take(to.value.index, to.value.to === 'all' ? undefined : to.value.piece, payload);
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
        if (cmd.ok) fetcher.told(cmd.value.message.body);
      }
    },
  });
  const hello = {
    outboxId: newId(), bootId: newId(), sessionId: newId(), agentVersion: '0.1.0', capabilities, generation: 0, slots: [], oldestSeq: 1, nextSeq: 1,
    ...(cacheUrl && { cacheUrl }),
  }; // biome-ignore format: one record
  client.publish(upTopic(id, 'hello'), encodeMessage('hello', hello, stamp()), 1);
  return { fetcher, wished };
}

/** A device that passes on what it fetched; here it is the file, once the first of the site has it. */
async function startNeighbour(): Promise<string> {
  const server = http.createServer((_, response) => void response.end(artifact));
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** They said hello, the roll-out may begin, and each heard what it should run. */
async function playAll(cacheUrl?: string): Promise<readonly Player[]> {
  const players: Player[] = [];
  for (const [i, device] of devices.entries()) players.push(await playDevice(device, i === 0 ? cacheUrl : undefined));
  process.stdout.write('ready\n');
  await Promise.all(players.map(({ wished }) => wished));
  return players;
}

async function fetchFromHub(): Promise<DeliveryResult> {
  const players = await playAll(way === 'neighbour' ? await startNeighbour() : undefined);
  const timer = setInterval(() => {
    for (const { fetcher } of players) fetcher.rescue();
  }, QUIET_MS / 2);
  const result = await measure(async () => {
    const [first, ...others] = players.map(({ fetcher }) => fetcher);
    first?.begin();
    if (way === 'neighbour') await first?.done;
    for (const fetcher of others) fetcher.begin();
    await Promise.all(players.map(({ fetcher }) => fetcher.done));
  });
  clearInterval(timer);
  return result;
}

/** In the ranges that the agent asks for, over one connection. */
const RANGE = 8 * CHUNK_BYTES;

function getRange(url: URL, agent: http.Agent | undefined, basic: string | undefined, from: number): Promise<void> {
  const end = Math.min(size, from + RANGE);
  const headers = {
    ...(url.pathname !== '/' && { range: `bytes=${from}-${end - 1}` }),
    ...(basic !== undefined && { authorization: `Basic ${basic}` }),
  };
  return new Promise((resolve, reject) => {
    const request = http.get(url, { ...(agent && { agent }), headers }, (response) => {
      if (response.statusCode !== 200 && response.statusCode !== 206) {
        void text(response).then((said) => reject(new Error(`${response.statusCode}: ${said.slice(0, 500)}`)), reject);
        return undefined;
      }
      let index = from / CHUNK_BYTES;
      let chunk = Buffer.allocUnsafe(CHUNK_BYTES);
      let filled = 0;
      response.on('data', (bytes: Buffer) => {
        for (let at = 0; at < bytes.length; ) {
          const n = bytes.copy(chunk, filled, at, at + sizeOf(index) - filled);
          at += n;
          filled += n;
          if (filled < sizeOf(index)) continue;
          check(index, chunk.subarray(0, filled));
          index += 1;
          filled = 0;
          chunk = Buffer.allocUnsafe(CHUNK_BYTES);
        }
      });
      response.on('end', resolve);
      return response.on('error', reject);
    });
    request.on('error', reject);
  });
}

/** The whole artifact: in one answer from the plain server and from neighbours, in ranges from the hub. */
async function fetchOnce(base: string, basic: string | undefined, agent?: http.Agent): Promise<void> {
  if (basic === undefined) return getRange(new URL('/', base), agent, undefined, 0);
  for (let from = 0; from < size; from += RANGE)
    await getRange(new URL(`/d/v1/blobs/${digest}`, base), agent, basic, from);
  return undefined;
}

const fetchOverHttp = (base: string): Promise<DeliveryResult> =>
  measure(() =>
    Promise.all(
      devices.map(async ({ id, secret }) => {
        const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
        const basic = way === 'door' ? Buffer.from(`${id}:${secret}`).toString('base64') : undefined;
        for (let copy = 0; copy < copies; copy += 1) {
          await fetchOnce(base, basic, agent);
          sentBytes += size;
        }
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
  return { seconds, cpuSeconds, bytes: devices.length * copies * size, sentBytes, repeated };
}

async function fetchFromDoor(): Promise<DeliveryResult> {
  await playAll();
  return fetchOverHttp(options.devicesUrl);
}

const result = await (way === 'http'
  ? fetchOverHttp(`http://127.0.0.1:${port}`)
  : way === 'door'
    ? fetchFromDoor()
    : fetchFromHub());
process.stdout.write(`${JSON.stringify(result)}\n`);
process.exit(0);
