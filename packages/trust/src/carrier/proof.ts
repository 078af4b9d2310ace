// Decides whether a device wrote what it carried here: by its secret, or by the key of its certificate. Never keeps a key.
import {
  createHash,
  createHmac,
  createPublicKey,
  hkdfSync,
  type KeyObject,
  sign,
  timingSafeEqual,
  verify,
} from 'node:crypto';
import { accept, type Result, refuse } from '@drover/core/reasons';
import type { SignedEnvelope } from '@drover/wire/messages';
import { encodePae } from '../dsse.ts';

/** How a device shows that it wrote something. */
export interface DeviceProof {
  prove(payloadType: string, payload: Uint8Array): SignedEnvelope;
}

/** The other side: what the hub knows of the device is enough to check it. */
export interface DeviceProofCheck {
  check(envelope: SignedEnvelope): Result<undefined>;
}

const BY_SECRET = 'hmac-sha256';

const wrong = (detail: string) => refuse('report_proof_wrong', detail);

/**
 * HKDF-SHA256 (RFC 5869) over the SHA-256 of the secret, because that is all the hub keeps. The device stands in `info`, so
 * that two devices with one secret would still not write for each other.
 */
const deriveKey = (device: string, secretHash: Uint8Array): Uint8Array =>
  Buffer.from(hkdfSync('sha256', secretHash, new Uint8Array(0), `drover carried report v1\n${device}`, 32));

const mac = (device: string, secretHash: Uint8Array, payloadType: string, payload: Uint8Array): Buffer =>
  createHmac('sha256', deriveKey(device, secretHash)).update(encodePae(payloadType, payload)).digest();

/** @param secret what the device shows at the broker. */
export function proveBySecret(device: string, secret: string): DeviceProof {
  const secretHash = createHash('sha256').update(secret).digest();
  return {
    prove: (payloadType, payload) => ({
      payloadType,
      payload,
      signatures: [{ keyid: BY_SECRET, sig: mac(device, secretHash, payloadType, payload) }],
    }),
  };
}

/** @param secretHash SHA-256 of the secret in hex, as the hub keeps it. */
export const checkBySecretHash = (device: string, secretHash: string): DeviceProofCheck => ({
  check({ payloadType, payload, signatures }) {
    const known = Buffer.from(secretHash, 'hex');
    const given = signatures.find(({ keyid }) => keyid === BY_SECRET)?.sig;
    if (!given || known.length !== 32) return wrong(`It is not proven by the secret of "${device}".`);
    const right = mac(device, known, payloadType, payload);
    return given.length === right.length && timingSafeEqual(given, right)
      ? accept(undefined)
      : wrong(`It was not made with the secret that "${device}" has now, or it was changed.`);
  },
});

/** SHA-256 of the SubjectPublicKeyInfo in hex: how a device key is called whatever its kind. */
const deviceKeyid = (key: KeyObject): string =>
  createHash('sha256')
    .update((key.type === 'private' ? createPublicKey(key) : key).export({ format: 'der', type: 'spki' }))
    .digest('hex');

/** Ed25519 hashes by itself; an elliptic curve key signs SHA-256. */
const hashFor = (key: KeyObject): string | null => (key.asymmetricKeyType === 'ec' ? 'sha256' : null);

/** @param key the private key of the device's certificate: Ed25519 or an elliptic curve. */
export const proveByKey = (key: KeyObject): DeviceProof => ({
  prove: (payloadType, payload) => ({
    payloadType,
    payload,
    signatures: [{ keyid: deviceKeyid(key), sig: sign(hashFor(key), encodePae(payloadType, payload), key) }],
  }),
});

/** @param keys public keys that the device may sign with now. */
export const checkByKeys = (device: string, keys: readonly KeyObject[]): DeviceProofCheck => ({
  check({ payloadType, payload, signatures }) {
    const pae = encodePae(payloadType, payload);
    const isProven = signatures.some(({ keyid, sig }) =>
      keys.some((key) => deviceKeyid(key) === keyid && verify(hashFor(key), pae, key, sig)),
    );
    return isProven
      ? accept(undefined)
      : wrong(`It was not signed with a key that "${device}" has now, or it was changed.`);
  },
});
