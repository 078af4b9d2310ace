import { buildBaseline } from '@drover/sketch/baseline';
import { Scores } from '@drover/sketch/scores';
import { bindBaseline, WindowSketch } from '@drover/sketch/window-sketch';
import { describe, expect, it } from 'vitest';
import { observeClasses, observeConfidence, observeNumeric } from './observe.ts';

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

describe('a numeric feature', () => {
  it('has another shape where one value comes too often, though nothing lies elsewhere', () => {
    const normal = (): number => Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform());
    const trained = buildBaseline([{ name: 'x', values: Float32Array.from({ length: 20_000 }, normal) }]);
    if (!trained.ok) throw new Error(trained.detail);
    const [feature] = trained.value.features;
    if (feature?.kind !== 'numeric') throw new Error('a numeric feature');
    const reference = bindBaseline(trained.value, 'a'.repeat(64));
    const shapes = [0, 0.05].map((often) => {
      const sketch = new WindowSketch(reference);
      for (let i = 0; i < 5000; i++) sketch.addRow(Float32Array.of(uniform() < often ? 0.3 : normal()), 0);
      const [numeric] = sketch.numeric;
      if (!numeric) throw new Error('a sketch');
      return observeNumeric(numeric, feature);
    });
    expect(shapes[0]?.shape).toBeLessThan(0.08);
    expect(shapes[1]?.shape).toBeGreaterThan(0.15);
    expect(Math.abs(shapes[1]?.level ?? 1)).toBeLessThan(0.05);
  });
});

describe('what a classifier answers', () => {
  it('is as in training where nothing changed', () => {
    const { classes, confidence } = see(0.2);
    expect(classes.spread).toBeLessThan(0.1);
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
    expect(classes.spread).toBeLessThan(0.1);
  });

  it('counts what is no probability', () => {
    expect(see(0.2, 0, 500).classes).toMatchObject({ rows: 1000, unusable: 0.5, effectiveRows: 500 });
  });
});
