// Makes a self-signed certificate for loopback in a test's own folder, by hand: Node has no API for it. Never for a program.
import { createHash, generateKeyPairSync, sign } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import path from 'node:path';

/** DER (X.690): tag, length, content. */
function der(tag: number, ...parts: readonly Uint8Array[]): Buffer {
  const content = Buffer.concat(parts);
  const { length } = content;
  const size = length < 128 ? [length] : length < 256 ? [0x81, length] : [0x82, length >> 8, length & 255];
  return Buffer.concat([Buffer.from([tag, ...size]), content]);
}
const sequence = (...parts: readonly Uint8Array[]): Buffer => der(0x30, ...parts);
const oid = (hex: string): Buffer => der(0x06, Buffer.from(hex, 'hex'));

/** ecdsa-with-SHA256, commonName, subjectAltName, basicConstraints. */
const [ECDSA, COMMON_NAME, ALT_NAME, CONSTRAINTS] = ['2a8648ce3d040302', '550403', '551d11', '551d13'].map(oid) as [
  Buffer,
  Buffer,
  Buffer,
  Buffer,
];

export interface CertificateFiles {
  readonly cert: string;
  readonly key: string;
}

/** RFC 5280 §4.1, for 127.0.0.1 and localhost, valid from 1970 to 2099. The key file has mode 0600. */
export function makeCertificate(dir: string): CertificateFiles {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const spki = publicKey.export({ format: 'der', type: 'spki' });
  const name = sequence(der(0x31, sequence(COMMON_NAME, der(0x0c, Buffer.from('drover test')))));
  const names = sequence(der(0x82, Buffer.from('localhost')), der(0x87, Buffer.from([127, 0, 0, 1])));
  const isCa = sequence(der(0x01, Buffer.from([0xff])));
  const extensions = der(0xa3, sequence(sequence(ALT_NAME, der(0x04, names)), sequence(CONSTRAINTS, der(0x04, isCa))));
  const serial = der(
    0x02,
    Buffer.concat([Buffer.from([1]), createHash('sha256').update(spki).digest().subarray(0, 8)]),
  );
  const body = sequence(
    der(0xa0, der(0x02, Buffer.from([2]))),
    serial,
    sequence(ECDSA),
    name,
    sequence(der(0x17, Buffer.from('700101000000Z')), der(0x18, Buffer.from('20991231235959Z'))),
    name,
    spki,
    extensions,
  );
  const signature = der(0x03, Buffer.from([0]), sign('sha256', body, privateKey));
  const pem = sequence(body, sequence(ECDSA), signature).toString('base64').replaceAll(/.{64}/g, '$&\n');
  const files = { cert: path.join(dir, 'tls-cert.pem'), key: path.join(dir, 'tls-key.pem') };
  writeFileSync(files.cert, `-----BEGIN CERTIFICATE-----\n${pem}\n-----END CERTIFICATE-----\n`);
  writeFileSync(files.key, privateKey.export({ format: 'pem', type: 'pkcs8' }), { mode: 0o600 });
  return files;
}
