// Owns the SQL of what is left of old windows, and of taking old rows away. Never decodes statistics.

import type { WindowDaysTable } from './schema-monitoring.ts';
import { query, type Statement, type Store, sqlOf, template } from './store.ts';
import type { LabelledRow, WindowRow } from './window-rows.ts';

export const DAY_MS = 86_400_000;

export type DayKey = Pick<WindowDaysTable, 'day' | 'device' | 'slot' | 'role' | 'manifest'>;

/** Start of the oldest window or labels, ms since epoch. */
export async function findOldest(store: Store): Promise<number | undefined> {
  const [windows, labels] = [
    await store.first(query(sqlOf.selectFrom('windows').select('startAt').orderBy('startAt').limit(1))),
    await store.first(query(sqlOf.selectFrom('windowLabels').select('startAt').orderBy('startAt').limit(1))),
  ];
  const all = [windows, labels].flatMap((row) => (row ? [row.startAt] : []));
  return all.length === 0 ? undefined : Math.min(...all);
}

/** The first rows of the oldest day: of windows, in the order of their key. */
export const listOldWindows = (store: Store, before: number, limit: number): Promise<readonly WindowRow[]> =>
  store.rows(
    query(
      sqlOf
        .selectFrom('windows')
        .selectAll()
        .where('startAt', '<', before)
        .orderBy('startAt')
        .orderBy('device')
        .orderBy('slot')
        .orderBy('role')
        .orderBy('manifest')
        .orderBy('bootId')
        .orderBy('number')
        .limit(limit),
    ),
  );
export const listOldLabels = (store: Store, before: number, limit: number): Promise<readonly LabelledRow[]> =>
  store.rows(
    query(
      sqlOf
        .selectFrom('windowLabels')
        .selectAll()
        .where('startAt', '<', before)
        .orderBy('startAt')
        .orderBy('device')
        .orderBy('slot')
        .orderBy('role')
        .orderBy('manifest')
        .orderBy('bootId')
        .orderBy('number')
        .limit(limit),
    ),
  );

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

export const dropDays = (before: number): Statement => ({
  query: query(sqlOf.deleteFrom('windowDays').where('day', '<', before)),
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
