// Owns the SQL of how far shadows agree with the models that answer. Never decides whether that is enough.

import type { DeviceAgreement } from '@drover/core/rollout/agreement';
import type { AgreementsTable } from './schema-rollouts.ts';
import { query, type Statement, type Store, sqlOf, template } from './store.ts';

/** One window of a shadow. */
export type AgreementRow = Omit<AgreementsTable, 'id'>;

const stored = template<AgreementRow>(
  ['slot', 'manifest', 'startAt', 'device', 'bootId', 'number', 'compared', 'agreed', 'skipped', 'gap', 'receivedAt'],
  (row) =>
    sqlOf
      .insertInto('agreements')
      .values(row)
      .onConflict((c) => c.doNothing()),
);
/** A window is known by its identity: the first one counts. */
export const storeAgreement = (row: AgreementRow): Statement => ({ query: stored(row), expect: 'any' });

/** By device, in windows that begin at `from` or later. */
export const sumAgreements = (
  store: Store,
  { slot, manifest, from }: { readonly slot: string; readonly manifest: string; readonly from: number },
): Promise<readonly DeviceAgreement[]> =>
  store.rows(
    query(
      sqlOf
        .selectFrom('agreements')
        .select((e) => [
          'device',
          e.fn.sum<number>('compared').as('compared'),
          e.fn.sum<number>('agreed').as('agreed'),
          e.fn.sum<number>('skipped').as('skipped'),
          e.fn.sum<number>('gap').as('gap'),
        ])
        .where('slot', '=', slot)
        .where('manifest', '=', manifest)
        .where('startAt', '>=', from)
        .groupBy('device')
        .orderBy('device'),
    ),
  );

/** A slice of those that were received long ago. */
export const dropAgreements = (before: number, limit: number): Statement => ({
  query: query(
    sqlOf
      .deleteFrom('agreements')
      .where('id', 'in', (e) =>
        e.selectFrom('agreements').select('id').where('receivedAt', '<', before).orderBy('id').limit(limit),
      ),
  ),
  expect: 'any',
});
