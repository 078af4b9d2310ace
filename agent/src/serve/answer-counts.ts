// Counts, since the start of this process, who answered and why an answer was not simply the model's own. Never decides either.
import type { AnsweredBy, AnswerReason } from '../decisions/entry.ts';

export interface AnswerCounts {
  answered(by: AnsweredBy): void;
  because(reason: AnswerReason): void;
  by(): Readonly<Record<string, number>>;
  reasons(): Readonly<Record<string, number>>;
}

export function makeAnswerCounts(): AnswerCounts {
  const answerers: Record<AnsweredBy, number> = { model: 0, previous: 0, rule: 0, none: 0 };
  const reasons: Record<string, number> = {};
  return {
    answered(by) {
      answerers[by] += 1;
    },
    because(reason) {
      reasons[reason] = (reasons[reason] ?? 0) + 1;
    },
    by: () => answerers,
    reasons: () => reasons,
  };
}
