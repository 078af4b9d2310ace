// Runs the trial process and reads its answer, within a time and memory limit. Never loads a model in this process.
import { type ChildProcess, spawn } from 'node:child_process';
import path from 'node:path';
import { isReasonCode, type Result, refuse } from '@drover/core/reasons';
import type { TrialAnswer, TrialReport, TrialRequest } from './trial-request.ts';

export type Trial = (request: TrialRequest) => Promise<Result<TrialReport>>;

export interface TrialLimits {
  readonly timeoutMs: number;
  readonly memoryMb: number;
}

const MAIN = path.join(import.meta.dirname, 'trial-main.ts');
const ANSWER_BYTES = 64 * 1024;
export const TRIAL_LIMITS: TrialLimits = { timeoutMs: 60_000, memoryMb: 1024 };

const failed = (detail: string): ReturnType<typeof refuse> => refuse('onnx_load_failed', detail);

/** Untrusted: the process may have been broken by the model. */
function parseAnswer(text: string): TrialAnswer | undefined {
  try {
    const answer = JSON.parse(text) as TrialAnswer;
    if (answer.ok) return Array.isArray(answer.value.runtimes) ? answer : undefined;
    return isReasonCode(answer.code) ? refuse(answer.code, String(answer.detail).slice(0, 500)) : undefined;
  } catch {
    // Not JSON: the process did not come to an answer, which the caller says with its exit.
    return undefined;
  }
}

function collect(child: ChildProcess): { out: () => string; err: () => string } {
  let out = '';
  let err = '';
  child.stdout?.setEncoding('utf8').on('data', (part: string) => {
    if (out.length < ANSWER_BYTES) out += part;
  });
  child.stderr?.setEncoding('utf8').on('data', (part: string) => {
    err = (err + part).slice(-500);
  });
  return { out: () => out, err: () => err };
}

export function openTrial(limits: TrialLimits = TRIAL_LIMITS): Trial {
  return (request) =>
    new Promise((resolve) => {
      const child = spawn(process.execPath, [`--max-old-space-size=${limits.memoryMb}`, MAIN], {
        stdio: ['pipe', 'pipe', 'pipe'],
        // Nothing of the hub's environment: the model's bytes are not trusted yet.
        env: { PATH: process.env['PATH'] ?? '', NODE_NO_WARNINGS: '1' },
      });
      const said = collect(child);
      let isLate = false;
      const timer = setTimeout(() => {
        isLate = true;
        child.kill('SIGKILL');
      }, limits.timeoutMs);
      child.once('error', (error) => {
        clearTimeout(timer);
        resolve(failed(`The trial could not be started: ${error.message}.`));
      });
      child.once('close', (code, signal) => {
        clearTimeout(timer);
        if (isLate) resolve(failed(`The trial did not end within ${limits.timeoutMs} ms.`));
        else {
          const why = signal === null ? `with code ${code}` : `by ${signal}`;
          resolve(
            parseAnswer(said.out()) ?? failed(`The trial ended ${why}: ${said.err().replaceAll(/\s+/g, ' ').trim()}`),
          );
        }
      });
      child.stdin?.on('error', () => undefined);
      child.stdin?.end(JSON.stringify(request));
    });
}
