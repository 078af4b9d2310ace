// Takes a table to a finished model: prepare, split, fit, choose the threshold, judge on rows that took no part in any of it.
// Stepwise like the trainers; reads no clock and no file.
import { accept, type Result, refuse } from '@drover/core/reasons';
import { type ClassReport, chooseThreshold, evaluateClasses, evaluateValues, type Metrics } from './evaluate.ts';
import {
  expandFeatures,
  type FeatureLayout,
  type FeatureRows,
  nameDesign,
  planLayout,
  takeFeatures,
} from './features.ts';
import { MAX_BINS } from './gbdt/bins.ts';
import { measureForest } from './gbdt/grow.ts';
import { MAX_KERNEL_BYTES } from './gbdt/kernel.ts';
import { balanceClasses, type RoundReport, trainTrees } from './gbdt/train.ts';
import { type Hyperparameters, type JobSpec, RARE_SHARE } from './job-spec.ts';
import { trainLinear } from './linear/train.ts';
import { predictRows, scoreDesign, type TrainedModel } from './model.ts';
import { type Prepared, prepareTable } from './prepare.ts';
import { type Parts, splitRows } from './split.ts';
import type { NumberColumn, Table } from './table.ts';
import { toProbabilities } from './task.ts';

export interface TrainedTable {
  readonly model: TrainedModel;
  readonly prepared: Prepared;
  readonly parts: Parts;
  /** Raw features of each part; `validationTarget` is the class index or value there. */
  readonly fit: FeatureRows;
  readonly validation: FeatureRows;
  readonly test: FeatureRows;
  readonly validationTarget: Float64Array;
  readonly metrics: { readonly validation: Metrics; readonly test: Metrics };
  /** Confusion on the test rows; empty for regression. */
  readonly confusion: ClassReport['confusion'];
  /** How the threshold came about; binary only. */
  readonly thresholdBy: 'f1' | 'given' | undefined;
}

const take = (target: Float64Array, rows: Int32Array): Float64Array =>
  Float64Array.from(rows, (row) => target[row] as number);

function weighClasses(
  rule: Hyperparameters['classWeights'],
  classes: readonly string[],
  target: Float64Array,
): Result<number[] | undefined> {
  if (rule === 'none' || classes.length === 0) return accept(undefined);
  if (rule === 'balanced') return accept(balanceClasses(target, classes.length));
  const unknown = Object.keys(rule).find((name) => !classes.includes(name));
  if (unknown !== undefined)
    return refuse('params_invalid', `"classWeights" names "${unknown}"; classes: ${classes.join(', ')}.`);
  return accept(classes.map((name) => (Object.hasOwn(rule, name) ? (rule[name] as number) : 1)));
}

/** What the model would answer on rows, measured against their truth. `reference` is the mean of the fitted target. */
function judge(model: TrainedModel, features: FeatureRows, truth: Float64Array, reference: number): ClassReport {
  const answers = predictRows(model, features);
  if (model.classes.length === 0) return { metrics: evaluateValues(answers.values, truth, reference), confusion: [] };
  return evaluateClasses(answers.probabilities, truth, model.classes.length, model.threshold);
}

