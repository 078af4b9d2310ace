// Fetches an artifact by HTTPS range requests: from the hub's own listener for devices, to which this device shows who it is,
// or from a mirror, to which it shows nothing. Never believes a byte: the transfer checks each chunk.
import type { RequestOptions } from 'node:http';
import { type Result, refuse } from '@drover/core/reasons';
import type { HubTls } from '../enrol/door.ts';
import { fetchByRanges } from './ranges.ts';
import type { FetchSource } from './transfer.ts';

export interface HttpsSourceDeps {
  /** The hub's listener for devices; undefined for a hub of 0.1. */
  readonly devicesUrl: string | undefined;
  /** With a certificate; undefined: this device has a secret, in development. */
  readonly tls: (() => HubTls) | undefined;
  readonly basic: string | undefined;
  readonly mono: () => number;
}

const PARALLEL = 4;
/** A hub that has no turn for this device says when to come again, for so long. */
const PATIENCE_MS = 120_000;
const IDLE_MS = 15_000;
const FAILURES = 3;
/** An address that could not be used is not tried again for so long: a firewall that swallows costs its time once. */
const SHUN_MS = 300_000;

const LOOPBACK = /^(127(\.\d{1,3}){3}|localhost|\[::1\])$/;
export const isLoopbackHost = (host: string): boolean => LOOPBACK.test(host);

export function makeHttpsSource({ devicesUrl, tls, basic, mono }: HttpsSourceDeps): FetchSource<'mirror'> {
  const own = devicesUrl === undefined ? undefined : new URL(devicesUrl).origin;
  const shunned = new Map<string, number>();

  /** What a request to the origin carries: only the hub that this device joined is shown who asks. */
  async function identify(origin: string): Promise<{ options: RequestOptions; headers?: Record<string, string> }> {
    if (origin !== own) return { options: {} };
    if (tls) {
      const { hubTlsOptions } = await import('../enrol/door.ts');
      return { options: hubTlsOptions(tls()) as RequestOptions };
    }
    return basic === undefined ? { options: {} } : { options: {}, headers: { authorization: `Basic ${basic}` } };
  }

  return async ({ url: text }, transfer, signal): Promise<Result<undefined>> => {
    const url = URL.canParse(text) ? new URL(text) : undefined;
    if (!url || (url.protocol !== 'https:' && !(url.protocol === 'http:' && isLoopbackHost(url.hostname))))
      return refuse('source_unavailable', 'Only HTTPS is used, or plain HTTP on this machine.');
    if ((shunned.get(url.origin) ?? 0) > mono())
      return refuse('source_unavailable', `${url.origin} failed a while ago.`);
    const limits = { parallel: PARALLEL, patienceMs: PATIENCE_MS, idleMs: IDLE_MS, failures: FAILURES };
    const target = { url, ...(await identify(url.origin)), ...limits };
    const before = transfer.held.count;
    const done = await fetchByRanges(target, transfer, 'mirror', signal);
    if (!done.ok && !signal.aborted && transfer.held.count === before) shunned.set(url.origin, mono() + SHUN_MS);
    // The query of a presigned address is a secret.
    return done.ok ? done : refuse(done.code, `${url.origin}: ${done.detail}`.slice(0, 300));
  };
}
