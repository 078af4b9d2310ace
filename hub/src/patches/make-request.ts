// Owns what the hub and the process that makes recipes say to each other: one request on standard input, one answer on
// standard output.
import type { Result } from '@drover/core/reasons';
import type { Made } from '@drover/delta/make';
import type { Pair } from '@drover/delta/recipe';

export interface MakeRequest {
  readonly pair: Pair;
  /** Paths of the files; without a base the target is packed on its own. */
  readonly base?: string;
  readonly target: string;
  /** Where the recipe is written: a file that is not there yet. */
  readonly out: string;
  /** Where the target is packed on its own, when that is wanted too. */
  readonly packOut?: string;
  /** The process ends itself above these. */
  readonly memoryBytes: number;
  readonly timeMs: number;
}

export interface MadeBoth {
  readonly made: Made;
  readonly packed?: Made;
}

export type MakeAnswer = Result<MadeBoth>;
