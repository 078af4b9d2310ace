// Makes self-test vectors: inputs and the trainer's own answers, which a device must reproduce before it serves the model.
import { type FeatureRows, toInputs } from './features.ts';
import { predictRows, type TrainedModel } from './model.ts';

/** Row-major data; NaN is null; int64 as numbers. A value fits when it is within `tolerance` of the expected one. */
export interface VectorTensor {
  readonly name: string;
  readonly type: 'float32' | 'int64' | 'string';
  readonly shape: readonly number[];
  readonly data: readonly (number | string | null)[];
}

export interface SelfTestVectors {
  readonly type: 'drover.vectors/1';
  readonly rows: number;
  readonly inputs: readonly VectorTensor[];
  readonly outputs: readonly (VectorTensor & { readonly tolerance: number })[];
}

export const VECTOR_ROWS = 16;
/** Wider than what export must reach (1e-6): another machine's exp() is no reason to refuse a model. */
const PROBABILITY_TOLERANCE = 1e-5;
const VALUE_TOLERANCE = 1e-5;
/** A row this near to another label says nothing about the model. */
const TIE = 1e-3;

function takeRows(features: FeatureRows, rows: readonly number[]): FeatureRows {
  return {
    rows: rows.length,
    numeric: features.numeric.map((column) => Float32Array.from(rows, (row) => column[row] as number)),
    categorical: features.categorical.map(({ codes, levels }) => ({
      levels,
      codes: Int32Array.from(rows, (row) => codes[row] as number),
    })),
  };
}

/** Blanks row 0 whole, and in every third row one number and one text more: missing values must take the trained path. */
function blankSome(features: FeatureRows): FeatureRows {
  for (let row = 0; row < features.rows; row++) {
    features.numeric.forEach((column, j) => {
      if (row === 0 || (row % 3 === 0 && j === row % features.numeric.length)) column[row] = Number.NaN;
    });
    features.categorical.forEach(({ codes }, j) => {
      if (row === 0 || (row % 3 === 0 && j === row % features.categorical.length)) codes[row] = -1;
    });
  }
  return features;
}

function isClear(probabilities: Float64Array, row: number, classes: number, threshold: number | undefined): boolean {
  const own = probabilities.subarray(row * classes, (row + 1) * classes);
  if (threshold !== undefined) return Math.abs((own[1] as number) - threshold) > TIE;
  const sorted = own.toSorted();
  return (sorted[classes - 1] as number) - (sorted[classes - 2] as number) > TIE;
}

/** At most `VECTOR_ROWS` rows of `features`, spread evenly, some with values taken away, those near a tie left out. */
export function makeVectors(model: TrainedModel, features: FeatureRows): SelfTestVectors {
  const wanted = Math.min(features.rows, VECTOR_ROWS * 2);
  const spread = Array.from({ length: wanted }, (_, i) => Math.floor((i * features.rows) / wanted));
  const candidates = blankSome(takeRows(features, spread));
  const { probabilities } = predictRows(model, candidates);
  const classes = model.classes.length;
  const clear = spread.map((_, row) => row).filter((row) => classes === 0 || isClear(probabilities, row, classes, model.threshold));
  const chosen = takeRows(candidates, clear.slice(0, VECTOR_ROWS));
  const inputs = toInputs(chosen);
  const answers = predictRows(model, chosen);
  const { rows } = chosen;
  const tensors: VectorTensor[] = [];
  const numbers = (data: ArrayLike<number>): (number | null)[] => Array.from(data, (v) => (Number.isNaN(v) ? null : v));
  const width = model.layout.numeric.length;
  if (width > 0) tensors.push({ name: 'x', type: 'float32', shape: [rows, width], data: numbers(inputs.x) });
  const texts = model.layout.categorical.length;
  if (texts > 0) tensors.push({ name: 'c', type: 'string', shape: [rows, texts], data: inputs.c });
  if (classes === 0) {
    const largest = answers.values.reduce((top, y) => Math.max(top, Math.abs(y)), 0);
    const data = Array.from(answers.values, Math.fround);
    const y = { name: 'y', type: 'float32', shape: [rows, 1], data, tolerance: Math.max(largest, 1e-6) * VALUE_TOLERANCE } as const;
    return { type: 'drover.vectors/1', rows, inputs: tensors, outputs: [y] };
  }
  const names = Array.from(answers.chosen, (k) => model.classes[k] as string);
  return {
    type: 'drover.vectors/1',
    rows,
    inputs: tensors,
    outputs: [
      model.integerClasses
        ? { name: 'label', type: 'int64', shape: [rows], data: names.map(Number), tolerance: 0 }
        : { name: 'label', type: 'string', shape: [rows], data: names, tolerance: 0 },
      {
        name: 'probabilities',
        type: 'float32',
        shape: [rows, classes],
        data: Array.from(answers.probabilities, Math.fround),
        tolerance: PROBABILITY_TOLERANCE,
      },
    ],
  };
}
