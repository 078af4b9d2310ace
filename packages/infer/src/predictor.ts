// The hot path: one row of features in, one answer out, through a loaded model. It decides no policy, keeps no
// statistics and writes no log.
//
// A single row reuses its input tensors and its answer object, so that what remains of a prediction is the runtime's own
// work. That is why it is synchronous where the runtime is, and never overlaps with itself.
import { accept, type Refusal, type Result, refuse } from '@drover/core/reasons';
import { type AnswerLayout, type InputColumns, type Layout, planAnswer, planInputs } from './layout.ts';
import { type Feeds, type ModelSession, type Outputs, quoteError, type TensorValue } from './runtime.ts';

/** One answer. `predictRowSync` gives the same object each time: read it before the next call. */
export interface RowAnswer {
  readonly ok: true;
  /** Place of the label in `classes`; -1 for regression. */
  classIndex: number;
  /** One per class, empty for regression or when the model gives none. Freshly allocated by each run: may be kept. */
  probabilities: Float32Array | Float64Array;
  /** The predicted number; NaN for classification. */
  value: number;
}

/** The answers for `rows` rows. */
export interface BatchAnswer {
  readonly rows: number;
  /** [rows]; empty for regression. */
  readonly classIndexes: Int32Array;
  /** [rows × classes], row after row; empty for regression or when the model gives none. */
  readonly probabilities: Float32Array | Float64Array;
  /** [rows]; empty for classification. */
  readonly values: Float32Array | Float64Array;
}

export interface Predictor {
  readonly layout: Layout;
  readonly numericCount: number;
  readonly categoricalCount: number;
  /**
   * `x`: numeric features in layout order, NaN where missing. `c`: categorical ones, '' where missing; left out when
   * there are none. Refuses with input_shape or run_failed.
   */
  predictRow(x: Float32Array, c?: readonly string[]): Promise<RowAnswer | Refusal>;
  /** The same without a promise, where the runtime can. */
  predictRowSync?(x: Float32Array, c?: readonly string[]): RowAnswer | Refusal;
  /** `rows` rows, one after another in `x` and `c`. */
  predictBatch(rows: number, x: Float32Array, c?: readonly string[]): Promise<Result<BatchAnswer>>;
}

const EMPTY = new Float32Array(0);
const NO_TEXT: readonly string[] = [];
const NO_INDEXES = new Int32Array(0);

interface Filler {
  readonly feed: TensorValue;
  readonly fill: (x: Float32Array, c: readonly string[]) => void;
}

/** A tensor for `rows` rows and the copy from rows of features into its columns. */
function buildFiller(plan: InputColumns, rows: number, stride: { numeric: number; categorical: number }): Filler {
  const { dtype, width, sources } = plan;
  const dims = plan.flat ? [rows] : [rows, width];
  if (dtype === 'string') {
    const data = Array.from({ length: rows * width }, () => '');
    const fill = (_x: Float32Array, c: readonly string[]): void => {
      for (let row = 0, at = 0; row < rows; row += 1) {
        for (let column = 0; column < width; column += 1, at += 1) {
          data[at] = c[row * stride.categorical + (sources[column] ?? 0)] ?? '';
        }
      }
    };
    return { feed: { dtype, data, dims }, fill };
  }
  const inOrder = width === stride.numeric && sources.every((source, column) => source === column);
  const data = dtype === 'float32' ? new Float32Array(rows * width) : new Float64Array(rows * width);
  const scatter = (x: Float32Array): void => {
    for (let row = 0, at = 0; row < rows; row += 1) {
      for (let column = 0; column < width; column += 1, at += 1) {
        data[at] = x[row * stride.numeric + (sources[column] ?? 0)] ?? Number.NaN;
      }
    }
  };
  const fill = inOrder ? (x: Float32Array): void => data.set(x) : scatter;
  const feed: TensorValue =
    data instanceof Float32Array ? { dtype: 'float32', data, dims } : { dtype: 'float64', data, dims };
  return { feed, fill };
}

function buildFeeds(plans: readonly InputColumns[], rows: number, stride: { numeric: number; categorical: number }) {
  const fillers = plans.map((plan) => buildFiller(plan, rows, stride));
  const feeds: Feeds = Object.fromEntries(plans.map(({ name }, at) => [name, (fillers[at] as Filler).feed]));
  const fill = (x: Float32Array, c: readonly string[]): void => {
    for (const filler of fillers) filler.fill(x, c);
  };
  return { feeds, fill };
}

const isReal = (data: TensorValue['data'] | undefined): data is Float32Array | Float64Array =>
  data instanceof Float32Array || data instanceof Float64Array;

/** Column of the largest value of one row; the first of equals. */
export function pickLargest(values: Float32Array | Float64Array, start: number, count: number): number {
  let best = 0;
  for (let column = 1; column < count; column += 1) {
    if ((values[start + column] ?? 0) > (values[start + best] ?? 0)) best = column;
  }
  return best;
}

type AnswerReader = (outputs: Outputs, rows: number, batch: BatchTarget) => boolean;
interface BatchTarget {
  indexes: Int32Array;
  probabilities: Float32Array | Float64Array;
  values: Float32Array | Float64Array;
}

