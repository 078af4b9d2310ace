// Decides whether one answer of a model may stand, from the rules of its signed bundle: pure, and without allocating where it
// may. Never runs a model and never answers.
import type { RowAnswer } from '@drover/infer/predictor';
import type { WindowReference } from '@drover/sketch/window-sketch';
import type { Manifest } from '@drover/trust/documents';
import type { AnswerReason } from '../decisions/entry.ts';

/** A score of how unlike training a row is, and the score above which it is novel. */
export interface NoveltyGauge {
  score(x: Float32Array, c: readonly string[]): number;
  readonly cut: number;
}

export interface Verdict {
  readonly reason: AnswerReason;
  readonly mayStand: boolean;
  /** The instance: a field, a probability, a time. */
  readonly detail: string;
}

export interface Judge {
  /** Undefined: nothing is wrong with it. An answer that is no number may never stand. */
  judge(x: Float32Array, c: readonly string[], answer: RowAnswer, tookMs: number): Verdict | undefined;
  readonly fallback: { readonly label: string } | { readonly value: number } | undefined;
}

type Action = 'flag' | 'abstain';

interface Limit {
  readonly place: number;
  readonly field: string;
  readonly low: number;
  readonly high: number;
}

/** The limits of the rules, and the hard ranges of the baseline for fields that the rules do not name. */
function listLimits({ features, rules }: Manifest, reference: WindowReference | undefined): Limit[] {
  const numeric = features.filter(({ kind }) => kind === 'numeric').map(({ name }) => name);
  const limits = new Map<string, Limit>();
  for (const [i, field] of (reference?.numericNames ?? []).entries()) {
    const { hardLow, hardHigh } = reference?.numeric[i] ?? {};
    if (hardLow === undefined || hardHigh === undefined || reference?.numericFrom[i]) continue;
    limits.set(field, { place: numeric.indexOf(field), field, low: hardLow, high: hardHigh });
  }
  // As float32: that is what the value is when it is compared.
  for (const { field, low = -Infinity, high = Infinity } of rules?.limits?.fields ?? [])
    limits.set(field, { place: numeric.indexOf(field), field, low: Math.fround(low), high: Math.fround(high) });
  return [...limits.values()];
}

const isNumber = ({ probabilities, value, classIndex }: RowAnswer): boolean => {
  if (classIndex < 0) return Number.isFinite(value);
  for (let i = 0; i < probabilities.length; i++) if (!Number.isFinite(probabilities[i])) return false;
  return true;
};

/** Undefined for a bundle without rules: the hot path then asks nothing. */
export function makeJudge(
  manifest: Manifest,
  reference: WindowReference | undefined,
  gauge: NoveltyGauge | undefined,
): Judge | undefined {
  const { rules } = manifest;
  if (!rules) return undefined;
  const { novelty, confidence, latency } = rules;
  const limitAction: Action | undefined = rules.limits?.action;
  const limits = limitAction ? listLimits(manifest, reference) : [];

  function findBeyond(x: Float32Array): Limit | undefined {
    for (let i = 0; i < limits.length; i++) {
      const limit = limits[i] as Limit;
      const value = x[limit.place] as number;
      // A missing value (NaN) is beyond nothing.
      if (value < limit.low || value > limit.high) return limit;
    }
    return undefined;
  }

  return {
    fallback: rules.fallback,
    judge(x, c, answer, tookMs) {
      if (!isNumber(answer)) return { reason: 'answer_not_number', mayStand: false, detail: '' };
      let flagged: Verdict | undefined;
      const say = (reason: AnswerReason, action: Action, detail: string): boolean => {
        const verdict = { reason, mayStand: action === 'flag', detail };
        // The first that abstains decides; before that, the first flag is what is told.
        if (!verdict.mayStand || flagged === undefined) flagged = verdict;
        return !verdict.mayStand;
      };
      if (latency && tookMs > latency.mostMs && say('answer_late', latency.action, `${tookMs.toFixed(1)} ms`))
        return flagged;
      const beyond = limitAction && findBeyond(x);
      if (limitAction && beyond && say('answer_beyond_limit', limitAction, beyond.field)) return flagged;
      if (novelty && gauge) {
        const score = gauge.score(x, c);
        if (
          score > gauge.cut &&
          say('answer_novel', novelty.action, `score ${score.toFixed(2)}, cut ${gauge.cut.toFixed(2)}`)
        )
          return flagged;
      }
      if (confidence && answer.classIndex >= 0) {
        const p = answer.probabilities[answer.classIndex] ?? 1;
        if (p < confidence.least && say('answer_unsure', confidence.action, `probability ${p.toFixed(3)}`))
          return flagged;
      }
      return flagged;
    },
  };
}
