// Owns the trained linear model and its raw scores. The exporter must match `scoreLinear`.
import type { Task } from '../task.ts';
import { type Standardisation, standardise } from './design.ts';

export interface LinearModel {
  readonly kind: 'linear';
  readonly task: Task;
  readonly outputs: number;
  readonly standardisation: Standardisation;
  /** Row-major [columns, outputs], for standardised columns. */
  readonly weights: Float64Array;
  readonly intercepts: Float64Array;
}

/** Raw scores, row-major [rows, outputs]. */
export function scoreLinear(model: LinearModel, columns: readonly Float32Array[], rows: number): Float64Array {
  const { outputs, weights, intercepts } = model;
  const z = standardise(columns, rows, model.standardisation);
  const width = columns.length;
  const raw = new Float64Array(rows * outputs);
  for (let row = 0; row < rows; row++) {
    for (let k = 0; k < outputs; k++) {
      let sum = intercepts[k] as number;
      for (let j = 0; j < width; j++) sum += (z[row * width + j] as number) * (weights[j * outputs + k] as number);
      raw[row * outputs + k] = sum;
    }
  }
  return raw;
}
