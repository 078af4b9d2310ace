import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decideReport, type HeldState, isNewestState } from './carried.ts';

describe('a report that was carried by hand', () => {
  it('is taken in any order so that the newest is held, and the same one again is a repeat', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 20 }), { minLength: 1 }), (numbers) => {
        let held: { number: number; digest: string } | undefined;
        for (const number of numbers) {
          const arrived = { number, digest: `d${number}` };
          const verdict = decideReport(held, arrived);
          if (verdict.ok) {
            expect(verdict.isRepeat).toBe(held?.number === number);
            held = arrived;
          } else expect([verdict.code, number < (held?.number ?? 0)]).toEqual(['report_stale', true]);
        }
        expect(held?.number).toBe(Math.max(...numbers));
      }),
    );
    expect(decideReport({ number: 3, digest: 'a' }, { number: 3, digest: 'b' })).toMatchObject({
      code: 'report_conflict',
    });
  });
});

describe('the state of a carried report', () => {
  const held: HeldState = { isOnline: false, outboxId: 'o1', bootId: 'b5', stateRevision: 7, lastSeq: 100 };
  const arrived = { outboxId: 'o1', bootId: 'b5', stateRevision: 8, nextSeq: 101 };

  it.each([
    ['a first report', { ...held, outboxId: undefined, lastSeq: undefined }, arrived, true],
    ['a device that is online', { ...held, isOnline: true }, arrived, false],
    ['a later revision of the same boot', held, arrived, true],
    ['the same revision again', held, { ...arrived, stateRevision: 7 }, false],
    ['no state of the same boot', held, { ...arrived, stateRevision: undefined }, false],
    ['another boot that tells more', held, { ...arrived, bootId: 'b1', nextSeq: 150 }, true],
    ['another boot that tells less', held, { ...arrived, bootId: 'b9', nextSeq: 50 }, false],
    ['a later boot that tells as much', held, { ...arrived, bootId: 'b6' }, true],
    ['an earlier boot that tells as much', held, { ...arrived, bootId: 'b4' }, false],
    ['a new installation', { ...held, lastSeq: undefined }, { ...arrived, outboxId: 'o2' }, true],
    ['an earlier installation', { ...held, lastSeq: 3 }, { ...arrived, outboxId: 'o0' }, false],
  ])('counts as the newest or not: %s', (_, known, told, isNewest) => {
    expect(isNewestState(known, told)).toBe(isNewest);
  });

  it('is never taken twice in a row', () => {
    fc.assert(
      fc.property(
        fc.constantFrom('b1', 'b2', 'b3'),
        fc.nat(5),
        fc.nat(5),
        fc.nat(5),
        (bootId, stateRevision, nextSeq, lastSeq) => {
          const told = { outboxId: 'o1', bootId, stateRevision, nextSeq: nextSeq + 1 };
          const known = { ...held, bootId: 'b2', stateRevision: 2, lastSeq };
          if (!isNewestState(known, told)) return;
          const then = { ...known, bootId, stateRevision, lastSeq: Math.max(lastSeq, nextSeq) };
          expect(isNewestState(then, told)).toBe(false);
        },
      ),
    );
  });
});
