// Owns what a finished job says about its model: the schema and lineage inside the ONNX file, and the report beside it.
// All of it is a function of data, code and parameters: no time, host or run id, so that a run can be reproduced bit for bit.
import { nameDesign } from './features.ts';
import { measureImportance } from './gbdt/model.ts';
import { CONTRACT, type Hyperparameters, type JobSpec } from './job-spec.ts';
import type { TrainedModel } from './model.ts';
import type { DroppedColumn } from './prepare.ts';
import type { SplitSpec } from './split.ts';
import type { Task } from './task.ts';
import type { TrainedTable } from './train-table.ts';

/** Part of every lineage; raised when the same data and parameters would give another model. */
export const TRAINER_VERSION = 1;

export interface FeatureSchema {
  readonly name: string;
  readonly kind: 'numeric' | 'categorical';
  /** The input tensor and the column in it. */
  readonly input: 'x' | 'c';
  readonly index: number;
  /** Categories with a column of their own; any other text counts as none of them. */
  readonly levels?: readonly string[];
}

/** Which outputs of the graph answer, in the manifest's words. */
export type AnswerSchema =
  | {
      readonly kind: 'classification';
      readonly classes: readonly string[];
      readonly label: 'label';
      readonly probabilities: 'probabilities';
      readonly threshold?: number;
    }
  | { readonly kind: 'regression'; readonly output: 'y' };

/** What goes in and comes out; the value of `drover.schema`. */
export interface ModelSchema {
  readonly task: Task;
  readonly features: readonly FeatureSchema[];
  /** In the order of `probabilities`; empty for regression. */
  readonly classes: readonly string[];
  readonly labelType: 'int64' | 'string' | 'float32';
  readonly threshold?: number;
  readonly answer: AnswerSchema;
}

export interface JobReport extends ModelSchema {
  readonly contract: typeof CONTRACT;
  readonly trainer: JobSpec['trainer'];
  readonly label: JobSpec['label'];
  readonly dropped: readonly DroppedColumn[];
  readonly rows: {
    readonly table: number;
    readonly unlabelled: number;
    readonly fit: number;
    readonly validation: number;
    readonly test: number;
  };
  readonly split: SplitSpec;
  /** Devices per part when there is a device column. */
  readonly devices?: {
    readonly fit: readonly string[];
    readonly validation: readonly string[];
    readonly test: readonly string[];
  };
  readonly thresholdBy?: 'f1' | 'given';
  /** Rows = truth, columns = answer, on the test rows; empty for regression. */
  readonly confusion: readonly (readonly number[])[];
  /** Boosting rounds kept; trees only. */
  readonly rounds?: number;
  /** Share of the gain per design column, the largest 50; trees only. */
  readonly importance?: readonly { readonly name: string; readonly share: number }[];
}

export function describeSchema(model: TrainedModel): ModelSchema {
  const { layout, estimator, classes } = model;
  const threshold = model.threshold === undefined ? {} : { threshold: model.threshold };
  return {
    task: estimator.task,
    features: [
      ...layout.numeric.map((name, index): FeatureSchema => ({ name, kind: 'numeric', input: 'x', index })),
      ...layout.categorical.map(
        ({ name, levels }, index): FeatureSchema => ({ name, kind: 'categorical', input: 'c', index, levels }),
      ),
    ],
    classes,
    labelType: estimator.task === 'regression' ? 'float32' : model.indexClasses ? 'int64' : 'string',
    ...threshold,
    answer:
      estimator.task === 'regression'
        ? { kind: 'regression', output: 'y' }
        : { kind: 'classification', classes, label: 'label', probabilities: 'probabilities', ...threshold },
  };
}

/** `drover.kind`, `drover.schema` and `drover.lineage` for the ONNX file. `dataSha256` is the digest of the table's bytes. */
export function describeMetadata(
  result: TrainedTable,
  spec: JobSpec,
  hyper: Hyperparameters,
  dataSha256: string,
): Record<string, string> {
  const { trees, linear, classWeights, threshold } = hyper;
  return {
    'drover.kind': `${spec.trainer}/${result.model.estimator.task}`,
    'drover.schema': JSON.stringify(describeSchema(result.model)),
    'drover.lineage': JSON.stringify({
      trainer: `@drover/learn/${TRAINER_VERSION}`,
      dataSha256,
      label: spec.label,
      exclude: spec.exclude,
      features: spec.features,
      deviceColumn: spec.deviceColumn,
      timeColumn: spec.timeColumn,
      split: spec.split,
      seed: spec.seed,
      params: { ...trees, ...linear, classWeights, threshold },
      rows: result.parts.fit.length,
    }),
  };
}

function nameDevices(result: TrainedTable, rows: Int32Array): string[] {
  const { devices } = result.prepared;
  return devices
    ? [...new Set(Array.from(rows, (row) => devices.codes[row] as number))].map((code) => devices.names[code] as string)
    : [];
}

export function describeJob(result: TrainedTable, spec: JobSpec, tableRows: number): JobReport {
  const { model, parts, prepared } = result;
  const { estimator } = model;
  const names = nameDesign(model.layout);
  const trees =
    estimator.kind === 'trees'
      ? {
          rounds: estimator.rounds.length,
          importance: Array.from(measureImportance(estimator), (share, i) => ({ name: names[i] as string, share }))
            .filter(({ share }) => share > 0)
            .sort((a, b) => b.share - a.share)
            .slice(0, 50),
        }
      : {};
  return {
    contract: CONTRACT,
    trainer: spec.trainer,
    label: spec.label,
    ...describeSchema(model),
    dropped: prepared.dropped,
    rows: {
      table: tableRows,
      unlabelled: prepared.unlabelled,
      fit: parts.fit.length,
      validation: parts.validation.length,
      test: parts.test.length,
    },
    split: spec.split,
    ...(prepared.devices
      ? {
          devices: {
            fit: nameDevices(result, parts.fit),
            validation: nameDevices(result, parts.validation),
            test: nameDevices(result, parts.test),
          },
        }
      : {}),
    ...(result.thresholdBy ? { thresholdBy: result.thresholdBy } : {}),
    confusion: result.confusion,
    ...trees,
  };
}
