// Reads the file in which people write a rollout. Never decides whether its plan can be meant.
import { readAs } from '@drover/wire/http/check';
import { RolloutRequest } from '@drover/wire/http/rollouts';
import { failUsage } from '../failure.ts';
import { readGivenYaml } from '../given-file.ts';
import type { Cli } from './common.ts';

/** A rollout request from a YAML or JSON file. @throws CliFailure that says what is wrong with it. */
export function readRequest(cli: Cli, file: string): RolloutRequest {
  const checked = readAs(RolloutRequest, readGivenYaml(cli, file));
  if (checked.ok) return checked.value;
  throw failUsage(`"${file}" does not hold a rollout. ${checked.detail}`, 'See docs/rollouts.md.');
}
