import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decideEnrolment, type EnrolmentFacts } from './enrolment.ts';

const free: EnrolmentFacts = {
  door: 'claim',
  askedId: undefined,
  boundId: undefined,
  freshId: 'd-fresh',
  keyHash: 'k1',
  isKeyRevoked: false,
  isPreauthorized: false,
  holderOfKey: undefined,
  holderOfHardware: undefined,
  holderOfId: undefined,
};
const decide = (change: Partial<EnrolmentFacts>) => decideEnrolment({ ...free, ...change });

describe('decideEnrolment', () => {
  it.each<[string, Partial<EnrolmentFacts>, unknown]>([
    ['a claim lets in', {}, { kind: 'issue', device: 'd-fresh' }],
    ['under the id of the claim', { boundId: 'a' }, { kind: 'issue', device: 'a' }],
    ['a batch token lets nobody in by itself', { door: 'batch' }, { kind: 'wait', device: 'd-fresh', why: 'approval' }],
    ['but one that was announced', { door: 'batch', isPreauthorized: true }, { kind: 'issue', device: 'd-fresh' }],
    ['the same key is the same device', { door: 'batch', holderOfKey: 'a' }, { kind: 'issue', device: 'a' }],
    ['a known id with a new key waits', { askedId: 'a', holderOfId: { keyHash: 'k0' } }, { kind: 'wait', device: 'a', why: 'known_id' }],
    ['also by a claim for it', { boundId: 'a', holderOfId: { keyHash: 'k0' } }, { kind: 'wait', device: 'a', why: 'known_id' }],
    ['known hardware with a new key waits, as the device that it was', { door: 'factory', holderOfHardware: { device: 'a', keyHash: 'k0' } }, { kind: 'wait', device: 'a', why: 'known_hardware' }],
    ['a device with a secret gets its first key by a claim for it', { boundId: 'a', holderOfId: { keyHash: undefined } }, { kind: 'issue', device: 'a' }],
    ['not by one for anybody', { askedId: 'a', holderOfId: { keyHash: undefined } }, { kind: 'wait', device: 'a', why: 'known_id' }],
    ['nor by a factory certificate', { door: 'factory', askedId: 'a', holderOfId: { keyHash: undefined } }, { kind: 'wait', device: 'a', why: 'known_id' }],
  ])('%s', (_, change, value) => expect(decide(change)).toEqual({ ok: true, value })); // biome-ignore format: rows

  it.each<[string, Partial<EnrolmentFacts>, string]>([
    ['another id than the claim is for', { askedId: 'b', boundId: 'a' }, 'enrol_other_device'],
    ['a key that is another device', { askedId: 'b', holderOfKey: 'a' }, 'enrol_key_known'],
    ['a revoked key', { isKeyRevoked: true, isPreauthorized: true, holderOfKey: 'a' }, 'device_revoked'],
  ])('refuses %s', (_, change, code) => expect(decide(change)).toMatchObject({ ok: false, code })); // biome-ignore format: rows

  it('never issues for an id or hardware that another key holds, whatever is claimed', () => {
    const id = fc.option(fc.constantFrom('a', 'b'), { nil: undefined });
    const arbitrary = fc.record({
      door: fc.constantFrom('claim' as const, 'batch' as const, 'factory' as const),
      askedId: id,
      boundId: id,
      freshId: fc.constant('f'),
      keyHash: fc.constant('k1'),
      isKeyRevoked: fc.boolean(),
      isPreauthorized: fc.boolean(),
      holderOfKey: fc.constant(undefined),
      holderOfHardware: fc.option(fc.constant({ device: 'h', keyHash: 'k0' }), { nil: undefined }),
      holderOfId: fc.option(fc.constant({ keyHash: 'k0' }), { nil: undefined }),
    });
    fc.assert(
      fc.property(arbitrary, (facts) => {
        const decided = decideEnrolment(facts);
        if (!decided.ok || decided.value.kind !== 'issue') return;
        expect([facts.isKeyRevoked, facts.holderOfHardware, facts.holderOfId]).toEqual([false, undefined, undefined]);
      }),
    );
  });
});
