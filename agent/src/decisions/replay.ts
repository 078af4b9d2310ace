// Decides whether a logged prediction comes out again, bit for bit, when its model runs on its input once more. Never counts
// the run as a prediction.
import { type ReasonCode, type Refusal, refuse } from '@drover/core/reasons';
import type { RowAnswer } from '@drover/infer/predictor';
import type { Feeds, Outputs, TensorValue } from '@drover/infer/runtime';
import type { LoadedModel } from '../serve/bundle.ts';
import type { LoggedOutput } from './entry.ts';
import type { Decision } from './log.ts';

export interface Difference {
  /** Name of the output, with the place in it. */
  readonly output: string;
  readonly recorded: string;
  readonly replayed: string;
}

export interface Replay {
  readonly predictionId: string;
  readonly verdict: 'matches' | 'differs' | 'cannot';
  /** Why it cannot be told. */
  readonly code?: ReasonCode;
  readonly detail?: string;
  readonly at: string;
  readonly slot: string;
  readonly manifest: string;
  readonly model?: string;
  readonly version?: number;
  readonly answeredBy: Decision['answeredBy'];
  readonly reason?: string;
  /** ONNX Runtime when it was recorded, and now. Only the same one promises the same bits. */
  readonly runtime: { readonly recorded: string; readonly now?: string; readonly same?: boolean };
  /** Values that were compared. */
  readonly compared: number;
  readonly differences: readonly Difference[];
}

const SHOWN = 8;

type Values = ArrayLike<number | bigint | string>;

/** `Object.is` tells 0 from -0; every NaN counts as the same, because a runtime promises no payload. */
function compareValues(name: string, recorded: Values, replayed: Values, into: Difference[]): number {
  if (recorded.length !== replayed.length) {
    into.push({ output: name, recorded: `${recorded.length} values`, replayed: `${replayed.length} values` });
    return Math.min(recorded.length, replayed.length);
  }
  for (let i = 0; i < recorded.length; i++) {
    if (Object.is(recorded[i], replayed[i])) continue;
    into.push({ output: `${name}[${i}]`, recorded: show(recorded[i]), replayed: show(replayed[i]) });
  }
  return recorded.length;
}

const show = (value: number | bigint | string | undefined): string =>
  Object.is(value, -0) ? '-0' : String(value).slice(0, 80);

function compareTensors(recorded: Feeds, replayed: Outputs, into: Difference[]): number {
  let compared = 0;
  for (const [name, was] of Object.entries(recorded)) {
    const is: TensorValue | undefined = replayed[name];
    if (is?.dtype !== was.dtype || is.dims.join() !== was.dims.join()) {
      into.push({
        output: name,
        recorded: `${was.dtype} [${was.dims.join()}]`,
        replayed: is ? `${is.dtype} [${is.dims.join()}]` : 'absent',
      });
      continue;
    }
    compared += compareValues(name, was.data, is.data, into);
  }
  return compared;
}

function compareAnswer(recorded: LoggedOutput, answer: RowAnswer, into: Difference[]): number {
  if (recorded.kind === 'value') return compareValues('value', [recorded.value], [answer.value], into);
  if (recorded.kind !== 'class') return 0;
  const labels = compareValues('class', [recorded.index], [answer.classIndex], into);
  return labels + compareValues('probabilities', recorded.probabilities, answer.probabilities, into);
}

async function runAgain(
  { input, output }: Decision,
  { predictor, session }: LoadedModel,
  into: Difference[],
): Promise<number | Refusal> {
  if (input.kind === 'tensors' && output.kind === 'tensors') {
    try {
      return compareTensors(output.tensors, await session.run(input.tensors), into);
    } catch (error) {
      return refuse('run_failed', String(error instanceof Error ? error.message : error).slice(0, 300));
    }
  }
  if (input.kind !== 'row' || !predictor)
    return refuse('replay_impossible', 'The input is not one that this model takes.');
  const answer = await predictor.predictRow(input.x, input.c);
  return answer.ok ? compareAnswer(output, answer, into) : answer;
}

/** Why this decision cannot be run again, whatever the model. */
function findObstacle({ input, output }: Decision): Refusal | undefined {
  if (input.kind === 'withheld')
    return refuse('decision_input_absent', 'It has fields that this device holds personal.');
  if (input.kind === 'digest') return refuse('decision_input_absent', `Its SHA-256 is ${input.sha256}.`);
  if (output.kind === 'none') return refuse('replay_impossible', 'The model had given no output: its run failed.');
  if (output.kind === 'digest') return refuse('replay_impossible', 'The outputs were too large to be kept.');
  return undefined;
}

/** @param load the model that answered, from where it lies now. */
export async function replayDecision(
  decision: Decision,
  load: (manifest: string) => Promise<{ readonly ok: true; readonly value: LoadedModel } | Refusal>,
): Promise<Replay> {
  const { predictionId, at, of, answeredBy, reason } = decision;
  const recorded = `${of.runtime} ${of.runtimeVersion}`;
  const base = {
    predictionId, at: new Date(at).toISOString(), slot: of.slot, manifest: of.manifest, answeredBy, ...(reason && { reason }),
  }; // biome-ignore format: one record
  const cannot = ({ code, detail }: Refusal, more: Partial<Replay> = {}): Replay => ({
    ...base, runtime: { recorded }, compared: 0, differences: [], ...more, verdict: 'cannot', code, detail,
  }); // biome-ignore format: one record
  const obstacle = findObstacle(decision);
  if (obstacle) return cannot(obstacle);
  const model = await load(of.manifest);
  if (!model.ok) return cannot(model);
  const { manifest, runtime } = model.value;
  const now = `${runtime.name} ${runtime.version}`;
  const named = {
    model: manifest.model,
    version: manifest.version,
    runtime: { recorded, now, same: now === recorded },
  };
  const differences: Difference[] = [];
  const compared = await runAgain(decision, model.value, differences);
  if (typeof compared !== 'number') return cannot(compared, named);
  const verdict = differences.length === 0 ? 'matches' : 'differs';
  return { ...base, ...named, verdict, compared, differences: differences.slice(0, SHOWN) };
}
