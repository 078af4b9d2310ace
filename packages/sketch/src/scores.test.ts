// Proves what is counted of one row of probabilities. The laws and bytes are proved with the whole window.

import { describe, expect, it } from 'vitest';
import { SCORE_BINS, Scores } from './scores.ts';

const binsOf = (counts: Float64Array): number[] => [...counts].flatMap((n, place) => (n === 0 ? [] : [place]));

describe('scores', () => {
  it('count each class in its bins and the answer with its probability', () => {
    const scores = new Scores(3);
    scores.add([0.9, 0, 0.25, 0.75], 1, 3);
    expect(binsOf(scores.counts)).toEqual([0, SCORE_BINS + 16, 2 * SCORE_BINS + 48]);
    expect(binsOf(scores.confidence)).toEqual([2 * SCORE_BINS + 48]);
    expect([scores.predictedCount(0), scores.predictedCount(2), scores.total]).toEqual([0, 1, 1]);
  });

  it('take one probability for two classes as that of the second', () => {
    const one = new Scores(2);
    const two = new Scores(2);
    one.add([0.25], 0, 1);
    two.add([0.75, 0.25], 0, 2);
    expect(one.counts).toEqual(two.counts);
    expect(one.confidence).toEqual(two.confidence);
  });

  it('answer the first of equals unless the answer is given', () => {
    const scores = new Scores(2);
    scores.add([0.5, 0.5], 0, 2);
    scores.add([0.875, 0.125], 0, 2, 1);
    expect(binsOf(scores.confidence)).toEqual([32, SCORE_BINS + 8]);
  });

  it('put 1 into the last bin', () => {
    const scores = new Scores(2);
    scores.add([0, 1], 0, 2);
    expect(binsOf(scores.counts)).toEqual([0, 2 * SCORE_BINS - 1]);
  });

  it('count a row that is not probabilities apart', () => {
    const scores = new Scores(2);
    scores.add([Number.NaN, 1], 0, 2);
    scores.add([0.5, 1.5], 0, 2);
    scores.add([0.5], 0, 2);
    expect([scores.invalid, scores.total]).toEqual([3, 0]);
    expect(binsOf(scores.counts)).toEqual([]);
  });

  it('refuse another number of classes than they were made for', () => {
    expect(() => new Scores(3).add([0.5, 0.5], 0, 2)).toThrow(RangeError);
    expect(() => new Scores(3).add([0.5], 0, 1)).toThrow(RangeError);
    for (const k of [1, 257, 2.5]) expect(() => new Scores(k)).toThrow(RangeError);
  });
});
