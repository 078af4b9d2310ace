import { createHash, generateKeyPairSync } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  checkByKeys,
  checkBySecretHash,
  type DeviceProof,
  type DeviceProofCheck,
  proveByKey,
  proveBySecret,
} from './proof.ts';

const hash = (secret: string): string => createHash('sha256').update(secret).digest('hex');
const p256 = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const ed = generateKeyPairSync('ed25519');
const stranger = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const payload = Buffer.from('{"type":"drover.report/1"}');

const CASES: [string, DeviceProof, DeviceProofCheck, DeviceProofCheck][] = [
  ['a secret', proveBySecret('d1', 's3cret'), checkBySecretHash('d1', hash('s3cret')), checkBySecretHash('d1', hash('other'))],
  ['a P-256 key', proveByKey(p256.privateKey), checkByKeys('d1', [p256.publicKey]), checkByKeys('d1', [stranger.publicKey])],
  ['an Ed25519 key', proveByKey(ed.privateKey), checkByKeys('d1', [stranger.publicKey, ed.publicKey]), checkByKeys('d1', [])],
]; // biome-ignore format: one row a line

describe.each(CASES)('a proof by %s', (_, proof, right, wrong) => {
  it('is believed by who knows the device, and by nobody else', () => {
    const envelope = proof.prove('t', payload);
    expect(right.check(envelope)).toMatchObject({ ok: true });
    expect(wrong.check(envelope)).toMatchObject({ code: 'report_proof_wrong' });
    for (const [, , other] of CASES) if (other !== right) expect(other.check(envelope)).toHaveProperty('ok', false);
    expect(right.check({ ...envelope, payloadType: 'u' })).toMatchObject({ code: 'report_proof_wrong' });
    expect(right.check({ ...envelope, signatures: [] })).toMatchObject({ code: 'report_proof_wrong' });
  });

  it('is believed for no other bytes and with no other signature', () => {
    const envelope = proof.prove('t', payload);
    fc.assert(
      fc.property(fc.boolean(), fc.nat(), fc.integer({ min: 1, max: 255 }), (inPayload, at, mask) => {
        const [first] = envelope.signatures;
        const changed = Uint8Array.from(inPayload ? payload : (first?.sig ?? []));
        changed[at % changed.length] = (changed[at % changed.length] ?? 0) ^ mask;
        const signatures = inPayload ? envelope.signatures : [{ keyid: first?.keyid ?? '', sig: changed }];
        expect(right.check({ ...envelope, signatures, payload: inPayload ? changed : payload }).ok).toBe(false);
      }),
    );
  });
});

describe('a secret', () => {
  it('proves for its own device only', () => {
    expect(checkBySecretHash('d2', hash('s3cret')).check(proveBySecret('d1', 's3cret').prove('t', payload)).ok).toBe(
      false,
    );
  });
});
