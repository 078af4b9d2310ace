// Owns where a command writes much: a new file or standard output, no faster than it is taken. Never overwrites a file.
import { closeSync, openSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { failUsage } from './failure.ts';
import type { Shell } from './shell.ts';

/** To a new file or to standard output, no faster than it is taken. Bytes go to files only. */
export interface Sink {
  write(part: string | Uint8Array): Promise<void>;
  end(): void;
  /** What was written is not what was asked for. */
  drop(): void;
}

/** @param mode of the file that is made; one that is there is never overwritten. */
export function openSink(shell: Shell, out: string | undefined, mode: number): Sink {
  if (out === undefined) {
    const write = async (part: string | Uint8Array): Promise<void> => {
      if (typeof part !== 'string') throw new TypeError('bytes for a terminal');
      shell.out(part);
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
    // Goes on after a short write, as writeSync does not.
    write: async (part) => writeFileSync(fd, part),
    end: () => closeSync(fd),
    drop: () => {
      closeSync(fd);
      rmSync(file);
    },
  };
}
