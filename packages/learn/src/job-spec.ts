// Owns the words of a training job (`in/job.json`, `in/hyperparameters.json`, contract hub-trainer/1) and refuses bad ones.
import { accept, type Result, refuse } from '@drover/core/reasons';
import type { Delimiter } from './delimited.ts';
import { ONNX_VERSIONS } from './export/to-onnx.ts';
import { parseTreeParams, type TreeParams } from './gbdt/params.ts';
import type { LabelSpec } from './label.ts';
import { type LinearParams, parseLinearParams } from './linear/train.ts';
import { DEFAULT_SHARES, type SplitSpec } from './split.ts';
import { TASKS, type Task } from './task.ts';

export const CONTRACT = 'hub-trainer/1';

/** What `in/job.json` says. Everything but `label` may be left out. */
export interface JobSpec {
  readonly jobId: string;
  readonly attempt: number;
  readonly trainer: 'gbdt' | 'linear';
  readonly task: Task | 'auto';
  readonly label: string | LabelSpec;
  readonly exclude: readonly string[];
  readonly features: readonly string[] | undefined;
  readonly deviceColumn: string | undefined;
  readonly timeColumn: string | undefined;
  readonly split: SplitSpec;
  readonly seed: number;
  /** Memory of the trainer's kernel in MiB and seconds of training, where they are bounded. */
  readonly limits: { readonly memMB: number | undefined; readonly wallS: number | undefined };
  /** The table below `in/data/`, its layout where it is known, and its digest where it must match. */
  readonly data: {
    readonly file: string;
    readonly delimiter: Delimiter | undefined;
    readonly hasHeader: boolean | undefined;
    readonly sha256: string | undefined;
  };
}

export type ClassWeights = 'none' | 'balanced' | Readonly<Record<string, number>>;

/** `auto` takes the best F1 on the validation rows when class 1 is rarer than `RARE_SHARE`, and 0.5 otherwise. */
export type ThresholdRule = 'auto' | 'f1' | number;
export const RARE_SHARE = 0.2;

/** What `in/hyperparameters.json` says: the trainer's own parameters, and two that every classifier has. */
export interface Hyperparameters {
  readonly trees: TreeParams | undefined;
  readonly linear: LinearParams | undefined;
  readonly classWeights: ClassWeights;
  readonly threshold: ThresholdRule;
}

type Fields = Readonly<Record<string, unknown>>;
const isFields = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const isText = (value: unknown): value is string => typeof value === 'string' && value !== '' && value.length <= 512;
const isTexts = (value: unknown): value is string[] =>
  Array.isArray(value) && value.length <= 10_000 && value.every(isText);

const DELIMITERS: readonly unknown[] = [',', ';', '\t', '|', 'whitespace'];
const KNOWN = new Set(
  'contract jobId attempt trainer task label exclude features deviceColumn timeColumn split seed data limits maxOpset maxMl maxIr'.split(
    ' ',
  ),
);

function parseLabel(value: unknown): Result<string | LabelSpec> {
  if (isText(value)) return accept(value);
  if (
    isFields(value) &&
    value['kind'] === 'endsWithin' &&
    isText(value['deviceColumn']) &&
    Number.isSafeInteger(value['rows'])
  ) {
    return accept({ kind: 'endsWithin', rows: value['rows'] as number, deviceColumn: value['deviceColumn'] });
  }
  return refuse('params_invalid', '"label" must be a column or {kind: "endsWithin", rows, deviceColumn}.');
}

function parseSplit(value: unknown, hasDevices: boolean): Result<SplitSpec> {
  const given = value ?? {};
  if (!isFields(given)) return refuse('params_invalid', '"split" must be an object.');
  const by = given['by'] ?? (hasDevices ? 'device' : 'time');
  if (by !== 'time' && by !== 'device' && by !== 'random')
    return refuse('params_invalid', '"split.by" must be time, device or random.');
  const validationShare = given['validationShare'] ?? DEFAULT_SHARES.validationShare;
  const testShare = given['testShare'] ?? DEFAULT_SHARES.testShare;
  if (typeof validationShare !== 'number' || typeof testShare !== 'number')
    return refuse('params_invalid', 'Shares must be numbers.');
  return accept({ by, validationShare, testShare });
}

function parseData(value: unknown): Result<JobSpec['data']> {
  const given = value ?? {};
  if (!isFields(given)) return refuse('params_invalid', '"data" must be an object.');
  const {
    file = 'table.csv',
    delimiter,
    hasHeader,
    sha256,
  } = given as Record<'file' | 'delimiter' | 'hasHeader' | 'sha256', unknown>;
  // Only a name: a path could leave the folder of the job.
  if (!isText(file) || !/^[A-Za-z0-9][A-Za-z0-9._-]*$/.test(file))
    return refuse('params_invalid', '"data.file" must be a plain file name.');
  if (delimiter !== undefined && !DELIMITERS.includes(delimiter))
    return refuse('params_invalid', '"data.delimiter" is not known.');
  if (hasHeader !== undefined && typeof hasHeader !== 'boolean')
    return refuse('params_invalid', '"data.hasHeader" must be true or false.');
  if (sha256 !== undefined && !(typeof sha256 === 'string' && /^[0-9a-f]{64}$/.test(sha256))) {
    return refuse('params_invalid', '"data.sha256" must be 64 hex digits.');
  }
  return accept({ file, delimiter: delimiter as Delimiter | undefined, hasHeader, sha256 });
}

