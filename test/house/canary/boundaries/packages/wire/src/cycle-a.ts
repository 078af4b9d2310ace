// Canary: the rule no-cycles must report this import, although it is of a type only.
import type { B } from './cycle-b.ts';

export interface A {
  readonly b?: B;
}
