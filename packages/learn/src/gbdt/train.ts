// Trains gradient-boosted trees: losses, sampling, rounds and early stopping. One run is a generator: it yields after every
// round, so that the caller may report, cancel by not going on, or let other work through. Reads no clock.
import { createRandom, type Random, sampleAscending } from '../random.ts';
import { countOutputs, sigmoid, type Task, toProbabilities, writeSoftmax } from '../task.ts';
import { planBins } from './bins.ts';
import { type Forest, type GrownTree, type GrowRules, growTree, plantForest } from './grow.ts';
import type { KernelName } from './kernel.ts';
import type { TreeModel } from './model.ts';
import type { TreeParams } from './params.ts';
import { choosePacking, type HistogramColumn } from './split.ts';
import { addTree, findLeaf, type Tree } from './tree.ts';

/** Columns are float32 with NaN for missing; `target` is the class index or the value; both have one entry per row. */
export interface TrainingRows {
  readonly columns: readonly Float32Array[];
  readonly target: Float64Array;
}

export interface TreeTraining {
  readonly task: Task;
  /** Number of classes; ignored for regression. */
  readonly classes: number;
  readonly fit: TrainingRows;
  /** Watched for early stopping; never fitted. */
  readonly validation?: TrainingRows | undefined;
  /** One factor per class on gradient and hessian. */
  readonly classWeights?: readonly number[] | undefined;
  readonly params: TreeParams;
  readonly seed: number;
  readonly kernel?: KernelName | undefined;
}

export interface RoundReport {
  readonly round: number;
  readonly rounds: number;
  /** Mean loss on the validation rows: log loss, or mean squared error. */
  readonly validationLoss: number | undefined;
}

/** N / (K * n_k) for each class; a class without rows gets 0. */
export function balanceClasses(target: Float64Array, classes: number): number[] {
  const counts = Array.from({ length: classes }, () => 0);
  for (const k of target) counts[k] = (counts[k] ?? 0) + 1;
  return counts.map((n) => (n === 0 ? 0 : target.length / (classes * n)));
}

/** Mean log loss or squared error of raw scores; probabilities are kept from 0 by 1e-15. */
export function measureLoss(raw: Float64Array, target: Float64Array, task: Task, classes: number): number {
  let sum = 0;
  if (task === 'regression') {
    for (let i = 0; i < target.length; i++) sum += ((raw[i] as number) - (target[i] as number)) ** 2;
    return sum / target.length;
  }
  const p = toProbabilities(raw, classes, task);
  for (let i = 0; i < target.length; i++)
    sum -= Math.log(Math.max(1e-15, p[i * classes + (target[i] as number)] as number));
  return sum / target.length;
}

function startScores(job: TreeTraining, weights: readonly number[]): number[] {
  const { target } = job.fit;
  if (job.task === 'regression') {
    let sum = 0;
    for (const y of target) sum += y;
    return [Math.fround(sum / target.length)];
  }
  const mass = Array.from({ length: job.classes }, () => 0);
  for (const k of target) mass[k] = (mass[k] ?? 0) + (weights[k] ?? 1);
  const total = mass.reduce((a, b) => a + b, 0);
  const log = mass.map((m) => Math.log(Math.max(m / total, 1e-9)));
  return job.task === 'binary' ? [Math.fround((log[1] as number) - (log[0] as number))] : log.map(Math.fround);
}

/** The largest hessian that a row can have, for the packing. */
const largestHessian = (task: Task, weights: readonly number[]): number =>
  (task === 'regression' ? 1 : 0.25) * Math.max(...(task === 'regression' ? [1] : weights), 1e-6);

/** Writes gradient and packed hessian of every row for one output. `probabilities` is the softmax of a multiclass round. */
function fillPairs(
  job: TreeTraining,
  forest: Forest,
  raw: Float64Array,
  probabilities: Float64Array,
  output: number,
  weights: readonly number[],
  packing: { shift: number; scale: number },
): void {
  const { target } = job.fit;
  const { pairs } = forest;
  const { shift, scale } = packing;
  if (job.task === 'regression') {
    const packed = shift + Math.floor(scale + 0.5);
    for (let i = 0; i < target.length; i++) {
      pairs[2 * i] = (raw[i] as number) - (target[i] as number);
      pairs[2 * i + 1] = packed;
    }
    return;
  }
  const stride = job.task === 'binary' ? 1 : job.classes;
  for (let i = 0; i < target.length; i++) {
    const k = target[i] as number;
    const weight = weights[k] as number;
    const p = stride === 1 ? sigmoid(raw[i] as number) : (probabilities[i * stride + output] as number);
    const hit = stride === 1 ? k : k === output ? 1 : 0;
    pairs[2 * i] = weight * (p - hit);
    pairs[2 * i + 1] = shift + Math.floor(weight * p * (1 - p) * scale + 0.5);
  }
}

