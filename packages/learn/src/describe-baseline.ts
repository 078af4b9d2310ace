// Makes the training-time reference of a model: its features on the fitted rows, its outputs on the validation rows, which the
// model has not fitted and so answers as it will in the field.
import { accept, type Result, refuse } from '@drover/core/reasons';
import { type Baseline, buildBaseline, type TrainingColumn } from '@drover/sketch/baseline';
import { predictRows } from './model.ts';
import type { TrainedTable } from './train-table.ts';

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
  );
  // What a baseline refuses beyond its size, preparation has dropped before.
  return built.ok ? accept(built.value) : refuse('data_too_large', `The baseline: ${built.detail}.`);
}
