// Makes the training-time reference of a model: its features on the fitted rows, its outputs on the validation rows, which the
// model has not fitted and so answers as it will in the field.
import { accept, type Result, refuse } from '@drover/core/reasons';
import { type Baseline, buildBaseline, type TrainingColumn } from '@drover/sketch/baseline';
import type { FeatureRows } from './features.ts';
import { chooseRows, influenceOf, standIn } from './influence.ts';
import { predictRows, type TrainedModel } from './model.ts';
import type { TrainedTable } from './train-table.ts';

/** By the name of each field. */
function measureInfluence(model: TrainedModel, features: FeatureRows): Map<string, number> {
  const chosen = chooseRows(features.rows);
  const rows = chosen.length;
  const other = chosen.map((_, at) => chosen[standIn(at, rows)] as number);
  const numeric = (values: Float32Array, from: Int32Array): Float32Array =>
    Float32Array.from(from, (row) => values[row] as number);
  const codes = (values: Int32Array, from: Int32Array): Int32Array => from.map((row) => values[row] as number);
  const own: FeatureRows = {
    rows,
    numeric: features.numeric.map((values) => numeric(values, chosen)),
    categorical: features.categorical.map((one) => ({ ...one, codes: codes(one.codes, chosen) })),
  };
  const answer = (given: FeatureRows): Float64Array => {
    const { probabilities, values } = predictRows(model, given);
    return model.classes.length === 0 ? values : probabilities;
  };
  const width = Math.max(1, model.classes.length);
  const before = answer(own);
  const found = new Map<string, number>();
  for (const [j, values] of features.numeric.entries()) {
    const moved = answer({ ...own, numeric: own.numeric.with(j, numeric(values, other)) });
    found.set(model.layout.numeric[j] as string, influenceOf(before, moved, width));
  }
  for (const [j, one] of features.categorical.entries()) {
    const moved = answer({ ...own, categorical: own.categorical.with(j, { ...one, codes: codes(one.codes, other) }) });
    found.set(model.layout.categorical[j]?.name ?? '', influenceOf(before, moved, width));
  }
  return found;
}

/** Features in tensor order, numbers before texts. */
export function describeBaseline({ model, fit, validation, validationTarget }: TrainedTable): Result<Baseline> {
  const columns: TrainingColumn[] = [
    ...fit.numeric.map((values, j) => ({ name: model.layout.numeric[j] as string, values })),
    ...fit.categorical.map(({ codes, levels }, j) => ({
      name: model.layout.categorical[j]?.name ?? '',
      values: Array.from(codes, (code) => levels[code]),
    })),
  ];
  const { probabilities, values } = predictRows(model, validation);
  const built = buildBaseline(
    columns,
    model.classes.length === 0
      ? { kind: 'regression', predictions: values }
      : { kind: 'classification', classes: model.classes, probabilities, labels: validationTarget },
    measureInfluence(model, validation),
  );
  // What a baseline refuses beyond its size, preparation has dropped before.
  return built.ok ? accept(built.value) : refuse('data_too_large', `The baseline: ${built.detail}.`);
}
