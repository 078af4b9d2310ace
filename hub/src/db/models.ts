// Owns the SQL of the registry: models, versions, aliases, blobs, data sets. Never checks a manifest.
import type { Selectable } from 'kysely';
import type { AliasesTable, BlobsTable, DatasetsTable, ModelsTable, VersionsTable } from './schema.ts';
import { query, type Statement, type Store, sqlOf, template } from './store.ts';

export type ModelRow = Selectable<ModelsTable>;
export type VersionRow = Selectable<VersionsTable>;
export type VersionFacts = Omit<VersionRow, 'envelope' | 'documentJson'>;
export type AliasRow = Selectable<AliasesTable>;
export type BlobRow = Selectable<BlobsTable>;
export type DatasetRow = Selectable<DatasetsTable>;

const FACTS = ['model', 'version', 'manifest', 'source', 'sizeBytes', 'run', 'metricsJson', 'createdAt'] as const;

export const ensureModel = (row: ModelRow): Statement => ({
  query: query(
    sqlOf
      .insertInto('models')
      .values(row)
      .onConflict((c) => c.column('name').doNothing()),
  ),
  expect: 'any',
});

/** A conflict ('unique') means that this version number or these signed bytes are registered already. */
export const insertVersion = (row: VersionRow): Statement => ({
  query: query(sqlOf.insertInto('versions').values(row)),
});

export const readModel = (store: Store, name: string): Promise<ModelRow | undefined> =>
  store.first(query(sqlOf.selectFrom('models').selectAll().where('name', '=', name)));

export const listModels = (store: Store, page: { cursor?: string; limit: number }): Promise<readonly ModelRow[]> => {
  const base = sqlOf.selectFrom('models').selectAll().orderBy('name').limit(page.limit);
  return store.rows(query(page.cursor === undefined ? base : base.where('name', '>', page.cursor)));
};

export const countModels = async (store: Store): Promise<number> =>
  (await store.first(query(sqlOf.selectFrom('models').select((e) => e.fn.countAll<number>().as('count')))))?.count ?? 0;

export const readVersion = (store: Store, model: string, version: number): Promise<VersionRow | undefined> =>
  store.first(
    query(sqlOf.selectFrom('versions').selectAll().where('model', '=', model).where('version', '=', version)),
  );

const byManifest = template<{ manifest: string }, VersionRow>(['manifest'], ({ manifest }) =>
  sqlOf.selectFrom('versions').selectAll().where('manifest', '=', manifest),
);
export const readVersionByManifest = (store: Store, manifest: string): Promise<VersionRow | undefined> =>
  store.first(byManifest({ manifest }));

export const listVersionsByManifest = (store: Store, manifests: readonly string[]): Promise<readonly VersionFacts[]> =>
  store.rows(query(sqlOf.selectFrom('versions').select(FACTS).where('manifest', 'in', manifests)));

/** The manifests themselves, as JSON, by digest. */
export const listVersionDocuments = (
  store: Store,
  manifests: readonly string[],
): Promise<readonly Pick<VersionRow, 'manifest' | 'documentJson'>[]> =>
  store.rows(
    query(sqlOf.selectFrom('versions').select(['manifest', 'documentJson']).where('manifest', 'in', manifests)),
  );

/** Newest first, before `cursor` (a version number). */
export const listVersions = (
  store: Store,
  model: string,
  page: { cursor?: number; limit: number },
): Promise<readonly VersionFacts[]> => {
  const base = sqlOf
    .selectFrom('versions')
    .select(FACTS)
    .where('model', '=', model)
    .orderBy('version', 'desc')
    .limit(page.limit);
  return store.rows(query(page.cursor === undefined ? base : base.where('version', '<', page.cursor)));
};

/** 0 when the model has no version. */
export const readLatestVersion = async (store: Store, model: string): Promise<number> =>
  (
    await store.first(
      query(
        sqlOf
          .selectFrom('versions')
          .select((e) => e.fn.max('version').as('latest'))
          .where('model', '=', model),
      ),
    )
  )?.latest ?? 0;

export const setAlias = (row: AliasRow): Statement => ({
  query: query(
    sqlOf
      .insertInto('aliases')
      .values(row)
      .onConflict((c) => c.columns(['model', 'alias']).doUpdateSet({ version: row.version, updatedAt: row.updatedAt })),
  ),
});

/** `from`: the version that it is believed to point at, or undefined for a new alias; a conflict when it is another. */
export const moveAlias = (row: AliasRow, from: number | undefined): Statement => ({
  query: query(
    from === undefined
      ? sqlOf.insertInto('aliases').values(row)
      : sqlOf
          .updateTable('aliases')
          .set({ version: row.version, updatedAt: row.updatedAt })
          .where('model', '=', row.model)
          .where('alias', '=', row.alias)
          .where('version', '=', from),
  ),
});

export const readAlias = (store: Store, model: string, alias: string): Promise<AliasRow | undefined> =>
  store.first(query(sqlOf.selectFrom('aliases').selectAll().where('model', '=', model).where('alias', '=', alias)));

export const listAliases = (store: Store, model: string): Promise<readonly AliasRow[]> =>
  store.rows(query(sqlOf.selectFrom('aliases').selectAll().where('model', '=', model).orderBy('alias')));

export const ensureBlob = (row: BlobRow): Statement => ({
  query: query(
    sqlOf
      .insertInto('blobs')
      .values(row)
      .onConflict((c) => c.column('sha256').doNothing()),
  ),
  expect: 'any',
});

export const ensureDataset = (row: DatasetRow): Statement => ({
  query: query(
    sqlOf
      .insertInto('datasets')
      .values(row)
      .onConflict((c) => c.column('sha256').doNothing()),
  ),
  expect: 'any',
});

export const readDataset = (store: Store, sha256: string): Promise<DatasetRow | undefined> =>
  store.first(query(sqlOf.selectFrom('datasets').selectAll().where('sha256', '=', sha256)));

export const listDatasets = (
  store: Store,
  page: { cursor?: string; limit: number },
): Promise<readonly DatasetRow[]> => {
  const base = sqlOf.selectFrom('datasets').selectAll().orderBy('sha256').limit(page.limit);
  return store.rows(query(page.cursor === undefined ? base : base.where('sha256', '>', page.cursor)));
};
