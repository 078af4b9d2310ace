import { describe, expect, it } from 'vitest';
import { chooseRows, INFLUENCE_ROWS, influenceOf, standIn } from './influence.ts';

describe('the influence of a feature', () => {
  it('is the mean distance of probabilities in total variation, and of values in their interquartile range', () => {
    expect(influenceOf([0.9, 0.1, 0.2, 0.8], [0.1, 0.9, 0.2, 0.8], 2)).toBeCloseTo(0.4, 12);
    expect(influenceOf([0.9, 0.1], [0.9, 0.1], 2)).toBe(0);
    // Of 0 to 7 the quartiles are 2 and 6.
    expect(influenceOf([0, 1, 2, 3, 4, 5, 6, 7], [1, 2, 3, 4, 5, 6, 7, 8], 1)).toBeCloseTo(0.25, 12);
    expect(influenceOf([5, 5, 5], [5, 5, 5], 1)).toBe(0);
  });

  it('is measured on rows spread over all, each with the value of another', () => {
    expect([...chooseRows(3)]).toEqual([0, 1, 2]);
    const chosen = chooseRows(100_000);
    expect(chosen).toHaveLength(INFLUENCE_ROWS);
    expect(chosen.at(-1)).toBeGreaterThan(99_000);
    for (const rows of [2, 3, 10, 256])
      for (let at = 0; at < rows; at++) {
        expect(standIn(at, rows)).not.toBe(at);
        expect(standIn(at, rows)).toBeLessThan(rows);
      }
  });
});
