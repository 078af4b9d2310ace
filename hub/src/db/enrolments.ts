// Owns the SQL about the doors that devices come in by: claims, batch tokens, factory CAs, and enrolments. Never decides one.
import type { Selectable } from 'kysely';
import type {
  BatchTokensTable,
  ClaimsTable,
  EnrolmentsTable,
  FactoryCasTable,
  PreauthorizationsTable,
} from './identity-tables.ts';
import { query, type Statement, type Store, sqlOf } from './store.ts';

export type ClaimRow = Selectable<ClaimsTable>;
export type BatchTokenRow = Selectable<BatchTokensTable>;
export type PreauthorizationRow = Selectable<PreauthorizationsTable>;
export type FactoryCaRow = Selectable<FactoryCasTable>;
export type EnrolmentRow = Selectable<EnrolmentsTable>;

export const insertClaim = (row: ClaimRow): Statement => ({ query: query(sqlOf.insertInto('claims').values(row)) });
export const readClaim = (store: Store, codeHash: string): Promise<ClaimRow | undefined> =>
  store.first(query(sqlOf.selectFrom('claims').selectAll().where('codeHash', '=', codeHash)));
/** Changes nothing, which is a conflict, when another key was faster. */
export const useClaim = (id: string, keyHash: string, at: number): Statement => ({
  query: query(
    sqlOf
      .updateTable('claims')
      .set({ usedAt: at, usedKey: keyHash })
      .where('id', '=', id)
      .where('usedAt', 'is', null)
      .where('expiresAt', '>', at),
  ),
});
export const dropOldClaims = (before: number): Statement => ({
  query: query(sqlOf.deleteFrom('claims').where('expiresAt', '<', before)),
  expect: 'any',
});

export const insertBatchToken = (row: BatchTokenRow): Statement => ({
  query: query(sqlOf.insertInto('batchTokens').values(row)),
});
export const readBatchToken = (store: Store, tokenHash: string): Promise<BatchTokenRow | undefined> =>
  store.first(query(sqlOf.selectFrom('batchTokens').selectAll().where('tokenHash', '=', tokenHash)));
export const findBatchToken = (store: Store, id: string): Promise<BatchTokenRow | undefined> =>
  store.first(query(sqlOf.selectFrom('batchTokens').selectAll().where('id', '=', id)));
/** Changes nothing, which is a conflict, when the last use went to somebody else. */
export const useBatchToken = (id: string, at: number): Statement => ({
  query: query(
    sqlOf
      .updateTable('batchTokens')
      .set((e) => ({ used: e('used', '+', 1) }))
      .where('id', '=', id)
      .where('used', '<', (e) => e.ref('uses'))
      .where('expiresAt', '>', at),
  ),
});
export const endBatchToken = (id: string, at: number): Statement => ({
  query: query(sqlOf.updateTable('batchTokens').set({ expiresAt: at }).where('id', '=', id)),
});

export const storePreauthorization = (row: PreauthorizationRow): Statement => {
  const { hardware: _, keyHash: __, ...rest } = row;
  return {
    query: query(
      sqlOf
        .insertInto('preauthorizations')
        .values(row)
        .onConflict((c) => c.columns(['hardware', 'keyHash']).doUpdateSet(rest)),
    ),
  };
};
export const readPreauthorization = (
  store: Store,
  hardware: string,
  keyHash: string,
): Promise<PreauthorizationRow | undefined> =>
  store.first(
    query(
      sqlOf.selectFrom('preauthorizations').selectAll().where('hardware', '=', hardware).where('keyHash', '=', keyHash),
    ),
  );
export const dropPreauthorization = (hardware: string, keyHash: string): Statement => ({
  query: query(sqlOf.deleteFrom('preauthorizations').where('hardware', '=', hardware).where('keyHash', '=', keyHash)),
  expect: 'any',
});

export const storeFactoryCa = (row: FactoryCaRow): Statement => {
  const { name, labelsJson } = row;
  return {
    query: query(
      sqlOf
        .insertInto('factoryCas')
        .values(row)
        .onConflict((c) => c.column('fingerprint').doUpdateSet({ name, labelsJson })),
    ),
  };
};
export const deleteFactoryCa = (fingerprint: string): Statement => ({
  query: query(sqlOf.deleteFrom('factoryCas').where('fingerprint', '=', fingerprint)),
});
export const readFactoryCa = (store: Store, fingerprint: string): Promise<FactoryCaRow | undefined> =>
  store.first(query(sqlOf.selectFrom('factoryCas').selectAll().where('fingerprint', '=', fingerprint)));
export const listFactoryCas = (store: Store): Promise<readonly FactoryCaRow[]> =>
  store.rows(query(sqlOf.selectFrom('factoryCas').selectAll().orderBy('createdAt')));

/** The newest word about this key by this claim, token or CA. */
export const storeEnrolment = (row: EnrolmentRow): Statement => {
  const { source: _, keyHash: __, id, ...rest } = row;
  return {
    query: query(
      sqlOf
        .insertInto('enrolments')
        .values(row)
        .onConflict((c) => c.columns(['source', 'keyHash']).doUpdateSet({ id, ...rest })),
    ),
  };
};
/** Changes nothing, which is a conflict, when somebody else decided already. */
export const endEnrolment = (
  id: string,
  change: Pick<EnrolmentRow, 'state' | 'certificate' | 'actor' | 'updatedAt'>,
): Statement => ({
  query: query(sqlOf.updateTable('enrolments').set(change).where('id', '=', id).where('state', '=', 'pending')),
});
/** A person has to look at it in another light. */
export const flagEnrolment = (id: string, why: EnrolmentRow['why'], at: number): Statement => ({
  query: query(
    sqlOf.updateTable('enrolments').set({ why, updatedAt: at }).where('id', '=', id).where('state', '=', 'pending'),
  ),
});
export const readEnrolment = (store: Store, id: string): Promise<EnrolmentRow | undefined> =>
  store.first(query(sqlOf.selectFrom('enrolments').selectAll().where('id', '=', id)));
export const findEnrolment = (store: Store, source: string, keyHash: string): Promise<EnrolmentRow | undefined> =>
  store.first(
    query(sqlOf.selectFrom('enrolments').selectAll().where('source', '=', source).where('keyHash', '=', keyHash)),
  );
export const listPending = (
  store: Store,
  page: { cursor?: string; limit: number },
): Promise<readonly EnrolmentRow[]> => {
  const base = sqlOf
    .selectFrom('enrolments')
    .selectAll()
    .where('state', '=', 'pending')
    .orderBy('id')
    .limit(page.limit);
  return store.rows(query(page.cursor === undefined ? base : base.where('id', '>', page.cursor)));
};
export const countPending = async (store: Store): Promise<number> =>
  (
    await store.first(
      query(
        sqlOf
          .selectFrom('enrolments')
          .select((e) => e.fn.countAll<number>().as('count'))
          .where('state', '=', 'pending'),
      ),
    )
  )?.count ?? 0;
/** What was decided before `before` is in the audit log. */
export const dropOldEnrolments = (before: number): Statement => ({
  query: query(sqlOf.deleteFrom('enrolments').where('state', '!=', 'pending').where('updatedAt', '<', before)),
  expect: 'any',
});
