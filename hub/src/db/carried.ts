// Owns the SQL of what was carried by hand: the newest report of each installation, how a device stood in it. Never judges.
import type { Selectable } from 'kysely';
import type { CarriedExportsTable, CarriedReportsTable } from './carried-schema.ts';
import { query, type Statement, type Store, sqlOf } from './store.ts';
import type { QuarantineRow } from './uplink.ts';

export type CarriedReportRow = Selectable<CarriedReportsTable>;

export const readCarriedReport = (
  store: Store,
  device: string,
  outboxId: string,
): Promise<CarriedReportRow | undefined> =>
  store.first(
    query(sqlOf.selectFrom('carriedReports').selectAll().where('device', '=', device).where('outboxId', '=', outboxId)),
  );

/** Zero rows changed would mean that a newer one was stored meanwhile: a conflict. */
export const storeCarriedReport = (row: CarriedReportRow): Statement => ({
  query: query(
    sqlOf
      .insertInto('carriedReports')
      .values(row)
      .onConflict((c) =>
        c
          .columns(['device', 'outboxId'])
          .doUpdateSet({ number: row.number, digest: row.digest, importedAt: row.importedAt })
          .where('carriedReports.number', '<=', row.number),
      ),
  ),
});

/** Keeps the newest rows of a device: one for each installation would be rows without end. */
export const trimCarriedReports = (device: string, keep: number): Statement => ({
  query: query(
    sqlOf
      .deleteFrom('carriedReports')
      .where('device', '=', device)
      .where('outboxId', 'not in', (e) =>
        e
          .selectFrom('carriedReports')
          .select('outboxId')
          .where('device', '=', device)
          .orderBy('importedAt', 'desc')
          .limit(keep),
      ),
  ),
  expect: 'any',
});

export type CarriedExportRow = Selectable<CarriedExportsTable>;

/** The number of the newest export, 0 when there was none. */
export const readLastExport = async (store: Store): Promise<number> =>
  (await store.first(query(sqlOf.selectFrom('carriedExports').select((e) => e.fn.max('number').as('number')))))
    ?.number ?? 0;

/** A conflict ('unique') means that another export took the number. */
export const insertCarriedExport = (row: CarriedExportRow): Statement => ({
  query: query(sqlOf.insertInto('carriedExports').values(row)),
});

/** Keeps the newest rows; what was exported when, for whom and by whom stands in the audit log. */
export const trimCarriedExports = (keep: number): Statement => ({
  query: query(
    sqlOf
      .deleteFrom('carriedExports')
      .where('number', 'not in', (e) =>
        e.selectFrom('carriedExports').select('number').orderBy('number', 'desc').limit(keep),
      ),
  ),
  expect: 'any',
});

export interface CarriedFacts {
  readonly id: string;
  readonly bootId: string;
  readonly outboxId: string;
  readonly agentVersion: string;
  readonly capabilitiesJson: string;
  readonly reportedGeneration: number;
  readonly stateRevision: number;
  readonly healthJson: string | null;
  readonly desiredCode: string | null;
  readonly desiredDetail: string | null;
  /** When the device wrote it; never later than now. */
  readonly seenAt: number;
}

/** How the device stood when it wrote its report. Changes nothing when a session opened meanwhile: that one knows better. */
export const storeCarriedState = ({ id, seenAt, ...facts }: CarriedFacts): Statement => ({
  query: query(
    sqlOf
      .updateTable('devices')
      .set((e) => ({
        ...facts,
        presence: 'offline' as const,
        lastSeenAt: e.fn<number>('max', [e.fn.coalesce('lastSeenAt', e.lit(0)), e.val(seenAt)]),
      }))
      .where('id', '=', id)
      .where('presence', '!=', 'online'),
  ),
  expect: 'any',
});

/** What of this outbox was refused between two numbers, the newest first. */
export const listRefused = (
  store: Store,
  device: string,
  outboxId: string,
  range: { readonly from: number; readonly to: number; readonly limit: number },
): Promise<readonly Pick<QuarantineRow, 'seq' | 'code' | 'detail'>[]> =>
  store.rows(
    query(
      sqlOf
        .selectFrom('quarantine')
        .select(['seq', 'code', 'detail'])
        .where('device', '=', device)
        .where('outboxId', '=', outboxId)
        .where('seq', '>=', range.from)
        .where('seq', '<=', range.to)
        .orderBy('seq', 'desc')
        .limit(range.limit),
    ),
  );
