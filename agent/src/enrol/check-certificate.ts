// Decides whether a certificate that came is this device's: of the pinned CA, for its key, with one id. Never stores it.
import { type KeyObject, X509Certificate } from 'node:crypto';
import { accept, type Result, refuse } from '@drover/core/reasons';
import { type DeviceIdentity, readDeviceIdentity } from '@drover/trust/pki/peer';

/** Dates are not checked: the clock of this device may be anything, and the hub's decides. */
export function checkCertificate(pem: string, caPem: string, key: KeyObject): Result<DeviceIdentity> {
  try {
    const certificate = new X509Certificate(pem);
    const ca = new X509Certificate(caPem);
    const identity = readDeviceIdentity(certificate);
    if (
      identity !== undefined &&
      certificate.checkIssued(ca) &&
      certificate.verify(ca.publicKey) &&
      certificate.checkPrivateKey(key)
    )
      return accept(identity);
  } catch {
    // Not a certificate is one of the ways in which it is not ours.
  }
  return refuse(
    'device_certificate_invalid',
    'What the hub sent is not a certificate of its CA for the key of this device.',
  );
}
