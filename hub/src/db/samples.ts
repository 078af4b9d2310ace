// Owns the SQL of captured rows. Never names their fields: the manifest does.
import type { Selectable } from 'kysely';
import type { SamplesTable } from './samples-schema.ts';
import { query, type Statement, type Store, sqlOf, template } from './store.ts';

export type SampleRow = Selectable<SamplesTable>;

const stored = template<Omit<SampleRow, 'id'>>(
  [
    'device', 'predictionId', 'slot', 'manifest', 'at', 'why', 'score', 'numbers', 'textsJson', 'withheldJson', 'classIndex',
    'scores', 'receivedAt',
  ],
  (row) =>
    sqlOf
      .insertInto('samples')
      .values(row)
      .onConflict((c) => c.columns(['device', 'predictionId']).doNothing()),
); // biome-ignore format: one list
/** The first word about a prediction stands. */
export const storeSample = (row: Omit<SampleRow, 'id'>): Statement => ({ query: stored(row), expect: 'any' });

/** Keeps the newest `keep` rows of the whole table. */
export const trimSamples = (keep: number): Statement => ({
  query: query(
    sqlOf
      .deleteFrom('samples')
      .where('id', '<=', (e) => e.selectFrom('samples').select((q) => q(q.fn.max('id'), '-', keep).as('id'))),
  ),
  expect: 'any',
});

export interface SampleFilter {
  readonly device?: string | undefined;
  readonly slot?: string | undefined;
  readonly why?: string | undefined;
  readonly manifests?: readonly string[] | undefined;
}

/** Newest first, before `cursor` (an id). */
export function listSamples(
  store: Store,
  { device, slot, why, manifests }: SampleFilter,
  page: { readonly cursor?: number | undefined; readonly limit: number },
): Promise<readonly SampleRow[]> {
  let rows = sqlOf.selectFrom('samples').selectAll().orderBy('id', 'desc').limit(page.limit);
  if (page.cursor !== undefined) rows = rows.where('id', '<', page.cursor);
  if (device !== undefined) rows = rows.where('device', '=', device);
  if (slot !== undefined) rows = rows.where('slot', '=', slot);
  if (why !== undefined) rows = rows.where('why', '=', why);
  if (manifests !== undefined) rows = rows.where('manifest', 'in', manifests);
  return store.rows(query(rows));
}

/** Manifests of a model, of one version or of all. */
export const listManifestsOf = async (store: Store, model: string, version?: number): Promise<readonly string[]> => {
  const base = sqlOf.selectFrom('versions').select('manifest').where('model', '=', model);
  const rows = await store.rows(query(version === undefined ? base : base.where('version', '=', version)));
  return rows.map(({ manifest }) => manifest);
};
