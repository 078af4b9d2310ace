import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { chooseThreshold, evaluateClasses, evaluateValues, measureAuc } from './evaluate.ts';
import { chooseClasses } from './task.ts';

const pairs = (p: readonly number[]): Float64Array => Float64Array.from(p.flatMap((v) => [1 - v, v]));

describe('metrics', () => {
  it('are what a hand calculation gives', () => {
    const report = evaluateClasses(pairs([0.9, 0.8, 0.3, 0.6, 0.2]), Float64Array.of(1, 0, 1, 1, 0), 2, 0.5);
    expect(report.confusion).toEqual([
      [1, 1],
      [1, 2],
    ]);
    expect(report.metrics).toMatchObject({ rows: 5, accuracy: 0.6, majorityAccuracy: 0.6, positiveShare: 0.6 });
    expect(report.metrics['precision']).toBeCloseTo(2 / 3, 12);
    expect(report.metrics['recall']).toBeCloseTo(2 / 3, 12);
    expect(report.metrics['f1']).toBeCloseTo(2 / 3, 12);
    expect(report.metrics['auc']).toBeCloseTo(4 / 6, 12);
    expect(report.metrics['brier']).toBeCloseTo((0.01 + 0.64 + 0.49 + 0.16 + 0.04) / 5, 12);
    const logs = [0.9, 0.2, 0.3, 0.6, 0.8].reduce((sum, p) => sum - Math.log(p), 0);
    expect(report.metrics['logLoss']).toBeCloseTo(logs / 5, 12);
  });

  it('average over the classes that occur', () => {
    const p = Float64Array.of(0.7, 0.2, 0.1, 0.1, 0.8, 0.1, 0.5, 0.3, 0.2);
    const { metrics, confusion } = evaluateClasses(p, Float64Array.of(0, 1, 1), 3, undefined);
    expect(confusion).toEqual([
      [1, 0, 0],
      [1, 1, 0],
      [0, 0, 0],
    ]);
    expect(metrics).toMatchObject({ precision: 0.75, recall: 0.75 });
    expect(metrics).not.toHaveProperty('auc');
  });

  it('leave AUC out when one class is absent, and R² when truth never varies', () => {
    expect(evaluateClasses(pairs([0.1, 0.2]), Float64Array.of(0, 0), 2, 0.5).metrics).not.toHaveProperty('auc');
    expect(evaluateValues(Float64Array.of(1, 2), Float64Array.of(5, 5), 5)).not.toHaveProperty('r2');
    expect(evaluateValues(Float64Array.of(1, 4), Float64Array.of(2, 6), 3)).toEqual({
      rows: 2,
      mae: 1.5,
      rmse: Math.sqrt(2.5),
      meanRmse: Math.sqrt(5),
      r2: 1 - 5 / 8,
    });
  });

  it('count AUC as the share of pairs in order, ties half', () => {
    const row = fc.tuple(fc.integer({ min: 0, max: 5 }), fc.integer({ min: 0, max: 1 }));
    fc.assert(
      fc.property(fc.array(row, { maxLength: 40 }), (rows) => {
        const high = rows.filter(([, k]) => k === 1);
        const low = rows.filter(([, k]) => k === 0);
        const won = high
          .flatMap(([a]) => low.map(([b]) => (a > b ? 1 : a === b ? 0.5 : 0)) as number[])
          .reduce((a, b) => a + b, 0);
        const auc = measureAuc(
          Float64Array.from(rows, ([s]) => s),
          rows.map(([, k]) => k),
        );
        if (high.length === 0 || low.length === 0) expect(auc).toBeUndefined();
        else expect(auc).toBeCloseTo(won / (high.length * low.length), 12);
      }),
    );
  });
});

describe('the threshold', () => {
  it('reaches the best F1 of all thresholds, and no row stands on it', () => {
    const row = fc.tuple(fc.integer({ min: 1, max: 99 }), fc.integer({ min: 0, max: 1 }));
    fc.assert(
      fc.property(fc.array(row, { minLength: 1, maxLength: 50 }), (rows) => {
        const score = Float64Array.from(rows, ([s]) => s / 100);
        const truth = Float64Array.from(rows, ([, k]) => k);
        const f1 = (threshold: number): number =>
          evaluateClasses(pairs([...score]), truth, 2, threshold).metrics['f1'] ?? Number.NaN;
        const chosen = chooseThreshold(score, truth);
        expect(Math.fround(chosen)).toBe(chosen);
        if (truth.every((k) => k === 0)) {
          expect(chosen).toBe(0.5);
          return;
        }
        expect(f1(chosen)).toBeCloseTo(
          Math.max(...[0, ...score].map((s) => f1(s + 1e-4 - 2e-4 * Number(s === 0)))),
          12,
        );
        expect(score.every((s) => Math.abs(s - chosen) > 1e-7)).toBe(true);
      }),
    );
  });

  it('decides class 1 above it and not on it', () => {
    expect([...chooseClasses(pairs([0.25, 0.26, 0.24]), 2, 0.25)]).toEqual([0, 1, 0]);
    expect([...chooseClasses(Float64Array.of(0.4, 0.4, 0.2), 3, undefined)]).toEqual([0]);
  });
});
