// The prediction path of one loaded model: row in, answer out, statistics counted, prediction remembered. Never loads,
// never switches.
import { type Refusal, refuse } from '@drover/core/reasons';
import type { InputColumns } from '@drover/infer/layout';
import { planInputs } from '@drover/infer/layout';
import type { RowAnswer } from '@drover/infer/predictor';
import type { Feeds, Outputs, TensorValue } from '@drover/infer/runtime';
import type { WindowReference } from '@drover/sketch/window-sketch';
import type { DecisionContext, DecisionLog } from '../decisions/log.ts';
import type { PredictionRing } from '../observe/predictions.ts';
import type { Stream } from '../observe/windows.ts';
import type { LoadedModel } from './bundle.ts';
import { type FieldReader, type Fields, makeFieldReader } from './fields.ts';

/** One answer to named fields. `label` for a classification, `value` for a regression. */
export interface NamedAnswer {
  readonly ok: true;
  readonly predictionId: string;
  readonly label?: string;
  readonly probabilities?: Readonly<Record<string, number>>;
  readonly value?: number;
}

export interface ServedModel extends LoadedModel {
  readonly stream: Stream;
  /** Exact fields, each named and typed; see FieldReader.readStrict for the refusals. */
  predict(fields: Fields): Promise<NamedAnswer | Refusal>;
  /** A sensor reading: what cannot be used counts as missing. Answers the prediction's id. */
  sense(fields: Fields): Promise<{ readonly ok: true; readonly predictionId: string } | Refusal>;
  /** Raw tensors of `rows` rows; all outputs. `firstId` names the first row's prediction, the others follow. */
  infer(feeds: Feeds): Promise<{ readonly ok: true; readonly outputs: Outputs; readonly firstId?: string } | Refusal>;
  /** The model stays loaded until `use` is done. */
  borrow<T>(use: () => Promise<T>): Promise<T>;
  /** Runs that failed one after another until now. */
  failures(): number;
  /** Ends the stream and frees the model once nothing runs on it. */
  retire(closedBy: 'version' | 'shutdown'): void;
}

export interface ServeDeps {
  readonly bootId: string;
  readonly ring: PredictionRing;
  readonly mono: () => number;
  /** Undefined where the device keeps none. */
  readonly decisions?: DecisionLog | undefined;
}

/** Where the baseline's features stand in a row of the model; undefined when they are the same row. */
function planBaseline(reference: WindowReference | undefined, model: LoadedModel) {
  const numeric = model.manifest.features.filter((f) => f.kind === 'numeric').map((f) => f.name);
  const categorical = model.manifest.features.filter((f) => f.kind === 'categorical').map((f) => f.name);
  const places = (reference?.numericNames ?? []).map((name) => numeric.indexOf(name));
  const isSame = places.every((place, i) => place === i);
  return {
    places: isSame ? undefined : Int32Array.from(places),
    texts: (reference?.categoricalNames ?? []).map((name) => categorical.indexOf(name)),
    x: new Float32Array(places.length),
    causes: new Uint8Array(places.length),
  };
}

const NO_SCORES = new Float64Array(0);

