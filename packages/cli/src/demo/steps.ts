// Owns how a step of the demo is announced, timed, bounded and named when it fails. Knows no step's work.
import { CliFailure, EXIT } from '../failure.ts';
import type { Shell } from '../shell.ts';

/** One thing a person can check at the end. */
export interface Check {
  readonly name: string;
  readonly ok: boolean;
  readonly says: string;
}

export interface Steps {
  /** Runs a step; a failure names it. `done` says what came out, in one line. */
  run<T>(name: string, work: () => Promise<T>, done?: (value: T) => string): Promise<T>;
}

export function openSteps(shell: Shell, quiet: boolean, isLost: () => CliFailure | undefined): Steps {
  let number = 0;
  return {
    async run(name, work, done) {
      number++;
      const startedAt = shell.now();
      if (!quiet && shell.isTerminal) shell.out(`${String(number).padStart(2)}  ${name} …`);
      try {
        const value = await work();
        const took = ((shell.now() - startedAt) / 1000).toFixed(1);
        const line = `${String(number).padStart(2)}  ${name}: ${done?.(value) ?? 'done'} (${took} s)\n`;
        if (!quiet) shell.out(shell.isTerminal ? `\r\u001b[2K${line}` : line);
        return value;
      } catch (error) {
        if (!quiet && shell.isTerminal) shell.out('\n');
        throw nameStep(name, isLost() ?? error);
      }
    },
  };
}

/** A failure with the step's name in front; an interrupt stays what it is. */
function nameStep(step: string, error: unknown): unknown {
  if (!(error instanceof CliFailure) || error.exitCode === EXIT.interrupted) return error;
  return new CliFailure(EXIT.failed, error.code, `Step "${step}" did not happen: ${error.message}`, error.next);
}

export const failStep = (message: string, next = ''): CliFailure =>
  new CliFailure(EXIT.failed, 'demo_step_failed', message, next);
