import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createRandom } from '../random.ts';
import { finish } from '../run-steps.ts';
import type { Task } from '../task.ts';
import { hasSimd, type KernelName } from './kernel.ts';
import { scoreTrees, type TreeModel } from './model.ts';
import { parseTreeParams, type TreeParams } from './params.ts';
import { balanceClasses, measureLoss, type TrainingRows, trainTrees } from './train.ts';

function params(given: Partial<TreeParams> = {}): TreeParams {
  const read = parseTreeParams(given);
  if (!read.ok) throw new Error(read.detail);
  return read.value;
}

/** Six columns with missing values, ties and one constant; the target depends on three of them. */
function makeRows(task: Task, rows: number, seed: number): TrainingRows {
  const random = createRandom(seed);
  const columns = Array.from({ length: 6 }, (_, j) =>
    Float32Array.from({ length: rows }, () => {
      if (j === 5) return 7;
      if (random.next() < 0.1) return Number.NaN;
      return j % 2 === 0 ? random.normal() * 10 ** j : random.below(5);
    }),
  );
  const value = (j: number, row: number): number => columns[j]?.[row] ?? 0;
  const target = Float64Array.from({ length: rows }, (_, row) => {
    const first = value(0, row);
    const z = (Number.isNaN(first) ? 2 : first) + (value(1, row) > 2 ? 1 : -1) + random.normal() * 0.3;
    if (task === 'regression') return z * 100;
    return task === 'binary' ? (z > 0 ? 1 : 0) : Math.max(0, Math.min(2, Math.floor(z + 1)));
  });
  return { columns, target };
}

const train = (task: Task, fit: TrainingRows, given: Partial<TreeParams> = {}, more: object = {}): TreeModel =>
  finish(
    trainTrees({
      task,
      classes: task === 'regression' ? 0 : task === 'binary' ? 2 : 3,
      fit,
      params: params(given),
      seed: 9,
      ...more,
    }),
  );

const spell = (model: TreeModel): string =>
  JSON.stringify(model, (_, value: unknown) =>
    ArrayBuffer.isView(value) ? Buffer.from(value.buffer).toString('hex') : value,
  );

