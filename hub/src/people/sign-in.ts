// Decides whether a name and a password open a session: locks, equal work for unknown names, one commit for all that
// follows. Never writes a cookie.
import { normalisePassword } from '@drover/core/password';
import { accept, type Refusal, type Result, refuse } from '@drover/core/reasons';
import type { AuditEntry } from '@drover/trust/audit/chain';
import { commitWithAudit } from '../db/audit.ts';
import { type PersonRow, readPerson, replacePasswordHash, setSignedIn } from '../db/people.ts';
import type { SessionKind } from '../db/people-schema.ts';
import { endSessionBySecret } from '../db/sessions.ts';
import {
  clearFailures,
  dropManyFailures,
  dropOldFailures,
  isKnownAddress,
  putFailures,
  readFailures,
  rememberAddress,
} from '../db/sign-in-failures.ts';
import type { Statement } from '../db/store.ts';
import type { PeopleDeps } from './deps.ts';
import type { FailureLog } from './failure-log.ts';
import { addFailure, FORGET_MS, waitOf } from './lockout.ts';
import { hashSecret } from './secrets.ts';
import { type NewSession, prepareSession, type Visitor } from './sessions.ts';

/** Names that nobody has, of which failures are remembered as well, so that they look like those that somebody has. */
const MOST_UNKNOWN = 10_000;
const MOST_ADDRESSES = 16;

export interface SignInDeps extends PeopleDeps {
  readonly failures: FailureLog;
}

export interface SignInAttempt {
  readonly name: string;
  readonly password: string;
  readonly kind: SessionKind;
  /** A session that the same browser held until now: it ends, so that no id outlives a change of who it is. */
  readonly heldSecret: string | undefined;
}

export interface Opened {
  readonly session: NewSession;
  readonly person: PersonRow;
}

/** A refusal that says when to come back. */
export type Delayed = Refusal & { readonly retryAfterS?: number };

const locked = (waitMs: number): Delayed => {
  const retryAfterS = Math.ceil(waitMs / 1000);
  return { ...refuse('sign_in_locked', `It waits for ${retryAfterS} s yet.`), retryAfterS };
};

/** Where a try is counted: an address that the person signed in from before has a count of its own, so that strangers
 * cannot lock a person out of where they usually are. */
export const sourceOf = async (deps: PeopleDeps, name: string, address: string): Promise<string> =>
  (await isKnownAddress(deps.store, name, address)) ? address : '';

/** Commits a new session together with what allowed it, and writes who opened it. */
export async function commitSession(
  deps: PeopleDeps,
  person: PersonRow,
  session: NewSession,
  statements: readonly Statement[],
  visitor: Visitor,
  entry: Omit<AuditEntry, 'at'>,
): Promise<Result<Opened>> {
  const at = deps.now();
  const done = await commitWithAudit(
    deps.store,
    [
      ...statements,
      setSignedIn(person.name, at),
      ...rememberAddress(person.name, visitor.address.slice(0, 64), at, MOST_ADDRESSES),
      ...session.statements,
    ],
    { at, ...entry },
  );
  return done.ok ? accept({ session, person }) : refuse('write_conflict', 'The account changed at the same moment.');
}

/** What the audit row of an opened session says; the id opens nothing. */
export const describeSession = ({ row }: NewSession) => ({
  session: row.id,
  kind: row.kind,
  address: row.address,
  client: row.client,
  expiresAt: new Date(row.expiresAt).toISOString(),
});

export async function signIn(
  deps: SignInDeps,
  attempt: SignInAttempt,
  visitor: Visitor,
): Promise<Result<Opened> | Delayed> {
  const { store } = deps;
  const { name } = attempt;
  const source = await sourceOf(deps, name, visitor.address);
  const wait = waitOf(await readFailures(store, name, source), deps.now());
  if (wait > 0) return locked(wait);
  const person = await readPerson(store, name);
  const password = normalisePassword(attempt.password);
  const verdict = await deps.hasher.verify(password, person?.passwordHash);
  if (!verdict.ok) return verdict;
  // Others may have failed while this one was hashed: a lock that they caused holds for it too.
  const held = await readFailures(store, name, source);
  const later = waitOf(held, deps.now());
  if (later > 0) return locked(later);
  const proven = verdict.value.isRight && person?.state === 'active' ? person.passwordHash : null;
  if (person === undefined || proven === null) {
    const next = addFailure(held, deps.now());
    const statements = [
      dropOldFailures(deps.now() - FORGET_MS),
      putFailures({ name, source, ...next }),
      dropManyFailures(MOST_UNKNOWN),
    ];
    await deps.failures.commit(statements, { person: person?.name, address: visitor.address, ...next });
    return refuse('sign_in_refused', '');
  }
  const renewed = verdict.value.isStale ? await deps.hasher.hash(password) : undefined;
  const session = prepareSession(deps, name, attempt.kind, visitor);
  const statements = [
    clearFailures(name, source),
    // Checking takes its time: a reset or a lock-out that came meanwhile has ended the sessions, and this is none of those.
    replacePasswordHash(name, proven, renewed?.ok ? renewed.value : proven),
    ...(attempt.heldSecret === undefined ? [] : [endSessionBySecret(hashSecret(attempt.heldSecret))]),
  ];
  return commitSession(deps, person, session, statements, visitor, {
    actor: `person:${name}`,
    action: 'session.open',
    subject: name,
    detail: { by: 'password', ...describeSession(session) },
  });
}
