// Owns the SQL about who agreed to a rollout and what became of it when. Never decides either.
import type { Insertable, Selectable } from 'kysely';
import type { RolloutApprovalsTable, RolloutEventsTable } from './schema-rollouts.ts';
import { query, type Statement, type Store, sqlOf } from './store.ts';

export type RolloutApprovalRow = Selectable<RolloutApprovalsTable>;
export type RolloutEventRow = Selectable<RolloutEventsTable>;

export const insertRolloutEvent = (row: Insertable<RolloutEventsTable>): Statement => ({
  query: query(sqlOf.insertInto('rolloutEvents').values(row)),
});

/** Oldest first; the newest `limit`. */
export const listRolloutEvents = async (
  store: Store,
  rollout: string,
  limit: number,
): Promise<readonly RolloutEventRow[]> => {
  const newest = await store.rows(
    query(
      sqlOf.selectFrom('rolloutEvents').selectAll().where('rollout', '=', rollout).orderBy('id', 'desc').limit(limit),
    ),
  );
  return newest.toReversed();
};

/** A conflict ('unique') means that this person agreed already. */
export const insertApproval = (row: RolloutApprovalRow): Statement => ({
  query: query(sqlOf.insertInto('rolloutApprovals').values(row)),
});

export const listApprovals = (store: Store, rollout: string, subject: string): Promise<readonly RolloutApprovalRow[]> =>
  store.rows(
    query(
      sqlOf
        .selectFrom('rolloutApprovals')
        .selectAll()
        .where('rollout', '=', rollout)
        .where('subject', '=', subject)
        .orderBy('at'),
    ),
  );
