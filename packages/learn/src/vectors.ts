// Makes self-test vectors: inputs and the trainer's own answers, which a device must reproduce before it serves the model.
import { type FeatureRows, toInputs } from './features.ts';
import { predictRows, type TrainedModel } from './model.ts';

/** The document `drover.vectors/1` of a bundle. Row i of `x` and `c` goes in; NaN is null, missing text ''. */
export interface SelfTestVectors {
  readonly type: 'drover.vectors/1';
  /** Absolute for probabilities, times max(1, |expected|) for a value. */
  readonly tolerance: number;
  readonly x: readonly (readonly (number | null)[])[];
  readonly c?: readonly (readonly string[])[];
  /** Probabilities in class order, or the one value, as the trainer itself computes them. */
  readonly expected: readonly (readonly number[])[];
}

export const VECTOR_ROWS = 16;
/** Wider than what export must reach (1e-6): another machine's exp() is no reason to refuse a model. */
const PROBABILITY_TOLERANCE = 1e-5;
const VALUE_TOLERANCE = 1e-5;
/** Characters of a text that a vector may hold. */
const MAX_TEXT = 256;
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
    features.categorical.forEach(({ codes, levels }, j) => {
      const tooLong = (levels[codes[row] as number] ?? '').length > MAX_TEXT;
      if (tooLong || row === 0 || (row % 3 === 0 && j === row % features.categorical.length)) codes[row] = -1;
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
  const clear = spread
    .map((_, row) => row)
    .filter((row) => classes === 0 || isClear(probabilities, row, classes, model.threshold));
  const chosen = takeRows(candidates, clear.slice(0, VECTOR_ROWS));
  const { x, c, rows } = toInputs(chosen);
  const answers = predictRows(model, chosen);
  const byRow = <T>(data: readonly T[]): T[][] => {
    const width = rows === 0 ? 0 : data.length / rows;
    return Array.from({ length: rows }, (_, row) => data.slice(row * width, (row + 1) * width));
  };
  const expected = Array.from(classes === 0 ? answers.values : answers.probabilities, Math.fround);
  return {
    type: 'drover.vectors/1',
    tolerance: classes === 0 ? tolerateValues(expected) : PROBABILITY_TOLERANCE,
    x: byRow(Array.from(x, (value) => (Number.isNaN(value) ? null : value))),
    ...(model.layout.categorical.length > 0 ? { c: byRow(c) } : {}),
    expected: byRow(expected),
  };
}

/** The exactness of a value is 1e-5 of the largest one; the document's tolerance is per row, so the smallest row decides. */
function tolerateValues(expected: readonly number[]): number {
  const sizes = expected.map(Math.abs);
  return Math.min(1, (VALUE_TOLERANCE * Math.max(1, ...sizes)) / Math.max(1, Math.min(...sizes)));
}
