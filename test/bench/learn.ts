// Measures the tree trainer beside scikit-learn's HistGradientBoosting on the same generated rows in the same run: time,
// quality, and what the plain kernel costs. Without python3-sklearn it says so and gives no ratio. Never asserts.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { measureAuc } from '@drover/learn/evaluate';
import { scoreTrees } from '@drover/learn/gbdt/model';
import { parseTreeParams } from '@drover/learn/gbdt/params';
import { measureLoss, trainTrees } from '@drover/learn/gbdt/train';
import { createRandom } from '@drover/learn/random';
import { finish } from '@drover/learn/run-steps';
import type { Task } from '@drover/learn/task';
import { runPython } from './python.ts';
import { type BenchReport, type BenchRow, ratioAtMost } from './report.ts';

const FIT = 100_000;
const TEST = 25_000;
const FEATURES = 30;
const CLASSES = 5;
const ROUNDS = 100;
const REPEATS = 2;

interface Rows {
  readonly columns: Float32Array[];
  readonly target: Float64Array;
}

/**
 * Nine columns matter (lines, products, a step, a wave), the others do not; a tenth of all values is missing when told.
 * Columns of a product also act alone: greedy trees find a pure product by luck, and the luck moved the error by 7 %.
 */
function makeRows(task: Task, missing: boolean): { fit: Rows; test: Rows } {
  const random = createRandom(20_26);
  const total = FIT + TEST;
  const columns = Array.from({ length: FEATURES }, () => Float32Array.from({ length: total }, () => random.normal()));
  const target = Float64Array.from({ length: total }, (_, row) => {
    const x = (j: number): number => columns[j]?.[row] ?? 0;
    const z =
      1.5 * x(0) +
      x(1) * x(2) +
      Math.sin(2 * x(3)) +
      (x(4) > 0.5 ? 1.2 : -0.4) +
      0.7 * x(5) ** 2 -
      0.7 +
      0.3 * x(6) -
      0.6 * x(7) * x(8) +
      0.6 * (x(1) - x(2) + x(7) + x(8));
    if (task === 'regression') return 3 * z + random.normal();
    if (task === 'binary') return random.next() < 1 / (1 + Math.exp(-1.6 * z)) ? 1 : 0;
    return Math.max(0, Math.min(CLASSES - 1, Math.floor((z + 0.3 * random.normal()) / 1.3 + CLASSES / 2)));
  });
  if (missing)
    for (const column of columns) for (let i = 0; i < total; i++) if (random.next() < 0.1) column[i] = Number.NaN;
  const part = (from: number, to: number): Rows => ({
    columns: columns.map((c) => c.slice(from, to)),
    target: target.slice(from, to),
  });
  return { fit: part(0, FIT), test: part(FIT, total) };
}

interface Outcome {
  readonly seconds: number;
  /** Log loss, or RMSE. */
  readonly loss: number;
  readonly auc: number | undefined;
}

function runOurs(task: Task, rows: ReturnType<typeof makeRows>, kernel?: 'plain'): Outcome {
  const read = parseTreeParams({ iterations: ROUNDS, patience: 0 });
  if (!read.ok) throw new Error(read.detail);
  const classes = task === 'multiclass' ? CLASSES : 2;
  let seconds = Number.POSITIVE_INFINITY;
  let loss = Number.NaN;
  let auc: number | undefined;
  for (let repeat = 0; repeat < REPEATS; repeat++) {
    const startAt = performance.now();
    const model = finish(trainTrees({ task, classes, fit: rows.fit, params: read.value, seed: 1, kernel }));
    seconds = Math.min(seconds, (performance.now() - startAt) / 1000);
    const raw = scoreTrees(model, rows.test.columns, TEST);
    loss = measureLoss(raw, rows.test.target, task, classes);
    if (task === 'regression') loss = Math.sqrt(loss);
    if (task === 'binary') auc = measureAuc(raw, rows.test.target);
  }
  return { seconds, loss, auc };
}

