// Decides when the errors of a learner have become more (DDM, Gama et al. 2004) or come closer together (EDDM, Baena-García et al.
// 2006). Takes errors (1) and right answers (0), and begins anew after a drift.
import type { Finding } from './finding.ts';

export interface Ddm {
  n: number;
  errors: number;
  /** Rate and its standard deviation where their sum was least. */
  leastRate: number;
  leastDeviation: number;
}

const DDM_WARM = 30;
const DDM_WARNING = 2;
const DDM_DRIFT = 3;

export const newDdm = (): Ddm => ({
  n: 0,
  errors: 0,
  leastRate: Number.POSITIVE_INFINITY,
  leastDeviation: Number.POSITIVE_INFINITY,
});

export function foldDdm(state: Ddm, error: number): Finding {
  state.n += 1;
  state.errors += error;
  if (state.n <= DDM_WARM) return 'none';
  const rate = state.errors / state.n;
  const deviation = Math.sqrt((rate * (1 - rate)) / state.n);
  if (rate + deviation <= state.leastRate + state.leastDeviation) {
    state.leastRate = rate;
    state.leastDeviation = deviation;
  }
  if (rate + deviation > state.leastRate + DDM_DRIFT * state.leastDeviation) {
    Object.assign(state, newDdm());
    return 'drift';
  }
  return rate + deviation > state.leastRate + DDM_WARNING * state.leastDeviation ? 'warning' : 'none';
}

export interface Eddm {
  n: number;
  errors: number;
  lastError: number;
  /** Mean of the distances between errors, and Σ (distance − mean)². */
  mean: number;
  squares: number;
  /** The most that mean + 2 standard deviations ever was. */
  most: number;
  isWarned: boolean;
}

/** Values, and then errors, before a verdict. */
const EDDM_WARM = 30;
const EDDM_WARNING = 0.95;
const EDDM_DRIFT = 0.9;

export const newEddm = (): Eddm => ({
  n: 0,
  errors: 0,
  lastError: 0,
  mean: 0,
  squares: 0,
  most: -1,
  isWarned: false,
});

/** @public Needs the order of the answers, which a device does not keep beyond its window: for streams of single answers. */
export function foldEddm(state: Eddm, error: number): Finding {
  state.n += 1;
  if (error === 0) return state.isWarned ? 'warning' : 'none';
  state.errors += 1;
  const distance = state.n - state.lastError;
  state.lastError = state.n;
  const off = distance - state.mean;
  state.mean += off / state.errors;
  state.squares += off * (distance - state.mean);
  if (state.n <= EDDM_WARM) return 'none';
  const now = state.mean + 2 * Math.sqrt(state.squares / state.errors);
  if (now > state.most) {
    state.most = now;
    return state.isWarned ? 'warning' : 'none';
  }
  if (state.errors <= EDDM_WARM) return 'none';
  if (now / state.most < EDDM_DRIFT) {
    Object.assign(state, newEddm());
    return 'drift';
  }
  state.isWarned = now / state.most < EDDM_WARNING;
  return state.isWarned ? 'warning' : 'none';
}
