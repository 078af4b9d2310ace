// Owns how a command ends: exit codes and the failure a person reads. Never prints.
import { isReasonCode, REASONS, type ReasonCode, type Refusal } from '@drover/core/reasons';

/** Exit codes of `drover`; they are part of the interface (`drover --help` lists them). */
export const EXIT = {
  ok: 0,
  failed: 1,
  usage: 2,
  portTaken: 3,
  unreachable: 4,
  notAllowed: 5,
  notFound: 6,
  timedOut: 7,
  interrupted: 130,
} as const;
export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

/** Ends a command: one sentence, a code to search for, and what to do next. */
export class CliFailure extends Error {
  readonly exitCode: number;
  readonly code: string;
  readonly next: string;

  constructor(exitCode: number, code: string, message: string, next = '') {
    super(message);
    this.name = 'CliFailure';
    this.exitCode = exitCode;
    this.code = code;
    this.next = next;
  }
}

export const failUsage = (message: string, next = ''): CliFailure => new CliFailure(EXIT.usage, 'usage', message, next);

/** A Refusal as the end of a command. */
export function failRefused(refusal: Refusal, exitCode: number = EXIT.failed): CliFailure {
  const { means, next } = REASONS[refusal.code];
  return new CliFailure(exitCode, refusal.code, `${means} ${refusal.detail}`.trim(), next);
}

/** What a reason code means, for tables that show only the code. */
export const meaningOf = (code: string): string => (isReasonCode(code) ? REASONS[code satisfies ReasonCode].means : '');

/** The exit code that fits an HTTP status of the hub. */
export function exitOfStatus(status: number): ExitCode {
  if (status === 401 || status === 403) return EXIT.notAllowed;
  if (status === 404) return EXIT.notFound;
  if (status === 408 || status === 504) return EXIT.timedOut;
  return EXIT.failed;
}

/** What is printed on stderr. */
export function describeFailure(failure: CliFailure): string {
  const lines = [`drover: ${failure.message} [${failure.code}]`];
  if (failure.next !== '') lines.push(`  next: ${failure.next}`);
  return `${lines.join('\n')}\n`;
}
