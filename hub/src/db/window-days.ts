// Owns the SQL of what is left of old windows, and of taking old rows away. Never decodes statistics.

import type { WindowDaysTable } from './schema-monitoring.ts';
import { query, type Statement, type Store, sqlOf, template } from './store.ts';
import type { LabelledRow, WindowRow } from './window-rows.ts';

export const DAY_MS = 86_400_000;

export type DayKey = Pick<WindowDaysTable, 'day' | 'device' | 'slot' | 'role' | 'manifest'>;

/** Of the oldest windows, and of the oldest labels: the day and the stream that they belong to, oldest first. Repeats are left in. */
export async function listOldKeys(store: Store, before: number, limit: number): Promise<readonly DayKey[]> {
  const columns = ['startAt', 'device', 'slot', 'role', 'manifest'] as const;
  const windows = sqlOf.selectFrom('windows').select(columns).where('startAt', '<', before).orderBy('startAt');
  const labels = sqlOf.selectFrom('windowLabels').select(columns).where('startAt', '<', before).orderBy('startAt');
  const rows = [...(await store.rows(query(windows.limit(limit)))), ...(await store.rows(query(labels.limit(limit))))];
  return rows.map(({ startAt, ...stream }) => ({ day: Math.floor(startAt / DAY_MS), ...stream }));
}

/** Of one day of one stream, in the order of their key, which is the order in which they are added. */
export const listWindowsOfDay = (store: Store, key: DayKey, limit: number): Promise<readonly WindowRow[]> => {
  const { day, ...stream } = key;
  return store.rows(
    query(
      sqlOf
        .selectFrom('windows')
        .selectAll()
        .where((e) => e.and({ ...stream }))
        .where('startAt', '>=', day * DAY_MS)
        .where('startAt', '<', (day + 1) * DAY_MS)
        .orderBy('startAt')
        .orderBy('bootId')
        .orderBy('number')
        .limit(limit),
    ),
  );
};
export const listLabelsOfDay = (store: Store, key: DayKey, limit: number): Promise<readonly LabelledRow[]> => {
  const { day, ...stream } = key;
  return store.rows(
    query(
      sqlOf
        .selectFrom('windowLabels')
        .selectAll()
        .where((e) => e.and({ ...stream }))
        .where('startAt', '>=', day * DAY_MS)
        .where('startAt', '<', (day + 1) * DAY_MS)
        .orderBy('startAt')
        .orderBy('bootId')
        .orderBy('number')
        .limit(limit),
    ),
  );
};

export const readDay = (store: Store, key: DayKey): Promise<WindowDaysTable | undefined> =>
  store.first(
    query(
      sqlOf
        .selectFrom('windowDays')
        .selectAll()
        .where((e) => e.and({ ...key })),
    ),
  );

const COLUMNS = [
  'day', 'device', 'slot', 'role', 'manifest', 'windows', 'rows', 'errors', 'fromAt', 'toAt', 'unread', 'late', 'seenJson', 'stats', 'labels',
] as const; // biome-ignore format: one list
const dayWritten = template<WindowDaysTable>([...COLUMNS], (row) =>
  sqlOf
    .insertInto('windowDays')
    .values(row)
    .onConflict((c) =>
      c.columns(['day', 'device', 'slot', 'role', 'manifest']).doUpdateSet((e) => ({
        windows: e.ref('excluded.windows'),
        rows: e.ref('excluded.rows'),
        errors: e.ref('excluded.errors'),
        fromAt: e.ref('excluded.fromAt'),
        toAt: e.ref('excluded.toAt'),
        unread: e.ref('excluded.unread'),
        late: e.ref('excluded.late'),
        seenJson: e.ref('excluded.seenJson'),
        stats: e.ref('excluded.stats'),
        labels: e.ref('excluded.labels'),
      })),
    ),
);
export const writeDay = (row: WindowDaysTable): Statement => ({ query: dayWritten(row) });

type RowKey = Pick<WindowRow, 'startAt' | 'device' | 'slot' | 'role' | 'manifest' | 'bootId' | 'number' | 'revision'>;
const KEYS = ['startAt', 'device', 'slot', 'role', 'manifest', 'bootId', 'number', 'revision'] as const;
const keyOf = ({ startAt, device, slot, role, manifest, bootId, number, revision }: RowKey): RowKey => ({
  startAt, device, slot, role, manifest, bootId, number, revision,
}); // biome-ignore format: one record
const windowTaken = template<RowKey>([...KEYS], (h) => sqlOf.deleteFrom('windows').where((e) => e.and({ ...h })));
const labelsTaken = template<RowKey>([...KEYS], (h) => sqlOf.deleteFrom('windowLabels').where((e) => e.and({ ...h })));
/** Changes nothing, which is a conflict, when it was amended meanwhile. */
export const takeWindow = (row: WindowRow): Statement => ({ query: windowTaken(keyOf(row)) });
export const takeLabels = (row: LabelledRow): Statement => ({ query: labelsTaken(keyOf(row)) });

/** Some devices' sums of the oldest day that is too old. */
export const dropDays = (before: number, devices: number): Statement => ({
  query: query(
    sqlOf
      .deleteFrom('windowDays')
      .where('day', '<', before)
      .where('day', '=', (e) => e.selectFrom('windowDays').select('day').orderBy('day').limit(1))
      .where('device', 'in', (e) =>
        e.selectFrom('windowDays').select('device').orderBy('day').orderBy('device').limit(devices),
      ),
  ),
  expect: 'any',
});
/** A slice of what devices logged and of what was refused, oldest first. */
export const dropLogs = (before: number, limit: number): Statement => ({
  query: query(
    sqlOf
      .deleteFrom('logs')
      .where('id', 'in', (e) =>
        e.selectFrom('logs').select('id').where('receivedAt', '<', before).orderBy('id').limit(limit),
      ),
  ),
  expect: 'any',
});
export const dropQuarantine = (before: number, limit: number): Statement => ({
  query: query(
    sqlOf
      .deleteFrom('quarantine')
      .where('id', 'in', (e) =>
        e.selectFrom('quarantine').select('id').where('receivedAt', '<', before).orderBy('id').limit(limit),
      ),
  ),
  expect: 'any',
});
