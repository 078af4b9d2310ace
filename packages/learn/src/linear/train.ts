// Trains linear models on standardised columns: logistic (binary, multinomial) by L-BFGS, ridge by Cholesky. Stepwise, as the
// tree trainer is.
import { accept, type Result } from '@drover/core/reasons';
import type { RoundReport, TrainingRows } from '../gbdt/train.ts';
import { type ParamRange, readParams } from '../params.ts';
import { countOutputs, sigmoid, type Task, writeSoftmax } from '../task.ts';
import { planStandardisation, standardise } from './design.ts';
import { minimise, type Objective } from './lbfgs.ts';
import type { LinearModel } from './model.ts';

export interface LinearParams {
  /** Weight of the squared norm: sum of losses + l2/2 * |w|² (scikit-learn's C = 1/l2; its ridge alpha = l2). Never on intercepts. */
  readonly l2: number;
  readonly iterations: number;
  /** Largest gradient entry of the mean loss at which the fit has converged. */
  readonly tolerance: number;
}

const RANGES: Record<keyof LinearParams, ParamRange> = {
  l2: { fallback: 1, min: 0, max: 1e9 },
  iterations: { fallback: 500, min: 1, max: 100_000, integer: true },
  tolerance: { fallback: 1e-6, min: 1e-12, max: 1 },
};

export function parseLinearParams(given: Readonly<Record<string, unknown>>): Result<LinearParams> {
  const read = readParams(given, RANGES);
  return read.ok ? accept(read.value) : read;
}

export interface LinearTraining {
  readonly task: Task;
  readonly classes: number;
  readonly fit: TrainingRows;
  readonly classWeights?: readonly number[] | undefined;
  readonly params: LinearParams;
}

/** Mean weighted log loss + l2/(2N)|w|² over [columns + 1, outputs] coefficients, intercepts in the last row. */
function createLogisticObjective(z: Float64Array, job: LinearTraining): Objective {
  const { target } = job.fit;
  const rows = target.length;
  const width = z.length / Math.max(1, rows);
  const outputs = countOutputs(job.task, job.classes);
  const penalty = job.params.l2 / rows;
  const p = new Float64Array(outputs);
  return (at, gradient) => {
    gradient.fill(0);
    let loss = 0;
    for (let row = 0; row < rows; row++) {
      const from = row * width;
      for (let k = 0; k < outputs; k++) {
        let sum = at[width * outputs + k] as number;
        for (let j = 0; j < width; j++) sum += (z[from + j] as number) * (at[j * outputs + k] as number);
        p[k] = sum;
      }
      const truth = target[row] as number;
      const weight = (job.classWeights?.[truth] ?? 1) / rows;
      if (outputs === 1) {
        const raw = p[0] as number;
        // log(1 + e^raw) - truth * raw, without overflow.
        loss += weight * (Math.max(raw, 0) + Math.log1p(Math.exp(-Math.abs(raw))) - truth * raw);
        p[0] = sigmoid(raw) - truth;
      } else {
        writeSoftmax(p, 0, outputs, p);
        loss -= weight * Math.log(Math.max(1e-300, p[truth] as number));
        p[truth] = (p[truth] as number) - 1;
      }
      for (let k = 0; k < outputs; k++) {
        const step = weight * (p[k] as number);
        for (let j = 0; j < width; j++) {
          const i = j * outputs + k;
          gradient[i] = (gradient[i] as number) + step * (z[from + j] as number);
        }
        const i = width * outputs + k;
        gradient[i] = (gradient[i] as number) + step;
      }
    }
    for (let i = 0; i < width * outputs; i++) {
      const w = at[i] as number;
      loss += (penalty / 2) * w * w;
      gradient[i] = (gradient[i] as number) + penalty * w;
    }
    return loss;
  };
}

/** Solves (ZᵀZ + l2 I) w = Zᵀ(y - mean) by Cholesky; a pivot that rounding made too small drops its column (w = 0). */
function solveRidge(
  z: Float64Array,
  target: Float64Array,
  width: number,
  l2: number,
): { weights: Float64Array; intercept: number } {
  const rows = target.length;
  const means = new Float64Array(width);
  let center = 0;
  for (let row = 0; row < rows; row++) {
    center += (target[row] as number) / rows;
    for (let j = 0; j < width; j++) means[j] = (means[j] as number) + (z[row * width + j] as number) / rows;
  }
  const gram = new Float64Array(width * width);
  const right = new Float64Array(width);
  for (let row = 0; row < rows; row++) {
    const y = (target[row] as number) - center;
    for (let a = 0; a < width; a++) {
      const za = (z[row * width + a] as number) - (means[a] as number);
      right[a] = (right[a] as number) + za * y;
      for (let b = 0; b <= a; b++) {
        gram[a * width + b] =
          (gram[a * width + b] as number) + za * ((z[row * width + b] as number) - (means[b] as number));
      }
    }
  }
  const dropped = new Uint8Array(width);
  for (let a = 0; a < width; a++) {
    for (let b = 0; b <= a; b++) {
      let sum = (gram[a * width + b] as number) + (a === b ? l2 : 0);
      const scale = sum;
      for (let k = 0; k < b; k++) sum -= (gram[a * width + k] as number) * (gram[b * width + k] as number);
      if (a !== b) {
        gram[a * width + b] = dropped[b] === 1 ? 0 : sum / (gram[b * width + b] as number);
      } else {
        dropped[a] = sum > 1e-10 * Math.max(scale, 1e-12) ? 0 : 1;
        gram[a * width + a] = dropped[a] === 1 ? 1 : Math.sqrt(sum);
      }
    }
  }
  const weights = new Float64Array(width);
  for (let a = 0; a < width; a++) {
    let sum = right[a] as number;
    for (let k = 0; k < a; k++) sum -= (gram[a * width + k] as number) * (weights[k] as number);
    weights[a] = dropped[a] === 1 ? 0 : sum / (gram[a * width + a] as number);
  }
  for (let a = width - 1; a >= 0; a--) {
    let sum = weights[a] as number;
    for (let k = a + 1; k < width; k++) sum -= (gram[k * width + a] as number) * (weights[k] as number);
    weights[a] = dropped[a] === 1 ? 0 : sum / (gram[a * width + a] as number);
  }
  let intercept = center;
  for (let j = 0; j < width; j++) intercept -= (weights[j] as number) * (means[j] as number);
  return { weights, intercept };
}

/** `fit` must have at least one row and one column. Yields after every step of the solver. */
export function* trainLinear(job: LinearTraining): Generator<RoundReport, LinearModel, void> {
  const { fit, task, params } = job;
  const width = fit.columns.length;
  const outputs = countOutputs(task, job.classes);
  const standardisation = planStandardisation(fit.columns);
  const z = standardise(fit.columns, fit.target.length, standardisation);
  const shape = { kind: 'linear', task, outputs, standardisation } as const;
  if (task === 'regression') {
    const { weights, intercept } = solveRidge(z, fit.target, width, params.l2);
    yield { round: 1, rounds: 1, validationLoss: undefined };
    return { ...shape, weights, intercepts: Float64Array.of(intercept) };
  }
  const steps = minimise(createLogisticObjective(z, job), new Float64Array((width + 1) * outputs), params);
  for (;;) {
    const step = steps.next();
    if (step.done === true) {
      return { ...shape, weights: step.value.slice(0, width * outputs), intercepts: step.value.slice(width * outputs) };
    }
    yield { round: step.value.iteration, rounds: params.iterations, validationLoss: undefined };
  }
}
