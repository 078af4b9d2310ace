// Owns the SQL of what the page of one device shows beside its row. Lists of devices use the tables' own files.
import { query, type Store, sqlOf } from './store.ts';

export const countQuarantine = async (store: Store, device: string): Promise<number> =>
  (
    await store.first(
      query(
        sqlOf
          .selectFrom('quarantine')
          .select((e) => e.fn.countAll<number>().as('count'))
          .where('device', '=', device),
      ),
    )
  )?.count ?? 0;
