// Owns the trained tree model: what it is, its raw scores and its predictions. The exporter must match `predictTrees`.

import type { Task } from '../task.ts';
import { addTree, type Tree } from './tree.ts';

export interface TreeModel {
  readonly kind: 'trees';
  readonly task: Task;
  /** Raw outputs: 1 for binary and regression, the number of classes otherwise. */
  readonly outputs: number;
  /** What the raw score of each output starts from, float32 values. */
  readonly base: readonly number[];
  /** Per round one tree per output; `null` where no split was worth it (it adds nothing). */
  readonly rounds: readonly (readonly (Tree | null)[])[];
  /** Columns that the trees index. */
  readonly features: number;
}

/** Raw scores (log odds, logits or the target itself), row-major [rows, outputs]. `columns` are float32, NaN = missing. */
export function scoreTrees(model: TreeModel, columns: readonly Float32Array[], rows: number): Float64Array {
  const raw = new Float64Array(rows * model.outputs);
  for (let i = 0; i < raw.length; i++) raw[i] = model.base[i % model.outputs] as number;
  for (const round of model.rounds) {
    round.forEach((tree, output) => {
      if (tree) addTree(tree, columns, rows, raw, output, model.outputs);
    });
  }
  return raw;
}

/** Total gain per column over all splits; sums to 1 unless the model has no split. */
export function measureImportance(model: TreeModel): Float64Array {
  const total = new Float64Array(model.features);
  let sum = 0;
  for (const round of model.rounds) {
    for (const tree of round) {
      if (!tree) continue;
      for (let i = 0; i < tree.feature.length; i++) {
        const feature = tree.feature[i] as number;
        total[feature] = (total[feature] as number) + (tree.gain[i] as number);
        sum += tree.gain[i] as number;
      }
    }
  }
  return sum > 0 ? total.map((gain) => gain / sum) : total;
}
