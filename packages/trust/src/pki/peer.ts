// Decides who is at the other end of a TLS connection from its certificate: a hub, a device, or nobody. Never opens one.
import type { KeyObject, X509Certificate } from 'node:crypto';
import { isDeviceId } from '@drover/core/ids';
import { keyHashOf, spkiOf } from './p256.ts';

/** The name of a device in its certificate (subjectAltName, type URI). */
export const deviceUri = (device: string): string => `urn:drover:device:${device}`;
const URI = /(?:^|, )URI:urn:drover:device:([a-z0-9][a-z0-9_-]{0,62})(?=$|, )/g;

/** What a device certificate says. */
export interface DeviceIdentity {
  readonly device: string;
  /** Lower-case hex. */
  readonly serial: string;
  /** SHA-256 of the SubjectPublicKeyInfo, in hex. */
  readonly keyHash: string;
  /** Ms since epoch. */
  readonly notBefore: number;
  readonly notAfter: number;
}

/**
 * Reads a certificate whose chain was verified already. CN and the URI must name the same one device; a server certificate
 * or one with two names is nobody's identity.
 */
export function readDeviceIdentity(certificate: X509Certificate): DeviceIdentity | undefined {
  const names = [...(certificate.subjectAltName ?? '').matchAll(URI)].map((match) => match[1]);
  const [device] = names;
  if (device === undefined || names.length !== 1 || !isDeviceId(device) || certificate.subject !== `CN=${device}`)
    return undefined;
  const key: KeyObject = certificate.publicKey;
  return {
    device,
    serial: certificate.serialNumber.toLowerCase(),
    keyHash: keyHashOf(spkiOf(key)),
    notBefore: certificate.validFromDate.getTime(),
    notAfter: certificate.validToDate.getTime(),
  };
}

/** SHA-256 of a certificate's DER in lower-case hex. */
export const fingerprintOf = (certificate: X509Certificate): string =>
  certificate.fingerprint256.replaceAll(':', '').toLowerCase();

/**
 * For `checkServerIdentity` after Node's own check of names: a device of the fleet holds a certificate of the same CA with
 * serverAuth (it may serve its neighbours), and Node would compare the host with its CN, which a device id can be made to
 * match. A hub has names of its own and is no device.
 */
export function checkIsHub(certificate: { readonly subjectaltname?: string | undefined }): Error | undefined {
  const names = certificate.subjectaltname ?? '';
  if (/(?:^|, )(DNS|IP Address):/.test(names) && !names.includes('URI:urn:drover:device:')) return undefined;
  return new Error('the certificate is not one of a hub');
}
