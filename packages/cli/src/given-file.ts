// Reads a file that an argument names. Never writes.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { parse as parseYaml } from 'yaml';
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

/** What a YAML or JSON file holds. @throws CliFailure that names the file. */
export function readGivenYaml(cli: Cli, file: string): unknown {
  const text = Buffer.from(readGiven(cli, file)).toString('utf8');
  try {
    return parseYaml(text, { maxAliasCount: 0 }) as unknown;
  } catch (error) {
    throw failUsage(
      `"${file}" cannot be read (${error instanceof Error ? (error.message.split('\n')[0] ?? '') : ''}).`,
    );
  }
}