/** Reads the outputs of `rows` rows into `batch`; false when they are not what the layout says. */
function buildReader(answer: AnswerLayout): AnswerReader {
  if (answer.kind === 'regression') {
    return (outputs, rows, batch) => {
      const data = outputs[answer.output]?.data;
      if (!isReal(data) || data.length !== rows) return false;
      batch.values = data;
      return true;
    };
  }
  const { classes, label, probabilities } = answer;
  const indexOf = new Map(classes.map((name, at) => [name, at]));
  const readLabels = (data: TensorValue['data'] | undefined, rows: number, into: Int32Array): boolean => {
    if (data?.length !== rows) return false;
    for (let row = 0; row < rows; row += 1) {
      const given = data[row];
      const index = typeof given === 'string' ? (indexOf.get(given) ?? -1) : Number(given ?? -1);
      if (index < 0 || index >= classes.length) return false;
      into[row] = index;
    }
    return true;
  };
  return (outputs, rows, batch) => {
    if (probabilities !== undefined) {
      const data = outputs[probabilities]?.data;
      if (!isReal(data) || data.length !== rows * classes.length) return false;
      batch.probabilities = data;
    }
    if (label !== undefined) return readLabels(outputs[label]?.data, rows, batch.indexes);
    for (let row = 0; row < rows; row += 1) {
      batch.indexes[row] = pickLargest(batch.probabilities, row * classes.length, classes.length);
    }
    return true;
  };
}

const keepAnswer = (given: RowAnswer | Refusal): RowAnswer | Refusal => ({ ...given });

const UNEXPECTED = refuse('run_failed', 'The outputs are not those that the manifest states.');

/** Ties a loaded model to its layout. Refuses with onnx_signature_mismatch when they do not fit each other. */
export function createPredictor(session: ModelSession, layout: Layout): Result<Predictor> {
  const plans = planInputs(session.inputs, layout.features);
  if (!plans.ok) return plans;
  const outputNames = planAnswer(session.outputs, layout.answer);
  if (!outputNames.ok) return outputNames;
  const numeric = layout.features.filter(({ kind }) => kind === 'numeric').length;
  const categorical = layout.features.length - numeric;
  const stride = { numeric, categorical };
  const read = buildReader(layout.answer);
  const classified = layout.answer.kind === 'classification';

  const target: BatchTarget = { indexes: new Int32Array(1), probabilities: EMPTY, values: EMPTY };
  const answer: RowAnswer = { ok: true, classIndex: -1, probabilities: EMPTY, value: Number.NaN };
  const readRow = (outputs: Outputs): RowAnswer | Refusal => {
    if (!read(outputs, 1, target)) return UNEXPECTED;
    answer.classIndex = classified ? (target.indexes[0] ?? -1) : -1;
    answer.probabilities = target.probabilities;
    answer.value = classified ? Number.NaN : (target.values[0] ?? Number.NaN);
    return answer;
  };
  const fits = (rows: number, x: Float32Array, c: readonly string[]): boolean =>
    x.length === rows * numeric && c.length === rows * categorical;
  const misfit = (rows: number, x: Float32Array, c: readonly string[]): Refusal =>
    refuse(
      'input_shape',
      `${x.length} numbers and ${c.length} texts for ${rows} rows of ${numeric} numeric and ${categorical} categorical features.`,
    );
  const failed = (error: unknown): Refusal => refuse('run_failed', `ONNX Runtime: ${quoteError(error)}.`);

  const predictBatch: Predictor['predictBatch'] = async (rows, x, c = NO_TEXT) => {
    if (!Number.isSafeInteger(rows) || rows < 1 || !fits(rows, x, c)) return misfit(rows, x, c);
    const { feeds, fill } = buildFeeds(plans.value, rows, stride);
    fill(x, c);
    const batch: BatchTarget = {
      indexes: classified ? new Int32Array(rows) : NO_INDEXES,
      probabilities: EMPTY,
      values: EMPTY,
    };
    try {
      if (!read(await session.run(feeds, outputNames.value), rows, batch)) return UNEXPECTED;
    } catch (error) {
      return failed(error);
    }
    const { indexes: classIndexes, probabilities, values } = batch;
    return accept({ rows, classIndexes, probabilities, values });
  };
  const base = { layout, numericCount: numeric, categoricalCount: categorical, predictBatch };

  const row = buildFeeds(plans.value, 1, stride);
  const bound = session.bind?.(row.feeds, outputNames.value);
  if (bound === undefined) {
    // The runtime may read its feeds later, while another row is already being filled: each run gets its own.
    const predictRow: Predictor['predictRow'] = async (x, c = NO_TEXT) => {
      if (!fits(1, x, c)) return misfit(1, x, c);
      const own = buildFeeds(plans.value, 1, stride);
      own.fill(x, c);
      try {
        return keepAnswer(readRow(await session.run(own.feeds, outputNames.value)));
      } catch (error) {
        return failed(error);
      }
    };
    return accept({ ...base, predictRow });
  }
  const predictRowSync: NonNullable<Predictor['predictRowSync']> = (x, c = NO_TEXT) => {
    if (!fits(1, x, c)) return misfit(1, x, c);
    row.fill(x, c);
    try {
      return readRow(bound());
    } catch (error) {
      return failed(error);
    }
  };
  return accept({ ...base, predictRow: async (x, c) => keepAnswer(predictRowSync(x, c)), predictRowSync });
}
