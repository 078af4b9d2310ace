// Owns the folder of one training job as the trainer contract hub-trainer/1 wants it. Never starts a process.
import { copyFile, link, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { accept, isReasonCode, type Refusal, type Result, refuse } from '@drover/core/reasons';
import { parseHyperparameters, parseJobSpec } from '@drover/learn/job-spec';
import type { RunRequest } from '@drover/wire/http/runs';

export interface Job {
  readonly spec: Readonly<Record<string, unknown>>;
  readonly hyperparameters: Readonly<Record<string, unknown>>;
}

export const DEFAULT_TRAINER = 'gbdt';

/** What job.json and hyperparameters.json will say. Refuses with params_invalid what the trainer would refuse. */
export function describeJob(request: RunRequest, id: string, wallS: number): Result<Job> {
  const { roles, trainer = DEFAULT_TRAINER, parameters = {}, seed = 1 } = request;
  if ((roles.label === undefined) === (roles.derive === undefined)) {
    return refuse('params_invalid', 'Give either "roles.label", a column, or "roles.derive".');
  }
  if (roles.derive !== undefined && roles.device === undefined) {
    return refuse(
      'params_invalid',
      'A derived label needs "roles.device": it counts the rows of each device from its end.',
    );
  }
  const label = roles.label ?? { kind: 'endsWithin', rows: roles.derive?.rows, deviceColumn: roles.device };
  const spec = {
    contract: 'hub-trainer/1',
    jobId: id,
    trainer,
    label,
    exclude: roles.exclude ?? [],
    ...(roles.device === undefined ? {} : { deviceColumn: roles.device }),
    ...(roles.time === undefined ? {} : { timeColumn: roles.time }),
    seed,
    limits: { wallS },
    data: { file: 'table.csv', sha256: request.dataset },
  };
  const checked = parseJobSpec(spec);
  if (!checked.ok) return checked;
  const hyper = parseHyperparameters(parameters, trainer);
  return hyper.ok ? accept({ spec, hyperparameters: parameters }) : hyper;
}

/** Lays out `in/`; the data is linked where the file system can, so that a large set is not stored twice. */
export async function layOutJob(dir: string, job: Job, dataset: string): Promise<void> {
  await rm(dir, { recursive: true, force: true });
  await mkdir(path.join(dir, 'in', 'data'), { recursive: true, mode: 0o700 });
  await mkdir(path.join(dir, 'out'), { mode: 0o700 });
  await writeFile(path.join(dir, 'in', 'job.json'), JSON.stringify(job.spec), { mode: 0o600 });
  await writeFile(path.join(dir, 'in', 'hyperparameters.json'), JSON.stringify(job.hyperparameters), { mode: 0o600 });
  const table = path.join(dir, 'in', 'data', 'table.csv');
  try {
    await link(dataset, table);
  } catch {
    // Another file system, or one without links.
    await copyFile(dataset, table);
  }
}

const FAILURE_CHARS = 1024;

/** What the trainer wrote to `out/failure` ("code: detail"); undefined when it wrote nothing that can be read. */
export async function readFailure(dir: string): Promise<Refusal | undefined> {
  let text: string;
  try {
    text = (await readFile(path.join(dir, 'out', 'failure'), 'utf8')).slice(0, FAILURE_CHARS);
  } catch {
    // No file: the process died before it could write one.
    return undefined;
  }
  const [, code = '', detail = ''] = /^([a-z_]+): ([\s\S]*)$/.exec(text.trim()) ?? [];
  return isReasonCode(code) ? refuse(code, detail.trim()) : refuse('training_failed', text.trim());
}
