// Owns the SQL of what devices send up: outbox positions, windows, labels, quarantine, logs. Never judges an entry.
import type { Selectable } from 'kysely';
import type { LogsTable, OutboxesTable, QuarantineTable, WindowLabelsTable, WindowsTable } from './schema.ts';
import { query, type Statement, type Store, sqlOf, template } from './store.ts';

export type OutboxRow = Selectable<OutboxesTable>;
export type WindowRow = Selectable<WindowsTable>;
export type WindowLabelsRow = Selectable<WindowLabelsTable>;
export type QuarantineRow = Selectable<QuarantineTable>;
export type LogRow = Selectable<LogsTable>;

const outboxByKey = template<{ device: string; outboxId: string }, OutboxRow>(['device', 'outboxId'], (h) =>
  sqlOf.selectFrom('outboxes').selectAll().where('device', '=', h.device).where('outboxId', '=', h.outboxId),
);
export const readOutbox = (store: Store, device: string, outboxId: string): Promise<OutboxRow | undefined> =>
  store.first(outboxByKey({ device, outboxId }));

export const listOutboxes = (store: Store, device: string): Promise<readonly OutboxRow[]> =>
  store.rows(query(sqlOf.selectFrom('outboxes').selectAll().where('device', '=', device).orderBy('updatedAt', 'desc')));

const outboxInserted = template<OutboxRow>(
  ['device', 'outboxId', 'lastSeq', 'entries', 'lost', 'lostAt', 'refused', 'updatedAt'],
  (row) => sqlOf.insertInto('outboxes').values(row),
);
export const insertOutbox = (row: OutboxRow): Statement => ({ query: outboxInserted(row) });

export interface OutboxAdvance {
  readonly device: string;
  readonly outboxId: string;
  readonly fromSeq: number;
  readonly toSeq: number;
  readonly entries: number;
  readonly lost: number;
  /** Null where none were. */
  readonly lostAt: number | null;
  readonly refused: number;
  readonly updatedAt: number;
}

const advanced = template<OutboxAdvance>(
  ['device', 'outboxId', 'fromSeq', 'toSeq', 'entries', 'lost', 'lostAt', 'refused', 'updatedAt'],
  (h) =>
    sqlOf
      .updateTable('outboxes')
      .set((e) => ({
        lastSeq: h.toSeq,
        entries: e('entries', '+', h.entries),
        lost: e('lost', '+', h.lost),
        lostAt: e.fn.coalesce(e.val(h.lostAt), e.ref('lostAt')),
        refused: e('refused', '+', h.refused),
        updatedAt: h.updatedAt,
      }))
      .where('device', '=', h.device)
      .where('outboxId', '=', h.outboxId)
      .where('lastSeq', '=', h.fromSeq),
);
/** The compare-and-set that makes ingest exact: it fails when someone moved the outbox meanwhile. */
export const advanceOutbox = (advance: OutboxAdvance): Statement => ({ query: advanced(advance) });

/** Keeps the newest outboxes of a device: each belongs to one installation, and a device must not make rows without end. */
export const trimOutboxes = (device: string, keep: number): Statement => ({
  query: query(
    sqlOf
      .deleteFrom('outboxes')
      .where('device', '=', device)
      .where('outboxId', 'not in', (e) =>
        e
          .selectFrom('outboxes')
          .select('outboxId')
          .where('device', '=', device)
          .orderBy('updatedAt', 'desc')
          .limit(keep),
      ),
  ),
  expect: 'any',
});

const KEY = ['startAt', 'device', 'slot', 'role', 'manifest', 'bootId', 'number'] as const;

const windowStored = template<WindowRow>(
  [...KEY, 'revision', 'endAt', 'firstMono', 'lastMono', 'rows', 'errors', 'closedBy', 'stats', 'receivedAt'],
  (row) =>
    sqlOf
      .insertInto('windows')
      .values(row)
      .onConflict((c) =>
        c
          .columns([...KEY])
          .doUpdateSet((e) => ({
            revision: e.ref('excluded.revision'),
            endAt: e.ref('excluded.endAt'),
            firstMono: e.ref('excluded.firstMono'),
            lastMono: e.ref('excluded.lastMono'),
            rows: e.ref('excluded.rows'),
            errors: e.ref('excluded.errors'),
            closedBy: e.ref('excluded.closedBy'),
            stats: e.ref('excluded.stats'),
            receivedAt: e.ref('excluded.receivedAt'),
          }))
          .whereRef('excluded.revision', '>', 'windows.revision'),
      ),
);
/** A window is known by its identity; a higher revision replaces it. Zero rows changed: the stored one is as new. */
export const storeWindow = (row: WindowRow): Statement => ({ query: windowStored(row), expect: 'any' });

