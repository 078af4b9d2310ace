import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  decidePatches,
  isWorth,
  KEPT_MS,
  LEAST_BYTES,
  MAX_TRIES,
  NO_BASE,
  type PatchRecord,
  waitUntil,
} from './patches.ts';

const NOW = 1_000_000_000_000;
const need = { base: 'a', target: 'b', targetSize: LEAST_BYTES };
const record = (more: Partial<PatchRecord> = {}): PatchRecord => ({
  base: 'a', target: 'b', state: 'wanted', tries: 0, createdAt: NOW, neededAt: NOW, ...more,
}); // biome-ignore format: one record
const decide = (needs: (typeof need)[], records: PatchRecord[], isMaking = false) =>
  decidePatches({ needs, records, isMaking }, NOW);

describe('which recipes are made', () => {
  it('are the target on its own and from what a device runs, when a device needs it', () => {
    expect(decide([need], [])).toEqual([
      { kind: 'want', base: NO_BASE, target: 'b' },
      { kind: 'want', base: 'a', target: 'b' },
    ]);
  });

  it('are none for small artifacts and for what runs already', () => {
    expect(decide([{ ...need, targetSize: LEAST_BYTES - 1 }], [])).toEqual([]);
    expect(decide([{ ...need, base: 'b' }], [])).toEqual([]);
  });

  it('come one at a time, the one from a base first', () => {
    const records = [record({ base: NO_BASE }), record()];
    expect(decide([need], records)).toEqual([{ kind: 'make', base: 'a', target: 'b' }]);
    expect(decide([need], records, true)).toEqual([]);
  });

  it('are given up after too many tries', () => {
    expect(decide([need], [record({ tries: MAX_TRIES }), record({ base: NO_BASE, state: 'made' })])).toEqual([
      { kind: 'giveUp', base: 'a', target: 'b' },
    ]);
  });

  it('are swept when nobody has needed them for a day', () => {
    const old = record({ state: 'made', neededAt: NOW - KEPT_MS - 1 });
    expect(decide([], [old])).toEqual([{ kind: 'sweep', base: 'a', target: 'b' }]);
    expect(decide([], [record({ state: 'made', neededAt: NOW - KEPT_MS })])).toEqual([]);
    expect(decide([need], [old, record({ base: NO_BASE, state: 'useless' })])).toEqual([
      { kind: 'renew', base: 'a', target: 'b' },
    ]);
  });

  it('come to rest: once the steps are carried out, nothing is left to do', () => {
    const name = fc.constantFrom('a', 'b', 'c', 'd');
    const someNeed = fc.record({ base: fc.constantFrom('', 'a', 'b', 'c'), target: name, targetSize: fc.nat(200_000) });
    fc.assert(
      fc.property(fc.array(someNeed, { maxLength: 6 }), fc.array(fc.boolean(), { maxLength: 40 }), (needs, fails) => {
        let records: PatchRecord[] = [];
        for (let round = 0; round < 60; round += 1) {
          const steps = decidePatches({ needs, records, isMaking: false }, NOW);
          expect(steps.filter(({ kind }) => kind === 'make').length).toBeLessThanOrEqual(1);
          if (steps.length === 0) {
            expect(records.every(({ state }) => state !== 'wanted')).toBe(true);
            return;
          }
          for (const { kind, base, target } of steps) {
            const others = records.filter((each) => each.base !== base || each.target !== target);
            const own = records.find((each) => each.base === base && each.target === target);
            if (kind === 'want') records = [...others, record({ base, target })];
            else if (kind === 'sweep') records = others;
            else if (own && kind === 'make') {
              const tries = own.tries + 1;
              records = [...others, { ...own, tries, state: fails[round] ? 'wanted' : 'made' }];
            } else if (own && kind === 'giveUp') records = [...others, { ...own, state: 'failed' }];
          }
        }
        throw new Error('it never came to rest');
      }),
    );
  });
});

describe('what is worth it', () => {
  it('is measured against what would be sent without it', () => {
    expect(isWorth(80, { base: 'a', target: 100 })).toBe(true);
    expect(isWorth(81, { base: 'a', target: 100 })).toBe(false);
    expect(isWorth(41, { base: 'a', target: 100, packed: 50 })).toBe(false);
    expect(isWorth(90, { base: NO_BASE, target: 100 })).toBe(true);
    expect(isWorth(91, { base: NO_BASE, target: 100 })).toBe(false);
  });

  it('is waited for no longer than the least saving takes on a slow link, and at most a minute', () => {
    const wait = (size: number): number => waitUntil(record(), size, 2000) - NOW;
    expect(wait(10_000_000)).toBeCloseTo(4000);
    expect(wait(2 ** 40)).toBe(62_000);
    fc.assert(fc.property(fc.nat(2 ** 31), (size) => wait(size) <= 62_000 && wait(size) >= 2000));
  });
});
