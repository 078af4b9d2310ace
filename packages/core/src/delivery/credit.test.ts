import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CREDIT_LIMITS, openCredit, refund, roomOf, spend } from './credit.ts';

const KB = 1024;
const { leastBytes, mostBytes, windowMs } = CREDIT_LIMITS;

/** A link of `rate` bytes a ms with `rttMs`, and a device that reports every 250 ms, each time in so many reports at once. */
function drive(rate: number, rttMs: number, forMs: number, bunch = 1) {
  let credit = openCredit();
  let now = 0;
  const arriving: { at: number; bytes: number }[] = [];
  let freeAt = 0;
  while (now < forMs) {
    const room = roomOf(credit, Number.POSITIVE_INFINITY);
    if (room > 0) credit = spend(credit, room, now);
    for (let left = room; left > 0; left -= 32 * KB) {
      const bytes = Math.min(left, 32 * KB);
      freeAt = Math.max(freeAt, now) + bytes / rate;
      arriving.push({ at: freeAt + rttMs, bytes });
    }
    now += 250;
    const came = arriving.filter(({ at }) => at <= now);
    arriving.splice(0, came.length);
    const arrived = came.reduce((sum, { bytes }) => sum + bytes, 0);
    for (let i = 0; i < bunch; i++) credit = refund(credit, { arrived: arrived / bunch, lost: 0 }, now);
  }
  return credit;
}

describe('credit', () => {
  it('never leaves its bounds, and what flies is what was spent and not refunded', () => {
    const step = fc.record({
      spent: fc.nat(mostBytes),
      arrived: fc.nat(mostBytes),
      lost: fc.nat(mostBytes),
      ms: fc.nat(60_000),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 50 }), fc.nat(mostBytes), (steps, share) => {
        let credit = openCredit();
        let now = 0;
        for (const { spent, arrived, lost, ms } of steps) {
          const send = Math.min(spent, roomOf(credit, share));
          credit = spend(credit, send, now);
          expect(credit.flyingBytes).toBeLessThanOrEqual(Math.max(credit.windowBytes, mostBytes));
          now += ms;
          const before = credit;
          const came = Math.min(arrived, credit.flyingBytes);
          const gone = Math.min(lost, credit.flyingBytes - came);
          credit = refund(credit, { arrived: came, lost: gone }, now);
          expect(credit.flyingBytes).toBe(before.flyingBytes - came - gone);
          expect(credit.windowBytes).toBeGreaterThanOrEqual(leastBytes);
          expect(credit.windowBytes).toBeLessThanOrEqual(
            Math.min(mostBytes, Math.max(leastBytes, 2 * before.windowBytes)),
          );
        }
      }),
    );
  });

  it('settles at about the window of the rate of the link', () => {
    for (const [kbPerS, rttMs] of [
      [100, 20],
      [650, 100],
      [1500, 50],
    ] as const) {
      const rate = (kbPerS * KB) / 1000;
      const credit = drive(rate, rttMs, 60_000);
      expect(credit.windowBytes).toBeLessThan(2 * rate * windowMs);
      expect(credit.windowBytes).toBeGreaterThan(Math.max(leastBytes, 0.4 * rate * windowMs) - 1);
    }
    expect(drive(20 * KB * 0.001, 50, 60_000).windowBytes).toBe(leastBytes);
    expect(drive(1e6, 1, 20_000).windowBytes).toBe(mostBytes);
  });

  it('does not take reports that come in a bunch for a fast link', () => {
    const rate = (650 * KB) / 1000;
    for (const forMs of [2000, 5000, 5250, 5500, 5750, 6000, 60_000]) {
      const { windowBytes } = drive(rate, 100, forMs, 4);
      expect(windowBytes).toBeLessThan(1.5 * rate * windowMs);
      expect(windowBytes).toBeGreaterThan(0.4 * rate * windowMs);
    }
  });

  it('gives a device its share and no more, whatever its window', () => {
    const credit = { ...openCredit(), windowBytes: mostBytes };
    expect(roomOf(credit, 300 * KB)).toBe(300 * KB);
    expect(roomOf(credit, 1)).toBe(leastBytes);
    expect(roomOf({ ...credit, flyingBytes: 400 * KB }, 300 * KB)).toBe(0);
  });
});
