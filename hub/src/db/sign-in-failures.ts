// Owns the SQL of what is remembered about failed sign-ins and of the addresses a person signed in from. Never decides
// when a name is locked.
import type { Selectable } from 'kysely';
import type { SignInFailuresTable } from './people-schema.ts';
import { query, type Statement, type Store, sqlOf } from './store.ts';

export type FailuresRow = Selectable<SignInFailuresTable>;

export const readFailures = (store: Store, name: string, source: string): Promise<FailuresRow | undefined> =>
  store.first(
    query(sqlOf.selectFrom('signInFailures').selectAll().where('name', '=', name).where('source', '=', source)),
  );

/** The longest lock of each of these names; names without one are missing. */
export const listLocks = (
  store: Store,
  names: readonly string[],
): Promise<readonly { name: string; lockedUntil: number }[]> =>
  store.rows(
    query(
      sqlOf
        .selectFrom('signInFailures')
        .select((eb) => ['name', eb.fn.max('lockedUntil').as('lockedUntil')])
        .where('name', 'in', names)
        .groupBy('name'),
    ),
  );

export const putFailures = (row: FailuresRow): Statement => ({
  query: query(
    sqlOf
      .insertInto('signInFailures')
      .values(row)
      .onConflict((at) =>
        at
          .columns(['name', 'source'])
          .doUpdateSet({ count: row.count, lastAt: row.lastAt, lockedUntil: row.lockedUntil }),
      ),
  ),
});

/** Without `source`: wherever they came from. */
export const clearFailures = (name: string, source?: string): Statement => {
  const base = sqlOf.deleteFrom('signInFailures').where('name', '=', name);
  return { query: query(source === undefined ? base : base.where('source', '=', source)), expect: 'any' };
};

export const dropOldFailures = (before: number): Statement => ({
  query: query(sqlOf.deleteFrom('signInFailures').where('lastAt', '<', before)),
  expect: 'any',
});

/** Keeps the newest `most` rows of names that nobody has; rows of people stay, they are as many as there are people. */
export const dropManyFailures = (most: number): Statement => ({
  query: query(
    sqlOf
      .deleteFrom('signInFailures')
      .where('name', 'not in', sqlOf.selectFrom('people').select('people.name'))
      .where(
        'lastAt',
        '<',
        sqlOf
          .selectFrom('signInFailures as kept')
          .select('kept.lastAt')
          .where('kept.name', 'not in', sqlOf.selectFrom('people').select('people.name'))
          .orderBy('kept.lastAt', 'desc')
          .limit(1)
          .offset(most),
      ),
  ),
  expect: 'any',
});

export const isKnownAddress = async (store: Store, person: string, address: string): Promise<boolean> =>
  (await store.first(
    query(
      sqlOf.selectFrom('knownAddresses').select('person').where('person', '=', person).where('address', '=', address),
    ),
  )) !== undefined;

/** Remembers the address, and of each person only the newest `most`. */
export const rememberAddress = (person: string, address: string, usedAt: number, most: number): Statement[] => [
  {
    query: query(
      sqlOf
        .insertInto('knownAddresses')
        .values({ person, address, usedAt })
        .onConflict((at) => at.columns(['person', 'address']).doUpdateSet({ usedAt })),
    ),
  },
  {
    query: query(
      sqlOf
        .deleteFrom('knownAddresses')
        .where('person', '=', person)
        .where(
          'address',
          'not in',
          sqlOf
            .selectFrom('knownAddresses as kept')
            .select('kept.address')
            .where('kept.person', '=', person)
            .orderBy('kept.usedAt', 'desc')
            .limit(most),
        ),
    ),
    expect: 'any',
  },
];
