// Owns what is learned (task, classes) and the step from raw scores to probabilities, the same for every trainer.

export type Task = 'binary' | 'multiclass' | 'regression';
export const TASKS: readonly Task[] = ['binary', 'multiclass', 'regression'];

/** Raw scores per row: binary and regression have one, multiclass one per class. */
export const countOutputs = (task: Task, classes: number): number => (task === 'multiclass' ? classes : 1);

export const sigmoid = (raw: number): number => {
  if (raw >= 0) return 1 / (1 + Math.exp(-raw));
  const e = Math.exp(raw);
  return e / (1 + e);
};

/** Softmax of `count` scores at `from`, written to `out` at the same place. */
export function writeSoftmax(raw: Float64Array, from: number, count: number, out: Float64Array): void {
  let top = Number.NEGATIVE_INFINITY;
  for (let k = 0; k < count; k++) top = Math.max(top, raw[from + k] as number);
  let sum = 0;
  for (let k = 0; k < count; k++) {
    const e = Math.exp((raw[from + k] as number) - top);
    out[from + k] = e;
    sum += e;
  }
  for (let k = 0; k < count; k++) out[from + k] = (out[from + k] as number) / sum;
}

/** Probabilities, row-major [rows, classes], from raw scores; the classes of a binary task are [1-p, p]. */
export function toProbabilities(raw: Float64Array, classes: number, task: Task): Float64Array {
  if (task === 'multiclass') {
    const out = new Float64Array(raw.length);
    for (let i = 0; i < raw.length; i += classes) writeSoftmax(raw, i, classes, out);
    return out;
  }
  const out = new Float64Array(raw.length * 2);
  for (let i = 0; i < raw.length; i++) {
    const p = sigmoid(raw[i] as number);
    out[2 * i] = 1 - p;
    out[2 * i + 1] = p;
  }
  return out;
}

/** Class index per row: binary takes class 1 above `threshold`, otherwise the most probable class, the first on a tie. */
export function chooseClasses(probabilities: Float64Array, classes: number, threshold: number | undefined): Int32Array {
  const out = new Int32Array(probabilities.length / classes);
  for (let row = 0; row < out.length; row++) {
    const from = row * classes;
    if (threshold !== undefined) {
      out[row] = (probabilities[from + 1] as number) > threshold ? 1 : 0;
      continue;
    }
    let best = 0;
    for (let k = 1; k < classes; k++)
      if ((probabilities[from + k] as number) > (probabilities[from + best] as number)) best = k;
    out[row] = best;
  }
  return out;
}
