// Owns where a command writes much text: a new file or standard output, no faster than it is taken. Never overwrites a file.
import { closeSync, openSync, rmSync, writeSync } from 'node:fs';
import path from 'node:path';
import { failUsage } from './failure.ts';
import type { Shell } from './shell.ts';

/** Text to a new file or to standard output, no faster than it is taken. */
export interface Sink {
  write(text: string): Promise<void>;
  end(): void;
  /** What was written is not what was asked for. */
  drop(): void;
}

/** @param mode of the file that is made; one that is there is never overwritten. */
export function openSink(shell: Shell, out: string | undefined, mode: number): Sink {
  if (out === undefined) {
    const write = async (text: string): Promise<void> => {
      shell.out(text);
      await shell.drained?.();
    };
    return { write, end: () => undefined, drop: () => undefined };
  }
  const file = path.resolve(shell.cwd, out);
  let fd: number;
  try {
    fd = openSync(file, 'wx', mode);
  } catch (error) {
    throw failUsage(`"${file}" cannot be made (${(error as NodeJS.ErrnoException).code ?? 'unknown'}).`);
  }
  return {
    write: async (text) => void writeSync(fd, text),
    end: () => closeSync(fd),
    drop: () => {
      closeSync(fd);
      rmSync(file);
    },
  };
}
