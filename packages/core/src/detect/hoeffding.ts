// Decides when the mean of values in [0, 1] has risen, by bounds that hold for any distribution: HDDM_A with averages and Hoeffding's
// bound, HDDM_W with moving weighted averages and McDiarmid's (Frías-Blanco et al. 2015, §3–§4). Begins anew after a drift.
import type { Finding } from './finding.ts';

export interface HddmSettings {
  /** Chances of error of the bounds. */
  readonly drift: number;
  readonly warning: number;
  /** Also where the mean has fallen. */
  readonly isTwoSided: boolean;
}
export const HDDM_SETTINGS: HddmSettings = { drift: 0.001, warning: 0.005, isTwoSided: false };

interface Average {
  readonly n: number;
  readonly mean: number;
}
const NO_AVERAGE: Average = { n: 0, mean: 0 };

export interface HddmA {
  all: Average;
  /** The average at the moment when its upper (lower) bound was least (most). */
  lowest: Average;
  highest: Average;
}
export const newHddmA = (): HddmA => ({ all: NO_AVERAGE, lowest: NO_AVERAGE, highest: NO_AVERAGE });

const hoeffding = (n: number, chance: number): number => Math.sqrt(Math.log(1 / chance) / (2 * n));

/** Whether what came after the cut raised (+1) or lowered (−1) the average beyond what chance makes (the paper's corollary 5). */
function hasMoved(cut: Average, all: Average, sign: 1 | -1, chance: number): boolean {
  if (cut.n === all.n) return false;
  const share = (all.n - cut.n) / (cut.n * all.n);
  return sign * (all.mean - cut.mean) >= Math.sqrt((share / 2) * Math.log(2 / chance));
}

export function foldHddmA(state: HddmA, value: number, settings = HDDM_SETTINGS): Finding {
  const n = state.all.n + 1;
  const all: Average = { n, mean: state.all.mean + (value - state.all.mean) / n };
  state.all = all;
  const { drift, warning, isTwoSided } = settings;
  const eps = hoeffding(n, drift);
  const { lowest, highest } = state;
  if (lowest.n === 0 || lowest.mean + hoeffding(lowest.n, drift) >= all.mean + eps) state.lowest = all;
  if (highest.n === 0 || highest.mean - hoeffding(highest.n, drift) <= all.mean - eps) state.highest = all;
  const moved = (chance: number): boolean =>
    hasMoved(state.lowest, all, 1, chance) || (isTwoSided && hasMoved(state.highest, all, -1, chance));
  if (moved(drift)) {
    Object.assign(state, newHddmA());
    return 'drift';
  }
  return moved(warning) ? 'warning' : 'none';
}

/** An exponentially weighted mean and Σ of its squared weights, which is McDiarmid's condition. */
interface Weighted {
  readonly mean: number;
  readonly weights: number;
}

/** Weight of a new value. */
const LAMBDA = 0.05;
const weigh = (before: Weighted | undefined, value: number): Weighted =>
  before === undefined
    ? { mean: value, weights: 1 }
    : {
        mean: LAMBDA * value + (1 - LAMBDA) * before.mean,
        weights: LAMBDA ** 2 + (1 - LAMBDA) ** 2 * before.weights,
      };

const mcDiarmid = (weights: number, chance: number): number => Math.sqrt((weights * Math.log(1 / chance)) / 2);

/** One direction: the mean at the cut point, its bound there, and the mean of what came after. */
interface Side {
  cut: Weighted | undefined;
  bound: number;
  since: Weighted | undefined;
}
export interface HddmW {
  all: Weighted | undefined;
  readonly up: Side;
  readonly down: Side;
}

const newSide = (): Side => ({ cut: undefined, bound: Number.POSITIVE_INFINITY, since: undefined });
export const newHddmW = (): HddmW => ({ all: undefined, up: newSide(), down: newSide() });

function follow(side: Side, all: Weighted, value: number, sign: 1 | -1, chance: number): void {
  const bound = sign * all.mean + mcDiarmid(all.weights, chance);
  if (bound < side.bound) Object.assign(side, { cut: all, bound, since: undefined });
  else side.since = weigh(side.since, value);
}

const hasLeft = ({ cut, since }: Side, sign: 1 | -1, chance: number): boolean =>
  cut !== undefined &&
  since !== undefined &&
  sign * (since.mean - cut.mean) > mcDiarmid(cut.weights + since.weights, chance);

export function foldHddmW(state: HddmW, value: number, settings = HDDM_SETTINGS): Finding {
  const { drift, warning, isTwoSided } = settings;
  state.all = weigh(state.all, value);
  follow(state.up, state.all, value, 1, drift);
  follow(state.down, state.all, value, -1, drift);
  const left = (chance: number): boolean =>
    hasLeft(state.up, 1, chance) || (isTwoSided && hasLeft(state.down, -1, chance));
  if (left(drift)) {
    Object.assign(state, newHddmW());
    return 'drift';
  }
  return left(warning) ? 'warning' : 'none';
}
