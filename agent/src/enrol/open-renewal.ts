// Opens what renews this device's certificate, when it has one. What it needs is loaded only then.
import { accept, type Result } from '@drover/core/reasons';
import type { Logger } from 'pino';
import type { Clock } from '../clock.ts';
import { type Identity, replaceIdentity } from '../identity.ts';
import type { Renewal } from './renewal.ts';

/** Undefined: this device has a secret and nothing to renew. */
export async function openRenewal(
  dataDir: string,
  identity: Identity,
  clock: Clock,
  log: Logger,
  reconnect: () => void,
): Promise<Result<Renewal | undefined>> {
  if (!('certificate' in identity)) return accept(undefined);
  const { openDeviceKey } = await import('./device-key.ts');
  const key = openDeviceKey(dataDir, identity.keyFile);
  if (!key.ok) return key;
  const { makeRenewal } = await import('./renewal.ts');
  return makeRenewal({
    identity,
    key: key.value,
    keyPem: key.value.export({ format: 'pem', type: 'pkcs8' }).toString(),
    clock,
    random: Math.random,
    store: (renewed) => replaceIdentity(dataDir, renewed),
    onRenewed: (notAfter) => {
      log.info({ until: new Date(notAfter).toISOString() }, 'the certificate was renewed');
      reconnect();
    },
    onTrouble: ({ code, detail }) => log.warn({ code, detail }, 'the certificate could not be renewed'),
  });
}
