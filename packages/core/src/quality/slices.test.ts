// Gaps between parts of a fleet: by hand, and how often they are there by chance on seeded fleets whose devices differ.
import { LabelledCounts } from '@drover/sketch/labelled';
import { describe, expect, it } from 'vitest';
import { addPortions, compareSlices, type Portion, portionsOf } from './slices.ts';

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
function tableOf(tn: number, fp: number, fn: number, tp: number): readonly Portion[] {
  const counts = new LabelledCounts({ kind: 'classification', classCount: 2 });
  for (const [truth, answer, times] of [[0, 0, tn], [0, 1, fp], [1, 0, fn], [1, 1, tp]] as const) // biome-ignore format: one table
    for (let i = 0; i < times; i++) counts.addClass(truth, answer, [0.5, 0.5], 0);
  return portionsOf(counts);
}
const copies = (times: number, portions: readonly Portion[]) => Array.from({ length: times }, () => portions);

describe('gaps between parts of a fleet', () => {
  it('are the differences of the rates, by hand', () => {
    const slices = new Map([
      ['north', copies(8, tableOf(80, 5, 5, 10))],
      ['south', copies(8, tableOf(60, 20, 10, 10))],
    ]);
    const [north, south] = compareSlices(slices);
    expect(north).toMatchObject({ name: 'north', devices: 8 });
    const rates = north?.gaps.map(({ metric, value, rest }) => [metric, value, rest]);
    expect(rates).toEqual([
      ['accuracy', 0.9, 0.7], ['selectionRate', 0.15, 0.3], ['recall', 10 / 15, 0.5], ['falsePositiveRate', 5 / 85, 0.25],
    ]); // biome-ignore format: metric, here, elsewhere
    expect(north?.gaps[0]?.difference?.low).toBeGreaterThan(0);
    expect(south?.gaps[0]?.difference?.high).toBeCloseTo(-(north?.gaps[0]?.difference?.low ?? 0), 12);
  });

  it('are not said of few rows, nor with limits of few devices', () => {
    const few = compareSlices(
      new Map([
        ['a', copies(8, tableOf(3, 1, 1, 1))],
        ['b', copies(8, tableOf(60, 5, 5, 10))],
      ]),
    );
    expect(few[0]?.gaps[0]).toMatchObject({ value: undefined, rest: undefined, rows: 48, needed: 2 });
    const single = compareSlices(
      new Map([
        ['a', copies(7, tableOf(60, 5, 5, 10))],
        ['b', copies(9, tableOf(60, 5, 5, 10))],
      ]),
    );
    expect(single[0]?.gaps[0]).toMatchObject({ needed: 0, difference: undefined });
    expect(compareSlices(new Map([['a', copies(9, tableOf(60, 5, 5, 10))]]))[0]?.gaps[0]).toMatchObject({ needed: 50 });
    expect(compareSlices(new Map())).toEqual([]);
  });

  it('add up device by device, and follow the error of a regression', () => {
    expect(addPortions(tableOf(1, 2, 3, 4), tableOf(5, 6, 7, 8))).toEqual(tableOf(6, 8, 10, 12));
    const counts = new LabelledCounts({ kind: 'regression' });
    counts.addValue(1, 3);
    counts.addValue(1, 0);
    expect(portionsOf(counts)).toEqual([
      { metric: 'mae', amount: 3, rows: 2 },
      { metric: 'bias', amount: 1, rows: 2 },
    ]);
  });

  it('are there by chance in at most 5 of 100 fleets of three sites whose devices differ, and are found where one site is worse', () => {
    const random = seeded(14);
    const fleet = (worse: number) =>
      new Map(
        ['north', 'south', 'east'].map((site) => [
          site,
          Array.from({ length: 12 }, () => {
            const right = 0.8 + 0.2 * (random() - 0.5) - (site === 'east' ? worse : 0);
            const counts = new LabelledCounts({ kind: 'classification', classCount: 2 });
            for (let i = 0; i < 80; i++) {
              const truth = Number(random() < 0.5);
              counts.addClass(truth, random() < right ? truth : 1 - truth, [0.5, 0.5], 0);
            }
            return portionsOf(counts);
          }),
        ]),
      );
    const isApart = (worse: number): boolean =>
      compareSlices(fleet(worse)).some(({ gaps }) =>
        gaps.some(({ difference }) => difference !== undefined && (difference.low > 0 || difference.high < 0)),
      );
    const runs = 200;
    let [byChance, found] = [0, 0];
    for (let run = 0; run < runs; run++) {
      if (isApart(0)) byChance += 1;
      if (isApart(0.2)) found += 1;
    }
    expect(byChance / runs).toBeLessThanOrEqual(0.05);
    expect(found / runs).toBeGreaterThan(0.9);
  });
});
