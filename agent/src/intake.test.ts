// What becomes of a desired document that cannot be taken at once; the signatures and the metadata are stood in for.
import { refuse } from '@drover/core/reasons';
import { until } from '@drover/testkit/until';
import { digestOf } from '@drover/trust/dsse';
import type { Desired } from '@drover/wire/messages';
import { expect, it } from 'vitest';
import { makeClock } from './clock.ts';
import { type IntakeOutcome, makeIntake } from './intake.ts';
import type { ReleaseTrust } from './release/trust.ts';
import type { DesiredStore } from './store/desired.ts';

const WISHED = 'a'.repeat(64);
const document = {
  type: 'drover.desired/1', device: 'd1', generation: 1,
  issuedAt: new Date().toISOString(), expiresAt: '2099-01-01T00:00:00Z',
  slots: { default: { deploymentId: 'b'.repeat(32), manifest: WISHED } },
  policy: { windowMs: 900_000, windowEpochAt: 0, probationMs: 0 },
} as const; // biome-ignore format: one record
const payload = Buffer.from('the document');
const arrived: Desired = {
  document: { payloadType: '', payload, signatures: [] }, manifests: [], releases: [], offers: [],
}; // biome-ignore format: one record

it('looks again at a document that waited and was then refused for another reason, when it comes again', async () => {
  const outcomes: IntakeOutcome[] = [];
  let isSigned = true;
  const believed = { ok: true as const, value: { document, digest: digestOf(payload) } };
  const intake = makeIntake({
    device: 'd1',
    trust: {
      verifyDesired: () => (isSigned ? believed : refuse('payload_type_mismatch', '')),
    } as unknown as ReleaseTrust,
    store: { held: () => undefined, manifest: () => undefined } as unknown as DesiredStore,
    // Beyond the end of the document: it waits for a clock that is set.
    clock: makeClock(() => Date.parse('2100-01-01T00:00:00Z')),
    random: () => 0,
    installed: () => new Set(),
    onNoRoom: () => undefined,
    onOutcome: (outcome) => void outcomes.push(outcome),
    onFault: (error) => {
      throw error;
    },
  });
  const last = () => {
    const outcome = outcomes.at(-1);
    return typeof outcome === 'object' ? outcome.code : outcome;
  };
  intake.offer(arrived);
  await until('it waits', () => last() === 'desired_expired');
  intake.offer(arrived);
  expect(outcomes).toHaveLength(1);
  isSigned = false;
  intake.connected();
  await until('it is refused', () => last() === 'payload_type_mismatch');
  isSigned = true;
  intake.offer(arrived);
  await until('it is looked at again', () => outcomes.length === 3);
  expect(last()).toBe('desired_expired');
  await intake.stop();
});
