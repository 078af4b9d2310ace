// Owns the imputation and standardisation in front of a linear model, in the float32 steps that the exported graph takes.

/** Per design column: what stands in for missing, and the affine step to mean 0 and deviation 1. All float32 values. */
export interface Standardisation {
  readonly mean: Float32Array;
  /** 1 / standard deviation; 0 for a column that never varies. */
  readonly inverse: Float32Array;
}

/** Mean and population standard deviation over present values, in two passes. A column without values gets 0 and 0. */
export function planStandardisation(columns: readonly Float32Array[]): Standardisation {
  const mean = new Float32Array(columns.length);
  const inverse = new Float32Array(columns.length);
  columns.forEach((column, j) => {
    let sum = 0;
    let n = 0;
    for (const value of column) {
      if (value !== value) continue;
      sum += value;
      n++;
    }
    const center = n === 0 ? 0 : sum / n;
    let squares = 0;
    for (const value of column) if (value === value) squares += (value - center) ** 2;
    const deviation = n === 0 ? 0 : Math.sqrt(squares / n);
    mean[j] = center;
    inverse[j] = deviation > Math.max(1e-30, 1e-9 * Math.abs(center)) ? 1 / deviation : 0;
  });
  return { mean, inverse };
}

/** Row-major [rows, columns]: missing becomes the mean, then (x - mean) * inverse with float32 rounding after each step. */
export function standardise(
  columns: readonly Float32Array[],
  rows: number,
  { mean, inverse }: Standardisation,
): Float64Array {
  const width = columns.length;
  const out = new Float64Array(rows * width);
  columns.forEach((column, j) => {
    const center = mean[j] as number;
    const factor = inverse[j] as number;
    for (let row = 0; row < rows; row++) {
      const value = column[row] as number;
      out[row * width + j] = value !== value ? 0 : Math.fround(Math.fround(value - center) * factor);
    }
  });
  return out;
}
