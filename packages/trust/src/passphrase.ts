// Decides where the passphrase of key files comes from: a file, the environment, or a person at a terminal. Never an
// argument (every user of the machine can read those), and never logged.
import { readFileSync, statSync } from 'node:fs';
import { accept, type Result, refuse } from '@drover/core/reasons';

/** Asks a person without echo; undefined where nobody can be asked. */
export type AskPassphrase = (question: string) => Promise<string | undefined>;

export interface PassphraseSources {
  /** Named by a flag; wins over the environment. */
  readonly file?: string | undefined;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly ask?: AskPassphrase | undefined;
}

export const PASSPHRASE_VARIABLE = 'DROVER_KEY_PASSPHRASE';
const FILE_BYTES = 4096;

/** The first line of a file that only its owner can read. */
function readPassphraseFile(file: string): Result<string> {
  let text: string;
  try {
    const { mode, size } = statSync(file);
    if ((mode & 0o077) !== 0)
      return refuse('passphrase_missing', `"${file}" has mode ${(mode & 0o777).toString(8)}; make it 600.`);
    if (size > FILE_BYTES) return refuse('passphrase_missing', `"${file}" is larger than ${FILE_BYTES} bytes.`);
    text = readFileSync(file, 'utf8');
  } catch (error) {
    const why = error instanceof Error ? ((error as NodeJS.ErrnoException).code ?? error.message) : 'unknown';
    return refuse('passphrase_missing', `"${file}" cannot be read (${why}).`);
  }
  const line = text.split('\n')[0]?.replace(/\r$/, '') ?? '';
  return line === '' ? refuse('passphrase_missing', `The first line of "${file}" is empty.`) : accept(line);
}

/** The passphrase, asked for once however many keys it opens. */
export function openPassphrase({ file, env, ask }: PassphraseSources): (question: string) => Promise<Result<string>> {
  let held: Promise<Result<string>> | undefined;
  const find = async (question: string): Promise<Result<string>> => {
    const named = file ?? (env[`${PASSPHRASE_VARIABLE}_FILE`] || undefined);
    if (named !== undefined) return readPassphraseFile(named);
    const given = env[PASSPHRASE_VARIABLE];
    if (given !== undefined && given !== '') return accept(given);
    const typed = await ask?.(question);
    return typed === undefined || typed === ''
      ? refuse('passphrase_missing', 'None was given, and nobody can be asked here.')
      : accept(typed);
  };
  return (question) => (held ??= find(question));
}

const KEY = { enter: '\r', newline: '\n', end: '\u0004', interrupt: '\u0003', delete: '\u007f', back: '\b' } as const;
const TYPED_CHARS = 1024;

/** Asks at the terminal of this process, without echo. Undefined when standard input is none. */
export const askAtTerminal: AskPassphrase = async (question) => {
  const { stdin, stderr } = process;
  if (stdin.isTTY !== true) return undefined;
  // Before the question: what is typed or pasted at once must not be echoed.
  stdin.setRawMode(true).setEncoding('utf8').resume();
  stderr.write(`${question}: `);
  try {
    return await new Promise((resolve) => {
      let typed = '';
      const take = (text: string): void => {
        for (const key of text) {
          if (key === KEY.enter || key === KEY.newline || key === KEY.end) {
            stdin.off('data', take);
            resolve(typed);
            return;
          }
          if (key === KEY.interrupt) {
            // In raw mode the terminal does not send the signal itself: Ctrl-C ends the program as at any other moment.
            stdin.setRawMode(false);
            process.kill(process.pid, 'SIGINT');
          } else if (key === KEY.delete || key === KEY.back) typed = Array.from(typed).slice(0, -1).join('');
          else if (typed.length < TYPED_CHARS && key >= ' ') typed += key;
        }
      };
      stdin.on('data', take);
    });
  } finally {
    stdin.setRawMode(false).pause();
    stderr.write('\n');
  }
};
