// Proves labelled counts against plain computation over the rows, their laws and their bytes. Never joins labels.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeLabelled, LabelledCounts, type LabelledShape } from './labelled.ts';

const PREFIX = '0123456789abcdef';
const pair = fc.record({ label: fc.nat(1), p: fc.float({ min: 0, max: 1, noNaN: true }) });
const pairs = fc.array(pair, { maxLength: 60 });
type Pair = { label: number; p: number };

function countPairs(rows: readonly Pair[]): LabelledCounts {
  const counts = new LabelledCounts({ kind: 'classification', classCount: 2 }, PREFIX);
  for (const { label, p } of rows) counts.addClass(label, p > 0.5 ? 1 : 0, [1 - p, p], 0);
  return counts;
}

function countErrors(rows: readonly Pair[]): LabelledCounts {
  const counts = new LabelledCounts({ kind: 'regression' }, PREFIX);
  for (const { label, p } of rows) counts.addValue(label, p);
  return counts;
}

const makers = fc.constantFrom(countPairs, countErrors);

const close = (x: number) => (Number.isNaN(x) ? x : expect.closeTo(x, 6));

/** Counts exactly, means of reals to six digits. */
const seen = (counts: LabelledCounts, real: (x: number) => unknown = (x) => x) => ({
  arrays: [counts.confusion, counts.scoreByLabel, counts.confidence, counts.correct].map((a) => [...a]),
  count: counts.count,
  means: [counts.logLoss, counts.brier, ...Object.values(counts.errors)].map(real),
});

function exactAuc(rows: readonly Pair[]): number {
  const negative = rows.filter((r) => r.label === 0);
  const positive = rows.filter((r) => r.label === 1);
  let wins = 0;
  for (const a of positive) for (const b of negative) wins += a.p > b.p ? 1 : a.p === b.p ? 0.5 : 0;
  return wins / (negative.length * positive.length);
}

describe('labelled counts', () => {
  it('give the AUC of the raw scores within the stated bound', () => {
    fc.assert(
      fc.property(fc.array(pair, { minLength: 2, maxLength: 80 }), (rows) => {
        const told = countPairs(rows).auc;
        const both = rows.some((r) => r.label === 0) && rows.some((r) => r.label === 1);
        expect(told !== undefined).toBe(both);
        if (told !== undefined) expect(Math.abs(told.auc - exactAuc(rows))).toBeLessThanOrEqual(told.bound + 1e-12);
      }),
    );
  });

  it('of equal scores have an AUC of one half, of parted ones of one', () => {
    const same = [0, 1, 1, 0].map((label) => ({ label, p: 0.3 }));
    expect(countPairs(same).auc).toEqual({ auc: 0.5, bound: 0.5 });
    const parted = [0.1, 0.2, 0.8, 0.9].map((p) => ({ label: p > 0.5 ? 1 : 0, p }));
    expect(countPairs(parted).auc).toEqual({ auc: 1, bound: 0 });
  });

  it('give confusion, accuracy, log loss and Brier score of the rows', () => {
    const counts = new LabelledCounts({ kind: 'classification', classCount: 3 });
    expect(counts.addClass(2, 2, [9, 0.1, 0.2, 0.7], 1)).toBe(true);
    expect(counts.addClass(0, 1, [0.25, 0.5, 0.25], 0)).toBe(true);
    expect(counts.confusion).toEqual(Float64Array.of(0, 1, 0, 0, 0, 0, 0, 0, 1));
    expect([counts.count, counts.accuracy, counts.auc]).toEqual([2, 0.5, undefined]);
    expect(counts.logLoss).toBeCloseTo((-Math.log(0.7) - Math.log(0.25)) / 2, 12);
    expect(counts.brier).toBeCloseTo((0.01 + 0.04 + 0.09 + 0.5625 + 0.25 + 0.0625) / 2, 12);
    expect(counts.errors).toEqual({ bias: Number.NaN, mae: Number.NaN, rmse: Number.NaN });
  });

  it('give bias, absolute and square error of a regression', () => {
    const counts = new LabelledCounts({ kind: 'regression' });
    expect([counts.addValue(10, 13), counts.addValue(10, 9)]).toEqual([true, true]);
    expect(counts.errors.bias).toBe(1);
    expect(counts.errors.mae).toBe(2);
    expect(counts.errors.rmse).toBeCloseTo(Math.sqrt(5), 12);
    expect([counts.logLoss, counts.accuracy]).toEqual([Number.NaN, Number.NaN]);
  });

  it('refuse rows that cannot be', () => {
    const counts = countPairs([]);
    const answers = [
      counts.addClass(2, 0, [0.5, 0.5], 0),
      counts.addClass(0, -1, [0.5, 0.5], 0),
      counts.addClass(0.5, 0, [0.5, 0.5], 0),
      counts.addClass(0, 0, [0.5], 0),
      counts.addClass(0, 0, [Number.NaN, 1], 0),
      counts.addValue(1, 1),
      countErrors([]).addValue(1, Number.NaN),
      countErrors([]).addValue(1e200, 0),
    ];
    expect(answers).toEqual(answers.map(() => false));
    expect(counts.encode()).toEqual(countPairs([]).encode());
    for (const classCount of [1, 257, 2.5]) {
      expect(() => new LabelledCounts({ kind: 'classification', classCount })).toThrow(RangeError);
    }
  });

  it('merge as the rows together, in any order, and can be taken back', () => {
    fc.assert(
      fc.property(makers, pairs, pairs, pairs, (make, a, b, c) => {
        const left = make(a);
        left.merge(make(b));
        left.merge(make(c));
        expect(seen(left)).toEqual(seen(make([...a, ...b, ...c]), close));
        const right = make(c);
        right.merge(make(b));
        right.merge(make(a));
        expect(seen(right)).toEqual(seen(left, close));
        left.subtract(make(b));
        expect(seen(left)).toEqual(seen(make([...a, ...c]), close));
        left.reset();
        expect(left.encode()).toEqual(make([]).encode());
      }),
    );
  });

  it('meet only counts of the same model', () => {
    const shapes: [LabelledShape, string][] = [
      [{ kind: 'classification', classCount: 2 }, 'f'.repeat(16)],
      [{ kind: 'classification', classCount: 3 }, PREFIX],
      [{ kind: 'regression' }, PREFIX],
    ];
    for (const [shape, prefix] of shapes) {
      const other = new LabelledCounts(shape, prefix);
      expect(countPairs([]).fits(other)).toBe(false);
      expect(() => countPairs([]).merge(other)).toThrow(RangeError);
      expect(() => countPairs([]).subtract(other)).toThrow(RangeError);
    }
  });
});

