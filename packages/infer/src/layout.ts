// Decides whether a model's inputs and outputs are what its manifest says, and where in them each feature and answer
// stands. It computes nothing.
import { accept, type Refusal, type Result, refuse } from '@drover/core/reasons';
import type { TensorInfo } from './runtime.ts';

export interface Feature {
  readonly name: string;
  readonly kind: 'numeric' | 'categorical';
  /** Name of the model input that takes it. */
  readonly input: string;
  /** Its column in that input. */
  readonly index: number;
}

export type AnswerLayout =
  | {
      readonly kind: 'classification';
      /** In the order of the columns of the probabilities. */
      readonly classes: readonly string[];
      /** Output with one label per row: text, or int64 indices into `classes`. */
      readonly label?: string;
      /** Output with one column per class. Without it a prediction has no probabilities. */
      readonly probabilities?: string;
    }
  | { readonly kind: 'regression'; readonly output: string };

/** The manifest's view of a model. A row gives numeric and categorical features apart, each in this order. */
export interface Layout {
  readonly features: readonly Feature[];
  readonly answer: AnswerLayout;
}

/** The parts of a manifest that say how rows of fields feed the model and what it answers. */
export interface DescribedModel {
  readonly features: readonly Feature[];
  readonly inputs: readonly { readonly name: string }[];
  readonly task?: DescribedTask | undefined;
}
export type DescribedTask =
  | {
      readonly kind: 'classification';
      readonly classes: readonly string[];
      readonly label?: string | undefined;
      readonly probabilities: string;
    }
  | { readonly kind: 'regression'; readonly output: string };

export function answerOf(task: DescribedTask): AnswerLayout {
  if (task.kind === 'regression') return { kind: 'regression', output: task.output };
  const { classes, label, probabilities } = task;
  return { kind: 'classification', classes, ...(label !== undefined && { label }), probabilities };
}

/** Undefined when rows of fields cannot feed the model: no task, or an input whose columns are no features. */
export function layoutOf({ features, inputs, task }: DescribedModel): Layout | undefined {
  if (!task || features.length === 0) return undefined;
  if (inputs.some(({ name }) => !features.some(({ input }) => input === name))) return undefined;
  return {
    features: features.map(({ name, kind, input, index }) => ({ name, kind, input, index })),
    answer: answerOf(task),
  };
}

export type NumericType = 'float32' | 'float64';

/** One input tensor and which feature of a row goes to which of its columns. */
export interface InputColumns {
  readonly name: string;
  readonly dtype: NumericType | 'string';
  /** Columns; the tensor is [rows, width], or [rows] when `flat`. */
  readonly width: number;
  readonly flat: boolean;
  /** Per column, the place of its feature among the numeric, or the categorical, features of a row. */
  readonly sources: readonly number[];
}

const mismatch = (detail: string): Refusal => refuse('onnx_signature_mismatch', detail);

function planInput(info: TensorInfo, features: readonly (Feature & { place: number })[]): Result<InputColumns> {
  const { name, dtype, shape } = info;
  const text = dtype === 'string';
  if (!text && dtype !== 'float32' && dtype !== 'float64') {
    return mismatch(`Input "${name}" takes ${dtype}; features are float32, float64 or string.`);
  }
  const wrong = features.find(({ kind }) => (kind === 'categorical') !== text);
  if (wrong !== undefined) return mismatch(`Feature "${wrong.name}" is ${wrong.kind}; input "${name}" takes ${dtype}.`);
  const rank = shape?.length ?? 2;
  const declared = rank === 1 ? 1 : shape?.[1];
  const width = typeof declared === 'number' ? declared : features.length;
  if (rank < 1 || rank > 2 || width !== features.length || (typeof shape?.[0] === 'number' && shape[0] !== 1)) {
    return mismatch(`Input "${name}" has the shape [${shape?.join(', ')}] for ${features.length} features.`);
  }
  const sources: number[] = [];
  for (const { index, place } of features) sources[index] = place;
  const filled = features.every(({ index }) => Number.isInteger(index) && index >= 0 && index < width);
  if (!filled || Object.keys(sources).length !== width) {
    return mismatch(`The features of input "${name}" do not fill its columns 0 to ${width - 1} once each.`);
  }
  return accept({ name, dtype, width, flat: rank === 1, sources });
}

/** Where each feature goes. Refuses features without an input, and inputs without features. */
export function planInputs(inputs: readonly TensorInfo[], features: readonly Feature[]): Result<InputColumns[]> {
  const places = { numeric: 0, categorical: 0 };
  const placed = features.map((feature) => {
    const place = places[feature.kind];
    places[feature.kind] += 1;
    return { ...feature, place };
  });
  const names = new Set(inputs.map(({ name }) => name));
  const stray = features.find(({ input }) => !names.has(input));
  if (stray !== undefined) return mismatch(`Feature "${stray.name}" names the input "${stray.input}".`);
  const plans: InputColumns[] = [];
  for (const info of inputs) {
    const plan = planInput(
      info,
      placed.filter(({ input }) => input === info.name),
    );
    if (!plan.ok) return plan;
    plans.push(plan.value);
  }
  return accept(plans);
}

/** The outputs to compute. Refuses answers that the model does not give in that form. */
export function planAnswer(outputs: readonly TensorInfo[], answer: AnswerLayout): Result<string[]> {
  const wanted =
    answer.kind === 'regression'
      ? [{ name: answer.output, types: ['float32', 'float64'], columns: 1 }]
      : [
          { name: answer.label, types: ['string', 'int64'], columns: 1 },
          { name: answer.probabilities, types: ['float32', 'float64'], columns: answer.classes.length },
        ].filter(({ name }) => name !== undefined);
  if (wanted.length === 0) return mismatch('Neither a label nor probabilities are named.');
  if (answer.kind === 'classification' && new Set(answer.classes).size !== Math.max(answer.classes.length, 1)) {
    return mismatch('The classes are none, or one is there twice.');
  }
  for (const { name, types, columns } of wanted) {
    const info = outputs.find((each) => each.name === name);
    if (info === undefined) return mismatch(`There is no output "${name}".`);
    if (!types.includes(info.dtype)) return mismatch(`Output "${name}" is ${info.dtype}, not ${types.join(' or ')}.`);
    const declared = info.shape?.[1];
    if (typeof declared === 'number' && declared !== columns) {
      return mismatch(`Output "${name}" has ${declared} columns, not ${columns}.`);
    }
  }
  return accept(wanted.flatMap(({ name }) => (name === undefined ? [] : [name])));
}
