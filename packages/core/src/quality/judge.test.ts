// Numbers of quality against tables worked out by hand, and whether their limits hold the truth as often as they say on seeded fleets.
import { LabelledCounts } from '@drover/sketch/labelled';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { aroundShare, jackknife, wilson } from './interval.ts';
import { type Judged, judge } from './judge.ts';
import { majorityOf, measure } from './metrics.ts';

/** Mulberry32. */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Counts of a confusion table, rows by truth; the answered class has this probability. */
function tableOf(confusion: readonly (readonly number[])[], sure = 0.9): LabelledCounts {
  const k = confusion.length;
  const counts = new LabelledCounts({ kind: 'classification', classCount: k });
  for (const [truth, row] of confusion.entries())
    for (const [answer, times] of row.entries()) {
      const p = Array.from({ length: k }, (_, c) => (c === answer ? sure : (1 - sure) / (k - 1)));
      for (let i = 0; i < times; i++) counts.addClass(truth, answer, p, 0);
    }
  return counts;
}
const find = (judged: readonly Judged[], metric: string, of?: number) =>
  judged.find((one) => one.metric === metric && one.of === of);

describe('numbers of quality', () => {
  // 40 found, 10 missed, 20 false alarms, 130 right silences.
  const table = tableOf([
    [130, 20],
    [10, 40],
  ]);
  const judged = judge(table, [table]);

  it('are what a person works out by hand', () => {
    expect(find(judged, 'accuracy')?.value).toBeCloseTo(170 / 200, 12);
    expect(find(judged, 'recall', 1)?.value).toBeCloseTo(0.8, 12);
    expect(find(judged, 'precision', 1)?.value).toBeCloseTo(40 / 60, 12);
    expect(find(judged, 'f1', 1)?.value).toBeCloseTo(80 / 110, 12);
    expect(find(judged, 'recall', 0)?.value).toBeCloseTo(130 / 150, 12);
    expect(find(judged, 'balancedAccuracy')?.value).toBeCloseTo((0.8 + 130 / 150) / 2, 12);
    expect(find(judged, 'precision')?.value).toBeCloseTo((40 / 60 + 130 / 140) / 2, 12);
    expect(find(judged, 'f1')?.value).toBeCloseTo((80 / 110 + 260 / 290) / 2, 12);
    // Two scores only: (40·130 + ½(40·20 + 10·130)) / (50·150).
    expect(find(judged, 'auc')?.value).toBeCloseTo((40 * 130 + 0.5 * (40 * 20 + 10 * 130)) / 7500, 12);
    // All are 0.9 sure, in bin 57 whose centre is 57.5/64, and 0.85 are right.
    expect(find(judged, 'ece')?.value).toBeCloseTo(57.5 / 64 - 0.85, 12);
    expect(find(judged, 'brier')?.value).toBeCloseTo(0.85 * 0.02 + 0.15 * 1.62, 12);
    expect(majorityOf(table)).toBe(0.75);
    expect(find(judged, 'accuracy')?.interval).toEqual(wilson(170, 200));
  });

  it('of the area under the curve have the variance of DeLong', () => {
    // By hand: placements of positives 1 − ½·20/150·… → V10 takes two values, V01 two.
    const auc = find(judged, 'auc');
    const v = auc?.value ?? 0;
    const positive = [[40, (130 + 10) / 150], [10, 65 / 150]] as const; // biome-ignore format: times, placement
    const negative = [[130, (40 + 5) / 50], [20, 20 / 50]] as const; // biome-ignore format: times, placement
    const spread = (of: readonly (readonly [number, number])[]) => of.reduce((s, [n, x]) => s + n * (x - v) ** 2, 0);
    const deviation = Math.sqrt(spread(positive) / 49 / 50 + spread(negative) / 149 / 150);
    expect(auc?.interval?.low).toBeCloseTo(aroundShare(v, deviation)?.low ?? 0, 12);
    expect(auc?.interval?.high).toBeCloseTo(aroundShare(v, deviation)?.high ?? 0, 12);
  });

  it('are not said below 30 rows of their kind, but how many are wanting is', () => {
    const few = judge(tableOf([[60, 2], [3, 20]]), []); // biome-ignore format: one table
    expect(find(few, 'accuracy')).toMatchObject({ n: 85, needed: 0 });
    expect(find(few, 'recall', 1)).toMatchObject({ value: undefined, interval: undefined, n: 23, needed: 7 });
    expect(find(few, 'precision', 1)).toMatchObject({ value: undefined, n: 22, needed: 8 });
    expect(find(few, 'balancedAccuracy')).toMatchObject({ value: undefined, needed: 7 });
    expect(find(few, 'auc')).toMatchObject({ value: undefined, needed: 7 });
    // A class that was never answered has no precision, and a perfect one no certainty.
    const silent = judge(tableOf([[100, 0], [40, 0]]), []); // biome-ignore format: one table
    expect(find(silent, 'precision', 1)).toMatchObject({ value: undefined, n: 0, needed: 30 });
    expect(find(silent, 'recall', 1)).toMatchObject({ value: 0, n: 40 });
    expect(find(silent, 'recall', 1)?.interval?.high).toBeGreaterThan(0.05);
  });

  it('of a regression are its errors, with limits where sums give them', () => {
    const counts = new LabelledCounts({ kind: 'regression' });
    for (let i = 0; i < 40; i++) counts.addValue(0, i % 2 === 0 ? 1 : -3);
    const errors = judge(counts, []);
    expect(find(errors, 'mae')).toMatchObject({ value: 2, n: 40, by: 'rows' });
    expect(find(errors, 'bias')?.value).toBeCloseTo(-1, 12);
    expect(find(errors, 'bias')?.interval?.low).toBeCloseTo(-1 - (1.959964 * 2) / Math.sqrt(39), 4);
    expect(find(errors, 'rmse')).toMatchObject({ interval: undefined, by: undefined });
    expect(find(errors, 'rmse')?.value).toBeCloseTo(Math.sqrt(5), 12);
  });

  it('lie within their limits, and counts are as they were', () => {
    const cell = fc.integer({ min: 0, max: 60 });
    const confusion = fc.array(fc.array(cell, { minLength: 3, maxLength: 3 }), { minLength: 3, maxLength: 3 });
    fc.assert(
      fc.property(fc.array(confusion, { minLength: 1, maxLength: 10 }), (tables) => {
        const parts = tables.map((one) => tableOf(one));
        const all = new LabelledCounts({ kind: 'classification', classCount: 3 });
        for (const part of parts) all.merge(part);
        const before = [...all.confusion];
        for (const { value, interval, n, needed } of judge(all, parts)) {
          expect(value === undefined || n >= 30).toBe(true);
          expect(needed).toBe(Math.max(0, 30 - n));
          if (value === undefined || !interval) continue;
          expect(interval.low).toBeLessThanOrEqual(value + 1e-9);
          expect(interval.high).toBeGreaterThanOrEqual(value - 1e-9);
        }
        expect([...all.confusion]).toEqual(before);
      }),
      { numRuns: 40, seed: 2 },
    );
  });
});

