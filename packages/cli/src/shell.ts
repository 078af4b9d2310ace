// Owns what a command may touch outside itself: streams, environment, clock, directories. Never decides anything.
import { homedir } from 'node:os';
import { type AskPassphrase, askAtTerminal } from '@drover/trust/passphrase';

/** The surroundings of one invocation; tests pass their own. */
export interface Shell {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  readonly home: string;
  /** Whether stdout is a terminal that can be redrawn. */
  readonly isTerminal: boolean;
  /** Columns of the terminal; 0 when there is none. */
  readonly width: number;
  readonly out: (text: string) => void;
  readonly err: (text: string) => void;
  /** Resolves when what was written has been taken; for output that has no bound. */
  readonly drained?: () => Promise<void>;
  readonly readStdin: () => Promise<string>;
  /** Asks a person at the terminal, without echo; undefined where nobody sits at one. */
  readonly readSecret: AskPassphrase;
  /** Milliseconds since epoch. */
  readonly now: () => number;
}

const STDIN_LIMIT = 64 * 2 ** 20;

async function readStdin(): Promise<string> {
  const parts: Buffer[] = [];
  let size = 0;
  for await (const part of process.stdin as AsyncIterable<Buffer>) {
    size += part.length;
    if (size > STDIN_LIMIT) throw new Error(`standard input is larger than ${STDIN_LIMIT} bytes`);
    parts.push(part);
  }
  return Buffer.concat(parts).toString('utf8');
}

export function openProcessShell(): Shell {
  return {
    env: process.env,
    cwd: process.cwd(),
    home: homedir(),
    isTerminal: process.stdout.isTTY === true && process.env['TERM'] !== 'dumb',
    width: process.stdout.columns ?? 0,
    out: (text) => void process.stdout.write(text),
    err: (text) => void process.stderr.write(text),
    drained: () =>
      process.stdout.writableNeedDrain
        ? new Promise((resolve) => process.stdout.once('drain', resolve))
        : Promise.resolve(),
    readStdin,
    readSecret: askAtTerminal,
    now: Date.now,
  };
}

/** Colour only for a terminal, and never when NO_COLOR is set to anything (no-color.org). */
export const usesColor = (shell: Shell): boolean => shell.isTerminal && !shell.env['NO_COLOR'];
