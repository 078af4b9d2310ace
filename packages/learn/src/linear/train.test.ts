import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createRandom } from '../random.ts';
import { finish } from '../run-steps.ts';
import { toProbabilities } from '../task.ts';
import { scoreLinear } from './model.ts';
import { type LinearParams, parseLinearParams, trainLinear } from './train.ts';

function params(given: Partial<LinearParams> = {}): LinearParams {
  const read = parseLinearParams(given);
  if (!read.ok) throw new Error(read.detail);
  return read.value;
}

describe('ridge regression', () => {
  it('finds the line through exact data, whatever the scale of a column', () => {
    const random = createRandom(1);
    const a = Float32Array.from({ length: 200 }, () => random.normal() * 1e-4);
    const b = Float32Array.from({ length: 200 }, () => 1000 + random.normal());
    const target = Float64Array.from(a, (v, i) => 3e4 * v - 2 * (b[i] ?? 0) + 7);
    const model = finish(
      trainLinear({ task: 'regression', classes: 0, fit: { columns: [a, b], target }, params: params({ l2: 0 }) }),
    );
    const scores = scoreLinear(model, [a, b], 200);
    expect(Math.max(...scores.map((y, i) => Math.abs(y - (target[i] ?? 0))))).toBeLessThan(1e-3);
  });

  it('solves the normal equations: the gradient at the solution is zero, also for equal columns', () => {
    const random = createRandom(2);
    const a = Float32Array.from({ length: 60 }, () => random.normal());
    const columns = [a, a.slice(), Float32Array.from(a, (v) => v * v), new Float32Array(60).fill(3)];
    const target = Float64Array.from(a, (v) => Math.sin(v));
    for (const l2 of [0, 0.5]) {
      const model = finish(
        trainLinear({ task: 'regression', classes: 0, fit: { columns, target }, params: params({ l2 }) }),
      );
      const error = scoreLinear(model, columns, 60).map((y, i) => y - (target[i] ?? 0));
      columns.forEach((column, j) => {
        const { mean, inverse } = model.standardisation;
        const z = column.map((v) => (v - (mean[j] ?? 0)) * (inverse[j] ?? 0));
        const gradient = z.reduce((sum, v, i) => sum + v * (error[i] ?? 0), 0) + l2 * (model.weights[j] ?? 0);
        expect(Math.abs(gradient)).toBeLessThan(1e-5);
      });
      expect(error.reduce((x, y) => x + y, 0)).toBeCloseTo(0, 6);
    }
  });
});

describe('logistic regression', () => {
  it('ends where the gradient of the penalised loss is zero', () => {
    const random = createRandom(3);
    const columns = [0, 1, 2].map(() =>
      Float32Array.from({ length: 300 }, () => (random.next() < 0.1 ? Number.NaN : random.normal())),
    );
    for (const classes of [2, 3]) {
      const target = Float64Array.from({ length: 300 }, (_, i) =>
        Math.max(0, Math.min(classes - 1, Math.round((columns[0]?.[i] || 0) + random.normal() + 0.5))),
      );
      const task = classes === 2 ? 'binary' : 'multiclass';
      const weights = [1, 2, 0.5];
      const model = finish(
        trainLinear({
          task,
          classes,
          fit: { columns, target },
          params: params({ tolerance: 1e-9 }),
          classWeights: weights,
        }),
      );
      const p = toProbabilities(scoreLinear(model, columns, 300), classes, task);
      for (let k = classes === 2 ? 1 : 0; k < classes; k++) {
        const output = classes === 2 ? 0 : k;
        columns.forEach((column, j) => {
          let gradient = model.weights[j * model.outputs + output] ?? 0;
          column.forEach((v, i) => {
            const z = Number.isNaN(v)
              ? 0
              : (v - (model.standardisation.mean[j] ?? 0)) * (model.standardisation.inverse[j] ?? 0);
            gradient += (weights[target[i] ?? 0] ?? 0) * ((p[i * classes + k] ?? 0) - (target[i] === k ? 1 : 0)) * z;
          });
          expect(Math.abs(gradient)).toBeLessThan(1e-4);
        });
      }
    }
  });

  it('never throws or answers what is not a number, on any data', () => {
    const cell = fc.oneof(
      fc.float({ noDefaultInfinity: true, min: Math.fround(-1e28), max: Math.fround(1e28) }),
      fc.constant(Number.NaN),
    );
    fc.assert(
      fc.property(
        fc.array(fc.tuple(cell, cell, fc.integer({ min: 0, max: 2 })), { minLength: 1, maxLength: 25 }),
        fc.constantFrom('multiclass', 'regression'),
        (points, task) => {
          const columns = [0, 1].map((j) => Float32Array.from(points, (point) => point[j] ?? 0));
          const target = Float64Array.from(points, (point) => point[2]);
          const model = finish(
            trainLinear({ task, classes: 3, fit: { columns, target }, params: params({ iterations: 20 }) }),
          );
          expect(scoreLinear(model, columns, points.length).every(Number.isFinite)).toBe(true);
        },
      ),
      { numRuns: 150 },
    );
  });
});
