// Decides whether a request may be looked at at all: Host allow-list and Origin. Who sends it is not decided here.
//
// The Host check is what keeps a web page from reaching a hub on loopback by DNS rebinding; a token alone would not
// matter to such a page, but the answers without a token (health) would.
import { accept, type Result, refuse } from '@drover/core/reasons';

export interface AuthRules {
  /** Lower-case `name:port` values that the Host header may have; filled when the port is known. */
  readonly hosts: ReadonlySet<string>;
  readonly scheme: 'http' | 'https';
}

export interface Sender {
  readonly host: string | undefined;
  readonly origin: string | undefined;
}

/** The value says whether the request names its origin, which then is ours: browsers do so with each change. */
export function checkSender(sender: Sender, rules: AuthRules): Result<boolean> {
  const host = sender.host?.toLowerCase();
  if (host === undefined || !rules.hosts.has(host)) {
    return refuse('host_refused', `The request names the host "${(host ?? '').slice(0, 120)}".`);
  }
  if (sender.origin === undefined) return accept(false);
  if (sender.origin.toLowerCase() === `${rules.scheme}://${host}`) return accept(true);
  return refuse('origin_refused', `The request comes from "${sender.origin.slice(0, 120)}".`);
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
