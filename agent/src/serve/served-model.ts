// The prediction path of one loaded model: row in, answer out, statistics counted, prediction remembered. Never loads,
// never switches.
import { type Refusal, refuse } from '@drover/core/reasons';
import { type AnswerLayout, answerOf } from '@drover/infer/layout';
import { type Predictor, pickLargest, type RowAnswer } from '@drover/infer/predictor';
import type { Feeds, Outputs } from '@drover/infer/runtime';
import type { Capture } from '../capture/capture.ts';
import { makeWithholding } from '../capture/personal.ts';
import type { AnsweredBy, AnswerReason } from '../decisions/entry.ts';
import type { DecisionContext, DecisionLog } from '../decisions/log.ts';
import type { PredictionRing } from '../observe/predictions.ts';
import type { Stream } from '../observe/windows.ts';
import type { AnswerCounts } from './answer-counts.ts';
import type { Beside } from './beside.ts';
import { makeBreaker } from './breaker.ts';
import type { LoadedModel } from './bundle.ts';
import { type FieldReader, type Fields, makeFieldReader } from './fields.ts';
import { gatherRow, makeRowCounter, planGathering } from './row-counter.ts';
import type { Verdict } from './rules.ts';

/** One answer to named fields. `label` for a classification, `value` for a regression; neither where nobody could answer. */
export interface NamedAnswer {
  readonly ok: true;
  readonly model: string;
  readonly version: number;
  readonly predictionId: string;
  readonly answeredBy: AnsweredBy;
  /** Why it is not simply the answer of the model, or why that should be looked at; `detail` names the instance. */
  readonly reason?: AnswerReason;
  readonly detail?: string;
  readonly label?: string;
  readonly probabilities?: Readonly<Record<string, number>>;
  readonly value?: number;
}

export interface ServedModel extends LoadedModel {
  readonly stream: Stream;
  /**
   * Exact fields, each named and typed; see FieldReader.readStrict for the refusals. Where the model fails or gives no number,
   * the previous one answers, or else the rule of the bundle. `because`: why this model stands in for another.
   */
  predict(fields: Fields, because?: AnswerReason): Promise<NamedAnswer | Refusal>;
  /** A sensor reading: what cannot be used counts as missing. Answers the prediction's id. */
  sense(fields: Fields): Promise<{ readonly ok: true; readonly predictionId: string } | Refusal>;
  /** The same with the answer. */
  predictLenient(fields: Fields): Promise<NamedAnswer | Refusal>;
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
  readonly answers?: AnswerCounts | undefined;
  /** Where raw rows may leave the device. */
  readonly capture?: Pick<Capture, 'open'> | undefined;
  /** Names of fields whose values are neither counted, kept, logged nor sent. */
  readonly personal?: ReadonlySet<string> | undefined;
  /** Who sees what was answered; undefined for a model that never answers by itself. */
  readonly beside?: Beside | undefined;
  /** The model before this one in its slot, where it can be had. */
  readonly understudy?: (() => Promise<ServedModel | undefined>) | undefined;
}

const NO_SCORES = new Float64Array(0);

