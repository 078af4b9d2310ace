// Canary: the other half of the cycle.
import type { A } from './cycle-a.ts';

export interface B {
  readonly a?: A;
}