/** Bounds on the run, and on the ONNX versions that the caller can take. */
function parseLimits(value: Fields): Result<JobSpec['limits']> {
  const { limits = {}, maxOpset = ONNX_VERSIONS.opset, maxMl = ONNX_VERSIONS.ml, maxIr = ONNX_VERSIONS.ir } = value;
  const isBound = (bound: unknown): bound is number | undefined =>
    bound === undefined || (typeof bound === 'number' && bound > 0);
  if (!isFields(limits)) return refuse('params_invalid', '"limits" must be an object.');
  const { memMB, wallS } = limits;
  if (!isBound(memMB) || !isBound(wallS))
    return refuse('params_invalid', '"limits.memMB" and "limits.wallS" must be numbers above 0.');
  const { opset, ml, ir } = ONNX_VERSIONS;
  if (!(Number(maxOpset) >= opset && Number(maxMl) >= ml && Number(maxIr) >= ir)) {
    return refuse('params_invalid', `This trainer writes opset ${opset}, ai.onnx.ml ${ml}, IR ${ir}.`);
  }
  return accept({ memMB, wallS });
}

export function parseJobSpec(value: unknown): Result<JobSpec> {
  if (!isFields(value)) return refuse('params_invalid', 'job.json must hold an object.');
  const unknown = Object.keys(value).find((key) => !KNOWN.has(key));
  if (unknown !== undefined) return refuse('params_invalid', `"${unknown}" in job.json is unknown.`);
  if (value['contract'] !== undefined && value['contract'] !== CONTRACT)
    return refuse('params_invalid', `The contract must be ${CONTRACT}.`);
  const label = parseLabel(value['label']);
  if (!label.ok) return label;
  const {
    exclude = [],
    features,
    deviceColumn,
    timeColumn,
    seed = 1,
    trainer = 'gbdt',
    task = 'auto',
    attempt = 1,
  } = value;
  if (!isTexts(exclude) || (features !== undefined && !isTexts(features))) {
    return refuse('params_invalid', '"exclude" and "features" must be lists of columns.');
  }
  if ((deviceColumn !== undefined && !isText(deviceColumn)) || (timeColumn !== undefined && !isText(timeColumn))) {
    return refuse('params_invalid', '"deviceColumn" and "timeColumn" must be columns.');
  }
  if (trainer !== 'gbdt' && trainer !== 'linear') return refuse('params_invalid', '"trainer" must be gbdt or linear.');
  if (task !== 'auto' && !TASKS.includes(task as Task))
    return refuse('params_invalid', `"task" must be auto, ${TASKS.join(', ')}.`);
  if (!Number.isSafeInteger(seed) || !Number.isSafeInteger(attempt))
    return refuse('params_invalid', '"seed" and "attempt" must be integers.');
  if (typeof label.value !== 'string' && deviceColumn !== undefined && deviceColumn !== label.value.deviceColumn) {
    return refuse('params_invalid', '"deviceColumn" must be the one that the label names.');
  }
  const hasDevices = deviceColumn !== undefined || typeof label.value !== 'string';
  const split = parseSplit(value['split'], hasDevices);
  if (!split.ok) return split;
  const data = parseData(value['data']);
  if (!data.ok) return data;
  const limits = parseLimits(value);
  if (!limits.ok) return limits;
  return accept({
    jobId: isText(value['jobId']) ? value['jobId'] : '',
    attempt: attempt as number,
    trainer,
    task: task as Task | 'auto',
    label: label.value,
    exclude,
    features,
    deviceColumn,
    timeColumn,
    split: split.value,
    seed: seed as number,
    limits: limits.value,
    data: data.value,
  });
}

const isWeights = (value: unknown): value is Record<string, number> =>
  isFields(value) && Object.values(value).every((weight) => typeof weight === 'number' && weight > 0 && weight <= 1e6);

const isRule = (value: unknown): value is ThresholdRule =>
  value === 'auto' || value === 'f1' || (typeof value === 'number' && value > 0 && value < 1);

export function parseHyperparameters(value: unknown, trainer: JobSpec['trainer']): Result<Hyperparameters> {
  if (!isFields(value)) return refuse('params_invalid', 'hyperparameters.json must hold an object.');
  const { classWeights = 'none', threshold = 'auto', ...own } = value;
  if (classWeights !== 'none' && classWeights !== 'balanced' && !isWeights(classWeights)) {
    return refuse('params_invalid', '"classWeights" must be none, balanced, or one number above 0 per class.');
  }
  if (!isRule(threshold)) return refuse('params_invalid', '"threshold" must be auto, f1 or a number between 0 and 1.');
  const shared: Pick<Hyperparameters, 'classWeights' | 'threshold'> = { classWeights, threshold };
  if (trainer === 'linear') {
    const linear = parseLinearParams(own);
    return linear.ok ? accept({ ...shared, trees: undefined, linear: linear.value }) : linear;
  }
  const trees = parseTreeParams(own);
  return trees.ok ? accept({ ...shared, trees: trees.value, linear: undefined }) : trees;
}
