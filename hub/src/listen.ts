// Decides under which names the hub's listeners are reached, opens the TLS files that an operator gave, and says what a
// listener that cannot be opened means. Never listens.
import { readFileSync, statSync } from 'node:fs';
import { hostname } from 'node:os';
import { accept, type Refusal, type Result, refuse } from '@drover/core/reasons';
import { isLoopback, splitAddress } from './address.ts';
import type { HubConfig } from './config.ts';

export interface Tls {
  readonly cert: string | Buffer;
  readonly key: string | Buffer;
}

/** The certificate that the operator gave for the people's listener; undefined: the hub issues one. */
export function openTls(config: HubConfig): Result<Tls | undefined> {
  const { tlsCertFile, tlsKeyFile } = config;
  if (tlsCertFile === undefined || tlsKeyFile === undefined) return accept(undefined);
  try {
    const { mode } = statSync(tlsKeyFile);
    if ((mode & 0o077) !== 0)
      return refuse('key_invalid', `"${tlsKeyFile}" has mode ${(mode & 0o777).toString(8)}; make it 600.`);
    return accept({ cert: readFileSync(tlsCertFile), key: readFileSync(tlsKeyFile) });
  } catch (error) {
    return refuse(
      'config_invalid',
      `The TLS files cannot be read: ${error instanceof Error ? error.message : 'unknown'}.`,
    );
  }
}

export type ListenFlag = 'http' | 'mqtt' | 'devices';

/** What a listener that cannot be opened means for a person. */
export function explainListen(error: unknown, flag: ListenFlag, address: string): Refusal {
  const { code, message } = error as NodeJS.ErrnoException;
  if (code === 'EADDRINUSE')
    return refuse('port_taken', `${address} is taken; choose another with --${flag} HOST:PORT.`);
  if (code === 'EACCES')
    return refuse('config_invalid', `This user may not listen on ${address}; choose a port above 1023 with --${flag}.`);
  return refuse('config_invalid', `--${flag} ${address}: ${message}.`);
}

/** The host that others can name: a wildcard is no address. */
export const nameHost = (host: string, config: HubConfig): string =>
  host === '0.0.0.0' || host === '[::]' ? (config.allowHosts[0]?.replace(/:[0-9]+$/, '') ?? hostname()) : host;

/** An IPv6 address as the system wants it: without brackets. */
export const bareHost = (host: string): string => host.replace(/^\[|\]$/g, '');

/** The port that a listener got. */
export function boundPort(address: string | { readonly port: number } | null, wished: number): number {
  return typeof address === 'object' && address !== null ? address.port : wished;
}

/** Every name under which a listener of this hub may be reached, for the certificate of the hub's own CA. */
export function listServerNames(config: HubConfig): string[] {
  const names = new Set<string>();
  for (const address of [config.devices, config.mqtt, config.http]) {
    const { host } = splitAddress(address);
    names.add(bareHost(nameHost(host, config)));
    // A wildcard or a loopback listener is reached from this machine too.
    if (host === '0.0.0.0' || host === '[::]' || isLoopback(host)) {
      for (const local of ['localhost', '127.0.0.1', '::1']) names.add(local);
    }
  }
  for (const name of config.allowHosts) names.add(bareHost(name.replace(/:[0-9]+$/, '')));
  for (const url of [config.mqttUrl, config.devicesUrl]) {
    if (url !== undefined && URL.canParse(url)) names.add(bareHost(new URL(url).hostname));
  }
  return [...names].map((name) => name.toLowerCase());
}