export function* trainOnTable(
  table: Table,
  spec: JobSpec,
  hyper: Hyperparameters,
): Generator<RoundReport, Result<TrainedTable>, void> {
  const preparing = prepareTable(table, spec);
  if (!preparing.ok) return preparing;
  const { label } = preparing.value;
  const splitting = splitRows(preparing.value.rows, preparing.value.devices?.codes, spec.split, spec.seed);
  if (!splitting.ok) return splitting;
  const parts = splitting.value;
  const prepared = dropUnfitted(preparing.value, parts.fit);
  const { numeric, categorical } = prepared;
  const layout = planLayout(numeric, categorical, parts.fit);
  const [fit, validation, test] = [parts.fit, parts.validation, parts.test].map((rows) =>
    takeFeatures(numeric, categorical, rows),
  ) as [FeatureRows, FeatureRows, FeatureRows];
  const target = take(label.target, parts.fit);
  const validationTarget = take(label.target, parts.validation);
  const seen = new Set(target).size;
  if (label.task !== 'regression' && seen < 2) {
    return refuse(
      'data_one_class',
      `The ${target.length} rows to fit hold only one of ${label.classes.length} classes; split another way.`,
    );
  }
  const weighing = weighClasses(hyper.classWeights, label.classes, target);
  if (!weighing.ok) return weighing;
  const columns = expandFeatures(layout, fit);
  if (columns.length === 0) return refuse('data_no_features', 'No feature has a value in the rows to fit.');
  const shared = { task: label.task, classes: label.classes.length, classWeights: weighing.value };
  let estimator: TrainedModel['estimator'];
  if (hyper.trees) {
    const needed = measureForest(fit.rows, boundBins(layout), hyper.trees.maxLeaves);
    const most = Math.min(MAX_KERNEL_BYTES, (spec.limits.memMB ?? Number.POSITIVE_INFINITY) * 2 ** 20);
    if (needed > most) return refuse('data_too_large', `Training needs ${needed} bytes, the limit is ${most}.`);
    estimator = yield* trainTrees({
      ...shared,
      fit: { columns, target },
      validation: { columns: expandFeatures(layout, validation), target: validationTarget },
      params: hyper.trees,
      seed: spec.seed,
    });
  } else if (hyper.linear) {
    estimator = yield* trainLinear({ ...shared, fit: { columns, target }, params: hyper.linear });
  } else throw new Error('hyperparameters of no trainer');
  const draft = { estimator, layout, classes: label.classes, indexClasses: label.indexClasses };
  let threshold: number | undefined;
  let thresholdBy: TrainedTable['thresholdBy'];
  if (label.task === 'binary') {
    const positives = target.reduce((a, b) => a + b, 0) / target.length;
    const byF1 = hyper.threshold === 'f1' || (hyper.threshold === 'auto' && positives < RARE_SHARE);
    threshold = byF1 ? thresholdOn(draft.estimator, expandFeatures(layout, validation), validationTarget) : 0.5;
    if (typeof hyper.threshold === 'number') threshold = Math.fround(hyper.threshold);
    thresholdBy = byF1 ? 'f1' : 'given';
  }
  const model: TrainedModel = { ...draft, threshold };
  const reference = target.reduce((a, b) => a + b, 0) / target.length;
  const testReport = judge(model, test, take(label.target, parts.test), reference);
  return accept({
    model,
    prepared,
    parts,
    fit,
    validation,
    test,
    validationTarget,
    metrics: { validation: judge(model, validation, validationTarget, reference).metrics, test: testReport.metrics },
    confusion: testReport.confusion,
    thresholdBy,
  });
}

/** A number without any value among the fitted rows cannot be learned from, nor given a baseline. */
function dropUnfitted(prepared: Prepared, fit: Int32Array): Prepared {
  const [kept, empty] = [true, false].map((wanted) =>
    prepared.numeric.filter(({ values }) => fit.some((row) => !Number.isNaN(values[row])) === wanted),
  ) as [NumberColumn[], NumberColumn[]];
  const says = 'It has no value in the rows to fit.';
  const dropped = empty.map(({ name }) => ({ name, reason: 'all_missing', says }) as const);
  return { ...prepared, numeric: kept, dropped: [...prepared.dropped, ...dropped] };
}

/** At most this many value bins per design column: one-hot columns hold 0 and 1 only. */
const boundBins = (layout: FeatureLayout): number[] =>
  nameDesign(layout).map((_, j) => (j < layout.numeric.length ? MAX_BINS : 2));

function thresholdOn(
  estimator: TrainedModel['estimator'],
  columns: readonly Float32Array[],
  target: Float64Array,
): number {
  const probabilities = toProbabilities(scoreDesign(estimator, columns, target.length), 2, 'binary');
  return chooseThreshold(
    Float64Array.from(target, (_, row) => probabilities[2 * row + 1] as number),
    target,
  );
}
