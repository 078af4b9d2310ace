// Owns the SQL behind quality: counts of labelled rows, newest first, with the device and time of their window or day. Never decodes them.
import type { WindowLabelsTable } from './schema.ts';
import { query, type Statement, type Store, sqlOf } from './store.ts';
import { matchDays, matchLabels, type SummaryFilter } from './summaries.ts';

export type LabelledWindow = Pick<WindowLabelsTable, 'slot' | 'manifest' | 'device' | 'startAt' | 'counts'>;

/** Of what answered: shadow models are judged elsewhere. A late label has replaced the counts of its window, not added some. */
export const listLabelledWindows = (
  store: Store,
  filter: SummaryFilter,
  page: { limit: number; offset: number },
): Promise<readonly LabelledWindow[]> =>
  store.rows(
    query(
      sqlOf
        .selectFrom('windowLabels')
        .select(['slot', 'manifest', 'device', 'startAt', 'counts'])
        .where((e) => matchLabels(e, filter))
        .orderBy('startAt', 'desc')
        .orderBy('device')
        .limit(page.limit)
        .offset(page.offset),
    ),
  );

/** In the order of their names. */
export const listModelSlices = async (store: Store, model: string): Promise<readonly string[]> =>
  (
    await store.rows(query(sqlOf.selectFrom('modelSlices').select('label').where('model', '=', model).orderBy('label')))
  ).map(({ label }) => label);

/** In place of those before. */
export const writeModelSlices = (model: string, labels: readonly string[]): Statement[] => [
  { query: query(sqlOf.deleteFrom('modelSlices').where('model', '=', model)), expect: 'any' },
  ...labels.map((label) => ({ query: query(sqlOf.insertInto('modelSlices').values({ model, label })) })),
];

/** The same of days whose windows are not kept any more; a day counts whole, or not at all. */
export const listLabelledDays = (
  store: Store,
  filter: SummaryFilter,
  page: { limit: number; offset: number },
): Promise<readonly LabelledWindow[]> =>
  store.rows(
    query(
      sqlOf
        .selectFrom('windowDays')
        .select(['slot', 'manifest', 'device', 'fromAt as startAt', 'labels as counts'])
        .$narrowType<{ counts: Uint8Array }>()
        .where('labels', 'is not', null)
        .where((e) => matchDays(e, filter))
        .orderBy('day', 'desc')
        .orderBy('device')
        .limit(page.limit)
        .offset(page.offset),
    ),
  );
