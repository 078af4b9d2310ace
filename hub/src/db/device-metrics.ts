// Owns the SQL of what the metrics of one device need beside its row and windows. Never computes one.
import { query, type Store, sqlOf } from './store.ts';

/** Entries that were lost and refused, over all outboxes of the device. */
export const sumOutboxes = (
  store: Store,
  device: string,
): Promise<{ readonly lost: number; readonly lostAt: number | null; readonly refused: number } | undefined> =>
  store.first(
    query(
      sqlOf
        .selectFrom('outboxes')
        .select((e) => [
          e.fn.sum<number>('lost').as('lost'),
          e.fn.max('lostAt').as('lostAt'),
          e.fn.sum<number>('refused').as('refused'),
        ])
        .where('device', '=', device)
        .groupBy('device'),
    ),
  );

export interface LabelledWindow {
  readonly slot: string;
  readonly manifest: string;
  readonly labelled: number;
  readonly counts: Uint8Array;
}

export const listRecentLabels = (
  store: Store,
  device: string,
  since: number,
  limit: number,
): Promise<readonly LabelledWindow[]> =>
  store.rows(
    query(
      sqlOf
        .selectFrom('windowLabels')
        .select(['slot', 'manifest', 'labelled', 'counts'])
        .where('startAt', '>=', since)
        .where('device', '=', device)
        .where('role', '=', 'active')
        .orderBy('startAt', 'desc')
        .limit(limit),
    ),
  );
