// Checks that features which change only together are seen, and that nothing is where they do not.
import { buildBaseline } from '@drover/sketch/baseline';
import { bindBaseline, WindowSketch } from '@drover/sketch/window-sketch';
import { describe, expect, it } from 'vitest';
import { observeTogether, prepareTogether } from './together.ts';
import { foldWindow, newFeature } from './verdict.ts';

/** Normal numbers from a seed (Box and Muller). */
function makeNormal(seed: number): () => number {
  let state = seed >>> 0;
  const uniform = (): number => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return (state + 0.5) / 2 ** 32;
  };
  return () => Math.sqrt(-2 * Math.log(uniform())) * Math.cos(2 * Math.PI * uniform());
}

/** Flow and power follow speed; the noise between them is small. */
function rowsOf(normal: () => number, count: number, twist: number): readonly number[][] {
  return Array.from({ length: count }, () => {
    const [speed, own] = [normal(), normal()];
    const flow = twist * speed + Math.sqrt(1 - twist * twist) * own;
    return [50 + 5 * speed, 200 + 30 * flow, 7 + normal()];
  });
}

const trained = rowsOf(makeNormal(1), 5000, 0.95);
const made = buildBaseline(
  ['speed', 'flow', 'noise'].map((name, i) => ({
    name,
    values: Float32Array.from(trained, (row) => row[i] as number),
  })),
);
if (!made.ok) throw new Error(made.detail);
const baseline = made.value;
if (!baseline.together) throw new Error('no moments');
const prepared = prepareTogether(baseline.together);
const reference = bindBaseline(baseline, 'a'.repeat(64));

function windowOf(rows: readonly number[][]): WindowSketch {
  const sketch = new WindowSketch(reference);
  for (const row of rows) sketch.addRow(Float32Array.from(row), 0);
  return sketch;
}
const measure = (rows: readonly number[][]) => {
  const { together } = windowOf(rows);
  if (!together) throw new Error('no sums');
  return observeTogether(together, prepared, 1);
};

describe('features together', () => {
  it('lie as in training where nothing changed', () => {
    const { level, spread, shape } = measure(rowsOf(makeNormal(2), 5000, 0.95)).observation;
    expect(level).toBeLessThan(0.05);
    expect(Math.abs(spread)).toBeLessThan(0.1);
    expect(shape).toBeLessThan(0.05);
  });

  it('tell which two do not follow each other any more', () => {
    const { observation, pair } = measure(rowsOf(makeNormal(3), 2000, -0.95));
    expect(pair).toEqual([0, 1]);
    expect(observation.shape).toBeCloseTo(1.9, 1);
    expect(observation.spread).toBeGreaterThan(0.5);
  });

  it('tell means that were never seen together, each of which was', () => {
    // Speed up by one deviation and flow down by one: each is in its usual range.
    const moved = rowsOf(makeNormal(4), 2000, 0.95).map(([a = 0, b = 0, c = 0]) => [a + 5, b - 30, c]);
    expect(measure(moved).observation.level).toBeGreaterThan(1);
  });

  it('do not count rows with a value that cannot be used', () => {
    const { together } = windowOf([[50, 200, 7], [50, Number.NaN, 7], [50, 200, 7]]); // biome-ignore format: one table
    expect(together?.rows).toBe(2);
  });

  it('raise about as few alarms as they may while nothing changes, and one within twenty windows when a relation breaks', () => {
    let [alarms, windows] = [0, 0];
    const late: number[] = [];
    for (let device = 0; device < 40; device++) {
      const normal = makeNormal(1000 + device);
      // Devices differ in their means, their gains and their relation, and wander.
      const [offset, gain, twist] = [normal() / 3, 1 + normal() / 10, 0.9 + normal() / 50];
      let state = newFeature(device);
      let wander = 0;
      const fold = (twisted: number): string => {
        wander = 0.8 * wander + 0.2 * normal();
        const rows = rowsOf(normal, 100, twisted).map(([a = 0, b = 0, c = 0]) => [
          a + 5 * (offset + wander), b * gain + 30 * wander, c,
        ]); // biome-ignore format: one row
        const folded = foldWindow(state, measure(rows).observation);
        state = folded.state;
        return folded.verdict.verdict;
      };
      for (let i = 0; i < 200; i++) {
        windows++;
        if (fold(twist) === 'material') {
          alarms++;
          break;
        }
      }
      let after = 0;
      while (after < 100 && fold(0.3) !== 'material') after++;
      late.push(after);
    }
    expect(windows).toBeGreaterThan(7000);
    expect(alarms).toBeLessThanOrEqual(1);
    expect(late.toSorted((a, b) => a - b)[20]).toBeLessThan(20);
  });
});