const SCRIPT = `
import json, sys, time
import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier as C, HistGradientBoostingRegressor as R
from sklearn.metrics import log_loss, roc_auc_score
d, task, fit, test, width, rounds, repeats = sys.argv[1], sys.argv[2], *map(int, sys.argv[3:])
x = np.fromfile(d + '/x', np.float32).reshape(width, fit + test).T
y = np.fromfile(d + '/y', np.float64)
best = 1e9
for _ in range(repeats):
    m = (R if task == 'regression' else C)(max_iter=rounds, learning_rate=0.1, max_leaf_nodes=31, min_samples_leaf=20, early_stopping=False)
    t = time.perf_counter(); m.fit(x[:fit], y[:fit]); best = min(best, time.perf_counter() - t)
t = y[fit:]
if task == 'regression': out = dict(loss=float(np.sqrt(np.mean((m.predict(x[fit:]) - t) ** 2))))
else:
    p = m.predict_proba(x[fit:]); out = dict(loss=float(log_loss(t, p)))
    if task == 'binary': out['auc'] = float(roc_auc_score(t, p[:, 1]))
print(json.dumps(dict(seconds=best, **out)))
`;

async function runReference(task: Task, rows: ReturnType<typeof makeRows>): Promise<Outcome | undefined> {
  const dir = mkdtempSync(path.join(tmpdir(), 'drover-bench-'));
  try {
    const bytes = (parts: (Float32Array | Float64Array)[]): Buffer =>
      Buffer.concat(parts.map((part) => Buffer.from(part.buffer, part.byteOffset, part.byteLength)));
    writeFileSync(
      path.join(dir, 'x'),
      bytes(rows.fit.columns.flatMap((column, j) => [column, rows.test.columns[j] ?? column])),
    );
    writeFileSync(path.join(dir, 'y'), bytes([rows.fit.target, rows.test.target]));
    const said = await runPython(SCRIPT, [dir, task, ...[FIT, TEST, FEATURES, ROUNDS, REPEATS].map(String)]);
    return said && { seconds: said['seconds'] ?? Number.NaN, loss: said['loss'] ?? Number.NaN, auc: said['auc'] };
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

export async function bench(): Promise<BenchReport> {
  const rows: BenchRow[] = [];
  let absent = false;
  const cases = [
    ['binary', 'binary', false],
    ['binary, 10 % missing', 'binary', true],
    [`${CLASSES} classes`, 'multiclass', false],
    ['regression', 'regression', false],
  ] as const;
  for (const [name, task, missing] of cases) {
    const data = makeRows(task, missing);
    const ours = runOurs(task, data);
    const reference = await runReference(task, data);
    absent ||= reference === undefined;
    const beside = (pick: (outcome: Outcome) => number): Partial<BenchRow> =>
      reference
        ? { reference: { name: 'scikit-learn', value: pick(reference) } }
        : { note: 'python3-sklearn is absent' };
    rows.push({
      name: `${name}: training time`,
      value: ours.seconds,
      unit: 's',
      ...beside((o) => o.seconds),
      budget: ratioAtMost(2),
    });
    rows.push({
      name: `${name}: ${task === 'regression' ? 'RMSE' : 'log loss'} on unseen rows`,
      value: ours.loss,
      unit: '',
      ...beside((o) => o.loss),
    });
    if (ours.auc !== undefined)
      rows.push({
        name: `${name}: AUC on unseen rows`,
        value: ours.auc,
        unit: '',
        ...beside((o) => o.auc ?? Number.NaN),
      });
    if (name === 'binary') {
      const plain = runOurs(task, data, 'plain');
      rows.push({
        name: 'binary: training time without SIMD',
        value: plain.seconds,
        unit: 's',
        reference: { name: 'SIMD', value: ours.seconds },
      });
    }
  }
  const notes = absent ? ['scikit-learn is absent: install the Debian package python3-sklearn for the reference.'] : [];
  return { title: `Tree trainer, ${FIT} rows x ${FEATURES} columns, ${ROUNDS} rounds, one thread`, rows, notes };
}
