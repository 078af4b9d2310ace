// Runs one trainer as a child process within time and memory limits, and ends it kindly, then by force. Knows no database.
import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { jobMain } from '@drover/learn/job';

export interface JobLimits {
  readonly wallMs: number;
  readonly memoryMb: number;
  /** Between SIGTERM and SIGKILL. */
  readonly graceMs: number;
}

/** Why it ended: by itself, or because of us. */
export type JobEnd =
  | { readonly by: 'timeout' }
  | { readonly by: 'memory' }
  | { readonly by: 'cancel' }
  | {
      readonly by: 'exit';
      readonly code: number | null;
      readonly signal: NodeJS.Signals | null;
      readonly stderr: string;
    };

export interface RunningJob {
  readonly pid: number | undefined;
  readonly end: Promise<JobEnd>;
  cancel(): void;
}

const WATCH_MS = 500;
const STDERR_CHARS = 2000;

/** Resident bytes of a process; undefined where the system does not say. */
export function readRss(pid: number): number | undefined {
  try {
    const kb = /^VmRSS:\s+([0-9]+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
    return kb === undefined ? undefined : Number(kb) * 1024;
  } catch {
    // No /proc on this system, or the process is gone.
    return undefined;
  }
}

/** Whether `pid` is a trainer that works in `dir`: a number alone may belong to anybody after a restart. */
export function isTrainerOf(pid: number, dir: string): boolean {
  try {
    return readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0').includes(`DROVER_JOB_DIR=${dir}`);
  } catch {
    // Gone, another user's, or no /proc.
    return false;
  }
}

/** Longer lines are cut: a trainer that never ends its line must not fill the memory. */
const LINE_CHARS = 16 * 1024;

/** Cuts a stream of text into lines. */
export function splitLines(onLine: (line: string) => void): { take(part: string): void; end(): void } {
  let rest = '';
  return {
    take(part) {
      const lines = part.split('\n');
      for (const [at, line] of lines.entries()) {
        rest += line.slice(0, Math.max(0, LINE_CHARS - rest.length));
        if (at === lines.length - 1) return;
        onLine(rest);
        rest = '';
      }
    },
    end() {
      if (rest !== '') onLine(rest);
    },
  };
}

function start(dir: string, limits: JobLimits, main: string): ChildProcess {
  return spawn(process.execPath, [`--max-old-space-size=${limits.memoryMb}`, main], {
    cwd: dir,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { PATH: process.env['PATH'] ?? '', NODE_NO_WARNINGS: '1', DROVER_JOB_DIR: dir },
  });
}

export function runTrainer(
  dir: string,
  limits: JobLimits,
  onLine: (line: string) => void,
  main: string = fileURLToPath(jobMain),
): RunningJob {
  const child = start(dir, limits, main);
  let because: 'timeout' | 'memory' | 'cancel' | undefined;
  let killTimer: NodeJS.Timeout | undefined;
  const stop = (why: 'timeout' | 'memory' | 'cancel'): void => {
    if (because !== undefined) return;
    because = why;
    child.kill(why === 'memory' ? 'SIGKILL' : 'SIGTERM');
    killTimer = setTimeout(() => child.kill('SIGKILL'), limits.graceMs);
  };
  const wall = setTimeout(() => stop('timeout'), limits.wallMs);
  const watch = setInterval(() => {
    const rss = child.pid === undefined ? undefined : readRss(child.pid);
    if (rss !== undefined && rss > limits.memoryMb * 1024 * 1024) stop('memory');
  }, WATCH_MS);
  let stderr = '';
  child.stderr?.setEncoding('utf8').on('data', (part: string) => {
    stderr = (stderr + part).slice(-STDERR_CHARS);
  });
  const hear = splitLines(onLine);
  child.stdout?.setEncoding('utf8').on('data', hear.take).once('end', hear.end);
  const end = new Promise<JobEnd>((resolve) => {
    const settle = (ended: JobEnd): void => {
      clearTimeout(wall);
      clearTimeout(killTimer);
      clearInterval(watch);
      resolve(ended);
    };
    child.once('error', (error) => settle({ by: 'exit', code: null, signal: null, stderr: error.message }));
    child.once('close', (code, signal) => {
      // A trainer that was done when it was told to stop has done its work.
      settle(because !== undefined && code !== 0 ? { by: because } : { by: 'exit', code, signal, stderr });
    });
  });
  return { pid: child.pid, end, cancel: () => stop('cancel') };
}
