// Decides which rows are fitted, which choose (early stopping, threshold), and which only judge. Later rows judge earlier ones.
import { accept, type Result, refuse } from '@drover/core/reasons';
import { createRandom, shuffle } from './random.ts';

export interface SplitSpec {
  /** `time`: the last rows judge. `device`: whole devices, the last to appear judge. `random`: rows by the seed. */
  readonly by: 'time' | 'device' | 'random';
  readonly validationShare: number;
  readonly testShare: number;
}

/** Ascending row numbers; the three never meet. */
export interface Parts {
  readonly fit: Int32Array;
  readonly validation: Int32Array;
  readonly test: Int32Array;
}

export const DEFAULT_SHARES = { validationShare: 0.15, testShare: 0.2 } as const;

/** Cuts `count` ordered units into fit, validation and test; each gets at least one when there are three or more. */
function cutPoints(count: number, spec: SplitSpec): [number, number] {
  const test = Math.max(1, Math.round(count * spec.testShare));
  const validation = Math.max(1, Math.round(count * spec.validationShare));
  return [count - test - validation, count - test];
}

export function splitRows(rows: number, devices: Int32Array | undefined, spec: SplitSpec, seed: number): Result<Parts> {
  const { validationShare: v, testShare: t } = spec;
  if (!(v > 0 && t > 0 && v + t < 0.9))
    return refuse('params_invalid', 'The shares for validation and test must be above 0 and below 0.9 together.');
  if (spec.by === 'device' && !devices) return refuse('params_invalid', 'A split by device needs a device column.');
  const byDevice = spec.by === 'device' ? (devices as Int32Array) : undefined;
  const unitOf = (row: number): number => (byDevice ? (byDevice[row] as number) : row);
  let units = rows;
  if (byDevice) units = new Set(byDevice).size;
  if (units < 3)
    return refuse('data_empty', `${units} ${byDevice ? 'device(s)' : 'row(s)'} cannot be parted in three.`);
  const place = new Int32Array(byDevice ? byDevice.reduce((a, b) => Math.max(a, b), 0) + 1 : rows).fill(-1);
  let next = 0;
  for (let row = 0; row < rows; row++) if (place[unitOf(row)] === -1) place[unitOf(row)] = next++;
  const order = spec.by === 'random' ? shuffle(createRandom(seed), units) : undefined;
  const [fitEnd, validationEnd] = cutPoints(units, spec);
  if (fitEnd < 1)
    return refuse('data_empty', `${units} ${byDevice ? 'devices' : 'rows'} are too few for these shares.`);
  const fit: number[] = [];
  const validation: number[] = [];
  const test: number[] = [];
  for (let row = 0; row < rows; row++) {
    const at = place[unitOf(row)] as number;
    const rank = order ? (order[at] as number) : at;
    (rank < fitEnd ? fit : rank < validationEnd ? validation : test).push(row);
  }
  return accept({ fit: Int32Array.from(fit), validation: Int32Array.from(validation), test: Int32Array.from(test) });
}