const labelsStored = template<WindowLabelsRow>(
  [...KEY, 'revision', 'labelled', 'unmatched', 'counts', 'receivedAt'],
  (row) =>
    sqlOf
      .insertInto('windowLabels')
      .values(row)
      .onConflict((c) =>
        c
          .columns([...KEY])
          .doUpdateSet((e) => ({
            revision: e.ref('excluded.revision'),
            labelled: e.ref('excluded.labelled'),
            unmatched: e.ref('excluded.unmatched'),
            counts: e.ref('excluded.counts'),
            receivedAt: e.ref('excluded.receivedAt'),
          }))
          .whereRef('excluded.revision', '>', 'windowLabels.revision'),
      ),
);
export const storeWindowLabels = (row: WindowLabelsRow): Statement => ({ query: labelsStored(row), expect: 'any' });

export type WindowKey = Pick<WindowRow, (typeof KEY)[number]>;

export const readWindow = (store: Store, key: WindowKey): Promise<WindowRow | undefined> =>
  store.first(
    query(
      sqlOf
        .selectFrom('windows')
        .selectAll()
        .where((e) => e.and({ ...pickKey(key) })),
    ),
  );

export const readWindowLabels = (store: Store, key: WindowKey): Promise<WindowLabelsRow | undefined> =>
  store.first(
    query(
      sqlOf
        .selectFrom('windowLabels')
        .selectAll()
        .where((e) => e.and({ ...pickKey(key) })),
    ),
  );

const pickKey = ({ startAt, device, slot, role, manifest, bootId, number }: WindowKey): WindowKey => ({
  startAt, device, slot, role, manifest, bootId, number,
}); // biome-ignore format: one list

export interface WindowFilter {
  readonly slot?: string;
  readonly device?: string;
  readonly manifest?: string;
  /** Windows that start at or after, ms since epoch. */
  readonly since?: number;
  readonly until?: number;
}

const quarantined = template<Omit<QuarantineRow, 'id'>>(
  ['device', 'outboxId', 'seq', 'code', 'detail', 'body', 'receivedAt'],
  (row) => sqlOf.insertInto('quarantine').values(row),
);
export const insertQuarantine = (row: Omit<QuarantineRow, 'id'>): Statement => ({ query: quarantined(row) });

const logged = template<Omit<LogRow, 'id'>>(['device', 'at', 'level', 'code', 'message', 'receivedAt'], (row) =>
  sqlOf.insertInto('logs').values(row),
);
export const insertLog = (row: Omit<LogRow, 'id'>): Statement => ({ query: logged(row) });

/** Keeps the newest `keep` rows of the whole table. */
export const trimQuarantine = (keep: number): Statement => ({
  query: query(
    sqlOf
      .deleteFrom('quarantine')
      .where('id', '<=', (e) => e.selectFrom('quarantine').select((q) => q(q.fn.max('id'), '-', keep).as('id'))),
  ),
  expect: 'any',
});

export const trimLogs = (keep: number): Statement => ({
  query: query(
    sqlOf
      .deleteFrom('logs')
      .where('id', '<=', (e) => e.selectFrom('logs').select((q) => q(q.fn.max('id'), '-', keep).as('id'))),
  ),
  expect: 'any',
});

export const listQuarantine = (store: Store, device: string, limit: number): Promise<readonly QuarantineRow[]> =>
  store.rows(
    query(sqlOf.selectFrom('quarantine').selectAll().where('device', '=', device).orderBy('id', 'desc').limit(limit)),
  );

/** Newest first, before `cursor` (an id). */
export function listLogs(store: Store, device: string, limit: number, cursor?: number): Promise<readonly LogRow[]> {
  const rows = sqlOf.selectFrom('logs').selectAll().where('device', '=', device).orderBy('id', 'desc').limit(limit);
  return store.rows(query(cursor === undefined ? rows : rows.where('id', '<', cursor)));
}

// `total` and not `sum`: numbers that devices made up must not overflow an integer and fail the query.
export interface UplinkTotals {
  readonly entries: number;
  readonly lost: number;
  readonly refused: number;
}

/** Over all outboxes ever. */
export async function countUplink(store: Store): Promise<UplinkTotals> {
  const sum = await store.first(
    query(
      sqlOf
        .selectFrom('outboxes')
        .select((e) => [
          e.fn.agg<number>('total', ['entries']).as('entries'),
          e.fn.agg<number>('total', ['lost']).as('lost'),
          e.fn.agg<number>('total', ['refused']).as('refused'),
        ]),
    ),
  );
  return { entries: sum?.entries ?? 0, lost: sum?.lost ?? 0, refused: sum?.refused ?? 0 };
}

export async function countWindows(store: Store): Promise<{ readonly windows: number; readonly rows: number }> {
  const sum = await store.first(
    query(
      sqlOf
        .selectFrom('windows')
        .select((e) => [e.fn.countAll<number>().as('windows'), e.fn.agg<number>('total', ['rows']).as('rows')]),
    ),
  );
  return { windows: sum?.windows ?? 0, rows: sum?.rows ?? 0 };
}
