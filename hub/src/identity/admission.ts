// Decides whether a device that shows a certificate or a secret is the one it says, for whichever door it comes to. The
// database is the authority on revocation: a TLS session that is resumed never asks a CRL. Never opens or ends a session.
import { createHash, timingSafeEqual } from 'node:crypto';
import { isDeviceId } from '@drover/core/ids';
import { type Refusal, refuse } from '@drover/core/reasons';
import type { DeviceIdentity } from '@drover/trust/pki/peer';
import { readDevice } from '../db/devices.ts';
import { isKeyRevoked, readStanding } from '../db/identities.ts';
import type { Store } from '../db/store.ts';

/** The form in which the hub keeps a device secret: 32 random bytes need no slow hash. */
export const hashSecret = (secret: string | Uint8Array): string => createHash('sha256').update(secret).digest('hex');

/** Stands for a device without a secret: no secret has this hash. */
export const NO_SECRET = '0'.repeat(64);

/** Equal time for an unknown device and a wrong secret, so that nobody learns which ids exist. */
export async function admitSecret(
  store: Store,
  device: string,
  secret: string | Uint8Array,
): Promise<Refusal | undefined> {
  const known = isDeviceId(device) ? await readDevice(store, device) : undefined;
  const given = Buffer.from(hashSecret(secret), 'hex');
  const isRight = timingSafeEqual(given, Buffer.from(known?.secretHash ?? NO_SECRET, 'hex'));
  if (!known) return refuse('device_unknown', 'The client id must be a joined device, and the user name the same.');
  return isRight ? undefined : refuse('device_secret_wrong', `For device "${device}".`);
}

/**
 * `identity`: of a certificate whose chain to the hub's CA was verified in a handshake, perhaps one that was resumed since.
 * Its dates are checked here again, because a resumed handshake does not.
 */
export async function admitCertificate(
  store: Store,
  identity: DeviceIdentity,
  now: number,
): Promise<Refusal | undefined> {
  const { device, serial, keyHash, notAfter } = identity;
  const found = await readStanding(store, device, serial);
  const isRevoked = found !== undefined && (found.revokedAt !== null || found.serialRevokedAt !== null);
  if (isRevoked || (await isKeyRevoked(store, keyHash)))
    return refuse('device_revoked', `"${device}", certificate ${serial}.`);
  if (found === undefined) return refuse('device_unknown', `"${device}" is not a device of this hub.`);
  if (found.keyHash !== keyHash)
    return refuse('device_certificate_invalid', `"${device}" holds another key by now than certificate ${serial}.`);
  if (notAfter <= now)
    return refuse(
      'device_certificate_expired',
      `"${device}": certificate ${serial}, ${new Date(notAfter).toISOString()}.`,
    );
  return undefined;
}
