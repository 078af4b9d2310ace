// Owns what the open window of a shadow counts beside the model that answers. Never compares two answers.
import type { Agreement } from '@drover/core/shadow';

export class AgreementCounts implements Agreement {
  compared = 0;
  agreed = 0;
  skipped = 0;
  gap = 0;

  add({ isAgreed, gap }: { readonly isAgreed: boolean; readonly gap: number }): void {
    this.compared += 1;
    this.agreed += Number(isAgreed);
    this.gap += gap;
  }

  /** What was counted; then it starts from nothing. */
  drain(): Agreement {
    const { compared, agreed, skipped, gap } = this;
    this.compared = 0;
    this.agreed = 0;
    this.skipped = 0;
    this.gap = 0;
    return { compared, agreed, skipped, gap };
  }
}
