// Owns the SQL that gathers what a list of devices shows: desired documents and deployments of several devices at once.
import type { DesiredFacts } from './desired.ts';
import type { DeploymentRow } from './rollouts.ts';
import { query, type Store, sqlOf } from './store.ts';

export const listDesiredOf = (store: Store, devices: readonly string[]): Promise<readonly DesiredFacts[]> =>
  store.rows(
    query(
      sqlOf
        .selectFrom('desiredDocs')
        .select(['device', 'generation', 'digest', 'slotsJson', 'policyJson', 'manifestsJson', 'issuedAt', 'expiresAt'])
        .where('device', 'in', devices),
    ),
  );

export const listDeploymentsById = (store: Store, ids: readonly string[]): Promise<readonly DeploymentRow[]> =>
  store.rows(query(sqlOf.selectFrom('deployments').selectAll().where('id', 'in', ids)));

export const countQuarantine = async (store: Store, device: string): Promise<number> =>
  (
    await store.first(
      query(
        sqlOf
          .selectFrom('quarantine')
          .select((e) => e.fn.countAll<number>().as('count'))
          .where('device', '=', device),
      ),
    )
  )?.count ?? 0;
