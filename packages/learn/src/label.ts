// Decides what is learned from a label column or from a row's place in its device's life: task, classes and target.
import { accept, type Result, refuse } from '@drover/core/reasons';
import type { Column } from './table.ts';
import type { Task } from './task.ts';

/** True for the last `rows` rows of each device: "it fails within `rows` steps", for run-to-failure data. */
export interface LabelSpec {
  readonly kind: 'endsWithin';
  readonly rows: number;
  readonly deviceColumn: string;
}

export interface Label {
  readonly task: Task;
  /** Integers ascending, texts in code-unit order; of two texts the rarer comes second, as the positive class. Empty for regression. */
  readonly classes: readonly string[];
  /** Classes are the integers 0..K-1, so that the exported model answers int64 and not text. */
  readonly indexClasses: boolean;
  /** Class index or value per kept row. */
  readonly target: Float64Array;
}

/** With more distinct integers than this a numeric label is a quantity. */
const MAX_INTEGER_CLASSES = 20;
const MAX_CLASSES = 256;
const MAX_CLASS_NAME = 256;

type LabelSource =
  | { readonly kind: 'column'; readonly column: Column; readonly order: Int32Array }
  | { readonly kind: 'derived'; readonly spec: LabelSpec; readonly devices: Int32Array };

/** The label and which places (in time order) carry one. */
export function buildLabel(source: LabelSource, task: Task | 'auto'): Result<{ label: Label; kept: Int32Array }> {
  if (source.kind === 'derived') return deriveEnd(source.spec, source.devices, task);
  const { column, order } = source;
  const places = Int32Array.from(order, (_, place) => place).filter((place) => {
    const row = order[place] as number;
    return column.kind === 'text' ? (column.codes[row] as number) >= 0 : !Number.isNaN(column.values[row]);
  });
  if (places.length === 0) return refuse('data_label_invalid', `The label "${column.name}" is missing in every row.`);
  if (column.kind === 'text') {
    if (task === 'regression')
      return refuse('data_label_invalid', `The label "${column.name}" is text and cannot be a number.`);
    const values = Array.from(
      places,
      (place) => column.levels[column.codes[order[place] as number] as number] as string,
    );
    return finish(classesOf(values, column.name, task, false), places);
  }
  const values = Float64Array.from(places, (place) => column.values[order[place] as number] as number);
  const distinct = new Set(values);
  const integers = values.every(Number.isSafeInteger);
  const looksClassed = distinct.size === 2 || (integers && distinct.size <= MAX_INTEGER_CLASSES);
  if (task === 'regression' || (task === 'auto' && !looksClassed)) {
    if (distinct.size === 1)
      return refuse('data_label_invalid', `The label "${column.name}" is ${values[0]} in every row.`);
    return accept({ label: { task: 'regression', classes: [], indexClasses: false, target: values }, kept: places });
  }
  const spelled = Array.from(values, String);
  return finish(classesOf(spelled, column.name, task, integers), places);
}

const finish = (label: Result<Label>, kept: Int32Array): Result<{ label: Label; kept: Int32Array }> =>
  label.ok ? accept({ label: label.value, kept }) : label;

function classesOf(values: readonly string[], name: string, task: Task | 'auto', integers: boolean): Result<Label> {
  const counts = new Map<string, number>();
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1);
  if (counts.size === 1) return refuse('data_one_class', `The label "${name}" is "${values[0]}" in every row.`);
  if (counts.size > MAX_CLASSES) {
    return refuse('data_label_invalid', `The label "${name}" has ${counts.size} classes, the limit is ${MAX_CLASSES}.`);
  }
  if (task === 'binary' && counts.size !== 2)
    return refuse('data_label_invalid', `The label "${name}" has ${counts.size} classes, not 2.`);
  if (values.some((value) => value.length > MAX_CLASS_NAME)) {
    return refuse('data_label_invalid', `A class of "${name}" is longer than ${MAX_CLASS_NAME} characters.`);
  }
  const numeric = values.every((value) => value !== '' && Number.isFinite(Number(value)));
  const classes = [...counts.keys()].sort((a, b) => (numeric ? Number(a) - Number(b) : a < b ? -1 : 1));
  if (
    !numeric &&
    classes.length === 2 &&
    (counts.get(classes[1] as string) ?? 0) > (counts.get(classes[0] as string) ?? 0)
  ) {
    classes.reverse();
  }
  const index = new Map(classes.map((value, k) => [value, k]));
  return accept({
    task: classes.length === 2 && task !== 'multiclass' ? 'binary' : 'multiclass',
    classes,
    indexClasses: integers && classes.every((value, k) => value === String(k)),
    target: Float64Array.from(values, (value) => index.get(value) as number),
  });
}

function deriveEnd(
  spec: LabelSpec,
  devices: Int32Array,
  task: Task | 'auto',
): Result<{ label: Label; kept: Int32Array }> {
  if (!Number.isSafeInteger(spec.rows) || spec.rows < 1)
    return refuse('params_invalid', '"rows" of the label must be a positive integer.');
  if (task !== 'auto' && task !== 'binary')
    return refuse('params_invalid', 'A label "within N rows of the end" is binary.');
  const left = new Map<number, number>();
  const target = new Float64Array(devices.length);
  let positive = 0;
  for (let i = devices.length - 1; i >= 0; i--) {
    const device = devices[i] as number;
    const behind = left.get(device) ?? 0;
    left.set(device, behind + 1);
    if (behind >= spec.rows) continue;
    target[i] = 1;
    positive++;
  }
  if (positive === devices.length)
    return refuse('data_one_class', `Every row is within ${spec.rows} rows of its device's end.`);
  return accept({
    label: { task: 'binary', classes: ['0', '1'], indexClasses: true, target },
    kept: Int32Array.from(devices, (_, i) => i),
  });
}
