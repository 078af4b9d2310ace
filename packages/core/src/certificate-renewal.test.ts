import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decideRenewal, type RenewalFacts } from './certificate-renewal.ts';

const DAY = 86_400_000;
const ISSUED = Date.UTC(2026, 5, 1);
const fresh: RenewalFacts = {
  notBefore: ISSUED,
  notAfter: ISSUED + 30 * DAY,
  jitter: 0.5,
  failures: 0,
  failedAt: 0,
  random: 0.5,
  isLapsedAtHub: false,
  isSuspected: false,
  trustedUntil: 0,
};
const decide = (at: number, change: Partial<RenewalFacts> = {}) => decideRenewal({ ...fresh, ...change }, at).kind;

describe('decideRenewal', () => {
  it('renews at two thirds of the life and a little, each device at its own moment', () => {
    expect([decide(ISSUED + 19 * DAY), decide(ISSUED + 20 * DAY, { jitter: 0 }), decide(ISSUED + 20 * DAY)]).toEqual([
      'wait',
      'renew',
      'wait',
    ]);
    expect(decide(ISSUED + 22.6 * DAY, { jitter: 0.999 })).toBe('renew');
  });

  it("goes without the certificate once it ended, by its own clock or the hub's", () => {
    expect(decide(ISSUED + 30 * DAY)).toBe('renew-lapsed');
    expect(decide(ISSUED + DAY, { isLapsedAtHub: true })).toBe('renew-lapsed');
    // A clock in 2090 asks for nothing more than that.
    expect(decide(Date.UTC(2090, 0, 1))).toBe('renew-lapsed');
  });

  it('takes a certificate that just came for good, also when this clock is far ahead', () => {
    const ahead = ISSUED + 60 * DAY;
    expect(decide(ahead, { trustedUntil: ahead + 15 * DAY })).toBe('wait');
    expect(decide(ahead + 16 * DAY, { trustedUntil: ahead + 15 * DAY })).toBe('renew-lapsed');
    expect(decide(ahead, { trustedUntil: ahead + 15 * DAY, isLapsedAtHub: true })).toBe('renew-lapsed');
  });

  it('asks early when a connection was refused', () => {
    expect(decide(ISSUED + DAY, { isSuspected: true })).toBe('renew');
  });

  it('waits after a failure, longer each time and never more than an hour, also when the clock is set back', () => {
    fc.assert(
      fc.property(
        fc.nat(40),
        fc.double({ min: 0, max: 0.999, noNaN: true }),
        fc.integer({ min: -100 * DAY, max: 100 * DAY }),
        (failures, random, shift) => {
          const now = ISSUED + 25 * DAY;
          const step = decideRenewal({ ...fresh, failures, failedAt: now + shift, random }, now);
          if (step.kind === 'wait') expect(step.untilMs - now).toBeLessThanOrEqual(3_600_000);
        },
      ),
    );
    expect(decide(ISSUED + 25 * DAY, { failures: 5, failedAt: ISSUED + 25 * DAY - 1 })).toBe('wait');
  });

  it('always gets to renew before the end when it is asked often enough', () => {
    fc.assert(
      fc.property(
        fc.double({ min: 0, max: 0.999, noNaN: true }),
        fc.integer({ min: 1000, max: 400 * DAY }),
        (jitter, life) => {
          const facts = { ...fresh, jitter, notAfter: ISSUED + life };
          let now = ISSUED;
          for (let i = 0; i < 20_000; i++) {
            const step = decideRenewal(facts, now);
            if (step.kind !== 'wait') {
              expect([step.kind, now < facts.notAfter]).toEqual(['renew', true]);
              return;
            }
            expect(step.untilMs).toBeGreaterThan(now);
            now = Math.ceil(step.untilMs);
          }
          throw new Error('it never renewed');
        },
      ),
      { numRuns: 50 },
    );
  });
});
