// Runs the process that makes a recipe and reads its answer, within bounds of time and memory. Never makes one in this process.
import { spawn } from 'node:child_process';
import path from 'node:path';
import { isReasonCode, type Result, refuse } from '@drover/core/reasons';
import type { MadeBoth, MakeAnswer, MakeRequest } from './make-request.ts';

export interface MakeLimits {
  readonly memoryBytes: number;
  readonly timeMs: number;
}

/** 500 MB take about a minute and 250 MB of memory on one core (bench `delta`). */
export const MAKE_LIMITS: MakeLimits = { memoryBytes: 512 * 1024 * 1024, timeMs: 10 * 60_000 };

export type MakeProcess = (
  request: Omit<MakeRequest, keyof MakeLimits>,
  signal: AbortSignal,
) => Promise<Result<MadeBoth>>;

const MAIN = path.join(import.meta.dirname, 'make-main.ts');
const ANSWER_BYTES = 64 * 1024;
/** A process that does not end itself in this time is ended. */
const GRACE_MS = 5000;

function parseAnswer(text: string): Result<MadeBoth> | undefined {
  try {
    const answer = JSON.parse(text) as MakeAnswer;
    if (answer.ok) return typeof answer.value.made.size === 'number' ? answer : undefined;
    return isReasonCode(answer.code) ? refuse(answer.code, String(answer.detail).slice(0, 300)) : undefined;
  } catch {
    // It did not come to an answer; the caller says how it ended.
    return undefined;
  }
}

export const openMakeProcess =
  (limits: MakeLimits = MAKE_LIMITS): MakeProcess =>
  (request, signal) =>
    new Promise((resolve) => {
      const child = spawn(process.execPath, [`--max-old-space-size=${limits.memoryBytes >> 20}`, MAIN], {
        stdio: ['pipe', 'pipe', 'pipe'],
        env: { PATH: process.env['PATH'] ?? '', NODE_NO_WARNINGS: '1' },
      });
      let [out, err] = ['', ''];
      child.stdout.setEncoding('utf8').on('data', (part: string) => {
        if (out.length < ANSWER_BYTES) out += part;
      });
      child.stderr.setEncoding('utf8').on('data', (part: string) => {
        err = (err + part).slice(-300);
      });
      const kill = (): void => void child.kill('SIGKILL');
      const timer = setTimeout(kill, limits.timeMs + GRACE_MS);
      signal.addEventListener('abort', kill, { once: true });
      const settle = (result: Result<MadeBoth>): void => {
        clearTimeout(timer);
        signal.removeEventListener('abort', kill);
        resolve(result);
      };
      child.once('error', (error) => settle(refuse('recipe_stopped', `It could not be started: ${error.message}.`)));
      child.once('close', (code, by) => {
        const how = by === null ? `with code ${code}` : `by ${by}`;
        settle(parseAnswer(out) ?? refuse('recipe_stopped', `It ended ${how}. ${err.replaceAll(/\s+/g, ' ').trim()}`));
      });
      child.stdin.on('error', () => undefined);
      child.stdin.end(JSON.stringify({ ...request, ...limits } satisfies MakeRequest));
      if (signal.aborted) kill();
    });
