// Owns what every trained model has in common, whichever trainer made it: scores and predictions on raw features. The
// exported ONNX graph must give the same (1e-6 on probabilities, 1e-5 of the largest |y| on values).
import { expandFeatures, type FeatureLayout, type FeatureRows } from './features.ts';
import { scoreTrees, type TreeModel } from './gbdt/model.ts';
import { type LinearModel, scoreLinear } from './linear/model.ts';
import { chooseClasses, toProbabilities } from './task.ts';

export interface TrainedModel {
  readonly estimator: TreeModel | LinearModel;
  readonly layout: FeatureLayout;
  /** Class names in the order of `probabilities`; empty for regression. */
  readonly classes: readonly string[];
  /** Classes are the integers 0..K-1: the label is then int64, the index itself, and not text. */
  readonly indexClasses: boolean;
  /** Binary only: class 1 is answered above this probability (a float32 value). */
  readonly threshold: number | undefined;
}

export interface Predictions {
  /** Row-major [rows, classes]; empty for regression. */
  readonly probabilities: Float64Array;
  /** Class index per row; empty for regression. */
  readonly chosen: Int32Array;
  /** Value per row; empty for classification. */
  readonly values: Float64Array;
}

export function scoreDesign(
  estimator: TrainedModel['estimator'],
  columns: readonly Float32Array[],
  rows: number,
): Float64Array {
  return estimator.kind === 'trees' ? scoreTrees(estimator, columns, rows) : scoreLinear(estimator, columns, rows);
}

export function predictRows(model: TrainedModel, features: FeatureRows): Predictions {
  const raw = scoreDesign(model.estimator, expandFeatures(model.layout, features), features.rows);
  const { task } = model.estimator;
  if (task === 'regression') return { probabilities: new Float64Array(0), chosen: new Int32Array(0), values: raw };
  const probabilities = toProbabilities(raw, model.classes.length, task);
  return {
    probabilities,
    chosen: chooseClasses(probabilities, model.classes.length, model.threshold),
    values: new Float64Array(0),
  };
}
