// Neighbours of a site over real TLS: who gets chunks, from whom they are taken, and what comes of one that is not finished.
import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import net, { type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { until } from '@drover/testkit/until';
import { chunkListOf } from '@drover/trust/chunk-list';
import { type Authority, makeCaCertificate, openAuthority } from '@drover/trust/pki/authority';
import { makeP256, spkiOf } from '@drover/trust/pki/p256';
import { CHUNK_BYTES } from '@drover/wire/limits';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { HubTls } from '../enrol/door.ts';
import { makeHttpsSource } from '../fetch/https.ts';
import { makeNeighbourSource, neighbourPath } from '../fetch/neighbour.ts';
import { makeTransfer } from '../fetch/transfer.ts';
import { type BlobRef, type BlobStore, openBlobStore } from '../store/blobs.ts';
import type { PartFile } from '../store/part-file.ts';
import { type CacheServer, startCache } from './cache.ts';

const CHUNKS = 20;
const content = Buffer.alloc(CHUNK_BYTES * (CHUNKS - 1) + 4321);
for (let i = 0; i < content.length; i += 89) content[i] = (i / 89) & 255;
const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
const list = chunkListOf(content) ?? content;
const ref: BlobRef = { sha256: sha256(content), size: content.length, chunkList: sha256(list) };
const chunk = (i: number): Buffer => content.subarray(i * CHUNK_BYTES, (i + 1) * CHUNK_BYTES);
const never = new AbortController().signal;
const mono = (): number => performance.now();

async function makeAuthority(): Promise<Authority> {
  const key = makeP256();
  const opened = openAuthority(key, await makeCaCertificate(key, 'site'));
  if (!opened.ok) throw new Error(opened.detail);
  return opened.value;
}
async function identityOf(authority: Authority, device: string, days = 1): Promise<Required<HubTls>> {
  const key = makeP256();
  const { pem } = await authority.issueDevice({ device, spki: spkiOf(key), now: Date.now(), days });
  return { ca: authority.pem, cert: pem, key: key.export({ format: 'pem', type: 'pkcs8' }).toString() };
}

const dirs: string[] = [];
const closing: (() => unknown)[] = [];
async function openStore(held: 'all' | 'list'): Promise<BlobStore> {
  const dir = mkdtempSync(path.join(tmpdir(), 'drover-cache-'));
  dirs.push(dir);
  const store = openBlobStore(dir);
  const put = async (bytes: Uint8Array, to: BlobRef): Promise<void> => {
    const part = await store.openPart(to);
    for (let i = 0; i * CHUNK_BYTES < bytes.length; i++)
      part.write(i, bytes.subarray(i * CHUNK_BYTES, (i + 1) * CHUNK_BYTES));
    expect(await part.finish()).toMatchObject({ ok: true });
  };
  await put(list, { sha256: sha256(list), size: list.length });
  if (held === 'all') await put(content, ref);
  return store;
}

async function serve(
  blobs: BlobStore,
  tls: HubTls | undefined,
  bounds: { handshakeMs?: number; takeMs?: number } = {},
): Promise<CacheServer> {
  const cache = await startCache(
    { host: '127.0.0.1', port: 0 },
    { blobs, tls: tls && (() => tls), log: () => undefined, ...bounds },
  );
  if (!cache.ok) throw new Error(cache.detail);
  closing.push(cache.value.close);
  return cache.value;
}

interface Wish {
  readonly part: PartFile;
  readonly counts: { chunks: number; bytes: number; bad: number; duplicate: number };
  readonly transfer: ReturnType<typeof makeTransfer>;
}
async function wish(store: BlobStore): Promise<Wish> {
  const part = await store.openPart(ref);
  closing.push(() => part.close());
  const counts = { chunks: 0, bytes: 0, bad: 0, duplicate: 0 };
  return { part, counts, transfer: makeTransfer(ref, { part, counts: () => counts, onProgress: () => undefined }) };
}

let authority: Authority;
let store: BlobStore;
beforeEach(async () => {
  authority = await makeAuthority();
  store = await openStore('list');
});
afterEach(async () => {
  for (const close of closing.splice(0).toReversed()) await close();
  for (const dir of dirs.splice(0)) rmSync(dir, { recursive: true, force: true });
});

describe('a cache', () => {
  it('gives a device of the same hub every chunk, and takes them only from the device that was named', async () => {
    const { url } = await serve(await openStore('all'), await identityOf(authority, 'first'));
    const own = await identityOf(authority, 'second');
    const fetchFrom = makeNeighbourSource({ mono, tls: () => own });
    const { part, transfer, counts } = await wish(store);
    const other = await fetchFrom({ kind: 'neighbour', device: 'third', url }, transfer, never);
    expect(other).toMatchObject({ ok: false, code: 'source_unavailable' });
    expect(counts.chunks).toBe(0);
    expect(await fetchFrom({ kind: 'neighbour', device: 'first', url }, transfer, never)).toMatchObject({ ok: true });
    expect(counts).toEqual({ chunks: CHUNKS, bytes: content.length, bad: 0, duplicate: 0 });
    expect(await part.finish()).toMatchObject({ ok: true });
  });

  it('gives nothing to one without a certificate, with one of another CA, or with an expired one', async () => {
    const { url } = await serve(await openStore('all'), await identityOf(authority, 'first'));
    const stranger = await identityOf(await makeAuthority(), 'second');
    const late = await identityOf(authority, 'second', -2);
    const { transfer, counts } = await wish(store);
    for (const tls of [{ ...stranger, ca: authority.pem }, stranger, { ca: authority.pem }, late]) {
      const fetchFrom = makeNeighbourSource({ mono, tls: () => tls });
      expect(await fetchFrom({ kind: 'neighbour', device: 'first', url }, transfer, never)).toMatchObject({
        ok: false,
      });
    }
    expect(counts.chunks).toBe(0);
    // A device with certificates never speaks plain, and one without never listens beyond this machine.
    const plain = await serve(await openStore('all'), undefined);
    const own = await identityOf(authority, 'second');
    const fetchFrom = makeNeighbourSource({ mono, tls: () => own });
    expect(await fetchFrom({ kind: 'neighbour', device: 'first', url: plain.url }, transfer, never)).toMatchObject({
      ok: false,
    });
    const open = await startCache(
      { host: '192.0.2.1', port: 1 },
      { blobs: store, tls: undefined, log: () => undefined },
    );
    expect(open).toMatchObject({ ok: false, code: 'agent_config_invalid' });
  });

  it('passes on what it is still fetching, chunk by chunk', async () => {
    const half = await openStore('list');
    const coming = await half.openPart(ref);
    const { url } = await serve(half, undefined);
    const { transfer } = await wish(store);
    for (const i of [0, 1, 5]) coming.write(i, chunk(i));
    const done = makeNeighbourSource({ mono, tls: undefined })(
      { kind: 'neighbour', device: 'first', url },
      transfer,
      never,
    );
    await until('what is there', () => transfer.held.has(0) && transfer.held.has(1));
    for (let i = 2; i < CHUNKS; i++) coming.write(i, chunk(i));
    expect(await done).toMatchObject({ ok: true });
    expect(await coming.finish()).toMatchObject({ ok: true });
  });

  it('ends those who hold a connection: who says nothing, and who takes nothing', async () => {
    const silent = await serve(await openStore('list'), await identityOf(await makeAuthority(), 'a'), {
      handshakeMs: 200,
    });
    const socket = net.connect(Number(new URL(silent.url).port), '127.0.0.1').on('error', () => undefined);
    await until('its end', () => socket.destroyed || socket.readableEnded || socket.closed);
    // More than the buffers of two sockets on one machine hold.
    const blobs = { ...(await openStore('all')), readChunk: () => Buffer.alloc(CHUNK_BYTES) };
    const slow = await serve(blobs, undefined, { takeMs: 300 });
    const reader = net.connect(Number(new URL(slow.url).port), '127.0.0.1').on('error', () => undefined);
    reader.pause();
    reader.write(`GET ${neighbourPath(ref.sha256)} HTTP/1.1\r\nhost: x\r\nrange: bytes=0-99999999999\r\n\r\n`);
    closing.push(() => reader.destroy());
    await until('the other end is gone', async () => {
      reader.write('\r\n');
      return reader.destroyed || reader.closed || reader.errored !== null;
    });
  });

  it('answers one kind of request only', async () => {
    const { url } = await serve(await openStore('all'), undefined);
    const ask = async (where: string, init: RequestInit = {}): Promise<number> =>
      (await fetch(`${url}${where}`, init)).status;
    const own = neighbourPath(ref.sha256);
    expect(await ask(own, { headers: { range: 'bytes=0-9' } })).toBe(206);
    for (const range of ['bytes=1-9', 'bytes=-5', 'bytes=0-1,3-4', 'bytes=262144-0', ''])
      expect(await ask(own, { headers: { range } })).toBe(416);
    expect(await ask(own, { method: 'POST', headers: { range: 'bytes=0-9' } })).toBe(404);
    for (const other of [
      '/',
      '/n/v1/blobs',
      neighbourPath('0'.repeat(64)),
      `${own}/..`,
      neighbourPath('../../identity.json'),
    ])
      expect(await ask(other, { headers: { range: 'bytes=0-9' } })).toBe(404);
  });
});

describe('a mirror', () => {
  /** A server that gives the content in its own way. */
  async function mirror(answer: http.RequestListener): Promise<string> {
    const server = http.createServer(answer);
    await new Promise<void>((resolve) => {
      server.listen(0, '127.0.0.1', resolve);
    });
    closing.push(() => {
      server.closeAllConnections();
      return new Promise((resolve) => server.close(resolve));
    });
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}/x`;
  }
  const spanOf = (header = ''): [number, number] => {
    const [, from = '0', to = '0'] = /bytes=(\d+)-(\d+)/.exec(header) ?? [];
    return [Number(from), Number(to)];
  };
  const source = (devicesUrl?: string) =>
    makeHttpsSource({ devicesUrl, tls: undefined, basic: 'c2VjcmV0', mono: () => 0 });

  it('brings everything through answers that break off, and is asked for nothing twice that came', async () => {
    let requests = 0;
    let bytes = 0;
    const url = await mirror((request, response) => {
      const [from, to] = spanOf(request.headers.range);
      requests += 1;
      const whole = content.subarray(from, to + 1);
      const part = requests % 3 === 0 ? whole.subarray(0, CHUNK_BYTES + 5000) : whole;
      bytes += part.length;
      response.writeHead(206, {
        'content-range': `bytes ${from}-${to}/${content.length}`,
        'content-length': whole.length,
      });
      response.write(part, () => (part.length < whole.length ? response.destroy() : response.end()));
    });
    const { transfer, part } = await wish(store);
    expect(await source()({ kind: 'mirror', url }, transfer, never)).toMatchObject({ ok: true });
    expect(bytes).toBeLessThan(content.length + requests * CHUNK_BYTES);
    expect(await part.finish()).toMatchObject({ ok: true });
  });

  it('is left when it lies, starts elsewhere, redirects or is not there; the secret goes to the hub only', async () => {
    const seen: (string | undefined)[] = [];
    const answers: http.RequestListener[] = [
      (request, response) => {
        seen.push(request.headers.authorization);
        const [from, to] = spanOf(request.headers.range);
        response.writeHead(206, { 'content-range': `bytes ${from}-${to}/*` }).end(Buffer.alloc(to - from + 1, 9));
      },
      (_, response) => void response.writeHead(206, { 'content-range': 'bytes 7-9/*' }).end('abc'),
      (_, response) => void response.writeHead(302, { location: 'http://127.0.0.1:1/' }).end(),
      (_, response) => void response.writeHead(404).end(),
    ];
    for (const answer of answers) {
      const fresh = await openStore('list');
      const { transfer, counts } = await wish(fresh);
      const done = await source()({ kind: 'mirror', url: await mirror(answer) }, transfer, never);
      expect(done.ok).toBe(false);
      expect(counts.bytes).toBeLessThan(content.length);
    }
    const { transfer } = await wish(store);
    const gone = source();
    expect(await gone({ kind: 'mirror', url: 'http://127.0.0.1:9/x' }, transfer, never)).toMatchObject({ ok: false });
    expect(await gone({ kind: 'mirror', url: 'http://127.0.0.1:9/x' }, transfer, never)).toMatchObject({
      detail: expect.stringContaining('failed a while ago'),
    });
    expect(await gone({ kind: 'mirror', url: 'http://192.0.2.1/x' }, transfer, never)).toMatchObject({
      detail: expect.stringContaining('Only HTTPS'),
    });
    const hub = await mirror(answers[0] ?? (() => undefined));
    await source(new URL(hub).origin)({ kind: 'mirror', url: hub }, transfer, never);
    expect(seen.filter((value) => value === undefined).length).toBeGreaterThan(0);
    expect(seen.at(-1)).toBe('Basic c2VjcmV0');
    expect(https.globalAgent.options.rejectUnauthorized).not.toBe(false);
  });

  it('that sends more than was asked for gains nothing by it', async () => {
    const url = await mirror((request, response) => {
      const [from, to] = spanOf(request.headers.range);
      response.writeHead(206, { 'content-range': `bytes ${from}-${to}/*` });
      response.end(Buffer.concat([content.subarray(from, to + 1), Buffer.alloc(10 * CHUNK_BYTES)]));
    });
    const { transfer, counts, part } = await wish(store);
    await source()({ kind: 'mirror', url }, transfer, never);
    expect(counts).toEqual({ chunks: CHUNKS, bytes: content.length, bad: 0, duplicate: 0 });
    expect(await part.finish()).toMatchObject({ ok: true });
  });

  it('that gives the whole file only is used as one stream, and one that is busy is waited for', async () => {
    let asked = 0;
    const url = await mirror((_, response) => {
      asked += 1;
      if (asked <= 2) response.writeHead(503, { 'retry-after': '0' }).end();
      else response.writeHead(200, { 'content-length': content.length }).end(content);
    });
    const { transfer } = await wish(store);
    expect(await source()({ kind: 'mirror', url }, transfer, never)).toMatchObject({ ok: true });
  });
});
