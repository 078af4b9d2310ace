// Lets this process believe the hub's own CA beside the system's. Never weakens a check, and never for another process.
import { X509Certificate } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import tls from 'node:tls';
import { CliFailure, EXIT } from './failure.ts';
import type { Target } from './target.ts';

/** How OpenSSL says that it does not know who issued a certificate. */
const UNKNOWN_CA = new Set([
  'SELF_SIGNED_CERT_IN_CHAIN',
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
]);

export const isUnknownCa = (why: string): boolean => UNKNOWN_CA.has(why);
export const TRUST_HINT = "Give the hub's keys/ca.crt with --ca-file or DROVER_CA_FILE.";

/** `fetch` takes no CA of its own, so it becomes one of the defaults; before the first connection, which remembers them. */
export function trustCa({ hub, caFile }: Pick<Target, 'hub' | 'caFile'>): void {
  if (caFile === undefined || !hub.value.startsWith('https:')) return;
  const fail = (why: string): CliFailure =>
    new CliFailure(EXIT.usage, 'client_config_invalid', `The CA file "${caFile.value}" (from ${caFile.from}) ${why}.`,
      'Give the hub\'s keys/ca.crt with --ca-file.'); // biome-ignore format: one sentence
  if (!existsSync(caFile.value)) throw fail('does not exist');
  const pem = readFileSync(caFile.value, 'utf8');
  let isCa = false;
  try {
    isCa = new X509Certificate(pem).ca;
  } catch {
    // Not a certificate is one of the ways in which it is not one of a CA.
    isCa = false;
  }
  if (!isCa) throw fail('is not the certificate of a CA');
  tls.setDefaultCACertificates([...tls.getCACertificates('default'), pem]);
}
