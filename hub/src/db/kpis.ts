// Owns the SQL of business numbers, and of what ran on a device when. Never joins the two.
import type { KpiPointsTable } from './schema-monitoring.ts';
import { query, type Statement, type Store, sqlOf, template } from './store.ts';

const pointStored = template<KpiPointsTable>(['name', 'device', 'at', 'value', 'receivedAt'], (row) =>
  sqlOf
    .insertInto('kpiPoints')
    .values(row)
    .onConflict((c) =>
      c
        .columns(['name', 'device', 'at'])
        .doUpdateSet((e) => ({ value: e.ref('excluded.value'), receivedAt: e.ref('excluded.receivedAt') })),
    ),
);
/** What came for the same device and time before is replaced. */
export const storePoint = (row: KpiPointsTable): Statement => ({ query: pointStored(row) });

export interface KpiTotals {
  readonly name: string;
  readonly points: number;
  readonly devices: number;
  readonly fromAt: number;
  readonly toAt: number;
}
export const listKpis = (store: Store): Promise<readonly KpiTotals[]> =>
  store.rows(
    query(
      sqlOf
        .selectFrom('kpiPoints')
        .select((e) => [
          'name',
          e.fn.countAll<number>().as('points'),
          e.fn.count<number>('device').distinct().as('devices'),
          e.fn.min<number>('at').as('fromAt'),
          e.fn.max<number>('at').as('toAt'),
        ])
        .groupBy('name')
        .orderBy('name'),
    ),
  );

export type KpiPointRow = Pick<KpiPointsTable, 'device' | 'at' | 'value'>;

/** The next points after one, by device and time. */
export const listPoints = (
  store: Store,
  name: string,
  since: number,
  after: { readonly device: string; readonly at: number },
  limit: number,
): Promise<readonly KpiPointRow[]> =>
  store.rows(
    query(
      sqlOf
        .selectFrom('kpiPoints')
        .select(['device', 'at', 'value'])
        .where('name', '=', name)
        .where('at', '>=', since)
        .where((e) =>
          e.or([e('device', '>', after.device), e.and([e('device', '=', after.device), e('at', '>', after.at)])]),
        )
        .orderBy('device')
        .orderBy('at')
        .limit(limit),
    ),
  );

export interface RanRow {
  readonly startAt: number;
  readonly slot: string;
  readonly manifest: string;
}
/** Windows of what answered on a device, in the order of time. */
export const listRan = (store: Store, device: string, fromAt: number, toAt: number): Promise<readonly RanRow[]> =>
  store.rows(
    query(
      sqlOf
        .selectFrom('windows')
        .select(['startAt', 'slot', 'manifest'])
        .where('device', '=', device)
        .where('startAt', '>=', fromAt)
        .where('startAt', '<=', toAt)
        .where('role', '=', 'active')
        .orderBy('startAt')
        .orderBy('number'),
    ),
  );
