// Owns the SQL that looks inside registered manifests: which version holds these bytes. Never checks a manifest.
import { sql } from 'kysely';
import type { VersionRow } from './models.ts';
import { query, type Store, sqlOf } from './store.ts';

/** The newest version of `model` whose model file is `sha256`. */
export const findVersionByModelBlob = (store: Store, model: string, sha256: string): Promise<VersionRow | undefined> =>
  store.first(
    query(
      sqlOf
        .selectFrom('versions')
        .selectAll()
        .where('model', '=', model)
        .where(sql<string>`json_extract(documentJson, '$.blobs.model.sha256')`, '=', sha256)
        .orderBy('version', 'desc')
        .limit(1),
    ),
  );

/** A model that is marked confidential and has a version of which `sha256` is the model, the baseline or the self-test vectors. */
export const findConfidentialModelOf = async (store: Store, sha256: string): Promise<string | undefined> =>
  (
    await store.first(
      query(
        sqlOf
          .selectFrom('versions')
          .innerJoin('confidentialModels', 'confidentialModels.model', 'versions.model')
          .select('versions.model as model')
          .where(
            sql<boolean>`exists (select 1 from json_each(documentJson, '$.blobs') where json_extract(value, '$.sha256') = ${sha256})`,
          )
          .limit(1),
      ),
    )
  )?.model;

/** Aliases of several models at once. */
export const listAliasesOf = (
  store: Store,
  models: readonly string[],
): Promise<readonly { model: string; alias: string; version: number }[]> =>
  store.rows(
    query(
      sqlOf.selectFrom('aliases').select(['model', 'alias', 'version']).where('model', 'in', models).orderBy('alias'),
    ),
  );

/** The newest version number of several models at once. */
export const listLatestOf = (
  store: Store,
  models: readonly string[],
): Promise<readonly { model: string; latest: number }[]> =>
  store.rows(
    query(
      sqlOf
        .selectFrom('versions')
        .select((e) => ['model', e.fn.max('version').as('latest')])
        .where('model', 'in', models)
        .groupBy('model'),
    ),
  );