describe('boosted trees', () => {
  it.each(['binary', 'multiclass', 'regression'] as const)(
    'gives the same bits with the SIMD kernel and in plain JavaScript: %s',
    (task) => {
      expect(hasSimd()).toBe(true);
      const fit = makeRows(task, 3000, 4);
      const grow = (kernel: KernelName): string =>
        spell(
          train(
            task,
            fit,
            { iterations: 12, rowShare: 0.7, columnShare: 0.7 },
            { kernel, classWeights: task === 'regression' ? undefined : [1, 3.3, 0.4] },
          ),
        );
      const simd = grow('simd');
      expect(grow('plain')).toBe(simd);
      expect(grow('simd')).toBe(simd);
      expect(simd.length).toBeGreaterThan(10_000);
    },
  );

  it('draws other rows with another seed', () => {
    const fit = makeRows('binary', 500, 4);
    const first = spell(train('binary', fit, { iterations: 5, rowShare: 0.5 }));
    expect(spell(train('binary', fit, { iterations: 5, rowShare: 0.5 }, { seed: 10 }))).not.toBe(first);
  });

  it.each(['binary', 'multiclass', 'regression'] as const)('learns what generalises to rows not seen: %s', (task) => {
    const model = train(task, makeRows(task, 3000, 4), { iterations: 60 });
    const unseen = makeRows(task, 2000, 5);
    const classes = task === 'multiclass' ? 3 : 2;
    const trained = measureLoss(scoreTrees(model, unseen.columns, 2000), unseen.target, task, classes);
    const start = measureLoss(scoreTrees({ ...model, rounds: [] }, unseen.columns, 2000), unseen.target, task, classes);
    expect(trained).toBeLessThan(start * (task === 'regression' ? 0.12 : 0.4));
  });

  it('finds the split that an exhaustive search over all cuts finds, and its leaf means', () => {
    fc.assert(
      fc.property(
        fc.array(
          fc.tuple(fc.oneof(fc.integer({ min: 0, max: 12 }), fc.constant(Number.NaN)), fc.integer({ min: -5, max: 5 })),
          {
            minLength: 4,
            maxLength: 60,
          },
        ),
        fc.integer({ min: 1, max: 3 }),
        (points, minLeafRows) => {
          const fit = {
            columns: [Float32Array.from(points, ([x]) => x)],
            target: Float64Array.from(points, ([, y]) => y),
          };
          const model = train('regression', fit, { iterations: 1, maxLeaves: 2, learningRate: 1, minLeafRows });
          const error = (rows: number[]): number => {
            const mean = rows.reduce((a, b) => a + b, 0) / rows.length;
            return rows.reduce((sum, y) => sum + (y - mean) ** 2, 0);
          };
          let best = error([...fit.target]);
          for (const cut of fit.columns[0]?.filter((x) => !Number.isNaN(x)) ?? []) {
            for (const missingLeft of [true, false]) {
              const isLeft = points.map(([x]) => (Number.isNaN(x) ? missingLeft : x <= cut));
              const left = points.flatMap(([, y], i) => (isLeft[i] ? [y] : []));
              const right = points.flatMap(([, y], i) => (isLeft[i] ? [] : [y]));
              if (left.length >= minLeafRows && right.length >= minLeafRows)
                best = Math.min(best, error(left) + error(right));
            }
          }
          const reached =
            measureLoss(scoreTrees(model, fit.columns, points.length), fit.target, 'regression', 0) * points.length;
          expect(reached).toBeCloseTo(best, 3);
        },
      ),
      { numRuns: 200 },
    );
  });

  it('sends missing values where they belong, learned and not assumed', () => {
    const x = Float32Array.from({ length: 400 }, (_, i) => (i % 4 === 0 ? Number.NaN : i % 4));
    for (const missingIsHigh of [true, false]) {
      const target = Float64Array.from(x, (v) => (Number.isNaN(v) ? (missingIsHigh ? 9 : -9) : v >= 2 ? 9 : -9));
      const model = train('regression', { columns: [x], target }, { iterations: 1, learningRate: 1 });
      const scores = scoreTrees(model, [Float32Array.of(Number.NaN, 1, 3)], 3);
      expect([...scores].map(Math.round)).toEqual([missingIsHigh ? 9 : -9, -9, 9]);
    }
  });

  it('respects the least number of rows in a leaf, the most leaves and the depth', () => {
    const model = train('regression', makeRows('regression', 800, 2), {
      iterations: 3,
      minLeafRows: 37,
      maxLeaves: 9,
      maxDepth: 4,
    });
    const trees = model.rounds.flat().filter((tree) => tree !== null);
    expect(trees.length).toBe(3);
    for (const tree of trees) {
      expect(Math.min(...tree.leafRows)).toBeGreaterThanOrEqual(37);
      expect(tree.leafRows.length).toBeLessThanOrEqual(9);
      expect(tree.leafRows.reduce((a, b) => a + b, 0)).toBe(800);
    }
  });

  it('ends at the best round of the validation rows', () => {
    const fit = makeRows('binary', 300, 4);
    const validation = makeRows('binary', 300, 8);
    const losses: number[] = [];
    const steps = trainTrees({
      task: 'binary',
      classes: 2,
      fit,
      validation,
      params: params({ patience: 5, learningRate: 0.5, minLeafRows: 2 }),
      seed: 1,
    });
    let step = steps.next();
    for (; step.done !== true; step = steps.next()) losses.push(step.value.validationLoss ?? Number.NaN);
    const best = losses.indexOf(Math.min(...losses)) + 1;
    expect(step.value.rounds.length).toBe(best);
    expect(losses.length).toBe(best + 5);
    expect(measureLoss(scoreTrees(step.value, validation.columns, 300), validation.target, 'binary', 2)).toBeCloseTo(
      Math.min(...losses),
      12,
    );
  });

  it('weighs classes as if their rows were repeated', () => {
    const fit = makeRows('binary', 600, 3);
    const twice = Uint32Array.from([...fit.target].flatMap((k, row) => (k === 1 ? [row, row] : [row])));
    const repeated = {
      columns: fit.columns.map((column) => Float32Array.from(twice, (row) => column[row] ?? 0)),
      target: Float64Array.from(twice, (row) => fit.target[row] ?? 0),
    };
    const rules = { iterations: 5, minLeafRows: 1, maxLeaves: 4 };
    const weighted = scoreTrees(train('binary', fit, rules, { classWeights: [1, 2] }), fit.columns, 600);
    const plain = scoreTrees(train('binary', repeated, rules), fit.columns, 600);
    weighted.forEach((score, row) => expect(score).toBeCloseTo(plain[row] ?? Number.NaN, 4));
    expect(balanceClasses(Float64Array.of(0, 0, 0, 1), 2)).toEqual([4 / 6, 2]);
  });

  it('never throws on any data: constants, all missing, one row, extreme values', () => {
    const cell = fc.oneof(
      fc.float({ noDefaultInfinity: true }),
      fc.constant(Number.NaN),
      fc.integer({ min: 0, max: 3 }),
    );
    fc.assert(
      fc.property(
        fc.array(fc.tuple(cell, cell, fc.integer({ min: 0, max: 1 })), { minLength: 1, maxLength: 40 }),
        fc.constantFrom<Task>('binary', 'regression'),
        (points, task) => {
          const columns = [0, 1].map((j) => Float32Array.from(points, (point) => point[j] ?? 0));
          const target = Float64Array.from(points, (point) => point[2]);
          const model = train(task, { columns, target }, { iterations: 4, minLeafRows: 1, maxLeaves: 5 });
          expect(scoreTrees(model, columns, points.length).every(Number.isFinite)).toBe(true);
        },
      ),
      { numRuns: 150 },
    );
  });

  it('refuses parameters by name', () => {
    expect(parseTreeParams({ maxLeaves: 1 })).toMatchObject({
      ok: false,
      code: 'params_invalid',
      detail: expect.stringContaining('maxLeaves'),
    });
    expect(parseTreeParams({ trees: 5 })).toMatchObject({
      ok: false,
      detail: expect.stringContaining('"trees" is unknown'),
    });
    expect(parseTreeParams({ iterations: '5' })).toMatchObject({ ok: false, code: 'params_invalid' });
  });
});
