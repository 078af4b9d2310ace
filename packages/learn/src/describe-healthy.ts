// Makes the baseline of a model that was trained elsewhere: what it takes as healthy rows show it, what it answers as it answers
// them. Never trains.
import { accept, type Refusal, type Result, refuse } from '@drover/core/reasons';
import { type AnswerLayout, answerOf, type DescribedModel, type DescribedTask } from '@drover/infer/layout';
import type { Feeds, InferenceRuntime, ModelSession, Outputs, TensorInfo, TensorValue } from '@drover/infer/runtime';
import { type Baseline, buildBaseline, type TrainingColumn, type TrainingOutputs } from '@drover/sketch/baseline';
import { chooseRows, influenceOf, standIn } from './influence.ts';
import type { NpyArray } from './npy.ts';
import type { Column, Table } from './table.ts';

export interface HealthyRows {
  /** Columns by the names of the features. */
  readonly table: Table | undefined;
  /** By the name of an input that is no table of features: row after row. */
  readonly tensors: ReadonlyMap<string, NpyArray>;
  /** Column of the table that holds what each row truly is; of a classification. */
  readonly label?: string | undefined;
  readonly progress?: ((rows: number, of: number) => void) | undefined;
}

const BATCH = 256;
const CHANNELS = new Set([1, 3, 4]);

const fieldColumn = (table: Table | undefined, name: string): Result<Column> => {
  const column = table?.columns.find((each) => each.name === name);
  if (column) return accept(column);
  const known = table?.columns.map((each) => each.name).join(', ') ?? 'none';
  return refuse('data_column_missing', `"${name}"; there are: ${known.slice(0, 300)}.`);
};

const textAt = (column: Column, row: number): string | undefined => {
  if (column.kind === 'text') return column.levels[column.codes[row] as number];
  const value = column.values[row] as number;
  return Number.isNaN(value) ? undefined : String(value);
};

/** The fields of the model, as columns. */
function readFields({ features }: DescribedModel, table: Table | undefined): Result<TrainingColumn[]> {
  const columns: TrainingColumn[] = [];
  for (const { name, kind } of features) {
    const found = fieldColumn(table, name);
    if (!found.ok) return found;
    const column = found.value;
    if (kind === 'categorical') {
      columns.push({ name, values: Array.from({ length: table?.rows ?? 0 }, (_, row) => textAt(column, row)) });
    } else if (column.kind === 'number') columns.push({ name, values: column.values });
    else return refuse('data_unreadable', `The column "${name}" holds text and the model takes numbers.`);
  }
  return accept(columns);
}

/** An input of four dimensions, one of which can be colours, is an image. */
function imageOf(dims: readonly number[]) {
  const [, a = 0, b = 0, c = 0] = dims;
  if (dims.length !== 4) return {};
  if (CHANNELS.has(a)) return { image: { height: b, width: c, channels: a, isChannelsLast: false } };
  return CHANNELS.has(c) ? { image: { height: a, width: b, channels: c, isChannelsLast: true } } : {};
}

const ARRAYS = {
  float32: Float32Array, float64: Float64Array, int8: Int8Array, int16: Int16Array, int32: Int32Array, uint8: Uint8Array,
  uint16: Uint16Array, uint32: Uint32Array, bool: Uint8Array,
} as const; // biome-ignore format: one table
const BIG_ARRAYS = { int64: BigInt64Array, uint64: BigUint64Array } as const;

interface InputRows {
  readonly info: TensorInfo;
  /** Values of rows `from` to `to`, as the model takes them. */
  take(from: number, to: number): TensorValue;
}

/** An input whose columns are fields. */
function tableInput(info: TensorInfo, model: DescribedModel, columns: readonly TrainingColumn[]): InputRows {
  const mine = model.features
    .filter(({ input }) => input === info.name)
    .sort((a, b) => a.index - b.index)
    .map(({ name }) => columns.find((column) => column.name === name))
    .filter((column) => column !== undefined && !('tensor' in column)) as {
    values: ArrayLike<number | string | undefined>;
  }[];
  return {
    info,
    take(from, to) {
      const dims = info.shape?.length === 1 ? [to - from] : [to - from, mine.length];
      const at = (place: number) => mine[place % mine.length]?.values[from + Math.floor(place / mine.length)];
      const length = (to - from) * mine.length;
      if (info.dtype === 'string')
        return { dtype: 'string', dims, data: Array.from({ length }, (_, place) => String(at(place) ?? '')) };
      const data = info.dtype === 'float64' ? new Float64Array(length) : new Float32Array(length);
      for (let place = 0; place < length; place++) data[place] = at(place) as number;
      return { dtype: info.dtype, dims, data } as TensorValue;
    },
  };
}

