// Owns the SQL about people and their setup codes. Never decides what somebody may; but no statement here leaves the hub
// without an admin, whatever was decided a moment before.
import { type Role, sortRoles } from '@drover/core/roles';
import type { ExpressionBuilder, Selectable } from 'kysely';
import type { PeopleTable, PersonState, SetupCodesTable, SetupKind } from './people-schema.ts';
import type { Tables } from './schema.ts';
import { type Query, query, type Statement, type Store, sqlOf, template } from './store.ts';

export type PersonRow = Selectable<PeopleTable>;
export type SetupCodeRow = Selectable<SetupCodesTable>;

export const rolesOf = (row: { readonly rolesJson: string }): Role[] => JSON.parse(row.rolesJson) as Role[];

const roleColumns = (roles: readonly Role[]) => ({
  rolesJson: JSON.stringify(sortRoles(roles)),
  isAdmin: roles.includes('admin') ? (1 as const) : (0 as const),
});

export interface NewPerson {
  readonly name: string;
  readonly roles: readonly Role[];
  readonly passwordHash?: string;
  readonly oidc?: { readonly issuer: string; readonly subject: string };
  readonly createdAt: number;
}

/** A conflict ('unique') means that the name, or the subject at that issuer, is taken. */
export const insertPerson = ({ name, roles, passwordHash, oidc, createdAt }: NewPerson): Statement => ({
  query: query(
    sqlOf.insertInto('people').values({
      name,
      ...roleColumns(roles),
      state: 'active',
      passwordHash: passwordHash ?? null,
      oidcIssuer: oidc?.issuer ?? null,
      oidcSubject: oidc?.subject ?? null,
      createdAt,
      lastSignInAt: null,
    }),
  ),
});

const byName = template<{ name: string }, PersonRow>(['name'], ({ name }) =>
  sqlOf.selectFrom('people').selectAll().where('name', '=', name),
);
export const readPerson = (store: Store, name: string): Promise<PersonRow | undefined> => store.first(byName({ name }));

export const readPersonBySubject = (store: Store, issuer: string, subject: string): Promise<PersonRow | undefined> =>
  store.first(
    query(sqlOf.selectFrom('people').selectAll().where('oidcIssuer', '=', issuer).where('oidcSubject', '=', subject)),
  );

export const listPeople = (store: Store, page: { cursor?: string; limit: number }): Promise<readonly PersonRow[]> => {
  const base = sqlOf.selectFrom('people').selectAll().orderBy('name').limit(page.limit);
  return store.rows(query(page.cursor === undefined ? base : base.where('name', '>', page.cursor)));
};

const countFrom = async (store: Store, count: Query<{ count: number }>): Promise<number> =>
  (await store.first(count))?.count ?? 0;

export const countPeople = (store: Store): Promise<number> =>
  countFrom(store, query(sqlOf.selectFrom('people').select((eb) => eb.fn.countAll<number>().as('count'))));

/** Admins who can sign in: one who has not chosen a password yet may never do so. */
export const countAdmins = (store: Store): Promise<number> =>
  countFrom(
    store,
    query(
      sqlOf
        .selectFrom('people')
        .select((eb) => eb.fn.countAll<number>().as('count'))
        .where('isAdmin', '=', 1)
        .where('state', '=', 'active')
        .where((eb) => eb.or([eb('passwordHash', 'is not', null), eb('oidcSubject', 'is not', null)])),
    ),
  );

/** Another active admin who can sign in: without one, what takes an admin away changes no row. */
const otherAdmin = (name: string) =>
  sqlOf
    .selectFrom('people as other')
    .select('other.name')
    .where('other.name', '!=', name)
    .where('other.isAdmin', '=', 1)
    .where('other.state', '=', 'active')
    .where((eb) => eb.or([eb('other.passwordHash', 'is not', null), eb('other.oidcSubject', 'is not', null)]));

/** Who is no active admin may always leave. */
const mayLeave = (name: string) => (eb: ExpressionBuilder<Tables, 'people'>) =>
  eb.or([eb('isAdmin', '=', 0), eb('state', '=', 'disabled'), eb.exists(otherAdmin(name))]);

/** Changes no row (a conflict 'count') when the hub would lose its last admin by it, unless `isForced`. */
export const setRoles = (name: string, roles: readonly Role[], isForced = false): Statement => {
  const update = sqlOf.updateTable('people').set(roleColumns(roles)).where('name', '=', name);
  return { query: query(roles.includes('admin') || isForced ? update : update.where(mayLeave(name))) };
};

/** Changes no row (a conflict 'count') when the hub would lose its last admin by it. */
export const setState = (name: string, state: PersonState): Statement => {
  const update = sqlOf.updateTable('people').set({ state }).where('name', '=', name);
  return { query: query(state === 'active' ? update : update.where(mayLeave(name))) };
};

/** Changes no row (a conflict 'count') when the hub would lose its last admin by it. */
export const deletePerson = (name: string): Statement => ({
  query: query(sqlOf.deleteFrom('people').where('name', '=', name).where(mayLeave(name))),
});

export const setPasswordHash = (name: string, passwordHash: string | null): Statement => ({
  query: query(sqlOf.updateTable('people').set({ passwordHash }).where('name', '=', name)),
});

/** Changes no row (a conflict 'count') when `from` is their password no more, or they may not sign in any more. */
export const replacePasswordHash = (name: string, from: string, to: string): Statement => ({
  query: query(
    sqlOf
      .updateTable('people')
      .set({ passwordHash: to })
      .where('name', '=', name)
      .where('passwordHash', '=', from)
      .where('state', '=', 'active'),
  ),
});

export const setSignedIn = (name: string, lastSignInAt: number): Statement => ({
  query: query(sqlOf.updateTable('people').set({ lastSignInAt }).where('name', '=', name)),
});

/** Takes the place of earlier codes of the same kind and person. */
export const putSetupCode = (row: SetupCodeRow): Statement[] => [
  { query: query(dropCodes(row.kind, row.person)), expect: 'any' },
  { query: query(sqlOf.insertInto('setupCodes').values(row)) },
];

const dropCodes = (kind: SetupKind, person: string | null) => {
  const base = sqlOf.deleteFrom('setupCodes').where('kind', '=', kind);
  return person === null ? base : base.where('person', '=', person);
};

/** Codes that make an admin die with the start that printed them. */
export const dropAdminCodes = (): Statement => ({
  query: query(sqlOf.deleteFrom('setupCodes').where('kind', 'in', ['first', 'recovery'])),
  expect: 'any',
});

export const readSetupCode = (store: Store, codeHash: string): Promise<SetupCodeRow | undefined> =>
  store.first(query(sqlOf.selectFrom('setupCodes').selectAll().where('codeHash', '=', codeHash)));

/** A conflict ('count') means that it was used at the same moment. */
export const useSetupCode = (codeHash: string): Statement => ({
  query: query(sqlOf.deleteFrom('setupCodes').where('codeHash', '=', codeHash)),
});

export const dropPersonCodes = (person: string): Statement => ({
  query: query(dropCodes('person', person)),
  expect: 'any',
});

export const dropExpiredCodes = (now: number): Statement => ({
  query: query(sqlOf.deleteFrom('setupCodes').where('expiresAt', '<=', now)),
  expect: 'any',
});
