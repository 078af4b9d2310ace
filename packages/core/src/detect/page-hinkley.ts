// Decides when the mean of a stream has risen, by the sum of what lies above it (Page 1954; with forgetting, as Gama et al. 2014,
// §3.2 use it). Begins anew after a drift.
import type { Finding } from './finding.ts';

export interface PageHinkleySettings {
  readonly leastValues: number;
  /** What may lie above the mean without being summed. */
  readonly allowance: number;
  /** Sum at which the mean has risen. */
  readonly threshold: number;
  /** What is left of the sum with each value. */
  readonly kept: number;
}
export const PAGE_HINKLEY: PageHinkleySettings = { leastValues: 30, allowance: 0.005, threshold: 50, kept: 0.9999 };

export interface PageHinkley {
  n: number;
  mean: number;
  sum: number;
}
export const newPageHinkley = (): PageHinkley => ({ n: 0, mean: 0, sum: 0 });

export function foldPageHinkley(state: PageHinkley, value: number, settings = PAGE_HINKLEY): Finding {
  state.n += 1;
  state.mean += (value - state.mean) / state.n;
  state.sum = Math.max(0, settings.kept * state.sum + value - state.mean - settings.allowance);
  if (state.n + 1 < settings.leastValues || state.sum < settings.threshold) return 'none';
  Object.assign(state, newPageHinkley());
  return 'drift';
}
