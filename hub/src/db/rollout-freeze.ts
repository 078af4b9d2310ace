// Owns the SQL that finds an alert on a device of a rollout. Never decides what follows.
import { query, type Store, sqlOf } from './store.ts';

export interface FiringAlert {
  readonly rule: string;
  readonly device: string;
  readonly incident: string | null;
}

/** One that began to fire after `since` on a device that the rollout has let in. */
export const findFiring = (
  store: Store,
  { rollout, rules, since }: { readonly rollout: string; readonly rules: readonly string[]; readonly since: number },
): Promise<FiringAlert | undefined> =>
  store.first(
    query(
      sqlOf
        .selectFrom('alerts as a')
        .innerJoin('deployments as d', 'd.device', 'a.device')
        .select(['a.rule', 'a.device', 'a.incident'])
        .where('a.state', '=', 'firing')
        .where('a.enteredAt', '>', since)
        .where('a.rule', 'in', rules)
        .where('d.rollout', '=', rollout)
        .where('d.admittedAt', 'is not', null)
        .orderBy('a.enteredAt')
        .limit(1),
    ),
  );
