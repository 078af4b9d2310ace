import { LabelledCounts } from '@drover/sketch/labelled';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { viewQuality } from './quality.ts';

/** Counts of rows (truth, answer) with a certain probability on the answer. */
function count(classes: number, rows: readonly (readonly [number, number])[]): LabelledCounts {
  const counts = new LabelledCounts({ kind: 'classification', classCount: classes });
  for (const [truth, answer] of rows) {
    const p = Array.from({ length: classes }, (_, c) => (c === answer ? 0.9 : 0.1 / (classes - 1)));
    counts.addClass(truth, answer, p, 0);
  }
  return counts;
}
const repeat = <T>(times: number, row: T): T[] => Array.from({ length: times }, () => row);

describe('quality from late labels', () => {
  it('is what a person works out by hand', () => {
    // 3 found, 1 missed, 2 false alarms, 94 right silences.
    const rows = [
      ...repeat(3, [1, 1] as const),
      [1, 0] as const,
      ...repeat(2, [0, 1] as const),
      ...repeat(94, [0, 0] as const),
    ];
    const view = viewQuality(count(2, rows), 200);
    expect(view).toMatchObject({
      labelled: 100,
      coverage: 0.5,
      accuracy: 0.97,
      majorityBaseline: 0.96,
      precision: 0.6,
      recall: 0.75,
    });
    expect(view?.f1).toBeCloseTo((2 * 0.6 * 0.75) / 1.35, 12);
    // Of 4 × 96 pairs: 3·94 right, and the ties of equal scores at half.
    expect(view?.auc).toBeCloseTo((3 * 94 + 0.5 * (3 * 2 + 1 * 94)) / (4 * 96), 12);
  });

  it('leaves out what the labels do not define', () => {
    expect(viewQuality(count(2, []), 10)).toBeNull();
    const silent = viewQuality(count(2, repeat(5, [0, 0] as const)), 5);
    expect(silent).toEqual({ labelled: 5, coverage: 1, accuracy: 1, majorityBaseline: 1 });
    const blind = viewQuality(
      count(2, [
        [1, 0],
        [0, 0],
      ]),
      2,
    );
    expect(blind).toMatchObject({ recall: 0, f1: 0, accuracy: 0.5 });
    expect(blind).not.toHaveProperty('precision');
  });

  it('of several classes is the mean over those that occur', () => {
    const view = viewQuality(
      count(3, [
        [0, 0],
        [0, 0],
        [1, 1],
        [1, 0],
      ]),
      4,
    );
    expect(view).toMatchObject({ accuracy: 0.75, majorityBaseline: 0.5, recall: 0.75 });
    expect(view?.precision).toBeCloseTo((2 / 3 + 1) / 2, 12);
    expect(view).not.toHaveProperty('auc');
  });

  it('of a regression is its errors', () => {
    const counts = new LabelledCounts({ kind: 'regression' });
    counts.addValue(10, 13);
    counts.addValue(10, 6);
    expect(viewQuality(counts, 4)).toEqual({ labelled: 2, coverage: 0.5, mae: 3.5, rmse: Math.sqrt(12.5) });
  });

  it('keeps every share between 0 and 1', () => {
    const row = fc.tuple(fc.nat(3), fc.nat(3));
    fc.assert(
      fc.property(fc.array(row, { minLength: 1, maxLength: 60 }), fc.nat(100), (rows, more) => {
        const { labelled, ...shares } = viewQuality(count(4, rows), rows.length + more) ?? { labelled: 0 };
        expect(labelled).toBe(rows.length);
        for (const share of Object.values(shares)) expect(share >= 0 && share <= 1).toBe(true);
      }),
    );
  });
});