export function serveModel(model: LoadedModel, stream: Stream, deps: ServeDeps): ServedModel {
  const { predictor } = model;
  const { judge } = model;
  const { bootId, ring, mono, decisions, answers, beside } = deps;
  const withholding = deps.personal && makeWithholding(model.manifest, deps.personal);
  const context: DecisionContext = {
    slot: stream.slot,
    manifest: model.digest,
    runtime: model.runtime.name,
    runtimeVersion: model.runtime.version,
    ...(withholding && { isWithheld: true }),
  };
  const captured = deps.capture?.open({
    slot: stream.slot,
    manifest: model.digest,
    withheld: withholding?.names ?? [],
    gauge: model.gauge(0.01),
  });
  const { sketch } = stream;
  const counter = makeRowCounter(model.manifest, sketch, deps.personal);
  const answer = model.manifest.task && answerOf(model.manifest.task);
  const classes = answer?.kind === 'classification' ? answer.classes : [];
  const value = new Float64Array(1);
  let failures = 0;
  let running = 0;
  let isRetired = false;
  /** What the rules say of the answer that was settled last; read before anything else runs. */
  let verdict: Verdict | undefined;

  const release = (): void => {
    if (isRetired && running === 0) void model.session.release();
  };

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

  const abstained: AnsweredBy = judge?.fallback ? 'rule' : 'none';
  /** Who answers by the verdict of now; a `because` means that this model stands in. */
  const answerer = (because: AnswerReason | undefined): AnsweredBy =>
    verdict && !verdict.mayStand ? abstained : because === undefined ? 'model' : 'previous';

  function settle(
    reader: FieldReader,
    given: RowAnswer | Refusal,
    start: number,
    because: AnswerReason | undefined,
  ): number | Refusal {
    const end = mono();
    if (!given.ok) {
      failures += 1;
      stream.errors += 1;
      answers?.because('run_failed');
      return given;
    }
    const { x, c, causes } = reader.row;
    verdict = judge?.judge(x, c, given, end - start);
    // An answer that is no number is a run that failed, for all who watch whether the model works.
    failures = verdict?.reason === 'answer_not_number' ? failures + 1 : 0;
    if (verdict) answers?.because(verdict.reason);
    // From here on nobody sees what is personal.
    withholding?.blank(x, c);
    counter.fields(x, causes, c);
    const number = countAnswer(given.classIndex, given.probabilities, 0, given.value, (end - start) * 1000, end);
    decisions?.row(context, number, x, c, given, classes.length > 0, answerer(because), verdict?.reason ?? because);
    captured?.consider(number, x, c, given);
    return number;
  }

  const truths = new Set(
    sketch.reference.categoricalFrom.flatMap((from) => (from?.take === 'truth' ? [from.source] : [])),
  );
  const makeReader = ({ layout }: Predictor): FieldReader => makeFieldReader(layout.features, truths);
  const fields = predictor && makeReader(predictor);

  type Then<T> = (given: RowAnswer, number: number, because: AnswerReason | undefined) => T;

  /** Runs one row of fields. `then` sees the answer before the next row can overwrite it. No promise where the runtime needs none. */
  function runRow<T>(
    named: Fields,
    isStrict: boolean,
    because: AnswerReason | undefined,
    then: Then<T>,
  ): T | Refusal | Promise<T | Refusal> {
    if (!predictor || !fields) return refuse('input_shape', `Model "${model.manifest.model}" takes tensors only.`);
    // Where the runtime is asynchronous, rows overlap: each brings its own arrays.
    const reader = predictor.predictRowSync ? fields : makeReader(predictor);
    const wrong = isStrict ? reader.readStrict(named) : reader.readLenient(named);
    if (wrong) {
      stream.errors += 1;
      return wrong;
    }
    const { x, c } = reader.row;
    const start = mono();
    const finish = (given: RowAnswer | Refusal): T | Refusal => {
      const number = settle(reader, given, start, because);
      if (typeof number !== 'number') return number;
      if (!given.ok) return refuse('run_failed', '');
      if (beside?.wants()) show(beside, named, isStrict, reader, given, number);
      return then(given, number, because);
    };
    if (predictor.predictRowSync) return finish(predictor.predictRowSync(x, c));
    running += 1;
    return predictor
      .predictRow(x, c)
      .then(finish)
      .finally(() => {
        running -= 1;
        release();
      });
  }

  /** Shows what was answered to the one beside. What it may keep is what may leave the device. */
  function show(to: Beside, named: Fields, isStrict: boolean, reader: FieldReader, given: RowAnswer, number: number) {
    const kept = captured && {
      x: reader.row.x.slice(),
      c: [...reader.row.c],
      answer: { ...given, probabilities: Float64Array.from(given.probabilities) },
    };
    to.take({
      fields: named,
      isStrict,
      label: classes.length === 0 ? undefined : (classes[given.classIndex] ?? ''),
      probability: given.probabilities[given.classIndex] ?? Number.NaN,
      value: given.value,
      onDisagree: (gap) => kept && captured?.disagreed(number, gap, kept.x, kept.c, kept.answer),
    });
  }

  const { model: name, version } = model.manifest;

  function nameAnswer(given: RowAnswer, number: number, because: AnswerReason | undefined): NamedAnswer {
    const predictionId = `${bootId}-${number}`;
    if (verdict !== undefined || because !== undefined) return explainAnswer(given, predictionId, because);
    const head = { ok: true, model: name, version, predictionId, answeredBy: 'model' } as const;
    return classes.length === 0
      ? { ...head, value: given.value }
      : { ...head, label: classes[given.classIndex] ?? '', probabilities: nameProbabilities(given) };
  }

  function nameProbabilities({ probabilities }: RowAnswer): Record<string, number> {
    return Object.fromEntries(classes.map((label, i) => [label, probabilities[i] ?? 0]));
  }

  /** An answer with its reason: of a rule, of a model that stands in, or of the model with a flag. */
  function explainAnswer(given: RowAnswer, predictionId: string, because: AnswerReason | undefined): NamedAnswer {
    const reason = verdict?.reason ?? because;
    const why = { ...(reason && { reason }), ...(verdict?.detail && { detail: verdict.detail }) };
    const head = { ok: true as const, model: name, version, predictionId, answeredBy: answerer(because), ...why };
    if (verdict && !verdict.mayStand) return { ...head, ...judge?.fallback };
    if (classes.length === 0) return { ...head, value: given.value };
    return { ...head, label: classes[given.classIndex] ?? '', probabilities: nameProbabilities(given) };
  }

  /**
   * The model could not answer, or is not asked: the previous one does, or else the rule. Undefined when there is neither; a
   * request that is wrong stays wrong.
   */
  async function standIn(named: Fields, reason: AnswerReason): Promise<NamedAnswer | Refusal | undefined> {
    const previous = await deps.understudy?.();
    const given = await previous?.predict(named, reason);
    if (given?.ok && given.answeredBy === 'previous') return given;
    if (!judge?.fallback || !predictor) return undefined;
    const reader = makeReader(predictor);
    const wrong = reader.readStrict(named);
    if (wrong) return wrong;
    withholding?.blank(reader.row.x, reader.row.c);
    const number = ring.skip(1);
    decisions?.row(context, number, reader.row.x, reader.row.c, undefined, classes.length > 0, 'rule', reason);
    return {
      ok: true, model: name, version, predictionId: `${bootId}-${number}`, answeredBy: 'rule', reason, ...judge.fallback,
    }; // biome-ignore format: one record
  }

  /** Undefined where no rule says how long a run may take, or nothing stands in. */
  const breaker = model.manifest.rules?.latency?.action === 'abstain' ? makeBreaker() : undefined;

  async function predict(named: Fields, because?: AnswerReason): Promise<NamedAnswer | Refusal> {
    let given: NamedAnswer | Refusal | undefined;
    if (because === undefined && breaker?.isOpen(mono())) {
      answers?.because('answer_late');
      given = await standIn(named, 'answer_late');
    }
    if (given === undefined) {
      const own = runRow(named, true, because, nameAnswer);
      given = own instanceof Promise ? await own : own;
      // A stand-in has none of its own: the one that it stands in for goes on.
      if (because !== undefined) return given;
      if (given.ok) breaker?.note(mono(), given.reason === 'answer_late');
      const hasFailed = given.ok ? given.reason === 'answer_not_number' : given.code === 'run_failed';
      if (hasFailed) given = (await standIn(named, given.ok ? 'answer_not_number' : 'run_failed')) ?? given;
    }
    if (given.ok) answers?.answered(given.answeredBy);
    return given;
  }

  const nameId = (_: RowAnswer, number: number) => ({ ok: true as const, predictionId: `${bootId}-${number}` });

  const gathering = planGathering(model.manifest);
  const countOf = (wanted: string): number => model.manifest.features.filter(({ kind }) => kind === wanted).length;

  return {
    ...model,
    stream,
    failures: () => failures,
    predict,
    sense: async (named) => runRow(named, false, undefined, nameId),
    predictLenient: async (named) => runRow(named, false, undefined, nameAnswer),
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
    const x = new Float32Array(countOf('numeric'));
    const c = Array.from({ length: countOf('categorical') }, () => '');
    let first: number | undefined;
    for (let row = 0; row < rows; row++) {
      gatherRow(gathering, feeds, row, rows, x, c);
      withholding?.blank(x, c);
      counter.tensors(feeds, row, rows, x, c);
      const number = countOutputs(outputs, row, rows, us, end);
      first ??= number;
    }
    return first;
  }

  function countOutputs(outputs: Outputs, row: number, rows: number, us: number, at: number): number {
    if (!answer) {
      sketch.addLatency(us);
      stream.noteRow(at);
      return ring.skip(1);
    }
    if (answer.kind !== 'classification') {
      const data = outputs[answer.output]?.data;
      const y = Number((data?.length === rows ? data[row] : undefined) ?? Number.NaN);
      return countAnswer(-1, NO_SCORES, 0, y, us, at);
    }
    const data = outputs[answer.probabilities ?? '']?.data;
    const isFloat = data instanceof Float32Array || data instanceof Float64Array;
    const scores = isFloat && data.length === rows * classes.length ? data : NO_SCORES;
    const offset = scores.length === 0 ? 0 : row * classes.length;
    return countAnswer(indexOfAnswer(answer, outputs, row, scores, offset), scores, offset, Number.NaN, us, at);
  }

  /** The class that the model names, or else the most probable one; -1 where it names none of them. */
  function indexOfAnswer(
    { label }: AnswerLayout & { kind: 'classification' },
    outputs: Outputs,
    row: number,
    scores: Float32Array | Float64Array,
    offset: number,
  ): number {
    const named = label === undefined ? undefined : outputs[label]?.data[row];
    if (named !== undefined) return typeof named === 'string' ? classes.indexOf(named) : Number(named);
    return scores.length === 0 ? -1 : pickLargest(scores, offset, classes.length);
  }
}