/** An input that is given whole. */
function tensorInput(info: TensorInfo, { shape, values }: NpyArray): Result<InputRows> {
  const { name, dtype } = info;
  const row = shape.slice(1);
  const stated = info.shape?.slice(1);
  const fits =
    stated === undefined ||
    (stated.length === row.length && stated.every((dim, i) => typeof dim !== 'number' || dim === row[i]));
  if (shape.length === 0 || !fits)
    return refuse(
      'input_shape',
      `"${name}" takes [${info.shape?.join(', ')}] and the file holds [${shape.join(', ')}].`,
    );
  const size = row.reduce((product, dim) => product * dim, 1);
  if (dtype in ARRAYS) {
    const array = ARRAYS[dtype as keyof typeof ARRAYS];
    return accept({
      info,
      take: (from, to) =>
        ({ dtype, dims: [to - from, ...row], data: new array(values.subarray(from * size, to * size)) }) as TensorValue,
    });
  }
  if (dtype in BIG_ARRAYS) {
    const array = BIG_ARRAYS[dtype as keyof typeof BIG_ARRAYS];
    return accept({
      info,
      take: (from, to) =>
        ({
          dtype,
          dims: [to - from, ...row],
          data: array.from(Array.from(values.subarray(from * size, to * size), BigInt)),
        }) as TensorValue,
    });
  }
  return refuse('onnx_unsupported_type', `"${name}" is ${dtype}.`);
}

interface Prepared {
  readonly rows: number;
  readonly columns: readonly TrainingColumn[];
  readonly inputs: readonly InputRows[];
}

function prepare(session: ModelSession, model: DescribedModel, given: HealthyRows): Result<Prepared> {
  const fields = readFields(model, given.table);
  if (!fields.ok) return fields;
  const columns = [...fields.value];
  const inputs: InputRows[] = [];
  const counts = new Set(given.table && model.features.length > 0 ? [given.table.rows] : []);
  for (const info of session.inputs) {
    if (model.features.some(({ input }) => input === info.name)) {
      inputs.push(tableInput(info, model, columns));
      continue;
    }
    const array = given.tensors.get(info.name);
    if (!array)
      return refuse(
        'input_missing',
        `The input "${info.name}" is no table of features: give its rows, --tensor ${info.name}=FILE.npy.`,
      );
    const input = tensorInput(info, array);
    if (!input.ok) return input;
    inputs.push(input.value);
    const { shape, values } = array;
    counts.add(shape[0] as number);
    // Whole numbers of 64 bits are numbers of words or the like, whose sums say nothing.
    if (!(info.dtype in ARRAYS) || info.dtype === 'bool') continue;
    const size = shape.slice(1).reduce((product, dim) => product * dim, 1);
    columns.push({ name: info.name, tensor: values, size, ...imageOf(shape) });
  }
  const stray = [...given.tensors.keys()].find((name) => !inputs.some(({ info }) => info.name === name));
  if (stray !== undefined) return refuse('input_extra', `The model has no input "${stray}".`);
  const [rows = 0, other] = [...counts];
  if (other !== undefined) return refuse('input_shape', `One input has ${rows} rows and another ${other}.`);
  return rows === 0 ? refuse('data_empty', 'The files hold no row.') : accept({ rows, columns, inputs });
}

/** What was answered, row after row; undefined for a model without a task. */
class Answers {
  readonly values: Float32Array;
  readonly width: number;
  private readonly answer: AnswerLayout;

  constructor(answer: AnswerLayout, rows: number) {
    this.answer = answer;
    this.width = answer.kind === 'regression' ? 1 : answer.classes.length;
    this.values = new Float32Array(rows * this.width);
  }

  note(outputs: Outputs, from: number, rows: number): Refusal | undefined {
    const name = this.answer.kind === 'regression' ? this.answer.output : (this.answer.probabilities ?? '');
    const data = outputs[name]?.data;
    if (!(data instanceof Float32Array || data instanceof Float64Array) || data.length !== rows * this.width)
      return refuse('run_failed', `The output "${name}" is not ${this.width} numbers a row.`);
    this.values.set(data, from * this.width);
    return undefined;
  }

  finish(table: Table | undefined, label: string | undefined): Result<TrainingOutputs> {
    const { answer } = this;
    if (answer.kind === 'regression') {
      return label === undefined
        ? accept({ kind: 'regression', predictions: this.values })
        : refuse('data_label_invalid', 'A label column is of use for a classification only.');
    }
    const outside = this.values.findIndex((p) => !(p >= 0 && p <= 1));
    if (outside >= 0)
      return refuse(
        'run_failed',
        `The output "${answer.probabilities}" gave ${this.values[outside]} for row ${Math.floor(outside / this.width) + 1}, which is no probability: end the model in a Softmax.`,
      );
    const head = { kind: 'classification', classes: answer.classes, probabilities: this.values } as const;
    if (label === undefined) return accept(head);
    const column = fieldColumn(table, label);
    if (!column.ok) return column;
    const labels = new Int32Array(table?.rows ?? 0);
    for (let row = 0; row < labels.length; row++) {
      const text = textAt(column.value, row) ?? '';
      labels[row] = answer.classes.indexOf(text);
      if (labels[row] === -1)
        return refuse(
          'data_label_invalid',
          `Row ${row + 1} is "${text.slice(0, 80)}", which is none of: ${answer.classes.join(', ').slice(0, 300)}.`,
        );
    }
    return accept({ ...head, labels });
  }
}

