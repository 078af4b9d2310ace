import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SiteTurns } from './site-turns.ts';

const LIMITS = { perSite: 2, leaseMs: 1000, retryMs: 100 };

describe('turns of a site', () => {
  it('never give more than allowed, and everyone who asks on gets one', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 12 }),
        fc.array(fc.nat(11), { minLength: 1, maxLength: 60 }),
        (count, luck) => {
          const turns = new SiteTurns(LIMITS);
          const done = new Set<string>();
          const holding = new Set<string>();
          const order: string[] = [];
          let n = 0;
          for (let now = 0; done.size < count; now += 50) {
            expect(now).toBeLessThan(20_000);
            for (let i = 0; i < count; i++) {
              const device = `d${i}`;
              if (done.has(device)) continue;
              if (turns.ask('s', device, now) === 0) {
                if (!holding.has(device)) order.push(device);
                holding.add(device);
              }
            }
            expect(turns.counts().holding).toBeLessThanOrEqual(LIMITS.perSite);
            const lucky = [...holding][(luck[n++ % luck.length] ?? 0) % Math.max(1, holding.size)];
            if (lucky === undefined) continue;
            holding.delete(lucky);
            done.add(lucky);
            const next = turns.release('s', lucky);
            // Whoever came first of those who wait, unless they all have a turn.
            expect(next).toBe(turns.counts().waiting > 0 ? `d${done.size + holding.size}` : undefined);
          }
          // First come, first served.
          expect(order).toEqual(Array.from({ length: count }, (_, i) => `d${i}`));
          expect(turns.counts()).toEqual({ holding: 0, waiting: 0 });
        },
      ),
    );
  });

  it('are taken from one that is not heard, and do not wait for one that went away', () => {
    const turns = new SiteTurns(LIMITS);
    expect([turns.ask('s', 'a', 0), turns.ask('s', 'b', 0), turns.ask('s', 'c', 0), turns.ask('s', 'd', 10)]).toEqual([
      0, 0, 100, 100,
    ]);
    expect(turns.ask('t', 'e', 0)).toBe(0);
    // c went away while it waited; a and b froze.
    turns.ask('s', 'b', 900);
    expect(turns.ask('s', 'd', 300)).toBe(100);
    expect(turns.ask('s', 'd', 590)).toBe(100);
    expect(turns.ask('s', 'd', 880)).toBe(100);
    expect(turns.ask('s', 'd', 1001)).toBe(0);
    expect(turns.ask('s', 'a', 1002)).toBe(100);
    expect(turns.counts()).toEqual({ holding: 3, waiting: 1 });
  });
});
