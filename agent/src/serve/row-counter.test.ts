import type { Feeds } from '@drover/infer/runtime';
import { buildBaseline } from '@drover/sketch/baseline';
import { bindBaseline, WindowSketch } from '@drover/sketch/window-sketch';
import { describe, expect, it } from 'vitest';
import { gatherRow, makeRowCounter, planGathering } from './row-counter.ts';

const ROWS = 600;
const WORDS = ['pump', 'valve', 'belt', 'motor', 'seal'];
const noteOf = (n: number): string => `${WORDS[n % 5]} ${WORDS[(3 * n) % 5]} ${n}`;
const made = buildBaseline([
  { name: 'door', values: Float32Array.from({ length: ROWS }, (_, n) => n % 2) },
  { name: 'load', values: Float32Array.from({ length: ROWS }, (_, n) => Math.sin(n)) },
  { name: 'note', values: Array.from({ length: ROWS }, (_, n) => noteOf(n)) },
  { name: 'shift', values: Array.from({ length: ROWS }, (_, n) => (n % 3 === 0 ? 'night' : 'day')) },
  { name: 'vector', tensor: Float32Array.from({ length: 20 * ROWS }, (_, n) => Math.cos(n)), size: 20 },
]);
if (!made.ok) throw new Error(made.detail);
const reference = bindBaseline(made.value, 'd'.repeat(64));
const manifest = {
  // In another order than the baseline counts them.
  features: [
    { name: 'note', kind: 'categorical' as const, input: 'c', index: 1 },
    { name: 'load', kind: 'numeric' as const, input: 'x', index: 1 },
    { name: 'shift', kind: 'categorical' as const, input: 'c', index: 0 },
    { name: 'door', kind: 'numeric' as const, input: 'x', index: 0 },
  ],
};
const open = (personal?: ReadonlySet<string>) => {
  const sketch = new WindowSketch(reference);
  return { sketch, counter: makeRowCounter(manifest, sketch, personal) };
};
const numeric = (sketch: WindowSketch, name: string) => sketch.numeric[reference.numericNames.indexOf(name)];
const categorical = (sketch: WindowSketch, name: string) =>
  sketch.categorical[reference.categoricalNames.indexOf(name)];

describe('a row of fields', () => {
  it('is counted where each stands, its switch and its text by what they are', () => {
    const { sketch, counter } = open();
    counter.fields(Float32Array.of(0.25, 1), undefined, ['pump valve новый', 'day']);
    counter.fields(Float32Array.of(0.75, 7), undefined, ['', 'dusk']);
    counter.fields(Float32Array.of(Number.NaN, Number.NaN), undefined, ['!!!', '']);
    expect(sketch.rowCount).toBe(3);
    expect(numeric(sketch, 'load')?.moments).toMatchObject({ count: 2, mean: 0.5 });
    const door = categorical(sketch, 'door');
    expect([...(door?.counts ?? [])]).toEqual([0, 1, 1, 1]);
    expect(categorical(sketch, 'shift')?.other).toBe(1);
    expect(numeric(sketch, 'note (length)')?.moments).toMatchObject({ count: 2, min: 3, max: 16 });
    // One of three words; a text without words has no share, and an empty one is missing.
    expect(numeric(sketch, 'note (unknown words)')?.moments.mean).toBeCloseTo(1 / 3, 6);
    expect(categorical(sketch, 'note (script)')).toMatchObject({ missing: 1, other: 1 });
    // Fields came without a tensor.
    expect(numeric(sketch, 'vector (projection 1)')?.validity.missing).toBe(3);
  });
});

describe('rows of tensors', () => {
  const feeds = (length: number): Feeds => ({
    x: { dtype: 'float32', dims: [2, 2], data: Float32Array.of(1, 0.5, 0, -0.5) },
    c: { dtype: 'string', dims: [2, 2], data: ['day', 'pump belt', 'night', 'seal 77'] },
    vector: { dtype: 'float32', dims: [2, length / 2], data: new Float32Array(length).fill(0.5) },
  });
  function count(length: number, personal?: ReadonlySet<string>): WindowSketch {
    const { sketch, counter } = open(personal);
    const plan = planGathering(manifest);
    const [x, c] = [new Float32Array(2), ['', '']];
    for (let row = 0; row < 2; row++) {
      gatherRow(plan, feeds(length), row, 2, x, c);
      counter.tensors(feeds(length), row, 2, x, c);
    }
    return sketch;
  }

  it('are gathered by input and column, and their vectors measured', () => {
    const sketch = count(40);
    expect(numeric(sketch, 'load')?.moments).toMatchObject({ count: 2, min: -0.5, max: 0.5 });
    expect([...(categorical(sketch, 'door')?.counts ?? [])]).toEqual([1, 1, 0, 0]);
    expect(numeric(sketch, 'note (length)')?.moments).toMatchObject({ min: 7, max: 9 });
    expect(numeric(sketch, 'vector (projection 1)')?.moments.count).toBe(2);
  });

  it('of another size, or that are personal, are missing', () => {
    expect(numeric(count(38), 'vector (projection 1)')?.validity.missing).toBe(2);
    expect(numeric(count(40, new Set(['vector'])), 'vector (projection 1)')?.validity.missing).toBe(2);
  });
});
