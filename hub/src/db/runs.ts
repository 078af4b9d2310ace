// Owns the SQL about training runs. Never starts one; a move is a compare-and-set on the state.
import type { Selectable, Updateable } from 'kysely';
import type { RunState, RunsTable } from './schema.ts';
import { query, type Statement, type Store, sqlOf } from './store.ts';

export type RunRow = Selectable<RunsTable>;

export const insertRun = (row: RunRow): Statement => ({ query: query(sqlOf.insertInto('runs').values(row)) });

/** Changes a run that is still in `from`. */
export const updateRun = (id: string, from: RunState, change: Updateable<RunsTable>): Statement => ({
  query: query(sqlOf.updateTable('runs').set(change).where('id', '=', id).where('state', '=', from)),
});

export const readRun = (store: Store, id: string): Promise<RunRow | undefined> =>
  store.first(query(sqlOf.selectFrom('runs').selectAll().where('id', '=', id)));

/** Newest first, before `cursor` (a run id). */
export const listRuns = (
  store: Store,
  page: { cursor?: string; limit: number; model?: string },
): Promise<readonly RunRow[]> => {
  let select = sqlOf.selectFrom('runs').selectAll().orderBy('id', 'desc').limit(page.limit);
  if (page.cursor !== undefined) select = select.where('id', '<', page.cursor);
  if (page.model !== undefined) select = select.where('model', '=', page.model);
  return store.rows(query(select));
};

export const listRunsIn = (store: Store, states: readonly RunState[]): Promise<readonly RunRow[]> =>
  store.rows(query(sqlOf.selectFrom('runs').selectAll().where('state', 'in', states).orderBy('id')));
