// Reads the file in which people write a rollout. Never decides whether its plan can be meant.
import { readAs } from '@drover/wire/http/check';
import { RolloutRequest } from '@drover/wire/http/rollouts';
import { parse as parseYaml } from 'yaml';
import { CliFailure, failUsage } from '../failure.ts';
import { readGiven } from '../given-file.ts';
import type { Cli } from './common.ts';

/** A rollout request from a YAML or JSON file. @throws CliFailure that says what is wrong with it. */
export function readRequest(cli: Cli, file: string): RolloutRequest {
  let given: unknown;
  try {
    given = parseYaml(Buffer.from(readGiven(cli, file)).toString('utf8'), { maxAliasCount: 0 });
  } catch (error) {
    if (error instanceof CliFailure) throw error;
    throw failUsage(
      `"${file}" cannot be read (${error instanceof Error ? (error.message.split('\n')[0] ?? '') : ''}).`,
    );
  }
  const checked = readAs(RolloutRequest, given);
  if (checked.ok) return checked.value;
  throw failUsage(`"${file}" does not hold a rollout. ${checked.detail}`, 'See docs/rollouts.md.');
}
