// Owns the SQL of the release metadata: files by role and version, what they list, and the revision that changes are
// checked against. Never reads what is in a file.
import type { Selectable } from 'kysely';
import type { TufRolesTable, TufTargetsTable } from './release-tables.ts';
import { query, type Statement, type Store, sqlOf, template } from './store.ts';

export type RoleRow = Selectable<TufRolesTable>;
export type TargetRow = Selectable<TufTargetsTable>;

/** The newest file of every role, and the revision that they belong to. */
export async function readNewest(store: Store): Promise<{ revision: number; rows: readonly RoleRow[] }> {
  const state = await store.first(query(sqlOf.selectFrom('tufState').select('revision').where('id', '=', 1)));
  const rows = await store.rows(
    query(
      sqlOf
        .selectFrom('tufRoles')
        .innerJoin(
          sqlOf
            .selectFrom('tufRoles')
            .select((e) => ['role', e.fn.max('version').as('newest')])
            .groupBy('role')
            .as('last'),
          (join) => join.onRef('last.role', '=', 'tufRoles.role').onRef('last.newest', '=', 'tufRoles.version'),
        )
        .select(['tufRoles.role', 'tufRoles.version', 'tufRoles.bytes']),
    ),
  );
  return { revision: state?.revision ?? 0, rows };
}

const byVersion = template<{ role: string; version: number }, { bytes: Uint8Array }>(
  ['role', 'version'],
  ({ role, version }) =>
    sqlOf.selectFrom('tufRoles').select('bytes').where('role', '=', role).where('version', '=', version),
);
export const readRole = async (store: Store, role: string, version: number): Promise<Uint8Array | undefined> =>
  (await store.first(byVersion({ role, version })))?.bytes;

export const insertRole = (row: RoleRow): Statement => ({ query: query(sqlOf.insertInto('tufRoles').values(row)) });

/** Keeps the newest `keep` files of a role, `row` included: a client in the middle of a refresh may still ask for them. */
export const pruneRole = (role: string, keep: number): Statement => ({
  query: query(
    sqlOf
      .deleteFrom('tufRoles')
      .where('role', '=', role)
      .where('version', 'not in', (e) =>
        e.selectFrom('tufRoles').select('version').where('role', '=', role).orderBy('version', 'desc').limit(keep),
      ),
  ),
  expect: 'any',
});

/** A lost race changes no row. */
export const raiseRevision = (from: number): Statement => ({
  query: query(
    sqlOf
      .updateTable('tufState')
      .set({ revision: from + 1 })
      .where('id', '=', 1)
      .where('revision', '=', from),
  ),
});

export const insertTarget = (row: TargetRow): Statement => ({
  query: query(sqlOf.insertInto('tufTargets').values(row)),
});

/** All that one model's role listed, or all there is. */
export const deleteTargets = (of?: { readonly team: string; readonly model: string }): Statement => {
  const all = sqlOf.deleteFrom('tufTargets');
  const some = of === undefined ? all : all.where('team', '=', of.team).where('model', '=', of.model);
  return { query: query(some), expect: 'any' };
};

const byManifest = template<{ manifest: string }, TargetRow>(['manifest'], ({ manifest }) =>
  sqlOf.selectFrom('tufTargets').selectAll().where('manifest', '=', manifest).orderBy('path'),
);
export const listTargetsOf = (store: Store, manifest: string): Promise<readonly TargetRow[]> =>
  store.rows(byManifest({ manifest }));

export const readTarget = (store: Store, path: string): Promise<TargetRow | undefined> =>
  store.first(query(sqlOf.selectFrom('tufTargets').selectAll().where('path', '=', path)));