/** Runs the model over the rows. Refuses rows that do not fit it, and answers that cannot be counted. */
export async function describeHealthy(
  bytes: Uint8Array,
  model: DescribedModel,
  runtime: InferenceRuntime,
  given: HealthyRows,
): Promise<Result<Baseline>> {
  const session = await runtime.load(bytes);
  if (!session.ok) return session;
  try {
    const prepared = prepare(session.value, model, given);
    if (!prepared.ok) return prepared;
    const { rows, columns, inputs } = prepared.value;
    const answers = model.task && new Answers(answerOf(model.task), rows);
    const failed = answers && (await runAll(session.value, inputs, rows, answers, given.progress));
    if (failed) return failed;
    const outputs = answers?.finish(given.table, given.label);
    if (outputs && !outputs.ok) return outputs;
    const influence = model.task ? await measureInfluence(session.value, model, columns, inputs, rows) : undefined;
    if (influence && !influence.ok) return influence;
    const built = buildBaseline(columns, outputs?.value, influence?.value);
    return built.ok ? accept(built.value) : refuse('baseline_invalid', `${built.detail}.`);
  } finally {
    await session.value.release();
  }
}

/** By the name of each field; of models of a fixed number of rows nothing is measured. */
async function measureInfluence(
  session: ModelSession,
  model: DescribedModel,
  columns: readonly TrainingColumn[],
  inputs: readonly InputRows[],
  all: number,
): Promise<Result<ReadonlyMap<string, number> | undefined>> {
  if (!model.task || inputs.some(({ info }) => typeof info.shape?.[0] === 'number')) return accept(undefined);
  const chosen = chooseRows(all);
  const rows = chosen.length;
  const answer = async (feeds: Feeds): Promise<Result<Answers>> => {
    const answers = new Answers(answerOf(model.task as DescribedTask), rows);
    const failed = await runSome(session, feeds, 0, rows, answers);
    return failed ?? accept(answers);
  };
  const own: Feeds = Object.fromEntries(inputs.map((input) => [input.info.name, pickRows(input, chosen)]));
  const before = await answer(own);
  if (!before.ok) return before;
  const found = new Map<string, number>();
  for (const feature of model.features) {
    const column = columns.find(({ name }) => name === feature.name);
    const input = own[feature.input];
    if (!column || 'tensor' in column || !input) continue;
    const width = input.data.length / rows;
    const data = input.data.slice() as typeof input.data;
    for (let at = 0; at < rows; at++)
      data[at * width + feature.index] = input.data[standIn(at, rows) * width + feature.index] as never;
    const moved = await answer({ ...own, [feature.input]: { ...input, data } as TensorValue });
    if (!moved.ok) return moved;
    found.set(feature.name, influenceOf(before.value.values, moved.value.values, before.value.width));
  }
  return accept(found);
}

/** Single rows of an input as one tensor. */
function pickRows(input: InputRows, chosen: Int32Array): TensorValue {
  const parts = Array.from(chosen, (row) => input.take(row, row + 1));
  const [first] = parts as [TensorValue];
  const { length } = first.data;
  const dims = [chosen.length, ...first.dims.slice(1)];
  if (first.dtype === 'string') return { dtype: 'string', dims, data: parts.flatMap(({ data }) => data as string[]) };
  const data = new (first.data.constructor as new (length: number) => Float32Array)(length * chosen.length);
  for (const [at, part] of parts.entries()) data.set(part.data as Float32Array, at * length);
  return { dtype: first.dtype, dims, data } as TensorValue;
}

async function runSome(
  session: ModelSession,
  feeds: Feeds,
  from: number,
  to: number,
  answers: Answers,
): Promise<Refusal | undefined> {
  try {
    return answers.note(await session.run(feeds), from, to - from);
  } catch (error) {
    return refuse(
      'run_failed',
      `Rows ${from + 1} to ${to}: ${String(error instanceof Error ? error.message : error).slice(0, 300)}.`,
    );
  }
}

async function runAll(
  session: ModelSession,
  inputs: readonly InputRows[],
  rows: number,
  answers: Answers,
  progress: HealthyRows['progress'],
): Promise<Refusal | undefined> {
  // A model of a fixed number of rows takes just as many; what is left over at the end would not fit it.
  const fixed = inputs.map(({ info }) => info.shape?.[0]).find((dim) => typeof dim === 'number');
  const batch = fixed ?? BATCH;
  if (rows % batch !== 0 && fixed !== undefined)
    return refuse('input_shape', `The model takes ${batch} rows at a time, and ${rows} are no multiple of it.`);
  for (let from = 0; from < rows; from += batch) {
    const to = Math.min(rows, from + batch);
    const feeds: Feeds = Object.fromEntries(inputs.map((input) => [input.info.name, input.take(from, to)]));
    const wrong = await runSome(session, feeds, from, to, answers);
    if (wrong) return wrong;
    progress?.(to, rows);
  }
  return undefined;
}
