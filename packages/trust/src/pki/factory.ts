// Decides whether a certificate chain leads to a maker's CA that was registered, and which piece of hardware it names.
// Never decides what such a device may do. Hub only.
import 'reflect-metadata';
import { type KeyObject, X509Certificate } from 'node:crypto';
import { accept, type Result, refuse } from '@drover/core/reasons';
import { BasicConstraintsExtension, X509Certificate as ReadCertificate } from '@peculiar/x509';
import { fingerprintOf } from './peer.ts';

export interface FactoryIdentity {
  /** The registered CA that vouches, by fingerprint. */
  readonly ca: string;
  readonly key: KeyObject;
  /** The subject's serialNumber (IEEE 802.1AR §8.6), else its common name. */
  readonly hardware: string;
}

const DEEPEST = 4;
const HARDWARE = /^[A-Za-z0-9][A-Za-z0-9._:/-]{0,63}$/;

const no = (detail: string) => refuse('factory_certificate_invalid', detail);

export function readCertificate(pem: string): X509Certificate | undefined {
  try {
    return new X509Certificate(pem);
  } catch {
    // node:crypto says "not a certificate" by throwing.
    return undefined;
  }
}

/** A certificate that may be registered: a CA, valid now. */
export function checkFactoryCa(pem: string, now: number): Result<X509Certificate> {
  const certificate = readCertificate(pem);
  if (certificate === undefined) return no('It is not a certificate in PEM.');
  if (!certificate.ca) return no('It is not the certificate of a CA.');
  return isValidAt(certificate, now)
    ? accept(certificate)
    : no(`It is not valid now but until ${certificate.validTo.slice(0, 40)}.`);
}

const isValidAt = (certificate: X509Certificate, now: number): boolean =>
  certificate.validFromDate.getTime() <= now && now <= certificate.validToDate.getTime();

/** RFC 5280 §4.2.1.9: whether a CA certificate may stand above `below` other CA certificates. */
function allowsDepth(certificate: X509Certificate, below: number): boolean {
  const constraints = new ReadCertificate(certificate.raw).getExtension(BasicConstraintsExtension);
  return constraints?.ca === true && (constraints.pathLength ?? DEEPEST) >= below;
}

const isIssuedBy = (certificate: X509Certificate, issuer: X509Certificate): boolean =>
  issuer.ca && certificate.checkIssued(issuer) && certificate.verify(issuer.publicKey);

function readHardware(leaf: X509Certificate): string | undefined {
  const attributes = leaf.subject.split('\n');
  const read = (name: string): string | undefined =>
    attributes.find((line) => line.startsWith(`${name}=`))?.slice(name.length + 1);
  const name = read('serialNumber') ?? read('CN');
  return name !== undefined && HARDWARE.test(name) ? name : undefined;
}

/** `chain`: the device's certificate, then intermediates in order, in PEM. */
export function verifyFactoryChain(
  chain: readonly string[],
  registered: readonly X509Certificate[],
  now: number,
): Result<FactoryIdentity> {
  const certificates = chain.slice(0, DEEPEST).map(readCertificate);
  const [leaf] = certificates;
  if (leaf === undefined || chain.length > DEEPEST) return no(`It must be 1 to ${DEEPEST} certificates in PEM.`);
  if (leaf.ca) return no('The certificate of a CA is no device.');
  const hardware = readHardware(leaf);
  if (hardware === undefined) return no('Its subject names no serial number that can be used.');
  try {
    let current = leaf;
    for (let depth = 0; depth < DEEPEST; depth++) {
      if (!isValidAt(current, now)) return no(`"${current.subject.slice(0, 80)}" is not valid now.`);
      const top = registered.find((ca) => isIssuedBy(current, ca));
      if (top !== undefined) {
        return isValidAt(top, now) && allowsDepth(top, depth)
          ? accept({ ca: fingerprintOf(top), key: leaf.publicKey, hardware })
          : no('The registered CA may not issue it.');
      }
      const next = certificates[depth + 1];
      if (next === undefined || !isIssuedBy(current, next) || !allowsDepth(next, depth)) break;
      current = next;
    }
  } catch {
    // Keys and extensions that the libraries cannot read throw.
    return no('Its chain cannot be read.');
  }
  return no('No registered factory CA has issued it.');
}
