// Owns the SQL behind the status page: counts over the whole fleet. Never lists anything.
import { sql } from 'kysely';
import { query, type Store, sqlOf } from './store.ts';

/** Devices whose every desired slot reports the digest that is desired; one without a desired document is in sync. */
export async function countInSync(store: Store): Promise<number> {
  const behind = sql<number>`EXISTS (
    SELECT 1 FROM desiredDocs AS d, json_each(d.slotsJson) AS wanted
    LEFT JOIN deviceSlots AS reported ON reported.device = d.device AND reported.slot = wanted.key
    WHERE d.device = devices.id AND reported.running IS NOT json_extract(wanted.value, '$.manifest'))`;
  const row = await store.first(
    query(
      sqlOf
        .selectFrom('devices')
        .select((e) => e.fn.countAll<number>().as('count'))
        .where((e) => e.not(e(behind, '=', 1))),
    ),
  );
  return row?.count ?? 0;
}
