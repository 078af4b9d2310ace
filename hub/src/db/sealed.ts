// Owns the SQL of confidential models and of the ciphertexts of their artifacts. Never holds a key that is not wrapped.
import type { Selectable } from 'kysely';
import type { SealedArtifactsTable } from './schema-delivery.ts';
import { query, type Statement, type Store, sqlOf, template } from './store.ts';

export type SealedRow = Selectable<SealedArtifactsTable>;

const byModel = template<{ model: string }, { model: string }>(['model'], ({ model }) =>
  sqlOf.selectFrom('confidentialModels').select('model').where('model', '=', model),
);
export const isConfidential = async (store: Store, model: string): Promise<boolean> =>
  (await store.first(byModel({ model }))) !== undefined;

export const markConfidential = (model: string, actor: string, now: number): Statement => ({
  query: query(
    sqlOf
      .insertInto('confidentialModels')
      .values({ model, actor, createdAt: now })
      .onConflict((c) => c.column('model').doNothing()),
  ),
  expect: 'any',
});

export const unmarkConfidential = (model: string): Statement => ({
  query: query(sqlOf.deleteFrom('confidentialModels').where('model', '=', model)),
  expect: 'any',
});

export const readSealed = (store: Store, plain: string): Promise<SealedRow | undefined> =>
  store.first(query(sqlOf.selectFrom('sealedArtifacts').selectAll().where('plain', '=', plain)));

/** In place of the ciphertext `lost`, whose bytes are gone; any other stays, for two of one artifact would be one too many for caches. */
export const storeSealed = (row: SealedRow, lost: string | undefined): Statement => {
  const { plain: _, ...rest } = row;
  return {
    query: query(
      sqlOf
        .insertInto('sealedArtifacts')
        .values(row)
        .onConflict((c) =>
          lost === undefined
            ? c.column('plain').doNothing()
            : c.column('plain').doUpdateSet(rest).where('sealedArtifacts.sealed', '=', lost),
        ),
    ),
    expect: 'any',
  };
};
