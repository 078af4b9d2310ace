// Owns the parameters of the tree trainer: names, defaults, ranges. Unknown or out of range is refused by name.
import { accept, type Result } from '@drover/core/reasons';
import { type ParamRange, readParams } from '../params.ts';

export interface TreeParams {
  /** Boosting rounds at most, 1..5000. */
  readonly iterations: number;
  readonly learningRate: number;
  readonly maxLeaves: number;
  readonly maxDepth: number;
  readonly minLeafRows: number;
  readonly l2: number;
  /** Share of rows drawn for each tree, without replacement. */
  readonly rowShare: number;
  /** Share of columns drawn for each tree. */
  readonly columnShare: number;
  /** Rounds without a better validation loss before training stops; 0 never stops. */
  readonly patience: number;
}

const RANGES: Record<keyof TreeParams, ParamRange> = {
  iterations: { fallback: 300, min: 1, max: 5000, integer: true },
  learningRate: { fallback: 0.1, min: 1e-4, max: 1 },
  maxLeaves: { fallback: 31, min: 2, max: 1024, integer: true },
  maxDepth: { fallback: 64, min: 1, max: 64, integer: true },
  minLeafRows: { fallback: 20, min: 1, max: 1_000_000, integer: true },
  l2: { fallback: 0, min: 0, max: 1e6 },
  rowShare: { fallback: 1, min: 0.01, max: 1 },
  columnShare: { fallback: 1, min: 0.01, max: 1 },
  patience: { fallback: 20, min: 0, max: 5000, integer: true },
};

export function parseTreeParams(given: Readonly<Record<string, unknown>>): Result<TreeParams> {
  const read = readParams(given, RANGES);
  return read.ok ? accept(read.value) : read;
}
