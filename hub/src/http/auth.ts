// Decides who may ask over HTTP: Host allow-list, Origin, bearer token. Knows one token; roles come with the trust issue.
//
// The Host check is what keeps a web page from reaching a hub on loopback by DNS rebinding; the token alone would not
// matter to such a page, but the answers without a token (health) would.
import { createHash, timingSafeEqual } from 'node:crypto';
import { accept, type Result, refuse } from '@drover/core/reasons';

export interface AuthRules {
  /** Lower-case `name:port` values that the Host header may have; filled when the port is known. */
  readonly hosts: ReadonlySet<string>;
  /** SHA-256 of the token. */
  readonly tokenHash: Uint8Array;
  readonly scheme: 'http' | 'https';
}

export interface AuthRequest {
  readonly host: string | undefined;
  readonly origin: string | undefined;
  readonly authorization: string | undefined;
  /** The route answers without a token. */
  readonly isOpen: boolean;
}

export const hashToken = (token: string): Uint8Array => createHash('sha256').update(token).digest();

const BEARER = /^Bearer ([\x21-\x7e]{1,512})$/i;

/** Compares digests, so that neither content nor length of the token shows in the time taken. */
function isToken(header: string | undefined, tokenHash: Uint8Array): boolean {
  const given = BEARER.exec(header ?? '')?.[1];
  return timingSafeEqual(hashToken(given ?? ''), tokenHash) && given !== undefined;
}

export function checkRequest(request: AuthRequest, rules: AuthRules): Result<undefined> {
  const host = request.host?.toLowerCase();
  if (host === undefined || !rules.hosts.has(host)) {
    return refuse('host_refused', `The request names the host "${(host ?? '').slice(0, 120)}".`);
  }
  if (request.origin !== undefined && request.origin.toLowerCase() !== `${rules.scheme}://${host}`) {
    return refuse('origin_refused', `The request comes from "${request.origin.slice(0, 120)}".`);
  }
  if (request.isOpen || isToken(request.authorization, rules.tokenHash)) return accept(undefined);
  return refuse(
    'token_refused',
    request.authorization === undefined ? 'There is none.' : 'It is not the token of this hub.',
  );
}

const LOOPBACK_NAMES = ['127.0.0.1', 'localhost', '[::1]'];

/** What the Host header may say for a listener on `host:port`; the default port of the scheme may be left out. */
export function listHosts(
  bound: { readonly host: string; readonly port: number; readonly isLoopback: boolean },
  extra: readonly string[],
  scheme: 'http' | 'https',
): Set<string> {
  const names = [...(bound.isLoopback ? LOOPBACK_NAMES : []), bound.host, ...extra].map((name) => name.toLowerCase());
  const hosts = new Set<string>();
  for (const name of names) {
    if (/:[0-9]+$/.test(name) && !name.endsWith(']')) {
      hosts.add(name);
      continue;
    }
    hosts.add(`${name}:${bound.port}`);
    if (bound.port === (scheme === 'https' ? 443 : 80)) hosts.add(name);
  }
  return hosts;
}
