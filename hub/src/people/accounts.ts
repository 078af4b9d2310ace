// Decides and does what changes about people: adding, roles, reset, disabling, removal, their own password. Every change is
// an audit row with what was before and after. Never leaves the hub without an admin (the statements see to it).
import { checkPassword, normalisePassword } from '@drover/core/password';
import { accept, type Result, refuse } from '@drover/core/reasons';
import { type Role, sortRoles } from '@drover/core/roles';
import { commitWithAudit } from '../db/audit.ts';
import {
  countPeople,
  deletePerson,
  dropPersonCodes,
  insertPerson,
  type PersonRow,
  readPerson,
  rolesOf,
  setPasswordHash,
  setRoles,
  setState,
} from '../db/people.ts';
import { endSessions } from '../db/sessions.ts';
import { clearFailures } from '../db/sign-in-failures.ts';
import type { Statement } from '../db/store.ts';
import { prepareTokensEnd } from './api-tokens.ts';
import type { PeopleDeps } from './deps.ts';
import { type NewCode, prepareCode } from './setup.ts';

const MOST_PEOPLE = 10_000;

export interface WithCode {
  readonly person: PersonRow;
  readonly code: NewCode;
}

const unknown = (name: string) => refuse('person_unknown', `"${name}".`);

/** Reads the person, decides with `plan`, commits it with its audit row, and answers the person as they are then. */
async function change(
  deps: PeopleDeps,
  actor: string,
  action: string,
  name: string,
  plan: (held: PersonRow) => Result<{
    readonly statements: readonly Statement[];
    readonly before: unknown;
    readonly after: unknown;
  }>,
): Promise<Result<PersonRow>> {
  const held = await readPerson(deps.store, name);
  if (held === undefined) return unknown(name);
  const planned = plan(held);
  if (!planned.ok) return planned;
  const { statements, before, after } = planned.value;
  const done = await commitWithAudit(deps.store, statements, {
    at: deps.now(),
    actor,
    action,
    subject: name,
    detail: { before, after },
  });
  const now = await readPerson(deps.store, name);
  if (done.ok) return accept(now ?? held);
  return now === undefined
    ? unknown(name)
    : refuse('last_admin', `"${name}" is the only one who can sign in as admin.`);
}

export async function addPerson(
  deps: PeopleDeps,
  ask: { readonly name: string; readonly roles: readonly Role[] },
  actor: string,
): Promise<Result<WithCode>> {
  const { name } = ask;
  if ((await countPeople(deps.store)) >= MOST_PEOPLE) return refuse('person_limit', `There are ${MOST_PEOPLE} people.`);
  const code = prepareCode(deps, 'person', name);
  const createdAt = deps.now();
  const statements = [insertPerson({ name, roles: ask.roles, createdAt }), ...code.statements];
  const done = await commitWithAudit(deps.store, statements, {
    at: createdAt,
    actor,
    action: 'person.add',
    subject: name,
    detail: { before: null, after: { roles: sortRoles(ask.roles), state: 'active' } },
  });
  const person = done.ok ? await readPerson(deps.store, name) : undefined;
  return person === undefined ? refuse('person_exists', `"${name}".`) : accept({ person, code });
}

export const setPersonRoles = (
  deps: PeopleDeps,
  name: string,
  roles: readonly Role[],
  actor: string,
): Promise<Result<PersonRow>> =>
  change(deps, actor, 'person.roles', name, (held) =>
    accept({
      statements: [setRoles(name, roles)],
      before: { roles: rolesOf(held) },
      after: { roles: sortRoles(roles) },
    }),
  );

/** The password goes, every session ends, and a code lets the person choose a new one. */
export async function resetPerson(deps: PeopleDeps, name: string, actor: string): Promise<Result<WithCode>> {
  const code = prepareCode(deps, 'person', name);
  const reset = await change(deps, actor, 'person.reset', name, (held) =>
    held.oidcSubject !== null && held.passwordHash === null
      ? refuse('person_elsewhere', `"${name}" signs in at ${held.oidcIssuer ?? ''}.`)
      : accept({
          statements: [setPasswordHash(name, null), endSessions(name), clearFailures(name), ...code.statements],
          before: { hasPassword: held.passwordHash !== null },
          after: { hasPassword: false },
        }),
  );
  return reset.ok ? accept({ person: reset.value, code }) : reset;
}

/** A disabled person keeps name and roles, and cannot do anything: neither in a session nor by a token that they made. */
export async function setPersonState(
  deps: PeopleDeps,
  name: string,
  state: 'active' | 'disabled',
  actor: string,
): Promise<Result<PersonRow>> {
  if (state === 'active')
    return change(deps, actor, 'person.enable', name, (held) =>
      accept({ statements: [setState(name, state)], before: { state: held.state }, after: { state } }),
    );
  const tokens = await prepareTokensEnd(deps, name);
  return change(deps, actor, 'person.disable', name, (held) =>
    accept({
      statements: [setState(name, state), endSessions(name), dropPersonCodes(name), tokens.statement],
      before: { state: held.state },
      after: { state, tokensRevoked: tokens.names },
    }),
  );
}

export const unlockPerson = (deps: PeopleDeps, name: string, actor: string): Promise<Result<PersonRow>> =>
  change(deps, actor, 'person.unlock', name, () =>
    accept({ statements: [clearFailures(name)], before: null, after: { lockedUntil: null } }),
  );

export async function removePerson(deps: PeopleDeps, name: string, actor: string): Promise<Result<PersonRow>> {
  // Also because somebody else may get the name one day.
  const tokens = await prepareTokensEnd(deps, name);
  return change(deps, actor, 'person.remove', name, (held) =>
    accept({
      statements: [deletePerson(name), clearFailures(name), tokens.statement],
      before: { roles: rolesOf(held), state: held.state, tokens: tokens.names },
      after: null,
    }),
  );
}

/** Their own password; every other session of theirs ends. The current one is asked for, so that a session left open is not enough. */
export async function changeOwnPassword(
  deps: PeopleDeps,
  ask: { readonly name: string; readonly current: string; readonly next: string; readonly session: string | undefined },
): Promise<Result<PersonRow>> {
  const { name } = ask;
  const held = await readPerson(deps.store, name);
  if (held === undefined) return unknown(name);
  if (held.passwordHash === null) return refuse('person_elsewhere', `"${name}".`);
  const verdict = await deps.hasher.verify(normalisePassword(ask.current), held.passwordHash);
  if (!verdict.ok) return verdict;
  if (!verdict.value.isRight) return refuse('sign_in_refused', 'The current password is another one.');
  const next = checkPassword(ask.next, name);
  if (!next.ok) return next;
  const hash = await deps.hasher.hash(next.value);
  if (!hash.ok) return hash;
  return change(deps, `person:${name}`, 'person.password', name, () =>
    accept({
      statements: [setPasswordHash(name, hash.value), endSessions(name, ask.session)],
      before: { hasPassword: true },
      after: { hasPassword: true, otherSessions: 'ended' },
    }),
  );
}
