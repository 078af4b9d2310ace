// Owns what the parts of people/ are handed. Never makes one.
import type { Store } from '../db/store.ts';
import type { Hasher } from './password-hash.ts';

export interface SessionPolicy {
  /** A browser session ends when it was not used for so long, and in any case after `absoluteMs`. */
  readonly idleMs: number;
  readonly absoluteMs: number;
}

export interface PeopleDeps {
  readonly store: Store;
  readonly hasher: Hasher;
  readonly now: () => number;
  readonly newId: () => string;
  readonly sessions: SessionPolicy;
}
