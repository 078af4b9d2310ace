// Owns the facts about this hub itself: its id and when it was made. Never device data.
import { query, type Statement, type Store, sqlOf } from './store.ts';

export interface HubIdentity {
  readonly hubId: string;
  readonly createdAt: number;
}

const readMeta = async (store: Store): Promise<ReadonlyMap<string, string>> => {
  const rows = await store.rows(query(sqlOf.selectFrom('meta').selectAll()));
  return new Map(rows.map((row) => [row.key, row.value]));
};

/** The identity in the database; on a new database it becomes the one given. */
export async function ensureIdentity(store: Store, fresh: HubIdentity): Promise<HubIdentity> {
  const held = await readMeta(store);
  const hubId = held.get('hubId');
  if (hubId !== undefined) return { hubId, createdAt: Number(held.get('createdAt')) };
  const values = [
    { key: 'hubId', value: fresh.hubId },
    { key: 'createdAt', value: String(fresh.createdAt) },
  ];
  const statement: Statement = { query: query(sqlOf.insertInto('meta').values(values)), expect: 2 };
  const done = await store.commit([statement]);
  if (!done.ok) throw new Error('another process made the identity of this database at the same moment');
  return fresh;
}
