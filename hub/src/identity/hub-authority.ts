// Opens the hub's CA and makes it at the first start; keeps a fresh server certificate for the listeners. Never issues to a
// device (enrol.ts does) and never shows a key.
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { accept, type Result, refuse } from '@drover/core/reasons';
import { type Authority, makeCaCertificate, openAuthority } from '@drover/trust/pki/authority';
import { ensureP256File, openP256File } from '@drover/trust/pki/p256';

export interface GivenCa {
  readonly certFile: string;
  readonly keyFile: string;
}

export interface HubAuthority {
  readonly authority: Authority;
  /** The CA's certificate as a file, for `--ca-file` of the command line. */
  readonly certFile: string;
  /** Paths of the files that were made now. */
  readonly created: readonly string[];
}

function readText(file: string): Result<string> {
  try {
    return accept(readFileSync(file, 'utf8'));
  } catch (error) {
    return refuse('ca_invalid', `"${file}": ${error instanceof Error ? error.message.slice(0, 200) : 'unreadable'}.`);
  }
}

/** `given`: the operator's own CA. Otherwise `ca.pem` (key, 0600) and `ca.crt` in the keys folder. */
export async function openHubAuthority(
  folder: string,
  hubId: string,
  given: GivenCa | undefined,
): Promise<Result<HubAuthority>> {
  if (given !== undefined) {
    const key = openP256File(given.keyFile);
    if (!key.ok) return key;
    const pem = readText(given.certFile);
    if (!pem.ok) return pem;
    const opened = openAuthority(key.value, pem.value);
    return opened.ok
      ? accept({ authority: opened.value, certFile: path.resolve(given.certFile), created: [] })
      : opened;
  }
  const keyFile = path.join(folder, 'ca.pem');
  const certFile = path.join(folder, 'ca.crt');
  const created: string[] = [];
  const key = ensureP256File(keyFile);
  if (!key.ok) return key;
  if (key.value.isNew) created.push(keyFile);
  if (!existsSync(certFile)) {
    // The name tells two hubs apart in a certificate viewer; nothing rests on it.
    const aside = `${certFile}.new`;
    writeFileSync(aside, await makeCaCertificate(key.value.key, `Drover ${hubId.slice(0, 12)}`), { mode: 0o600 });
    renameSync(aside, certFile);
    created.push(certFile);
  }
  const pem = readText(certFile);
  if (!pem.ok) return pem;
  const opened = openAuthority(key.value.key, pem.value);
  return opened.ok ? accept({ authority: opened.value, certFile, created }) : opened;
}

export interface ServerTls {
  /** The certificate and then that of the CA. */
  readonly cert: string;
  readonly key: string;
}

export interface ServerCertificate {
  current(): ServerTls;
  /** Called with each new certificate; connections that stand go on with the old one. */
  onRenewed(take: (tls: ServerTls) => void): void;
  close(): void;
}

const DAY_MS = 86_400_000;
export const SERVER_DAYS = 90;
const LOOK_MS = 3_600_000;

/** The key lives in memory only and is a new one with each certificate, and so at each start. */
export async function keepServerCertificate(deps: {
  readonly authority: Authority;
  readonly names: readonly string[];
  readonly now: () => number;
  readonly failed: (error: unknown) => void;
}): Promise<ServerCertificate> {
  const { authority, names, now, failed } = deps;
  const issue = async (): Promise<ServerTls & { madeAt: number }> => {
    const madeAt = now();
    const { pem, keyPem } = await authority.issueServer({ names, now: madeAt, days: SERVER_DAYS });
    return { cert: `${pem}${authority.pem}`, key: keyPem, madeAt };
  };
  let held = await issue();
  const takers: ((tls: ServerTls) => void)[] = [];
  const look = async (): Promise<void> => {
    if (now() - held.madeAt < (SERVER_DAYS * DAY_MS * 2) / 3) return;
    held = await issue();
    for (const take of takers) take(held);
  };
  const timer = setInterval(() => void look().catch(failed), LOOK_MS).unref();
  return {
    current: () => held,
    onRenewed: (take) => void takers.push(take),
    close: () => clearInterval(timer),
  };
}
