// Serves artifacts of this device to its neighbours: verified bytes by their digest, whole blobs and checked chunks of those
// that are still coming. GET of one path only; never lists, never fetches, never says what this device runs.
import { X509Certificate } from 'node:crypto';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { isDigest } from '@drover/core/ids';
import { accept, type Result, refuse } from '@drover/core/reasons';
import { readDeviceIdentity } from '@drover/trust/pki/peer';
import { CHUNK_BYTES } from '@drover/wire/limits';
import type { HubTls } from '../enrol/door.ts';
import { isLoopbackHost } from '../fetch/https.ts';
import type { BlobStore } from '../store/blobs.ts';

export interface CacheDeps {
  readonly blobs: BlobStore;
  /** This device's certificate and the CA of its hub; undefined: plain, on loopback only. */
  readonly tls: (() => HubTls) | undefined;
  readonly log: (message: string, detail: Record<string, unknown>) => void;
  /** Ms that a handshake may take, and that a neighbour may take for one chunk. */
  readonly handshakeMs?: number;
  readonly takeMs?: number;
}

export interface CacheServer {
  /** What neighbours dial. */
  readonly url: string;
  /** The certificate was renewed: new connections meet the new one. */
  renew(): void;
  close(): Promise<void>;
}

const CONNECTIONS = 16;
/** All neighbours together get at most this much a second: this device has work of its own. */
const BYTES_PER_SECOND = 64 * 1024 * 1024;
const IDLE_MS = 30_000;
/** A stranger who says nothing holds one of the few connections for no longer. */
const HANDSHAKE_MS = 10_000;
/** A reader that does not take one chunk in this time makes place for another: its transfer asks again where it stands. */
const TAKE_MS = 20_000;
const PATH = /^\/n\/v1\/blobs\/([0-9a-f]{64})$/;
const RANGE = /^bytes=(\d{1,15})-(\d{1,15})$/;

/** Spreads bytes over time: the wait before so many more may be sent. */
function makePacer(bytesPerSecond: number): (bytes: number) => number {
  let freeAt = 0;
  return (bytes) => {
    const now = performance.now();
    freeAt = Math.max(freeAt, now) + (bytes / bytesPerSecond) * 1000;
    return Math.max(0, freeAt - now);
  };
}

const endWith = (response: ServerResponse, status: number, headers: Record<string, string> = {}): void =>
  void response.writeHead(status, { 'content-length': '0', 'cache-control': 'no-store', ...headers }).end();

/** Resolves when more may be written: true, or false when the other side is gone or was too slow. */
const drained = (response: ServerResponse, takeMs: number): Promise<boolean> =>
  new Promise((resolve) => {
    // An idle timeout alone is put off by every byte that is taken.
    const timer = setTimeout(() => response.destroy(), takeMs);
    const go = (isOpen: boolean) => (): void => {
      clearTimeout(timer);
      response.off('drain', open).off('close', closed);
      resolve(isOpen);
    };
    const open = go(true);
    const closed = go(false);
    response.on('drain', open).on('close', closed);
  });

export async function startCache(
  { host, port }: { readonly host: string; readonly port: number },
  { blobs, tls, log, handshakeMs = HANDSHAKE_MS, takeMs = TAKE_MS }: CacheDeps,
): Promise<Result<CacheServer>> {
  const bareHost = host.includes(':') ? `[${host}]` : host;
  if (tls === undefined && !isLoopbackHost(bareHost))
    return refuse(
      'agent_config_invalid',
      `--cache ${host}: without a certificate of the hub's CA a cache is on loopback only.`,
    );
  const waitFor = makePacer(BYTES_PER_SECOND);

  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const sha256 = PATH.exec(request.url ?? '')?.[1];
    if (request.method !== 'GET' || sha256 === undefined || !isDigest(sha256)) return endWith(response, 404);
    const [, from, to] = RANGE.exec(request.headers.range ?? '') ?? [];
    if (from === undefined || Number(from) % CHUNK_BYTES !== 0 || Number(to) < Number(from))
      return endWith(response, 416);
    const first = Number(from) / CHUNK_BYTES;
    const last = Math.floor(Number(to) / CHUNK_BYTES);
    let chunk = blobs.readChunk(sha256, first);
    if (!chunk) return endWith(response, 404, blobs.isOpen(sha256) ? { 'retry-after': '1' } : {});
    response.writeHead(206, {
      'content-type': 'application/octet-stream',
      'cache-control': 'no-store',
      'content-range': `bytes ${from}-${to}/*`,
    });
    for (let index = first; chunk && index <= last; index++) {
      const waitMs = waitFor(chunk.length);
      if (waitMs > 0) await new Promise((resolve) => setTimeout(resolve, waitMs));
      // What the reader did not take yet stays with it: one chunk each, however slow.
      if (!response.write(chunk) && !(await drained(response, takeMs))) return;
      chunk = index < last ? blobs.readChunk(sha256, index + 1) : undefined;
    }
    response.end();
  }

  const onRequest = (request: IncomingMessage, response: ServerResponse): void => {
    if (tls) {
      const certificate = (request.socket as TLSSocket).getPeerX509Certificate();
      const who = certificate && readDeviceIdentity(new X509Certificate(certificate.raw));
      if (!who || who.notAfter <= Date.now()) return endWith(response, 403);
    }
    serve(request, response).catch((error: unknown) => {
      log('a neighbour could not be served', { error: String(error).slice(0, 200) });
      response.destroy();
    });
    return undefined;
  };

  const secure = tls
    ? (await import('node:https')).createServer(
        {
          ...tls(),
          requestCert: true,
          rejectUnauthorized: true,
          minVersion: 'TLSv1.3',
          handshakeTimeout: handshakeMs,
        },
        onRequest,
      )
    : undefined;
  const server: Server = secure ?? (await import('node:http')).createServer(onRequest);
  server.maxConnections = CONNECTIONS;
  server.headersTimeout = 10_000;
  server.setTimeout(IDLE_MS);
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject).listen(port, host, resolve);
    });
  } catch (error) {
    return refuse(
      'agent_port_taken',
      `--cache ${host}:${port}: ${(error as NodeJS.ErrnoException).code ?? 'cannot listen'}.`,
    );
  }
  const bound = (server.address() as AddressInfo).port;
  return accept({
    url: `${tls ? 'https' : 'http'}://${bareHost}:${bound}`,
    renew: () => {
      if (tls) secure?.setSecureContext({ ...tls(), minVersion: 'TLSv1.3' });
    },
    async close() {
      server.closeAllConnections();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  });
}
