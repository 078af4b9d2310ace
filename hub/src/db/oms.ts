// Owns the SQL of model signatures for outsiders: one of each signer beside a version. Never checks one.
import type { Selectable } from 'kysely';
import type { OmsBundlesTable } from './proof-schema.ts';
import type { VersionsTable } from './schema.ts';
import { query, type Statement, type Store, sqlOf } from './store.ts';

export type OmsRow = Selectable<OmsBundlesTable>;
export type OmsFacts = Omit<OmsRow, 'bundle'>;

/** A conflict ('unique') means that this key has signed this version already. */
export const insertOms = (row: OmsRow): Statement => ({ query: query(sqlOf.insertInto('omsBundles').values(row)) });

/** Without the bytes, oldest first. */
export const listOms = (store: Store, model: string, version: number): Promise<readonly OmsFacts[]> =>
  store.rows(
    query(
      sqlOf
        .selectFrom('omsBundles')
        .select(['model', 'version', 'hint', 'sha256', 'publicKey', 'actor', 'createdAt'])
        .where('model', '=', model)
        .where('version', '=', version)
        .orderBy('createdAt')
        .orderBy('hint'),
    ),
  );

/** The one of this key, or the newest one. */
export const readOms = (store: Store, model: string, version: number, hint?: string): Promise<OmsRow | undefined> => {
  const rows = sqlOf
    .selectFrom('omsBundles')
    .selectAll()
    .where('model', '=', model)
    .where('version', '=', version)
    .orderBy('createdAt', 'desc')
    .orderBy('hint')
    .limit(1);
  return store.first(query(hint === undefined ? rows : rows.where('hint', '=', hint)));
};

/** Versions that the hub trained and nobody signed for outsiders: those of an older hub. */
export const listUnsigned = (
  store: Store,
  limit: number,
): Promise<readonly Pick<Selectable<VersionsTable>, 'model' | 'version' | 'manifest' | 'documentJson'>[]> =>
  store.rows(
    query(
      sqlOf
        .selectFrom('versions')
        .leftJoin('omsBundles', (on) =>
          on.onRef('omsBundles.model', '=', 'versions.model').onRef('omsBundles.version', '=', 'versions.version'),
        )
        .select(['versions.model', 'versions.version', 'versions.manifest', 'versions.documentJson'])
        .where('versions.source', '=', 'trained')
        .where('omsBundles.hint', 'is', null)
        .limit(limit),
    ),
  );
