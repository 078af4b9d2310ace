// Reads a file that an argument names. Never writes.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import type { Cli } from './commands/common.ts';
import { failUsage } from './failure.ts';

/** @throws CliFailure that names the file. */
export function readGiven(cli: Cli, file: string): Uint8Array {
  try {
    return readFileSync(path.resolve(cli.shell.cwd, file));
  } catch (error) {
    throw failUsage(
      `"${file}" cannot be read (${error instanceof Error ? ((error as NodeJS.ErrnoException).code ?? error.message) : ''}).`,
    );
  }
}
