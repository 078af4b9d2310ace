// Owns training runs: a bounded queue in the database, one process at a time, every state kept across restarts. Never
// trains by itself and never registers what acceptance did not pass.
import { rm } from 'node:fs/promises';
import path from 'node:path';
import { accept, type Refusal, type Result, refuse } from '@drover/core/reasons';
import type { AuditEntry } from '@drover/trust/audit/chain';
import type { RunRequest } from '@drover/wire/http/runs';
import type { Logger } from 'pino';
import { commitWithAudit } from '../db/audit.ts';
import { readDataset } from '../db/models.ts';
import { insertRunLogs, type RunLogLine } from '../db/run-logs.ts';
import { insertRun, listRunsIn, type RunRow, readRun, updateRun } from '../db/runs.ts';
import type { RunState } from '../db/schema.ts';
import { type AcceptDeps, type Accepted, acceptTrained } from '../registry/accept.ts';
import { DEFAULT_TRAINER, describeJob, layOutJob, readFailure } from './job-folder.ts';
import { isTrainerOf, type JobEnd, type RunningJob, runTrainer } from './job-process.ts';
import { hearLine, type Progress } from './progress.ts';

export interface RunnerDeps extends AcceptDeps {
  /** Folder of the job folders. */
  readonly jobs: string;
  readonly makeId: () => string;
  readonly log: Logger;
  readonly limits: {
    readonly memoryMb: number;
    readonly seconds: number;
    readonly queued: number;
    readonly graceMs: number;
  };
  /** The trainer's program, where it is not the built-in one. */
  readonly trainerMain?: string;
  readonly version: string;
}

export interface TrainingRunner {
  submit(request: RunRequest, actor: string): Promise<Result<RunRow>>;
  cancel(id: string, actor: string): Promise<Result<RunRow>>;
  /** Runs that wait or work. */
  counts(): Promise<{ readonly queued: number; readonly running: number }>;
  /** After a start: runs of a hub that ended are failed, waiting ones go on. */
  recover(): Promise<void>;
  /** Ends the process that works, takes no more, and comes back when all is written. */
  stop(): Promise<void>;
}

/** Lines kept of one run; a trainer that prints without end must not fill the database. */
const MAX_LOG_LINES = 5000;

interface Work {
  readonly id: string;
  readonly dir: string;
  job: RunningJob | undefined;
  isCancelled: boolean;
  lines: RunLogLine[];
  said: number;
  progress: Progress | undefined;
  readonly notes: string[];
}

/** The end of a run is a change by the hub itself. */
function tellEnd(
  run: string,
  at: number,
  end: { readonly state: RunState; readonly code?: string; readonly version?: number; readonly manifest?: string },
): AuditEntry {
  const { state, code, version, manifest } = end;
  const after = { state, code, version, manifest };
  return { at, actor: 'hub', action: 'run.end', subject: run, detail: { before: { state: 'running' }, after } };
}

