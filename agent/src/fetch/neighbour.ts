// Fetches an artifact from another device of the site that the hub named. Over TLS both show certificates of the hub's CA, and
// the other must be the device that was named. Never believes a byte: the transfer checks each chunk.
import { X509Certificate } from 'node:crypto';
import type { RequestOptions } from 'node:http';
import type { PeerCertificate } from 'node:tls';
import { type Result, refuse } from '@drover/core/reasons';
import { readDeviceIdentity } from '@drover/trust/pki/peer';
import type { HubTls } from '../enrol/door.ts';
import { isLoopbackHost } from './https.ts';
import { fetchByRanges } from './ranges.ts';
import type { FetchSource } from './transfer.ts';

export interface NeighbourSourceDeps {
  readonly mono: () => number;
  readonly tls: (() => HubTls) | undefined;
}

const PARALLEL = 2;
/** One that is still fetching itself says "not yet": as slow as its link may be, within this time a chunk comes. */
const PATIENCE_MS = 60_000;
/** Within a site an answer takes ms: one that hangs or is gone is left soon, and named again by the hub when it had helped. */
const IDLE_MS = 5000;
const FAILURES = 2;
/** A neighbour that cannot be reached is not dialled again for so long: a firewall that swallows costs its time once. */
const SHUN_MS = 60_000;

/** Where a neighbour serves an artifact. */
export const neighbourPath = (sha256: string): string => `/n/v1/blobs/${sha256}`;

function optionsFor(device: string, { ca, cert, key }: HubTls): RequestOptions {
  return {
    ca,
    cert,
    key,
    minVersion: 'TLSv1.3',
    rejectUnauthorized: true,
    // Addresses of a site change; who it is stands in the certificate.
    checkServerIdentity: (_host: string, certificate: PeerCertificate): Error | undefined =>
      readDeviceIdentity(new X509Certificate(certificate.raw))?.device === device
        ? undefined
        : new Error('another device answered'),
  } as RequestOptions;
}

export function makeNeighbourSource({ mono, tls }: NeighbourSourceDeps): FetchSource<'neighbour'> {
  const shunned = new Map<string, number>();
  return async ({ device, url: base }, transfer, signal): Promise<Result<undefined>> => {
    const url = URL.canParse(base) ? new URL(neighbourPath(transfer.ref.sha256), base) : undefined;
    const isPlain = url?.protocol === 'http:' && isLoopbackHost(url.hostname) && tls === undefined;
    if (!url || !(isPlain || (url.protocol === 'https:' && tls !== undefined)))
      return refuse('source_unavailable', `"${device}": it takes HTTPS between devices with certificates.`);
    const address = `${device} ${url.origin}`;
    if ((shunned.get(address) ?? 0) > mono())
      return refuse('source_unavailable', `"${device}" could not be reached a while ago.`);
    let hasAnswered = false;
    const target = {
      url,
      options: tls ? optionsFor(device, tls()) : {},
      parallel: PARALLEL,
      patienceMs: PATIENCE_MS,
      idleMs: IDLE_MS,
      failures: FAILURES,
      onAnswer: () => void (hasAnswered = true),
    };
    const done = await fetchByRanges(target, transfer, 'neighbour', signal);
    if (!done.ok && !signal.aborted && !hasAnswered) shunned.set(address, mono() + SHUN_MS);
    return done.ok ? done : refuse(done.code, `"${device}": ${done.detail}`.slice(0, 300));
  };
}