describe('the bytes of labelled counts', () => {
  it('with sums that the rows cannot have are refused', () => {
    const rows = [{ label: 1, p: 0.5 }];
    for (const counts of [countPairs(rows), countErrors(rows)]) {
      const bytes = counts.encode();
      new DataView(bytes.buffer).setFloat64(bytes.length - 8, 1e300, true);
      expect(decodeLabelled(bytes)).toMatchObject({ ok: false, code: 'sketch_malformed' });
    }
  });

  it('come back as the same counts', () => {
    fc.assert(
      fc.property(makers, pairs, (make, rows) => {
        const counts = make(rows);
        const back = decodeLabelled(counts.encode());
        if (!back.ok) throw new Error(back.detail);
        expect(seen(back.value)).toEqual(seen(counts));
        expect(back.value.prefix).toBe(PREFIX);
        expect(back.value.encode()).toEqual(counts.encode());
      }),
    );
  });

  it('of anything are answered, never thrown on', () => {
    const head = countPairs([]).encode().subarray(0, 10);
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.boolean(), (noise, withHeader) => {
        const answer = decodeLabelled(withHeader ? Uint8Array.from([...head, ...noise]) : noise);
        if (answer.ok) expect(answer.value.count).toBeGreaterThanOrEqual(0);
        else expect(['sketch_malformed', 'sketch_version']).toContain(answer.code);
      }),
      { numRuns: 2000 },
    );
  });

  it('cut short, continued or changed are refused or other counts', () => {
    fc.assert(
      fc.property(
        makers,
        fc.array(pair, { minLength: 1, maxLength: 30 }),
        fc.nat(),
        fc.nat(255),
        (make, rows, at, value) => {
          const bytes = make(rows).encode();
          expect(decodeLabelled(bytes.subarray(0, at % bytes.length)).ok).toBe(false);
          expect(decodeLabelled(Uint8Array.from([...bytes, value])).ok).toBe(false);
          const changed = Uint8Array.from(bytes);
          changed[at % bytes.length] = value;
          const answer = decodeLabelled(changed);
          if (answer.ok) expect(decodeLabelled(answer.value.encode()).ok).toBe(true);
        },
      ),
    );
  });
});
