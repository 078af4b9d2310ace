// Owns the SQL about groups: label queries that were given a name. Never evaluates one.
import type { Selectable } from 'kysely';
import type { DeviceGroupsTable } from './schema-rollouts.ts';
import { query, type Statement, type Store, sqlOf } from './store.ts';

export type GroupRow = Selectable<DeviceGroupsTable>;

export const readGroup = (store: Store, name: string): Promise<GroupRow | undefined> =>
  store.first(query(sqlOf.selectFrom('deviceGroups').selectAll().where('name', '=', name)));

/** In the order of their names. */
export const listGroups = (store: Store): Promise<readonly GroupRow[]> =>
  store.rows(query(sqlOf.selectFrom('deviceGroups').selectAll().orderBy('name')));

/** Made, or given another query and note. */
export const writeGroup = (row: GroupRow): Statement => ({
  query: query(
    sqlOf
      .insertInto('deviceGroups')
      .values(row)
      .onConflict((c) =>
        c.column('name').doUpdateSet({ query: row.query, note: row.note, actor: row.actor, updatedAt: row.updatedAt }),
      ),
  ),
});

export const deleteGroup = (name: string): Statement => ({
  query: query(sqlOf.deleteFrom('deviceGroups').where('name', '=', name)),
});
