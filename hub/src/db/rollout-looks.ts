// Owns the SQL about looks at the answers of a stage, and about devices that are held out. Never takes a look.
import type { LookResult } from '@drover/core/rollout/live';
import { query, type Statement, type Store, sqlOf } from './store.ts';

export interface LookPlace {
  readonly rollout: string;
  readonly stage: number;
  /** When the stage began to be watched: a stage that is watched anew begins its looks anew. */
  readonly since: number;
}

/** A conflict ('unique') means that this look was taken. */
export const insertLook = ({ compared, ...row }: LookPlace & LookResult & { readonly at: number }): Statement => ({
  query: query(
    sqlOf.insertInto('rolloutLooks').values({
      ...row,
      effect: compared?.effect ?? null,
      low: compared?.low ?? null,
      high: compared?.high ?? null,
    }),
  ),
});

/** Oldest first. */
export const listLooks = async (store: Store, { rollout, stage, since }: LookPlace): Promise<readonly LookResult[]> => {
  const rows = await store.rows(
    query(
      sqlOf
        .selectFrom('rolloutLooks')
        .selectAll()
        .where('rollout', '=', rollout)
        .where('stage', '=', stage)
        .where('since', '=', since)
        .orderBy('look')
        .orderBy('metric'),
    ),
  );
  return rows.map(({ look, metric, verdict, treated, control, effect, low, high }) => ({
    look,
    metric,
    verdict,
    treated,
    control,
    compared: effect === null || low === null || high === null ? null : { effect, low, high },
  }));
};

export const listHoldOuts = async (store: Store, rollout: string): Promise<readonly string[]> => {
  const rows = await store.rows(
    query(sqlOf.selectFrom('rolloutHoldOuts').select('device').where('rollout', '=', rollout).orderBy('device')),
  );
  return rows.map(({ device }) => device);
};
