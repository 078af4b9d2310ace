// Writes failed sign-ins into the audit log, bounded: whoever guesses can neither fill the disk nor hide a row in a
// million. Never writes the name that was tried unless a person has it: people type passwords into the wrong field.
import { commitWithAudit } from '../db/audit.ts';
import type { Statement, Store } from '../db/store.ts';
import { NOBODY } from './principal.ts';

const HOUR_MS = 3600_000;
const MOST_PER_HOUR = 120;

export interface FailedSignIn {
  /** Undefined when nobody has the name. */
  readonly person: string | undefined;
  readonly address: string;
  /** Failures in a row from there. */
  readonly count: number;
  readonly lockedUntil: number;
}

export interface FailureLog {
  /** Commits `statements`, and with them the audit row where one is due. */
  commit(statements: readonly Statement[], failed: FailedSignIn): Promise<void>;
}

export function openFailureLog(deps: { readonly store: Store; readonly now: () => number }): FailureLog {
  let hour = 0;
  let written = 0;
  /** Failures without a row of their own since the last one. */
  let unwritten = 0;
  return {
    async commit(statements, { person, address, count, lockedUntil }) {
      const at = deps.now();
      if (Math.floor(at / HOUR_MS) !== hour) {
        hour = Math.floor(at / HOUR_MS);
        written = 0;
      }
      // The first of a row and each lock say all; what is between them only counts.
      const isTelling = count === 1 || lockedUntil > at;
      if (!isTelling || written >= MOST_PER_HOUR) {
        unwritten++;
        await deps.store.commit(statements);
        return;
      }
      written++;
      const detail = {
        address,
        failures: count,
        lockedUntil: lockedUntil > at ? new Date(lockedUntil).toISOString() : null,
        unwritten,
      };
      unwritten = 0;
      await commitWithAudit(deps.store, statements, {
        at,
        actor: NOBODY,
        action: 'session.refused',
        subject: person ?? 'unknown',
        detail,
      });
    },
  };
}
