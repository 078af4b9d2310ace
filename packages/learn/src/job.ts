// Runs one training job in a folder (contract hub-trainer/1): reads `in/`, writes `out/`, reports progress, answers with the
// exit code. It never looks outside the folder and accepts nothing: acceptance is the hub's.
//
//   in/job.json  in/hyperparameters.json  in/data/table.csv
//   out/model.onnx  out/baseline.json  out/vectors.json  out/metrics.json  out/report.json  out/failure ("code: detail")
import { createHash } from 'node:crypto';
import { mkdir, readFile, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { accept, type ReasonCode, type Refusal, type Result, refuse } from '@drover/core/reasons';
import { encodeBaseline } from '@drover/sketch/baseline';
import { describeBaseline } from './describe-baseline.ts';
import { exportModel } from './export/to-onnx.ts';
import { parseHyperparameters, parseJobSpec } from './job-spec.ts';
import { describeJob, describeMetadata } from './report.ts';
import { parseTable, TABLE_LIMITS } from './table.ts';
import { type TrainedTable, trainOnTable } from './train-table.ts';
import { makeVectors } from './vectors.ts';

/** The program that runs a job folder as a child process: `DROVER_JOB_DIR=<folder> node <this>`. */
export const jobMain = new URL('./job-main.ts', import.meta.url);

/** 0 done; 10 bad data; 11 bad parameters; 12 too large or too slow for its limits; 143 cancelled by SIGTERM; anything else may be tried again. */
export type JobExit = 0 | 1 | 10 | 11 | 12 | 143;

/** One line of progress on standard output. */
export type JobLine =
  | { readonly t: 'phase'; readonly name: 'read' | 'train' | 'write' | 'done' }
  | {
      readonly t: 'metric';
      readonly step: number;
      readonly steps: number;
      readonly name: string;
      readonly value: number;
    }
  | { readonly t: 'dropped'; readonly name: string; readonly reason: string; readonly says: string };

const MAX_SPEC_BYTES = 1 << 20;
/** How long training may go on before other work (a SIGTERM) is let through, and how often progress is said. */
const TURN_MS = 50;
const REPORT_MS = 250;

const exitOf = (code: ReasonCode): JobExit =>
  code === 'data_too_large' || code === 'training_timeout'
    ? 12
    : code === 'params_invalid'
      ? 11
      : code === 'training_cancelled'
        ? 143
        : code === 'training_failed'
          ? 1
          : 10;

async function readJson(file: string, fallback: unknown): Promise<Result<unknown>> {
  try {
    const { size } = await stat(file);
    if (size > MAX_SPEC_BYTES)
      return refuse('params_invalid', `${path.basename(file)} is larger than ${MAX_SPEC_BYTES} bytes.`);
    return accept(JSON.parse(await readFile(file, 'utf8')));
  } catch (error) {
    if (error instanceof SyntaxError) return refuse('params_invalid', `${path.basename(file)} is not JSON.`);
    if ((error as { code?: unknown }).code === 'ENOENT' && fallback !== undefined) return accept(fallback);
    return refuse('params_invalid', `${path.basename(file)} cannot be read.`);
  }
}

async function readData(
  file: string,
  sha256: string | undefined,
): Promise<Result<{ bytes: Uint8Array; sha256: string }>> {
  let bytes: Uint8Array;
  try {
    const { size } = await stat(file);
    if (size > TABLE_LIMITS.bytes)
      return refuse('data_too_large', `${size} bytes, the limit is ${TABLE_LIMITS.bytes}.`);
    bytes = await readFile(file);
  } catch {
    return refuse('data_unreadable', `${path.basename(file)} cannot be read.`);
  }
  const digest = createHash('sha256').update(bytes).digest('hex');
  if (sha256 !== undefined && sha256 !== digest)
    return refuse('data_unreadable', `Its SHA-256 is ${digest} and not ${sha256}.`);
  return accept({ bytes, sha256: digest });
}

/** Drives the trainer, letting signals through; stops between two rounds once `cancel` is aborted. */
async function drive(
  steps: ReturnType<typeof trainOnTable>,
  emit: (line: JobLine) => void,
  cancel: AbortSignal,
  wallS: number,
): Promise<Result<TrainedTable>> {
  let turnAt = performance.now();
  const endAt = turnAt + wallS * 1000;
  let reportAt = turnAt;
  for (;;) {
    const step = steps.next();
    if (step.done === true) return step.value;
    const now = performance.now();
    const { round, rounds, validationLoss } = step.value;
    if (now - reportAt >= REPORT_MS || round === 1) {
      reportAt = now;
      emit({
        t: 'metric',
        step: round,
        steps: rounds,
        name: validationLoss === undefined ? 'step' : 'validationLoss',
        value: validationLoss ?? round,
      });
    }
    if (now - turnAt >= TURN_MS) {
      await nextTurn();
      turnAt = performance.now();
    }
    if (cancel.aborted) return refuse('training_cancelled', `Stopped after step ${round}.`);
    if (now > endAt) return refuse('training_timeout', `Stopped after step ${round} and ${wallS} s.`);
  }
}

async function runSteps(dir: string, emit: (line: JobLine) => void, cancel: AbortSignal): Promise<Result<undefined>> {
  emit({ t: 'phase', name: 'read' });
  const jobJson = await readJson(path.join(dir, 'in/job.json'), undefined);
  if (!jobJson.ok) return jobJson;
  const spec = parseJobSpec(jobJson.value);
  if (!spec.ok) return spec;
  const hyperJson = await readJson(path.join(dir, 'in/hyperparameters.json'), {});
  if (!hyperJson.ok) return hyperJson;
  const hyper = parseHyperparameters(hyperJson.value, spec.value.trainer);
  if (!hyper.ok) return hyper;
  const data = await readData(path.join(dir, 'in/data', spec.value.data.file), spec.value.data.sha256);
  if (!data.ok) return data;
  const table = parseTable(data.value.bytes, spec.value.data);
  if (!table.ok) return table;
  await nextTurn();
  if (cancel.aborted) return refuse('training_cancelled', 'Stopped before training.');
  emit({ t: 'phase', name: 'train' });
  const trained = await drive(
    trainOnTable(table.value, spec.value, hyper.value),
    emit,
    cancel,
    spec.value.limits.wallS ?? Number.POSITIVE_INFINITY,
  );
  if (!trained.ok) return trained;
  const result = trained.value;
  for (const { name, reason, says } of result.prepared.dropped) emit({ t: 'dropped', name, reason, says });
  emit({ t: 'phase', name: 'write' });
  const model = exportModel(result.model, describeMetadata(result, spec.value, hyper.value, data.value.sha256));
  const baseline = describeBaseline(result);
  if (!baseline.ok) return baseline;
  const out = path.join(dir, 'out');
  const json = (value: unknown): string => `${JSON.stringify(value, null, 1)}\n`;
  await writeFile(path.join(out, 'baseline.json'), encodeBaseline(baseline.value));
  await writeFile(path.join(out, 'vectors.json'), json(makeVectors(result.model, result.test)));
  await writeFile(path.join(out, 'metrics.json'), json(result.metrics));
  await writeFile(path.join(out, 'report.json'), json(describeJob(result, spec.value, table.value.rows)));
  await writeFile(path.join(out, 'model.onnx'), model);
  emit({ t: 'phase', name: 'done' });
  return accept(undefined);
}

/** Never throws: whatever goes wrong stands in `out/failure` and in the exit code. */
export async function runJob(dir: string, emit: (line: JobLine) => void, cancel: AbortSignal): Promise<JobExit> {
  let outcome: Result<undefined> | Refusal;
  try {
    await mkdir(path.join(dir, 'out'), { recursive: true });
    outcome = await runSteps(dir, emit, cancel);
  } catch (error) {
    outcome = refuse('training_failed', error instanceof Error ? (error.stack ?? error.message) : String(error));
  }
  if (outcome.ok) return 0;
  try {
    await writeFile(path.join(dir, 'out/failure'), `${outcome.code}: ${outcome.detail}\n`);
  } catch {
    // A folder that cannot be written to leaves only the exit code to say it.
    return 1;
  }
  return exitOf(outcome.code);
}
