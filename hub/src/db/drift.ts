// Owns the SQL behind drift: which devices sent something, and their windows in the order of time. Never decodes one.
import type { WindowsTable } from './schema.ts';
import { query, type Store, sqlOf } from './store.ts';

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

/** Labels of devices, as JSON. */
export const listLabels = (store: Store): Promise<readonly { readonly id: string; readonly labelsJson: string }[]> =>
  store.rows(query(sqlOf.selectFrom('devices').select(['id', 'labelsJson'])));
