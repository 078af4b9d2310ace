// Owns the SQL of answers kept for Idempotency-Key. Never decides what a request is.
import type { Selectable } from 'kysely';
import type { IdempotencyTable } from './schema.ts';
import { query, type Statement, type Store, sqlOf } from './store.ts';

export type IdempotencyRow = Selectable<IdempotencyTable>;

/** A conflict ('unique') means that the key is known. */
export const claimKey = (key: string, request: string, createdAt: number): Statement => ({
  query: query(sqlOf.insertInto('idempotency').values({ key, request, status: null, body: null, createdAt })),
});

export const readKey = (store: Store, key: string): Promise<IdempotencyRow | undefined> =>
  store.first(query(sqlOf.selectFrom('idempotency').selectAll().where('key', '=', key)));

export const keepAnswer = (key: string, status: number, body: string): Statement => ({
  query: query(sqlOf.updateTable('idempotency').set({ status, body }).where('key', '=', key)),
  expect: 'any',
});

/** A request that came to nothing may be tried again with the same key. */
export const releaseKey = (key: string): Statement => ({
  query: query(sqlOf.deleteFrom('idempotency').where('key', '=', key).where('status', 'is', null)),
  expect: 'any',
});

/** Drops what is older than `before`, and claims of a hub that ended. */
export const dropOldKeys = (before: number): Statement => ({
  query: query(sqlOf.deleteFrom('idempotency').where('createdAt', '<', before)),
  expect: 'any',
});

export const dropOpenKeys = (): Statement => ({
  query: query(sqlOf.deleteFrom('idempotency').where('status', 'is', null)),
  expect: 'any',
});
