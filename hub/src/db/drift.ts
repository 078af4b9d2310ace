// Owns the SQL behind drift: which devices sent something, and their windows in the order of time. Never decodes one.
import type { WindowsTable } from './schema.ts';
import type { DriftBaselinesTable, DriftStatesTable } from './schema-monitoring.ts';
import { query, type Statement, type Store, sqlOf, template } from './store.ts';

/** Devices that sent something at or after `since`, ms, and when they last did. */
export const listSenders = (
  store: Store,
  since: number,
): Promise<readonly { readonly device: string; readonly updatedAt: number }[]> =>
  store.rows(
    query(
      sqlOf
        .selectFrom('outboxes')
        .select((e) => ['device', e.fn.max<number>('updatedAt').as('updatedAt')])
        .where('updatedAt', '>=', since)
        .groupBy('device')
        .orderBy('device'),
    ),
  );

export type DriftWindow = Pick<
  WindowsTable,
  'startAt' | 'endAt' | 'slot' | 'manifest' | 'bootId' | 'number' | 'revision' | 'stats' | 'receivedAt'
>;

const COLUMNS = [
  'startAt',
  'endAt',
  'slot',
  'manifest',
  'bootId',
  'number',
  'revision',
  'stats',
  'receivedAt',
] as const;

/** Windows of what answered on one device that came at or after `since`: the newest, in the order of time. */
export async function listWindowsOf(
  store: Store,
  device: string,
  since: number,
  limit: number,
): Promise<readonly DriftWindow[]> {
  const rows: readonly DriftWindow[] = await store.rows(
    query(
      sqlOf
        .selectFrom('windows')
        .select(COLUMNS)
        .where('device', '=', device)
        .where('receivedAt', '>=', since)
        .where('role', '=', 'active')
        .orderBy('startAt', 'desc')
        .orderBy('bootId')
        .orderBy('number', 'desc')
        .limit(limit),
    ),
  );
  return rows.toReversed();
}

/** Windows of what answered on one device that began in that time: the oldest, in the order of time. */
export const listWindowsBetween = (
  store: Store,
  device: string,
  since: number,
  until: number,
  limit: number,
): Promise<readonly DriftWindow[]> =>
  store.rows(
    query(
      sqlOf
        .selectFrom('windows')
        .select(COLUMNS)
        .where('device', '=', device)
        .where('startAt', '>=', since)
        .where('startAt', '<', until)
        .where('role', '=', 'active')
        .orderBy('startAt')
        .orderBy('bootId')
        .orderBy('number')
        .limit(limit),
    ),
  );

/** Labels of devices, as JSON. */
export const listLabels = (store: Store): Promise<readonly { readonly id: string; readonly labelsJson: string }[]> =>
  store.rows(query(sqlOf.selectFrom('devices').select(['id', 'labelsJson'])));

const stateOf = template<{ device: string }, { readonly body: Uint8Array }>(['device'], (h) =>
  sqlOf.selectFrom('driftStates').select('body').where('device', '=', h.device),
);
export const readDriftState = (store: Store, device: string): Promise<{ readonly body: Uint8Array } | undefined> =>
  store.first(stateOf({ device }));

const stateWritten = template<DriftStatesTable>(['device', 'body', 'updatedAt'], (row) =>
  sqlOf
    .insertInto('driftStates')
    .values(row)
    .onConflict((c) =>
      c.column('device').doUpdateSet((e) => ({ body: e.ref('excluded.body'), updatedAt: e.ref('excluded.updatedAt') })),
    ),
);
export const writeDriftState = (row: DriftStatesTable): Statement => ({ query: stateWritten(row) });

/** From when on windows count for the features of a device that were given a new baseline. */
export const listBaselines = (store: Store, device: string): Promise<readonly DriftBaselinesTable[]> =>
  store.rows(query(sqlOf.selectFrom('driftBaselines').selectAll().where('device', '=', device)));

export const writeBaseline = (row: DriftBaselinesTable): Statement => ({
  query: query(
    sqlOf
      .insertInto('driftBaselines')
      .values(row)
      .onConflict((c) => c.columns(['device', 'feature']).doUpdateSet({ sinceAt: row.sinceAt })),
  ),
});
