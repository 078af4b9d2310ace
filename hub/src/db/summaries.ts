// Owns the SQL behind summaries: exact totals per slot and manifest, and statistics bytes newest first. Never decodes them.
import { type ExpressionBuilder, sql } from 'kysely';
import type { Tables } from './schema.ts';
import { query, type Store, sqlOf } from './store.ts';
import { DAY_MS } from './window-days.ts';

export interface SummaryFilter {
  readonly slot?: string;
  readonly device?: string;
  /** Windows that start at or after this, ms since epoch. */
  readonly since?: number;
}

export interface StreamTotals {
  readonly slot: string;
  readonly manifest: string;
  readonly devices: number;
  readonly windows: number;
  readonly rows: number;
  readonly errors: number;
  readonly fromAt: number;
  readonly toAt: number;
}

/**
 * What is in the sum of its day is told by that: a window that comes again when its day was summed, or is amended then, waits for the
 * next tidying to be looked at. Nothing that began after the newest summed day can be in a sum.
 */
const isInNoSum = (table: 'windows' | 'windowLabels') =>
  sql<boolean>`(${sql.ref(`${table}.startAt`)} >= (SELECT COALESCE(MAX(day) + 1, 0) * ${sql.lit(DAY_MS)} FROM windowDays) OR NOT EXISTS (
    SELECT 1 FROM windowDays AS d WHERE d.day = ${sql.ref(`${table}.startAt`)} / ${sql.lit(DAY_MS)}
    AND d.device = ${sql.ref(`${table}.device`)} AND d.slot = ${sql.ref(`${table}.slot`)}
    AND d.role = ${sql.ref(`${table}.role`)} AND d.manifest = ${sql.ref(`${table}.manifest`)}))`;

/** What answers counts: shadow models are judged elsewhere. */
const matchWindows = (e: ExpressionBuilder<Tables, 'windows'>, { slot, device, since }: SummaryFilter) =>
  e.and([
    e('role', '=', 'active'),
    isInNoSum('windows'),
    ...(slot === undefined ? [] : [e('slot', '=', slot)]),
    ...(device === undefined ? [] : [e('device', '=', device)]),
    ...(since === undefined ? [] : [e('startAt', '>=', since)]),
  ]);

/** The same of labels. */
export const matchLabels = (e: ExpressionBuilder<Tables, 'windowLabels'>, { slot, device, since }: SummaryFilter) =>
  e.and([
    e('role', '=', 'active'),
    isInNoSum('windowLabels'),
    ...(slot === undefined ? [] : [e('slot', '=', slot)]),
    ...(device === undefined ? [] : [e('device', '=', device)]),
    ...(since === undefined ? [] : [e('startAt', '>=', since)]),
  ]);

type DayBuilder = ExpressionBuilder<Tables, 'windowDays'>;
/** Of days whose windows are not kept any more. */
export const matchDays = (e: DayBuilder, { slot, device, since }: SummaryFilter) =>
  e.and([
    e('role', '=', 'active'),
    ...(slot === undefined ? [] : [e('slot', '=', slot)]),
    ...(device === undefined ? [] : [e('device', '=', device)]),
    // A day counts whole, or not at all.
    ...(since === undefined ? [] : [e('fromAt', '>=', since)]),
  ]);

/** Of the windows that are kept and of the days of those that are not. */
export const sumStreams = (store: Store, filter: SummaryFilter): Promise<readonly StreamTotals[]> =>
  store.rows(
    query(
      sqlOf
        .selectFrom((from) =>
          from
            .selectFrom('windows')
            .select((e) => [
              'slot',
              'manifest',
              'device',
              e.lit(1).$castTo<number>().as('windows'),
              'rows',
              'errors',
              'startAt as fromAt',
              'endAt as toAt',
            ])
            .where((e) => matchWindows(e, filter))
            .unionAll((more) =>
              more
                .selectFrom('windowDays')
                .select(['slot', 'manifest', 'device', 'windows', 'rows', 'errors', 'fromAt', 'toAt'])
                .where((e) => matchDays(e, filter)),
            )
            .as('counted'),
        )
        .select((e) => [
          'slot',
          'manifest',
          e.fn.count<number>('device').distinct().as('devices'),
          e.fn.sum<number>('windows').as('windows'),
          e.fn.sum<number>('rows').as('rows'),
          e.fn.sum<number>('errors').as('errors'),
          e.fn.min<number>('fromAt').as('fromAt'),
          e.fn.max<number>('toAt').as('toAt'),
        ])
        .groupBy(['slot', 'manifest'])
        .orderBy('toAt', 'desc'),
    ),
  );

export interface StreamBytes {
  readonly slot: string;
  readonly manifest: string;
  readonly bytes: Uint8Array;
}

export const listWindowStats = (
  store: Store,
  filter: SummaryFilter,
  page: { limit: number; offset: number },
): Promise<readonly StreamBytes[]> =>
  store.rows(
    query(
      sqlOf
        .selectFrom('windows')
        .select(['slot', 'manifest', 'stats as bytes'])
        .where((e) => matchWindows(e, filter))
        .orderBy('startAt', 'desc')
        .limit(page.limit)
        .offset(page.offset),
    ),
  );

export const listLabelCounts = (
  store: Store,
  filter: SummaryFilter,
  page: { limit: number; offset: number },
): Promise<readonly StreamBytes[]> =>
  store.rows(
    query(
      sqlOf
        .selectFrom('windowLabels')
        .select(['slot', 'manifest', 'counts as bytes'])
        .where((e) => matchLabels(e, filter))
        .orderBy('startAt', 'desc')
        .limit(page.limit)
        .offset(page.offset),
    ),
  );

/** Of days whose windows are not kept any more, newest first. */
export const listDayStats = (
  store: Store,
  filter: SummaryFilter,
  page: { limit: number; offset: number },
): Promise<readonly StreamBytes[]> =>
  store.rows(
    query(
      sqlOf
        .selectFrom('windowDays')
        .select(['slot', 'manifest', 'stats as bytes'])
        .$narrowType<{ bytes: Uint8Array }>()
        .where('stats', 'is not', null)
        .where((e) => matchDays(e, filter))
        .orderBy('day', 'desc')
        .orderBy('device')
        .limit(page.limit)
        .offset(page.offset),
    ),
  );

export const listDayLabels = (
  store: Store,
  filter: SummaryFilter,
  page: { limit: number; offset: number },
): Promise<readonly StreamBytes[]> =>
  store.rows(
    query(
      sqlOf
        .selectFrom('windowDays')
        .select(['slot', 'manifest', 'labels as bytes'])
        .$narrowType<{ bytes: Uint8Array }>()
        .where('labels', 'is not', null)
        .where((e) => matchDays(e, filter))
        .orderBy('day', 'desc')
        .orderBy('device')
        .limit(page.limit)
        .offset(page.offset),
    ),
  );