export function serveModel(model: LoadedModel, stream: Stream, deps: ServeDeps): ServedModel {
  const { predictor } = model;
  const { bootId, ring, mono, decisions } = deps;
  const context: DecisionContext = {
    slot: stream.slot,
    manifest: model.digest,
    runtime: model.runtime.name,
    runtimeVersion: model.runtime.version,
  };
  const { sketch } = stream;
  const baseline = planBaseline(model.reference, model);
  const answer = predictor?.layout.answer;
  const classes = answer?.kind === 'classification' ? answer.classes : [];
  const value = new Float64Array(1);
  let failures = 0;
  let running = 0;
  let isRetired = false;

  const release = (): void => {
    if (isRetired && running === 0) void model.session.release();
  };

  /** Counts one row; every statement here is on the hot path and allocates nothing. */
  function countRow(
    x: Float32Array,
    offset: number,
    causes: Uint8Array | undefined,
    c: readonly string[],
    cOffset: number,
  ): void {
    if (baseline.places === undefined) sketch.addRow(x, offset, causes);
    else {
      for (let i = 0; i < baseline.places.length; i++) {
        const place = baseline.places[i] ?? 0;
        baseline.x[i] = x[offset + place] ?? Number.NaN;
        baseline.causes[i] = causes?.[place] ?? 0;
      }
      sketch.addRow(baseline.x, 0, baseline.causes);
    }
    for (let i = 0; i < baseline.texts.length; i++) {
      const text = c[cOffset + (baseline.texts[i] ?? 0)];
      sketch.addCategorical(i, text === '' ? undefined : text);
    }
  }

  /** Counts what was answered and remembers it; returns the prediction's number. */
  function countAnswer(
    index: number,
    probabilities: ArrayLike<number>,
    offset: number,
    y: number,
    us: number,
    at: number,
  ): number {
    const k = classes.length;
    sketch.addLatency(us);
    let number: number;
    if (k > 0) {
      if (probabilities.length > 0 && sketch.scores?.classCount === k)
        sketch.addScores(probabilities, offset, k, index);
      number = ring.remember(stream.id, index, probabilities, offset, probabilities.length === 0 ? 0 : k);
    } else {
      sketch.addRegression(y);
      value[0] = y;
      number = ring.remember(stream.id, -1, value, 0, 1);
    }
    stream.noteRow(at);
    return number;
  }

  function settle(reader: FieldReader, given: RowAnswer | Refusal, start: number): number | Refusal {
    const end = mono();
    if (!given.ok) {
      failures += 1;
      stream.errors += 1;
      return given;
    }
    failures = 0;
    const { x, c, causes } = reader.row;
    countRow(x, 0, causes, c, 0);
    const number = countAnswer(given.classIndex, given.probabilities, 0, given.value, (end - start) * 1000, end);
    decisions?.row(context, number, x, c, given, classes.length > 0, 'model', undefined);
    return number;
  }

  const fields = predictor && makeFieldReader(predictor.layout.features);

  /** Runs the row of `reader`. `then` sees the answer before the next row can overwrite it. */
  async function runRow<T>(
    fill: (reader: FieldReader) => Refusal | undefined,
    then: (given: RowAnswer, number: number) => T,
  ): Promise<T | Refusal> {
    if (!predictor || !fields) return refuse('input_shape', `Model "${model.manifest.model}" takes tensors only.`);
    // Where the runtime is asynchronous, rows overlap: each brings its own arrays.
    const reader = predictor.predictRowSync ? fields : makeFieldReader(predictor.layout.features);
    const wrong = fill(reader);
    if (wrong) {
      stream.errors += 1;
      return wrong;
    }
    const { x, c } = reader.row;
    const start = mono();
    running += 1;
    try {
      const given = predictor.predictRowSync ? predictor.predictRowSync(x, c) : await predictor.predictRow(x, c);
      const number = settle(reader, given, start);
      if (typeof number !== 'number' || !given.ok)
        return typeof number === 'number' ? refuse('run_failed', '') : number;
      return then(given, number);
    } finally {
      running -= 1;
      release();
    }
  }

  function nameAnswer(given: RowAnswer, number: number): NamedAnswer {
    const predictionId = `${bootId}-${number}`;
    if (classes.length === 0) return { ok: true, predictionId, value: given.value };
    const probabilities = Object.fromEntries(classes.map((name, i) => [name, given.probabilities[i] ?? 0]));
    return { ok: true, predictionId, label: classes[given.classIndex] ?? '', probabilities };
  }

  const plans = predictor && planInputs(model.session.inputs, predictor.layout.features);
  const columns: readonly InputColumns[] = plans?.ok ? plans.value : [];

  return {
    ...model,
    stream,
    failures: () => failures,
    predict: (named) => runRow((reader) => reader.readStrict(named), nameAnswer),
    sense: (named) =>
      runRow(
        (reader) => {
          reader.readLenient(named);
          return undefined;
        },
        (_, number) => ({ ok: true as const, predictionId: `${bootId}-${number}` }),
      ),
    async infer(feeds) {
      const start = mono();
      let outputs: Outputs;
      running += 1;
      try {
        outputs = await model.session.run(feeds);
      } catch (error) {
        // Raw tensors are the caller's: what they break says nothing about the health of the model.
        stream.errors += 1;
        return refuse(
          'run_failed',
          `ONNX Runtime: ${String(error instanceof Error ? error.message : error).slice(0, 300)}.`,
        );
      } finally {
        running -= 1;
        release();
      }
      if (isRetired) return { ok: true, outputs };
      const first = countTensors(feeds, outputs, start);
      return first === undefined ? { ok: true, outputs } : { ok: true, outputs, firstId: `${bootId}-${first}` };
    },
    async borrow(use) {
      running += 1;
      try {
        return await use();
      } finally {
        running -= 1;
        release();
      }
    },
    retire(closedBy) {
      isRetired = true;
      stream.end(closedBy);
      release();
    },
  };

  /** Counts every row of raw tensors. A call of n rows counts as n predictions of an n-th of its time each. */
  function countTensors(feeds: Feeds, outputs: Outputs, start: number): number | undefined {
    const rows = Object.values(feeds)[0]?.dims[0] ?? 1;
    const first = countRows(feeds, outputs, rows, start, mono());
    if (first !== undefined) decisions?.tensors(context, first, rows, feeds, outputs);
    return first;
  }

  function countRows(feeds: Feeds, outputs: Outputs, rows: number, start: number, end: number): number | undefined {
    const us = ((end - start) * 1000) / Math.max(1, rows);
    if (!predictor || !answer) {
      for (let row = 0; row < rows; row++) {
        sketch.addRow(baseline.x, 0);
        sketch.addLatency(us);
        stream.noteRow(end);
      }
      return rows > 0 ? ring.skip(rows) : undefined;
    }
    const x = new Float32Array(predictor.numericCount);
    const c = Array.from({ length: predictor.categoricalCount }, () => '');
    let first: number | undefined;
    for (let row = 0; row < rows; row++) {
      for (const plan of columns) gatherRow(plan, feeds[plan.name], row, x, c);
      countRow(x, 0, undefined, c, 0);
      const number = countOutputs(outputs, row, us, end);
      first ??= number;
    }
    return first;
  }

  function countOutputs(outputs: Outputs, row: number, us: number, at: number): number {
    if (answer?.kind !== 'classification') {
      const y = Number(outputs[answer?.output ?? '']?.data[row] ?? Number.NaN);
      return countAnswer(-1, NO_SCORES, 0, y, us, at);
    }
    const data = outputs[answer.probabilities ?? '']?.data;
    const scores = data instanceof Float32Array || data instanceof Float64Array ? data : NO_SCORES;
    const label = outputs[answer.label ?? '']?.data[row];
    const index = typeof label === 'string' ? classes.indexOf(label) : Number(label ?? -1);
    return countAnswer(index, scores, row * classes.length, Number.NaN, us, at);
  }
}

/** Copies one row of an input tensor to the places of its features. */
function gatherRow(
  plan: InputColumns,
  tensor: TensorValue | undefined,
  row: number,
  x: Float32Array,
  c: string[],
): void {
  for (let column = 0; column < plan.width; column++) {
    const value = tensor?.data[row * plan.width + column];
    const place = plan.sources[column] ?? 0;
    if (plan.dtype === 'string') c[place] = String(value ?? '');
    else x[place] = Number(value ?? Number.NaN);
  }
}