export function openRunner(deps: RunnerDeps): TrainingRunner {
  const { store, now, limits, log } = deps;
  let work: Work | undefined;
  let pump: Promise<void> | undefined;
  let isStopping = false;
  /** Submissions decide on the length of the queue: one at a time. */
  let submitting: Promise<unknown> = Promise.resolve();

  function say(own: Work, text: string): void {
    if (own.said >= MAX_LOG_LINES) return;
    own.said++;
    own.lines.push({
      run: own.id,
      line: own.said,
      at: now(),
      text: own.said === MAX_LOG_LINES ? '… further lines are not kept.' : text,
    });
  }

  /** Writes what was said since the last time. */
  async function flush(own: Work): Promise<void> {
    const { lines, progress } = own;
    if (lines.length === 0) return;
    own.lines = [];
    await store.commit([
      insertRunLogs(lines),
      {
        ...updateRun(own.id, 'running', {
          progressJson: JSON.stringify(progress ?? null),
          notesJson: JSON.stringify(own.notes),
        }),
        expect: 'any',
      },
    ]);
  }

  function explainEnd(end: JobEnd, seconds: number): Refusal | undefined {
    if (end.by === 'cancel')
      return isStopping
        ? refuse('hub_restarted', 'It was stopped with the hub.')
        : refuse('training_cancelled', 'It was cancelled while it worked.');
    if (end.by === 'timeout') return refuse('training_timeout', `It was ended after ${seconds} s.`);
    if (end.by === 'memory')
      return refuse('data_too_large', `The trainer needed more than ${limits.memoryMb} MiB of memory.`);
    if (end.code === 0) return undefined;
    const last = end.stderr.trim().split('\n').at(-1) ?? '';
    return refuse('training_failed', `The trainer ended ${end.signal ?? `with code ${end.code}`}. ${last}`.trim());
  }

  async function train(own: Work, run: RunRow): Promise<Result<Accepted>> {
    const request = JSON.parse(run.requestJson) as RunRequest;
    const seconds = request.timeoutSeconds ?? limits.seconds;
    const job = describeJob(request, run.id, seconds);
    if (!job.ok) return job;
    if (!(await deps.blobs.has(request.dataset)))
      return refuse('not_found', `The data set sha256:${request.dataset} is gone.`);
    await layOutJob(own.dir, job.value, deps.blobs.path(request.dataset));
    if (own.isCancelled) return refuse('training_cancelled', 'It was cancelled before it began.');
    const heard = (line: string): void => {
      const { text, progress, note } = hearLine(line);
      say(own, text);
      if (progress !== undefined) own.progress = progress;
      if (note !== undefined && own.notes.length < 200) own.notes.push(note);
    };
    const limit = { wallMs: seconds * 1000, memoryMb: limits.memoryMb, graceMs: limits.graceMs };
    own.job = runTrainer(own.dir, limit, heard, deps.trainerMain);
    await store.commit([{ ...updateRun(own.id, 'running', { pid: own.job.pid ?? null }), expect: 'any' }]);
    if (own.isCancelled) own.job.cancel();
    const ticker = setInterval(() => {
      flush(own).catch((error: unknown) => log.error({ err: error, run: own.id }, 'progress not written'));
    }, 500);
    const end = await own.job.end;
    clearInterval(ticker);
    const why = explainEnd(end, seconds);
    if (why !== undefined) return (end.by === 'exit' ? await readFailure(own.dir) : undefined) ?? why;
    const { model, dataset, trainer = DEFAULT_TRAINER, parameters = {}, seed = 1, rules } = request;
    const code = `drover/${deps.version}`;
    return acceptTrained(deps, {
      out: path.join(own.dir, 'out'),
      model,
      run: run.id,
      dataset,
      trainer,
      parameters: { ...parameters, seed },
      code,
      ...(rules && { rules }),
    });
  }

  async function finish(own: Work, outcome: Result<Accepted>): Promise<void> {
    const endedAt = now();
    if (outcome.ok) own.notes.push(...outcome.value.notes);
    say(
      own,
      outcome.ok
        ? `Registered ${outcome.value.version.model}@${outcome.value.version.version}.`
        : `${outcome.code}: ${outcome.detail}`,
    );
    await flush(own);
    const ended = outcome.ok
      ? {
          state: 'succeeded' as const,
          version: outcome.value.version.version,
          manifest: outcome.value.version.manifest,
          metricsJson: JSON.stringify(outcome.value.metrics),
        }
      : {
          state: outcome.code === 'training_cancelled' ? ('cancelled' as const) : ('failed' as const),
          code: outcome.code,
          detail: outcome.detail,
        };
    const change = { ...ended, endedAt, pid: null, notesJson: JSON.stringify(own.notes) };
    await commitWithAudit(store, [updateRun(own.id, 'running', change)], tellEnd(own.id, endedAt, ended));
    log.info({ run: own.id, state: ended.state, code: outcome.ok ? undefined : outcome.code }, 'run ended');
    await rm(own.dir, { recursive: true, force: true });
  }

  async function runOne(run: RunRow): Promise<void> {
    const dir = path.join(deps.jobs, run.id);
    const own: Work = {
      id: run.id,
      dir,
      job: undefined,
      isCancelled: false,
      lines: [],
      said: 0,
      progress: undefined,
      notes: [],
    };
    work = own;
    try {
      const begun = await store.commit([updateRun(run.id, 'queued', { state: 'running', startedAt: now() })]);
      // Cancelled between reading and starting.
      if (!begun.ok) return;
      log.info({ run: run.id, model: run.model }, 'run started');
      let outcome: Result<Accepted>;
      try {
        outcome = await train(own, run);
      } catch (error) {
        log.error({ err: error, run: run.id }, 'run failed on the side of the hub');
        outcome = refuse(
          'training_failed',
          `The hub failed: ${error instanceof Error ? error.message.slice(0, 200) : 'unknown'}.`,
        );
      }
      await finish(own, outcome);
    } finally {
      work = undefined;
    }
  }

  async function drainQueue(): Promise<void> {
    while (!isStopping) {
      const [next] = await listRunsIn(store, ['queued']);
      if (next === undefined) return;
      await runOne(next);
    }
  }

  function kick(): void {
    if (pump !== undefined || isStopping) return;
    pump = drainQueue()
      .catch((error: unknown) => log.error({ err: error }, 'the training queue stopped'))
      .finally(() => {
        pump = undefined;
      });
  }

  async function enqueue(request: RunRequest, actor: string): Promise<Result<RunRow>> {
    if (isStopping) return refuse('hub_stopping', 'No run is taken any more.');
    const id = deps.makeId();
    const job = describeJob(request, id, request.timeoutSeconds ?? limits.seconds);
    if (!job.ok) return job;
    if ((await readDataset(store, request.dataset)) === undefined) {
      return refuse('not_found', `No data set sha256:${request.dataset} was uploaded.`);
    }
    const waiting = await listRunsIn(store, ['queued']);
    if (waiting.length >= limits.queued) return refuse('queue_full', `${waiting.length} runs wait.`);
    const createdAt = now();
    const row: RunRow = {
      id, model: request.model, project: 'default', state: 'queued', requestJson: JSON.stringify(request), progressJson: null,
      metricsJson: '{}', notesJson: '[]', version: null, manifest: null, code: null, detail: null, pid: null,
      createdAt, startedAt: null, endedAt: null,
    }; // biome-ignore format: one row
    const entry = {
      at: createdAt,
      actor,
      action: 'run.start',
      subject: id,
      detail: { before: null, after: { ...request, state: 'queued' } },
    };
    const done = await commitWithAudit(store, [insertRun(row)], entry);
    if (!done.ok) return refuse('write_conflict', 'The run could not be stored.');
    kick();
    return accept(row);
  }

  return {
    submit(request, actor) {
      const turn = submitting.then(() => enqueue(request, actor));
      submitting = turn.catch(() => undefined);
      return turn;
    },

    async cancel(id, actor) {
      const run = await readRun(store, id);
      if (run === undefined) return refuse('not_found', `There is no run ${id}.`);
      const at = now();
      const detail = { before: { state: run.state }, after: { state: 'cancelled' } };
      const entry = { at, actor, action: 'run.cancel', subject: id, detail };
      if (run.state === 'queued') {
        const change = {
          state: 'cancelled' as const,
          endedAt: at,
          code: 'training_cancelled',
          detail: 'It was cancelled before it began.',
        };
        const done = await commitWithAudit(store, [updateRun(id, 'queued', change)], entry);
        if (done.ok) return accept({ ...run, ...change });
      }
      if (run.endedAt !== null || work?.id !== id) return refuse('run_not_active', `Run ${id} is ${run.state}.`);
      await commitWithAudit(store, [], entry);
      if (work?.id === id) {
        work.isCancelled = true;
        work.job?.cancel();
      }
      return accept((await readRun(store, id)) ?? run);
    },

    async counts() {
      const active = await listRunsIn(store, ['queued', 'running']);
      const running = active.filter(({ state }) => state === 'running').length;
      return { queued: active.length - running, running };
    },

    async recover() {
      for (const run of await listRunsIn(store, ['running'])) {
        const dir = path.join(deps.jobs, run.id);
        // A hub that was killed leaves its trainer behind; it would work for nobody.
        if (run.pid !== null && isTrainerOf(run.pid, dir)) process.kill(run.pid, 'SIGKILL');
        const ended = {
          state: 'failed' as const,
          code: 'hub_restarted' as const,
          detail: 'The hub ended while this run was working.',
        };
        const endedAt = now();
        const change = updateRun(run.id, 'running', { ...ended, endedAt, pid: null });
        await commitWithAudit(store, [change], tellEnd(run.id, endedAt, ended));
        await rm(dir, { recursive: true, force: true });
        log.warn({ run: run.id, code: 'hub_restarted' }, 'run of an earlier hub marked as failed');
      }
      kick();
    },

    async stop() {
      isStopping = true;
      work?.job?.cancel();
      if (work) work.isCancelled = true;
      await pump;
    },
  };
}
