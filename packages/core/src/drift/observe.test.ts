import { buildBaseline } from '@drover/sketch/baseline';
import { Scores } from '@drover/sketch/scores';
import { describe, expect, it } from 'vitest';
import { observeClasses, observeConfidence } from './observe.ts';

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

const uniform = seeded(3);
/** A fifth is of the second class; probabilities of it lie near 0.1 and 0.9. */
const draw = (second: number, doubt = 0): readonly number[] => {
  const p = uniform() < second ? 0.8 + 0.2 * uniform() - doubt : 0.2 * uniform() + doubt;
  return [1 - p, p];
};
const built = buildBaseline([{ name: 'x', values: Float32Array.from({ length: 4000 }, uniform) }], {
  kind: 'classification', classes: ['0', '1'], probabilities: Float64Array.from(Array.from({ length: 4000 }, () => draw(0.2)).flat()),
}); // biome-ignore format: one table
if (!built.ok) throw new Error(built.detail);
const { output } = built.value;
if (output?.kind !== 'classification') throw new Error('a classification');

function see(second: number, doubt = 0, invalid = 0) {
  const scores = new Scores(2);
  for (let i = 0; i < 500; i++) scores.add(draw(second, doubt), 0, 2);
  for (let i = 0; i < invalid; i++) scores.add([Number.NaN, 1], 0, 2);
  return { classes: observeClasses(scores, output as never), confidence: observeConfidence(scores, output as never) };
}

describe('what a classifier answers', () => {
  it('is as in training where nothing changed', () => {
    const { classes, confidence } = see(0.2);
    expect(classes.spread).toBeLessThan(0.05);
    expect(Math.abs(confidence.level)).toBeLessThan(0.15);
    expect(classes).toMatchObject({ rows: 500, unusable: 0 });
  });

  it('moves with the mix of its classes', () => {
    expect(see(0.6).classes.spread).toBeGreaterThan(0.3);
    expect(Math.abs(see(0.6).confidence.level)).toBeLessThan(0.15);
  });

  it('moves with how sure it is', () => {
    const { classes, confidence } = see(0.2, 0.2);
    expect(confidence.level).toBeLessThan(-1);
    expect(classes.spread).toBeLessThan(0.05);
  });

  it('counts what is no probability', () => {
    expect(see(0.2, 0, 500).classes).toMatchObject({ rows: 1000, unusable: 0.5, effectiveRows: 500 });
  });
});