describe('limits', () => {
  it("are Wilson's", () => {
    // Brown, Cai and DasGupta 2001 give the formula; 8 of 10.
    expect(wilson(8, 10).low).toBeCloseTo(0.4902, 4);
    expect(wilson(8, 10).high).toBeCloseTo(0.9433, 4);
    expect(wilson(0, 10).low).toBe(0);
    expect(wilson(10, 10).high).toBe(1);
  });

  it('of a mean by the jackknife are those of Student', () => {
    const values = [3, 5, 4, 8, 6, 4, 5, 7, 6];
    const mean = values.reduce((a, b) => a + b, 0) / 9;
    const without = values.map((x) => (mean * 9 - x) / 8);
    const sd = Math.sqrt(values.reduce((s, x) => s + (x - mean) ** 2, 0) / 8);
    expect(jackknife(mean, without, false, 9)?.high).toBeCloseTo(mean + (2.306_004 * sd) / 3, 4);
  });

  /** A fleet whose devices differ: the share that a device gets right is uniform around 0.8. */
  function simulate(random: () => number, devices: number, rows: () => number): LabelledCounts[] {
    return Array.from({ length: devices }, () => {
      const right = 0.8 + 0.3 * (random() - 0.5);
      const counts = new LabelledCounts({ kind: 'classification', classCount: 2 });
      const n = rows();
      for (let i = 0; i < n; i++) {
        const truth = random() < 0.4 ? 1 : 0;
        const answer = random() < right ? truth : 1 - truth;
        const p = 0.55 + 0.4 * random();
        counts.addClass(truth, answer, answer === 1 ? [1 - p, p] : [p, 1 - p], 0);
      }
      return counts;
    });
  }

  it('over devices hold the truth 95 times in 100 where devices differ; rows alone do not', () => {
    const random = seeded(4);
    const truths = { accuracy: 0.8, balancedAccuracy: 0.8, recall: 0.8 };
    const hits: Record<string, number> = { accuracy: 0, balancedAccuracy: 0, recall: 0, rows: 0 };
    const runs = 400;
    for (let run = 0; run < runs; run++) {
      const parts = simulate(random, 12, () => 100 + Math.floor(200 * random()));
      const all = new LabelledCounts({ kind: 'classification', classCount: 2 });
      for (const part of parts) all.merge(part);
      const judged = judge(all, parts);
      for (const [metric, truth] of Object.entries(truths)) {
        const one = find(judged, metric, metric === 'recall' ? 1 : undefined);
        expect(one?.by).toBe('devices');
        if (one?.interval && one.interval.low <= truth && truth <= one.interval.high)
          hits[metric] = (hits[metric] ?? 0) + 1;
      }
      const rows = measure(all)[0]?.rows;
      if (rows && rows.low <= 0.8 && 0.8 <= rows.high) hits['rows'] = (hits['rows'] ?? 0) + 1;
    }
    for (const metric of Object.keys(truths)) {
      expect((hits[metric] ?? 0) / runs, metric).toBeGreaterThan(0.92);
      expect((hits[metric] ?? 0) / runs, metric).toBeLessThan(0.985);
    }
    expect((hits['rows'] ?? 0) / runs).toBeLessThan(0.65);
  });

  it('over devices stay of use where nearly all is right', () => {
    const random = seeded(12);
    let [hits, widest] = [0, 0];
    const runs = 300;
    for (let run = 0; run < runs; run++) {
      const parts = Array.from({ length: 10 }, () => {
        const counts = new LabelledCounts({ kind: 'classification', classCount: 2 });
        const right = 0.985 + 0.015 * random();
        for (let i = 0; i < 100; i++) counts.addClass(1, random() < right ? 1 : 0, [0.5, 0.5], 0);
        return counts;
      });
      const all = new LabelledCounts({ kind: 'classification', classCount: 2 });
      for (const part of parts) all.merge(part);
      const interval = find(judge(all, parts), 'accuracy')?.interval;
      if (interval && interval.low <= 0.9925 && 0.9925 <= interval.high) hits += 1;
      widest = Math.max(widest, (interval?.high ?? 1) - (interval?.low ?? 0));
    }
    expect(hits / runs).toBeGreaterThan(0.93);
    expect(widest).toBeLessThan(0.15);
  });

  it('over rows hold the truth 95 times in 100 where rows are independent', () => {
    const random = seeded(9);
    const runs = 1000;
    const truths = { accuracy: 0.9, recall: 0.9, precision: 0.27 / (0.27 + 0.07), f1: 0, balancedAccuracy: 0.9 };
    truths.f1 = (2 * 0.27) / (0.27 + 0.07 + 0.3);
    const hits: Record<string, number> = {};
    for (let run = 0; run < runs; run++) {
      const counts = new LabelledCounts({ kind: 'classification', classCount: 2 });
      for (let i = 0; i < 200; i++) {
        const truth = random() < 0.3 ? 1 : 0;
        counts.addClass(truth, random() < 0.9 ? truth : 1 - truth, [0.5, 0.5], 0);
      }
      const judged = judge(counts, [counts]);
      for (const [metric, truth] of Object.entries(truths)) {
        const one = find(judged, metric, metric === 'accuracy' || metric === 'balancedAccuracy' ? undefined : 1);
        expect(one?.by ?? 'rows').toBe('rows');
        if (one?.interval && one.interval.low <= truth && truth <= one.interval.high)
          hits[metric] = (hits[metric] ?? 0) + 1;
      }
    }
    for (const metric of Object.keys(truths)) {
      expect((hits[metric] ?? 0) / runs, metric).toBeGreaterThan(0.93);
      expect((hits[metric] ?? 0) / runs, metric).toBeLessThan(0.99);
    }
  });
});
