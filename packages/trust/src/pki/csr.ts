// Makes and reads certificate requests (PKCS#10). Only the key in one counts: subject and extensions are ignored. Never
// issues. On a device it is loaded by the join command alone: the library behind it costs some 30 MB.
import 'reflect-metadata';
import type { KeyObject, webcrypto } from 'node:crypto';
import { createPublicKey } from 'node:crypto';
import { accept, type Result, refuse } from '@drover/core/reasons';
import { Pkcs10CertificateRequest, Pkcs10CertificateRequestGenerator } from '@peculiar/x509';
import { p256FromSpki } from './p256.ts';

/** DER; a P-256 request with a name has some 250 bytes. */
export const CSR_BYTES = 4096;
const ECDSA = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;

/** A request in DER for this key, signed by it. */
export async function makeCsr(key: KeyObject, name: string): Promise<Uint8Array> {
  const keys: webcrypto.CryptoKeyPair = {
    privateKey: key.toCryptoKey(ECDSA, false, ['sign']),
    publicKey: createPublicKey(key).toCryptoKey(ECDSA, true, ['verify']),
  };
  const csr = await Pkcs10CertificateRequestGenerator.create({
    name: [{ CN: [name] }],
    keys,
    signingAlgorithm: ECDSA,
  });
  return new Uint8Array(csr.rawData);
}

/** The P-256 key (SubjectPublicKeyInfo) whose holder signed this request. Bytes of a stranger: checked for size first. */
export async function readCsr(der: Uint8Array): Promise<Result<Uint8Array>> {
  if (der.length > CSR_BYTES)
    return refuse('csr_invalid', `It has ${der.length} bytes; at most ${CSR_BYTES} are read.`);
  try {
    const csr = new Pkcs10CertificateRequest(Buffer.from(der));
    const spki = new Uint8Array(csr.publicKey.rawData);
    if (p256FromSpki(spki) === undefined) return refuse('csr_invalid', 'Its key is not a P-256 key.');
    // Whoever asks must hold the key, or a stranger's certificate would carry a neighbour's key.
    if (!(await csr.verify())) return refuse('csr_invalid', 'It is not signed by its own key.');
    return accept(spki);
  } catch {
    // The parser throws on anything that is not a request; what exactly is of no use to a stranger.
    return refuse('csr_invalid', 'The bytes are not a readable request.');
  }
}