/** Adds a grown tree to the raw scores: sampled rows by their leaf, the others by falling through. */
function addGrown(
  grown: GrownTree,
  forest: Forest,
  job: TreeTraining,
  sampled: number,
  raw: Float64Array,
  output: number,
): void {
  const { tree, leafFrom } = grown;
  const stride = countOutputs(job.task, job.classes);
  const { order } = forest;
  for (let leaf = 0; leaf < leafFrom.length; leaf++) {
    const from = leafFrom[leaf] as number;
    const value = tree.leafValue[leaf] as number;
    for (let i = from; i < from + (tree.leafRows[leaf] as number); i++) {
      const at = (order[i] as number) * stride + output;
      raw[at] = (raw[at] as number) + value;
    }
  }
  if (sampled === forest.rows) return;
  const seen = new Uint8Array(forest.rows);
  for (let i = 0; i < sampled; i++) seen[order[i] as number] = 1;
  for (let row = 0; row < forest.rows; row++) {
    if (seen[row] === 1) continue;
    const at = row * stride + output;
    raw[at] = (raw[at] as number) + (tree.leafValue[findLeaf(tree, job.fit.columns, row)] as number);
  }
}

function drawColumns(random: Random, all: readonly HistogramColumn[], share: number): readonly HistogramColumn[] {
  const count = Math.max(1, Math.round(all.length * share));
  if (count >= all.length) return all;
  const chosen = new Uint32Array(count);
  sampleAscending(random, all.length, count, chosen);
  return Array.from(chosen, (i) => all[i] as HistogramColumn);
}

/**
 * Boosts until `iterations`, until no tree finds a split, or until the validation loss has not improved for `patience`
 * rounds (the model then ends at its best round). `fit` must have at least one row and one column.
 */
export function* trainTrees(job: TreeTraining): Generator<RoundReport, TreeModel, void> {
  const { params, task, classes, fit, validation } = job;
  const rows = fit.target.length;
  const outputs = countOutputs(task, classes);
  const weights = job.classWeights ?? Array.from({ length: classes }, () => 1);
  const random = createRandom(job.seed);
  const forest = plantForest(fit.columns, planBins(fit.columns), params.maxLeaves, job.kernel);
  const usable = forest.columns.filter(
    (column) => column.bins > 1 || fit.columns[column.feature]?.some(Number.isNaN) === true,
  );
  const packing = choosePacking(rows, largestHessian(task, weights));
  const rules: GrowRules = { ...params, minHessian: 1e-3, minGain: 1e-12 };
  const base = startScores(job, weights);
  const raw = new Float64Array(rows * outputs);
  for (let i = 0; i < raw.length; i++) raw[i] = base[i % outputs] as number;
  const probabilities = task === 'multiclass' ? new Float64Array(raw.length) : new Float64Array(0);
  const watched = new Float64Array((validation?.target.length ?? 0) * outputs);
  for (let i = 0; i < watched.length; i++) watched[i] = base[i % outputs] as number;
  const rounds: (Tree | null)[][] = [];
  let best =
    validation && validation.target.length > 0 ? measureLoss(watched, validation.target, task, classes) : undefined;
  let bestRounds = 0;
  const sampled = Math.max(1, Math.floor(rows * params.rowShare));

  while (rounds.length < params.iterations && usable.length > 0) {
    if (task === 'multiclass')
      for (let i = 0; i < raw.length; i += classes) writeSoftmax(raw, i, classes, probabilities);
    const trees: (Tree | null)[] = [];
    for (let output = 0; output < outputs; output++) {
      fillPairs(job, forest, raw, probabilities, output, weights, packing);
      if (sampled < rows) sampleAscending(random, rows, sampled, forest.order);
      else for (let i = 0; i < rows; i++) forest.order[i] = i;
      const grown = growTree(forest, sampled, drawColumns(random, usable, params.columnShare), packing, rules);
      trees.push(grown?.tree ?? null);
      if (!grown) continue;
      addGrown(grown, forest, job, sampled, raw, output);
      if (validation) addTree(grown.tree, validation.columns, validation.target.length, watched, output, outputs);
    }
    if (trees.every((tree) => tree === null)) break;
    rounds.push(trees);
    let validationLoss: number | undefined;
    if (validation && best !== undefined) {
      validationLoss = measureLoss(watched, validation.target, task, classes);
      if (validationLoss < best) {
        best = validationLoss;
        bestRounds = rounds.length;
      }
    }
    yield { round: rounds.length, rounds: params.iterations, validationLoss };
    if (best !== undefined && params.patience > 0 && rounds.length - bestRounds >= params.patience) break;
  }
  const kept = best !== undefined && params.patience > 0 ? rounds.slice(0, bestRounds) : rounds;
  return { kind: 'trees', task, outputs, base, rounds: kept, features: fit.columns.length };
}
