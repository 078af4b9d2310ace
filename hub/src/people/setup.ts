// Owns setup codes: the one that makes the first admin, the one that a person chooses a password with. Each works once,
// for a limited time, and is kept as a hash. Never prints one.
import { checkPassword } from '@drover/core/password';
import { accept, type Result, refuse } from '@drover/core/reasons';
import { sortRoles } from '@drover/core/roles';
import {
  countAdmins,
  dropAdminCodes,
  dropExpiredCodes,
  insertPerson,
  type PersonRow,
  putSetupCode,
  readPerson,
  readSetupCode,
  rolesOf,
  type SetupCodeRow,
  setPasswordHash,
  setRoles,
  setState,
  useSetupCode,
} from '../db/people.ts';
import type { SessionKind, SetupKind } from '../db/people-schema.ts';
import { endSessions } from '../db/sessions.ts';
import { clearFailures } from '../db/sign-in-failures.ts';
import type { Statement } from '../db/store.ts';
import type { PeopleDeps } from './deps.ts';
import { hashCode, makeCode } from './secrets.ts';
import { prepareSession, type Visitor } from './sessions.ts';
import { commitSession, describeSession, type Opened } from './sign-in.ts';

/** 80 random bits: out of reach of guessing at any rate that the hub answers. */
const GROUPS = 4;
const ADMIN_MS = 24 * 3600_000;
export const PERSON_MS = 7 * 24 * 3600_000;

export interface NewCode {
  readonly code: string;
  readonly expiresAt: number;
  readonly statements: readonly Statement[];
}

export function prepareCode(deps: PeopleDeps, kind: SetupKind, person: string | null): NewCode {
  const code = makeCode(GROUPS);
  const createdAt = deps.now();
  const expiresAt = createdAt + (kind === 'person' ? PERSON_MS : ADMIN_MS);
  const row: SetupCodeRow = { codeHash: hashCode(code), kind, person, createdAt, expiresAt };
  return { code, expiresAt, statements: [dropExpiredCodes(createdAt), ...putSetupCode(row)] };
}

/**
 * At each start: codes of the start before die; a new one is made while nobody can sign in as admin, or when whoever
 * starts the hub asks for one (they hold its data folder anyway, so it opens nothing that was closed to them).
 */
export async function openSetup(deps: PeopleDeps, isAsked: boolean): Promise<NewCode | undefined> {
  const hasAdmin = (await countAdmins(deps.store)) > 0;
  const code = hasAdmin && !isAsked ? undefined : prepareCode(deps, hasAdmin ? 'recovery' : 'first', null);
  await deps.store.commit([dropAdminCodes(), ...(code?.statements ?? [])]);
  return code;
}

export interface Redeeming {
  readonly code: string;
  readonly name: string | undefined;
  readonly password: string;
  readonly kind: SessionKind;
}

interface Plan {
  readonly person: PersonRow;
  readonly statements: readonly Statement[];
  readonly before: unknown;
  readonly after: unknown;
}

/** Who the code is for and what it makes of them; `passwordHash` comes later, because hashing is dear. */
async function planRedeem(
  deps: PeopleDeps,
  row: SetupCodeRow,
  name: string | undefined,
): Promise<Result<(passwordHash: string) => Plan>> {
  const { store } = deps;
  if (row.person !== null) {
    const person = await readPerson(store, row.person);
    if (person === undefined || person.state !== 'active')
      return refuse('setup_code_refused', 'The account is not open.');
    if (name !== undefined && name !== person.name) return refuse('setup_code_refused', 'It is not for this name.');
    return accept((passwordHash) => ({
      person,
      statements: [setPasswordHash(person.name, passwordHash)],
      before: { hasPassword: person.passwordHash !== null },
      after: { hasPassword: true },
    }));
  }
  if (name === undefined) return refuse('request_invalid', 'The first admin needs a name.');
  if (row.kind === 'first' && (await countAdmins(store)) > 0)
    return refuse('setup_code_refused', 'The hub has an admin already.');
  const held = await readPerson(store, name);
  if (held !== undefined && row.kind === 'first' && held.oidcSubject !== null)
    return refuse('person_exists', `"${name}" signs in at another service.`);
  const roles = held === undefined ? (['admin'] as const) : [...rolesOf(held), 'admin' as const];
  return accept((passwordHash) => ({
    person: held ?? {
      name,
      rolesJson: JSON.stringify(roles),
      isAdmin: 1,
      state: 'active',
      passwordHash,
      oidcIssuer: null,
      oidcSubject: null,
      createdAt: deps.now(),
      lastSignInAt: null,
    },
    statements:
      held === undefined
        ? [insertPerson({ name, roles, passwordHash, createdAt: deps.now() })]
        : [setPasswordHash(name, passwordHash), setRoles(name, roles), setState(name, 'active')],
    before: held === undefined ? null : { roles: rolesOf(held), state: held.state },
    after: { roles: sortRoles(roles), state: 'active' },
  }));
}

/** Chooses the password that the code stands for and signs in with it. A password that is refused leaves the code alone. */
export async function redeemCode(deps: PeopleDeps, ask: Redeeming, visitor: Visitor): Promise<Result<Opened>> {
  const row = await readSetupCode(deps.store, hashCode(ask.code));
  if (row === undefined || deps.now() >= row.expiresAt) return refuse('setup_code_refused', '');
  const plan = await planRedeem(deps, row, ask.name);
  if (!plan.ok) return plan;
  const password = checkPassword(ask.password, row.person ?? ask.name ?? '');
  if (!password.ok) return password;
  const hash = await deps.hasher.hash(password.value);
  if (!hash.ok) return hash;
  const { person, statements, before, after } = plan.value(hash.value);
  const { name } = person;
  const session = prepareSession(deps, name, ask.kind, visitor);
  const all = [useSetupCode(row.codeHash), ...statements, endSessions(name), clearFailures(name)];
  const opened = await commitSession(deps, person, session, all, visitor, {
    actor: row.person === null ? 'setup-code' : `person:${name}`,
    action: row.person === null ? 'person.setup' : 'person.password',
    subject: name,
    detail: { before, after, by: 'setup code', ...describeSession(session) },
  });
  return opened.ok ? opened : refuse('setup_code_refused', 'It was used at the same moment.');
}
