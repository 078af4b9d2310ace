import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decideDesired, nextGeneration } from './desired.ts';

const document = fc.record({ generation: fc.integer({ min: 1, max: 5 }), digest: fc.constantFrom('a', 'b', 'c') });

describe('decideDesired', () => {
  it('never goes back and never takes two contents for one generation, whatever arrives in whatever order', () => {
    fc.assert(
      fc.property(fc.array(document, { maxLength: 30 }), (arrivals) => {
        let held: { generation: number; digest: string } | undefined;
        const taken = new Map<number, string>();
        for (const arrived of arrivals) {
          const verdict = decideDesired(held, { ...arrived, device: 'press-1' }, 'press-1');
          if (!verdict.ok || !verdict.take) continue;
          expect(arrived.generation).toBeGreaterThan(held?.generation ?? 0);
          expect(taken.has(arrived.generation)).toBe(false);
          taken.set(arrived.generation, arrived.digest);
          held = arrived;
        }
        const newest = Math.max(0, ...arrivals.map((a) => a.generation));
        expect(held?.generation ?? 0).toBe(newest);
      }),
    );
  });

  it('refuses by code', () => {
    const held = { generation: 7, digest: 'a' };
    const arrive = (generation: number, digest: string, device = 'press-1') =>
      decideDesired(held, { generation, digest, device }, 'press-1');
    expect(arrive(8, 'b', 'press-2')).toMatchObject({ ok: false, code: 'desired_other_device' });
    expect(arrive(6, 'a')).toMatchObject({ ok: false, code: 'desired_stale' });
    expect(arrive(7, 'b')).toMatchObject({ ok: false, code: 'desired_conflict' });
    expect(arrive(7, 'a')).toEqual({ ok: true, take: false });
  });

  it('does not let a number that nobody can have counted to stop a hub from counting', () => {
    expect(nextGeneration(3, Number.MAX_SAFE_INTEGER)).toBe(4);
    expect(nextGeneration(3, 2 ** 40)).toBe(2 ** 40 + 1);
  });

  it('lets a restored hub count past what the device holds', () => {
    expect(
      decideDesired(
        { generation: 40, digest: 'a' },
        { generation: nextGeneration(3, 40), digest: 'b', device: 'd' },
        'd',
      ),
    ).toEqual({ ok: true, take: true });
  });
});
