// Decides how many bytes may be on the way to one device: 1 to 2 s of what it was measured to take. Never sends and never
// reads a clock.

export interface CreditLimits {
  /** Bytes that any device may have on the way, however slow. */
  readonly leastBytes: number;
  readonly mostBytes: number;
  /** The window holds about this much of the measured rate, so that a command waits no longer behind it. */
  readonly windowMs: number;
}

/** Two pieces to 16 chunks (design: measured), the middle of 1 to 2 s. */
export const CREDIT_LIMITS: CreditLimits = { leastBytes: 64 * 1024, mostBytes: 4 * 1024 * 1024, windowMs: 1500 };

/** Bytes that came in a time in which something was on the way. */
interface Span {
  readonly bytes: number;
  readonly ms: number;
}

export interface Credit {
  readonly windowBytes: number;
  /** Sent and not yet said to have come. */
  readonly flyingBytes: number;
  /** The rate is taken over both: reports that come in a bunch after a silence do not look like a fast link. */
  readonly spans: readonly [before: Span, now: Span];
  /** Since when bytes have been on the way without a report, ms of any monotonic clock; undefined when none are. */
  readonly busySince: number | undefined;
}

/** Nothing is known of the device yet: a little, and twice as much with each report that all is well. */
export const openCredit = ({ leastBytes }: CreditLimits = CREDIT_LIMITS): Credit => ({
  windowBytes: leastBytes,
  flyingBytes: 0,
  spans: [
    { bytes: 0, ms: 0 },
    { bytes: 0, ms: 0 },
  ],
  busySince: undefined,
});

/** For another artifact to the same device: what was measured holds. */
export const carryOver = (credit: Credit): Credit => ({ ...credit, flyingBytes: 0, busySince: undefined });

export const spend = (credit: Credit, bytes: number, now: number): Credit => ({
  ...credit,
  flyingBytes: credit.flyingBytes + bytes,
  busySince: credit.busySince ?? now,
});

/** A span that is so long is followed by the next. */
const SPAN_MS = 500;

/**
 * The device said how far it is. `arrived`: bytes that came since its last report; `lost`: bytes that will not come. The rate is
 * what came over the time in which something was on the way; the window follows it, at most twice as large each time.
 */
export function refund(
  credit: Credit,
  { arrived, lost }: { readonly arrived: number; readonly lost: number },
  now: number,
  limits: CreditLimits = CREDIT_LIMITS,
): Credit {
  const flyingBytes = Math.max(0, credit.flyingBytes - arrived - lost);
  const busySince = flyingBytes > 0 ? now : undefined;
  if (arrived <= 0 || credit.busySince === undefined) {
    // A loss says that the link was asked for too much.
    const windowBytes = lost > 0 ? Math.max(limits.leastBytes, credit.windowBytes / 2) : credit.windowBytes;
    // Nothing came: the time goes on counting against the rate.
    return { ...credit, flyingBytes, windowBytes, busySince: flyingBytes > 0 ? credit.busySince : undefined };
  }
  const [past, present] = credit.spans;
  const [before, old] = present.ms < SPAN_MS ? [past, present] : [present, { bytes: 0, ms: 0 }];
  const span = { bytes: old.bytes + arrived, ms: old.ms + now - credit.busySince };
  const rate = (before.bytes + span.bytes) / Math.max(1, before.ms + span.ms);
  const wanted = Math.min(limits.mostBytes, Math.max(limits.leastBytes, rate * limits.windowMs));
  return { windowBytes: Math.min(wanted, 2 * credit.windowBytes), flyingBytes, spans: [before, span], busySince };
}

/**
 * Bytes that may be sent now. `share`: what each device may have of the room of all; the room is shared evenly so that one that
 * takes nothing keeps none from the others.
 */
export const roomOf = (credit: Credit, share: number, { leastBytes }: CreditLimits = CREDIT_LIMITS): number =>
  Math.max(0, Math.min(credit.windowBytes, Math.max(leastBytes, share)) - credit.flyingBytes);
