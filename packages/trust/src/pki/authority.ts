// Issues certificates with the hub's CA: the CA's own, those of listeners, those of devices. Never decides who gets one
// and never stores one. Hub only: the library behind it costs some 30 MB.
import 'reflect-metadata';
import { type KeyObject, randomBytes, webcrypto, X509Certificate } from 'node:crypto';
import { isIP } from 'node:net';
import { accept, type Result, refuse } from '@drover/core/reasons';
import {
  AuthorityKeyIdentifierExtension,
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  type Extension,
  KeyUsageFlags,
  KeyUsagesExtension,
  PublicKey,
  SubjectAlternativeNameExtension,
  SubjectKeyIdentifierExtension,
  X509CertificateGenerator,
} from '@peculiar/x509';
import { isP256, makeP256, spkiOf } from './p256.ts';
import { deviceUri, fingerprintOf } from './peer.ts';

const ECDSA = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;
const DAY_MS = 86_400_000;
/** A clock that stands in 1970 must accept the hub, so CA and servers are valid since then (DESIGN.md §7). */
const EPOCH = new Date(0);
/** RFC 5280 §4.1.2.5: a certificate without a well-defined end. */
const NO_END = new Date('9999-12-31T23:59:59Z');
/** A device certificate starts a little before it was issued (at most a tenth of its life): clocks of hubs may differ. */
const BACKDATE_MS = 5 * 60_000;

export interface Issued {
  readonly pem: string;
  /** Lower-case hex. */
  readonly serial: string;
  /** Ms since epoch. */
  readonly notBefore: number;
  readonly notAfter: number;
}

export interface Authority {
  readonly pem: string;
  readonly certificate: X509Certificate;
  /** SHA-256 of the certificate's DER, in hex: what devices pin. */
  readonly fingerprint: string;
  /** A new key and certificate for a listener that is reached under `names` (host names or IP addresses). */
  issueServer(order: { names: readonly string[]; now: number; days: number }): Promise<Issued & { keyPem: string }>;
  /** `spki`: the device's P-256 public key. For clientAuth, and serverAuth because a device may serve its neighbours. */
  issueDevice(order: { device: string; spki: Uint8Array; now: number; days: number }): Promise<Issued>;
}

/** 127 random bits; the first byte is neither zero nor negative, so that every reader shows the same digits. */
function makeSerial(): string {
  const bytes = randomBytes(16);
  bytes[0] = 0x40 | ((bytes[0] ?? 0) & 0x3f);
  return bytes.toString('hex');
}

const toSigningKey = (key: KeyObject): webcrypto.CryptoKey => key.toCryptoKey(ECDSA, false, ['sign']);

interface Order {
  readonly subject: string;
  readonly issuer: string;
  readonly spki: Uint8Array;
  readonly notBefore: Date;
  readonly notAfter: Date;
  readonly extensions: Extension[];
}

async function sign(signingKey: webcrypto.CryptoKey, order: Order): Promise<Issued> {
  const serial = makeSerial();
  const made = await X509CertificateGenerator.create({
    serialNumber: serial,
    // As values, not as text: nothing in a name can be read as another attribute.
    subject: [{ CN: [order.subject] }],
    issuer: [{ CN: [order.issuer] }],
    notBefore: order.notBefore,
    notAfter: order.notAfter,
    publicKey: new PublicKey(Buffer.from(order.spki)),
    signingKey,
    signingAlgorithm: ECDSA,
    extensions: order.extensions,
  });
  return {
    pem: `${made.toString('pem')}\n`,
    serial,
    notBefore: order.notBefore.getTime(),
    notAfter: order.notAfter.getTime(),
  };
}

/** The CA's own certificate, without an end: devices pin it, and it is replaced by handing out another one. */
export async function makeCaCertificate(key: KeyObject, name: string): Promise<string> {
  const { pem } = await sign(toSigningKey(key), {
    subject: name,
    issuer: name,
    spki: spkiOf(key),
    notBefore: EPOCH,
    notAfter: NO_END,
    extensions: [
      new BasicConstraintsExtension(true, 0, true),
      new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
      await SubjectKeyIdentifierExtension.create(new PublicKey(spkiOf(key))),
    ],
  });
  return pem;
}

const CN = /^CN=([^\n]{1,64})$/;

/** Opens the CA from its key and certificate; both must belong together. */
export function openAuthority(key: KeyObject, pem: string): Result<Authority> {
  let certificate: X509Certificate;
  try {
    certificate = new X509Certificate(pem);
  } catch {
    // node:crypto says "not a certificate" by throwing.
    return refuse('ca_invalid', 'The file is not a certificate in PEM.');
  }
  if (!isP256(key)) return refuse('ca_invalid', 'The key of the CA is not a P-256 key.');
  if (!certificate.ca) return refuse('ca_invalid', 'The certificate is not one of a CA.');
  // Devices know no other certificate: one that needs an issuer would be trusted by none of them.
  if (!certificate.checkIssued(certificate)) return refuse('ca_invalid', 'The certificate is not self-signed.');
  if (!certificate.checkPrivateKey(key)) return refuse('ca_invalid', 'Certificate and key do not belong together.');
  const issuer = CN.exec(certificate.subject)?.[1];
  if (issuer === undefined) return refuse('ca_invalid', 'The subject of the CA must be one common name.');
  const signingKey = toSigningKey(key);
  const caKey = new PublicKey(spkiOf(key));
  const issue = async (order: Omit<Order, 'issuer'>): Promise<Issued> =>
    sign(signingKey, {
      ...order,
      issuer,
      extensions: [
        new BasicConstraintsExtension(false, undefined, true),
        new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
        await AuthorityKeyIdentifierExtension.create(caKey),
        ...order.extensions,
      ],
    });
  return accept({
    pem: certificate.toString(),
    certificate,
    fingerprint: fingerprintOf(certificate),
    async issueServer({ names, now, days }) {
      const server = makeP256();
      const issued = await issue({
        subject: names[0]?.slice(0, 64) ?? 'hub',
        spki: spkiOf(server),
        notBefore: EPOCH,
        notAfter: new Date(now + days * DAY_MS),
        extensions: [
          new ExtendedKeyUsageExtension([ExtendedKeyUsage.serverAuth]),
          new SubjectAlternativeNameExtension(
            names.map((name) => ({ type: isIP(name) === 0 ? ('dns' as const) : ('ip' as const), value: name })),
          ),
        ],
      });
      return { ...issued, keyPem: server.export({ format: 'pem', type: 'pkcs8' }).toString() };
    },
    issueDevice: ({ device, spki, now, days }) =>
      issue({
        subject: device,
        spki,
        notBefore: new Date(now - Math.min(BACKDATE_MS, (days * DAY_MS) / 10)),
        notAfter: new Date(now + days * DAY_MS),
        extensions: [
          new ExtendedKeyUsageExtension([ExtendedKeyUsage.clientAuth, ExtendedKeyUsage.serverAuth]),
          new SubjectAlternativeNameExtension([{ type: 'url', value: deviceUri(device) }]),
        ],
      }),
  });
}
