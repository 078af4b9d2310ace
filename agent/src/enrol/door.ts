// Speaks to the hub's listener for devices: one request, one bounded answer, verified against the pinned CA. Never decides.

import { X509Certificate } from 'node:crypto';
import type { ClientRequest, IncomingMessage, RequestOptions } from 'node:http';
import { checkServerIdentity, type PeerCertificate } from 'node:tls';
import { accept, isReasonCode, type ReasonCode, type Refusal, type Result, refuse } from '@drover/core/reasons';
import { checkIsHub, fingerprintOf } from '@drover/trust/pki/peer';

/** How this device knows the hub, and how the hub knows it; PEM. */
export interface HubTls {
  readonly ca: string;
  readonly cert?: string;
  readonly key?: string;
}

export interface Answer {
  readonly status: number;
  /** Undefined when the body is no JSON. */
  readonly json: unknown;
}

const TIMEOUT_MS = 20_000;
const MOST_BYTES = 1024 * 1024;

/** TLS options for every connection to the hub: its CA, TLS 1.3, and a certificate that is a hub's. */
export const hubTlsOptions = ({ ca, cert, key }: HubTls) => ({
  ca,
  ...(cert !== undefined && key !== undefined && { cert, key }),
  minVersion: 'TLSv1.3' as const,
  rejectUnauthorized: true,
  checkServerIdentity: (host: string, certificate: PeerCertificate): Error | undefined =>
    checkServerIdentity(host, certificate) ?? checkIsHub(certificate),
});

function readBody(response: IncomingMessage): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const parts: Buffer[] = [];
  let size = 0;
  response.on('data', (part: Buffer) => {
    size += part.length;
    if (size > MOST_BYTES) response.destroy(new Error('the answer is too long'));
    else parts.push(part);
  });
  response.once('end', () => resolve(Buffer.concat(parts).toString('utf8')));
  response.once('error', reject);
  return promise;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // Whoever reads it checks its shape and says what is missing.
    return undefined;
  }
}

async function send(url: URL, options: RequestOptions, body: string | undefined): Promise<Result<Answer>> {
  // Loaded when it is needed: an agent that only listens stays small.
  const { request } = await import('node:https');
  try {
    const response = await new Promise<IncomingMessage>((resolve, reject) => {
      // No agent: no connection is kept, and none is shared between two identities.
      const sent: ClientRequest = request(url, { ...options, agent: false, timeout: TIMEOUT_MS }, resolve);
      sent.once('error', reject);
      sent.once('timeout', () => sent.destroy(new Error('no answer in time')));
      sent.end(body);
    });
    const text = await readBody(response);
    return accept({ status: response.statusCode ?? 0, json: parseJson(text) });
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    return refuse('hub_unreachable', `${url.origin}: ${(code ?? message).slice(0, 200)}.`);
  }
}

export async function askDoor(
  devicesUrl: string,
  tls: HubTls,
  method: 'GET' | 'POST',
  path: string,
  sent: { readonly body?: unknown; readonly headers?: Readonly<Record<string, string>> } = {},
): Promise<Result<Answer>> {
  const url = new URL(path, devicesUrl);
  if (url.protocol !== 'https:') return refuse('hub_unreachable', `${url.origin} is not HTTPS.`);
  const body = sent.body === undefined ? undefined : JSON.stringify(sent.body);
  const headers = {
    ...sent.headers,
    ...(body !== undefined && { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) }),
  };
  const answer = await send(url, { ...hubTlsOptions(tls), method, headers }, body);
  if (!answer.ok) return answer;
  const { status, json } = answer.value;
  return status >= 200 && status < 300 ? answer : readProblem(status, json);
}

/** What a problem document (RFC 9457) says, bounded; a code that this agent does not know stays in the text. */
function readProblem(status: number, json: unknown): Refusal {
  const problem = typeof json === 'object' && json !== null ? json : {};
  const code = 'code' in problem ? String(problem.code).slice(0, 60) : '';
  const detail = 'detail' in problem ? String(problem.detail).slice(0, 400) : '';
  const known: ReasonCode = isReasonCode(code) ? code : 'join_refused';
  return refuse(known, known === code ? detail : `It answered ${status} ${code} ${detail}`.trim());
}

/**
 * Fetches the hub's CA from a listener that nothing vouches for yet: one GET that says nothing of this device, and what comes
 * counts only if it has the pinned fingerprint. Every later connection is verified against it.
 */
export async function fetchPinnedCa(devicesUrl: string, fingerprint: string): Promise<Result<string>> {
  const url = new URL('/d/v1/ca', devicesUrl);
  if (url.protocol !== 'https:') return refuse('hub_unreachable', `${url.origin} is not HTTPS.`);
  const answer = await send(
    url,
    { method: 'GET', rejectUnauthorized: false, minVersion: 'TLSv1.3' } as RequestOptions,
    undefined,
  );
  if (!answer.ok) return answer;
  const { status, json } = answer.value;
  const pem = typeof json === 'object' && json !== null && 'ca' in json ? String(json.ca) : '';
  if (status !== 200 || pem === '') return refuse('ca_mismatch', `${url.origin} answered ${status} and gave no CA.`);
  try {
    const certificate = new X509Certificate(pem);
    if (certificate.ca && fingerprintOf(certificate) === fingerprint) return accept(certificate.toString());
  } catch {
    // Not a certificate is one of the ways in which it is not the one pinned.
  }
  return refuse('ca_mismatch', `${url.origin} has another CA than the one pinned.`);
}
