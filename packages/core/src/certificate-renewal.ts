// Decides when a device renews its certificate and how. Never speaks to anyone; time and randomness come in.
import { type BackoffPolicy, backoffMs } from './backoff.ts';

/** Failed tries: full jitter up to an hour, so that a hub that comes back is not met by a whole fleet. */
export const RENEWAL_RETRY: BackoffPolicy = { baseMs: 30_000, capMs: 3_600_000 };
/** Renewal is due when this part of the certificate's life is over, plus up to `SPREAD` of it. */
const DUE = 2 / 3;
const SPREAD = 1 / 12;
/** The longest sleep: a clock that was set is noticed. */
const LONGEST_MS = 3_600_000;

export interface RenewalFacts {
  /** Ms since epoch, as the certificate says. */
  readonly notBefore: number;
  readonly notAfter: number;
  /** In [0, 1), drawn once for this certificate: each device of a fleet has a moment of its own. */
  readonly jitter: number;
  /** Failed tries since the last success, and when the last one was; the latter on the clock of `now`. */
  readonly failures: number;
  readonly failedAt: number;
  /** In [0, 1), drawn anew for each try. */
  readonly random: number;
  /** The hub said that it does not take this certificate any more because it expired: its clock decides, not this one. */
  readonly isLapsedAtHub: boolean;
  /**
   * On the clock of `now`: a certificate that the hub gave just now is good, whatever this clock makes of its dates. A
   * clock that is a year ahead would otherwise ask for the next one at once, for ever.
   */
  readonly trustedUntil: number;
  /** A connection was refused in a way that an expired certificate explains. */
  readonly isSuspected: boolean;
}

export type RenewalStep =
  /** Ask with the certificate that is held. */
  | { readonly kind: 'renew' }
  /** Ask without one, by a signature over a nonce. */
  | { readonly kind: 'renew-lapsed' }
  | { readonly kind: 'wait'; readonly untilMs: number };

/** `now`: ms since epoch, never earlier than the build of the agent or the last signed time. */
export function decideRenewal(facts: RenewalFacts, now: number): RenewalStep {
  const { notBefore, notAfter, failures, failedAt } = facts;
  const life = Math.max(0, notAfter - notBefore);
  const dueAt = notBefore + life * (DUE + SPREAD * facts.jitter);
  const isTrusted = now < facts.trustedUntil;
  const isLapsed = facts.isLapsedAtHub || (now >= notAfter && !isTrusted);
  const quietUntil = Math.max(dueAt, facts.trustedUntil);
  if (!isLapsed && !facts.isSuspected && now < quietUntil)
    return { kind: 'wait', untilMs: Math.min(quietUntil, now + LONGEST_MS) };
  if (failures > 0) {
    const nextAt = failedAt + backoffMs(RENEWAL_RETRY, failures - 1, facts.random);
    // A clock that was set back must not stretch the wait.
    if (now < nextAt && nextAt - now <= RENEWAL_RETRY.capMs) return { kind: 'wait', untilMs: nextAt };
  }
  return { kind: isLapsed ? 'renew-lapsed' : 'renew' };
}
