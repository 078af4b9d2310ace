// Decides whether a change of a feature can matter to the answers of its model. Never decides whether it changed.
import type { DriftSettings, FeatureVerdict } from './verdict.ts';

/**
 * Share of the answers, or of their interquartile range, that a change must be able to move: the influence of the feature in training
 * (answers with another row's value), times how far beyond the least that matters it changed.
 */
export const LEAST_EFFECT = 0.001;

/** A material change of a feature that the model hardly uses is immaterial; a fault of its sensor stays one. @param influence undefined: not known. */
export function weigh(verdict: FeatureVerdict, influence: number | undefined, settings: DriftSettings): FeatureVerdict {
  const { aspect, leastChange } = verdict;
  if (influence === undefined || verdict.verdict !== 'material' || aspect === undefined) return verdict;
  if (aspect === 'stuck' || aspect === 'dropout') return verdict;
  const effect = influence * (Math.abs(leastChange) / settings.material[aspect]);
  return effect >= LEAST_EFFECT ? verdict : { ...verdict, verdict: 'immaterial', hardlyUsed: true };
}
