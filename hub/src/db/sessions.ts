// Owns the SQL about sessions and API tokens. Secrets come and go as hashes only; never decides who may.
import { type Role, sortRoles } from '@drover/core/roles';
import type { Selectable } from 'kysely';
import type { ApiTokensTable, SessionsTable } from './people-schema.ts';
import { query, type Statement, type Store, sqlOf, template } from './store.ts';

export type SessionRow = Selectable<SessionsTable>;
export type ApiTokenRow = Selectable<ApiTokensTable>;

/** A session together with what its person may at this moment. */
export type OpenSession = SessionRow & { readonly rolesJson: string; readonly state: string };

export const insertSession = (row: SessionRow): Statement => ({
  query: query(sqlOf.insertInto('sessions').values(row)),
});

const bySecret = template<{ secretHash: string }, OpenSession>(['secretHash'], ({ secretHash }) =>
  sqlOf
    .selectFrom('sessions')
    .innerJoin('people', 'people.name', 'sessions.person')
    .selectAll('sessions')
    .select(['people.rolesJson', 'people.state'])
    .where('sessions.secretHash', '=', secretHash),
);
export const readSession = (store: Store, secretHash: string): Promise<OpenSession | undefined> =>
  store.first(bySecret({ secretHash }));

const touch = template<{ secretHash: string; usedAt: number }>(['secretHash', 'usedAt'], ({ secretHash, usedAt }) =>
  sqlOf.updateTable('sessions').set({ usedAt }).where('secretHash', '=', secretHash),
);
export const touchSession = (secretHash: string, usedAt: number): Statement => ({
  query: touch({ secretHash, usedAt }),
  expect: 'any',
});

/** Sessions of a person, newest first; those that ended may still be among them. */
export const listSessions = (store: Store, person: string): Promise<readonly SessionRow[]> =>
  store.rows(
    query(
      sqlOf.selectFrom('sessions').selectAll().where('person', '=', person).orderBy('createdAt', 'desc').limit(1000),
    ),
  );

/** A conflict ('count') means that the person has no such session. */
export const endSession = (person: string, id: string): Statement => ({
  query: query(sqlOf.deleteFrom('sessions').where('person', '=', person).where('id', '=', id)),
});

export const endSessionBySecret = (secretHash: string): Statement => ({
  query: query(sqlOf.deleteFrom('sessions').where('secretHash', '=', secretHash)),
  expect: 'any',
});

/** Ends every session of a person, but the one that is kept. */
export const endSessions = (person: string, keptId = ''): Statement => ({
  query: query(sqlOf.deleteFrom('sessions').where('person', '=', person).where('id', '!=', keptId)),
  expect: 'any',
});

export const dropEndedSessions = (now: number): Statement => ({
  query: query(
    sqlOf
      .deleteFrom('sessions')
      .where((eb) => eb.or([eb('expiresAt', '<=', now), eb(eb('usedAt', '+', eb.ref('idleMs')), '<=', now)])),
  ),
  expect: 'any',
});

/** Keeps the newest `most` sessions of a person. */
export const dropOldSessions = (person: string, most: number): Statement => ({
  query: query(
    sqlOf
      .deleteFrom('sessions')
      .where('person', '=', person)
      .where(
        'id',
        'not in',
        sqlOf
          .selectFrom('sessions as kept')
          .select('kept.id')
          .where('kept.person', '=', person)
          .orderBy('kept.createdAt', 'desc')
          .orderBy('kept.id', 'desc')
          .limit(most),
      ),
  ),
  expect: 'any',
});

export interface NewApiToken {
  readonly id: string;
  readonly name: string;
  readonly secretHash: string;
  readonly roles: readonly Role[];
  readonly createdBy: string;
  readonly createdAt: number;
  readonly expiresAt: number;
}

/** A conflict ('unique') means that a token of this name is not revoked. */
export const insertApiToken = ({ roles, ...token }: NewApiToken): Statement => ({
  query: query(
    sqlOf
      .insertInto('apiTokens')
      .values({ ...token, rolesJson: JSON.stringify(sortRoles(roles)), usedAt: null, revokedAt: null }),
  ),
});

const tokenBySecret = template<{ secretHash: string }, ApiTokenRow>(['secretHash'], ({ secretHash }) =>
  sqlOf.selectFrom('apiTokens').selectAll().where('secretHash', '=', secretHash),
);
export const readApiToken = (store: Store, secretHash: string): Promise<ApiTokenRow | undefined> =>
  store.first(tokenBySecret({ secretHash }));

export const readApiTokenByName = (store: Store, name: string): Promise<ApiTokenRow | undefined> =>
  store.first(query(sqlOf.selectFrom('apiTokens').selectAll().where('name', '=', name).where('revokedAt', 'is', null)));

export const touchApiToken = (id: string, usedAt: number): Statement => ({
  query: query(sqlOf.updateTable('apiTokens').set({ usedAt }).where('id', '=', id)),
  expect: 'any',
});

/** A conflict ('count') means that there is none of this name that is not revoked. */
export const revokeApiToken = (name: string, revokedAt: number): Statement => ({
  query: query(
    sqlOf.updateTable('apiTokens').set({ revokedAt }).where('name', '=', name).where('revokedAt', 'is', null),
  ),
});

/** Names of the tokens that one of these made and that still hold. */
export const listTokensMadeBy = (store: Store, actors: readonly string[]): Promise<readonly { name: string }[]> =>
  store.rows(
    query(sqlOf.selectFrom('apiTokens').select('name').where('createdBy', 'in', actors).where('revokedAt', 'is', null)),
  );

/** All that one of these made, also what was made a moment ago. */
export const revokeTokensMadeBy = (actors: readonly string[], revokedAt: number): Statement => ({
  query: query(
    sqlOf.updateTable('apiTokens').set({ revokedAt }).where('createdBy', 'in', actors).where('revokedAt', 'is', null),
  ),
  expect: 'any',
});

/** In the order in which they were made, after `cursor`. */
export const listApiTokens = (
  store: Store,
  page: { cursor?: string; limit: number },
): Promise<readonly ApiTokenRow[]> => {
  const base = sqlOf.selectFrom('apiTokens').selectAll().orderBy('id').limit(page.limit);
  return store.rows(query(page.cursor === undefined ? base : base.where('id', '>', page.cursor)));
};

export const countApiTokens = async (store: Store): Promise<number> =>
  (await store.first(query(sqlOf.selectFrom('apiTokens').select((eb) => eb.fn.countAll<number>().as('count')))))
    ?.count ?? 0;

/** Forgets tokens that were revoked or expired before `before`; the audit log still names them. */
export const dropDeadApiTokens = (before: number): Statement => ({
  query: query(
    sqlOf.deleteFrom('apiTokens').where((eb) => eb.or([eb('revokedAt', '<', before), eb('expiresAt', '<', before)])),
  ),
  expect: 'any',
});
