// Measures what the tree trainer learns from public data beside scikit-learn on the same rows with the same settings. The
// data is not part of the house: without DROVER_DATA it says so and measures nothing. Never asserts.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expandFeatures } from '@drover/learn/features';
import { type JobSpec, parseHyperparameters, parseJobSpec } from '@drover/learn/job-spec';
import { finish } from '@drover/learn/run-steps';
import { parseTable, type Table } from '@drover/learn/table';
import { type TrainedTable, trainOnTable } from '@drover/learn/train-table';
import { runPython } from './python.ts';
import { type BenchReport, type BenchRow, ratioAtMost } from './report.ts';

interface Case {
  readonly name: string;
  readonly file: string;
  readonly job: Readonly<Record<string, unknown>>;
}

/** Columns that are the label in other words, or count the rows. */
const AI4I_LEAKS = ['UDI', 'Product ID', 'TWF', 'HDF', 'PWF', 'OSF', 'RNF'];

const CASES: readonly Case[] = [
  {
    name: 'AI4I 2020, random rows',
    file: 'ai4i2020/ai4i2020.csv',
    job: { label: 'Machine_failure', exclude: AI4I_LEAKS, split: { by: 'random' } },
  },
  {
    name: 'AI4I 2020, the last fifth in time',
    file: 'ai4i2020/ai4i2020.csv',
    job: { label: 'Machine_failure', exclude: AI4I_LEAKS, split: { by: 'time' } },
  },
  {
    name: 'C-MAPSS FD001, whole engines',
    file: 'cmapss/train_FD001.txt',
    job: {
      label: { kind: 'endsWithin', rows: 30, deviceColumn: 'unit_number' },
      deviceColumn: 'unit_number',
      timeColumn: 'time',
    },
  },
];

/** Both sides: 100 trees, rate 0.1, 31 leaves, 20 rows in a leaf, no early stop. */
const SAME = { iterations: 100, learningRate: 0.1, maxLeaves: 31, minLeafRows: 20, patience: 0, threshold: 0.5 };

const SCRIPT = `
import json, sys, time
import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import log_loss, roc_auc_score, f1_score
d, width, fit, test = sys.argv[1], *map(int, sys.argv[2:])
def read(name, rows): return np.fromfile(d + '/' + name + 'x', np.float32).reshape(width, rows).T, np.fromfile(d + '/' + name + 'y', np.float64)
(x, y), (xt, yt) = read('fit', fit), read('test', test)
m = HistGradientBoostingClassifier(max_iter=100, learning_rate=0.1, max_leaf_nodes=31, min_samples_leaf=20, early_stopping=False)
t = time.perf_counter(); m.fit(x, y); seconds = time.perf_counter() - t
p = m.predict_proba(xt)[:, 1]
print(json.dumps(dict(seconds=seconds, auc=float(roc_auc_score(yt, p)), logLoss=float(log_loss(yt, p)), f1=float(f1_score(yt, p > 0.5)))))
`;

function train(table: Table, spec: JobSpec, hyperparameters: unknown): { trained: TrainedTable; seconds: number } {
  const hyper = parseHyperparameters(hyperparameters, 'gbdt');
  if (!hyper.ok) throw new Error(hyper.detail);
  const startAt = performance.now();
  const trained = finish(trainOnTable(table, spec, hyper.value));
  if (!trained.ok) throw new Error(`${trained.code}: ${trained.detail}`);
  return { trained: trained.value, seconds: (performance.now() - startAt) / 1000 };
}

/** The same rows and columns through scikit-learn; undefined when it is not there. */
async function runReference({ model, prepared, parts, fit, test }: TrainedTable) {
  const dir = mkdtempSync(path.join(tmpdir(), 'drover-bench-'));
  try {
    const bytes = (part: Float32Array | Float64Array): Buffer =>
      Buffer.from(part.buffer, part.byteOffset, part.byteLength);
    const write = (name: string, columns: readonly Float32Array[], rows: Int32Array): void => {
      writeFileSync(path.join(dir, `${name}x`), Buffer.concat(columns.map(bytes)));
      const target = Float64Array.from(rows, (row) => prepared.label.target[row] ?? Number.NaN);
      writeFileSync(path.join(dir, `${name}y`), bytes(target));
    };
    const columns = expandFeatures(model.layout, fit);
    write('fit', columns, parts.fit);
    write('test', expandFeatures(model.layout, test), parts.test);
    return await runPython(SCRIPT, [dir, ...[columns.length, fit.rows, test.rows].map(String)]);
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

async function benchCase({ name, file, job }: Case, folder: string, rows: BenchRow[]): Promise<boolean> {
  const table = parseTable(readFileSync(path.join(folder, file)));
  if (!table.ok) throw new Error(`${file}: ${table.detail}`);
  const spec = parseJobSpec(job);
  if (!spec.ok) throw new Error(spec.detail);
  const same = train(table.value, spec.value, SAME);
  const reference = await runReference(same.trained);
  const { test } = same.trained.metrics;
  const beside = (key: string): Partial<BenchRow> => {
    const value = reference?.[key];
    return value === undefined ? { note: 'python3-sklearn is absent' } : { reference: { name: 'scikit-learn', value } };
  };
  const add = (what: string, key: string): void => {
    rows.push({ name: `${name}: ${what}`, value: test[key] ?? Number.NaN, unit: '', ...beside(key) });
  };
  add('AUC', 'auc');
  add('log loss', 'logLoss');
  add('F1 at 0.5', 'f1');
  rows.push({
    name: `${name}: training time`,
    value: same.seconds,
    unit: 's',
    ...beside('seconds'),
    budget: ratioAtMost(2),
  });

  const own = train(table.value, spec.value, {}).trained.metrics.test;
  const ownRow = (what: string, key: string, more: Partial<BenchRow> = {}): void => {
    rows.push({ name: `${name}, own defaults: ${what}`, value: own[key] ?? Number.NaN, unit: '', ...more });
  };
  ownRow('AUC', 'auc');
  ownRow('accuracy', 'accuracy', { reference: { name: 'always the majority', value: own['majorityAccuracy'] ?? 1 } });
  ownRow('precision', 'precision');
  ownRow('recall', 'recall');
  return reference !== undefined;
}

export async function bench(): Promise<BenchReport> {
  const title = 'What is learned from public data, on rows that took no part in training';
  const folder = process.env['DROVER_DATA'];
  if (folder === undefined || folder === '') {
    return {
      title,
      rows: [],
      notes: ['DROVER_DATA names no folder with ai4i2020/ and cmapss/: nothing was measured.'],
    };
  }
  const rows: BenchRow[] = [];
  let hasReference = true;
  for (const one of CASES) hasReference = (await benchCase(one, folder, rows)) && hasReference;
  const notes = ['"Own defaults": early stopping on validation rows, and the threshold with the best F1 there.'];
  if (!hasReference)
    notes.push('scikit-learn is absent: install the Debian package python3-sklearn for the reference.');
  return { title, rows, notes };
}
