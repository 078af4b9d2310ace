// Owns the SQL of one-shot commands: kept until answered or expired. Never sends one.
import type { Selectable } from 'kysely';
import type { CmdsTable } from './schema.ts';
import { query, type Statement, type Store, sqlOf, template } from './store.ts';

export type CmdRow = Selectable<CmdsTable>;

export const insertCmd = (row: CmdRow): Statement => ({ query: query(sqlOf.insertInto('cmds').values(row)) });

const open = template<{ device: string; now: number; limit: number }, CmdRow>(['device', 'now', 'limit'], (h) =>
  sqlOf
    .selectFrom('cmds')
    .selectAll()
    .where('device', '=', h.device)
    .where('state', '=', 'open')
    .where('expiresAt', '>', h.now)
    .orderBy('id')
    .limit(h.limit),
);
/** Commands of a device that nobody answered yet, oldest first. */
export const listOpenCmds = (store: Store, device: string, now: number, limit: number): Promise<readonly CmdRow[]> =>
  store.rows(open({ device, now, limit }));

export const countOpenCmds = async (store: Store, device: string): Promise<number> =>
  (
    await store.first(
      query(
        sqlOf
          .selectFrom('cmds')
          .select((e) => e.fn.countAll<number>().as('count'))
          .where('device', '=', device)
          .where('state', '=', 'open'),
      ),
    )
  )?.count ?? 0;

export interface CmdAnswer {
  readonly id: string;
  readonly device: string;
  readonly code: string | null;
  readonly detail: string | null;
  readonly endedAt: number;
}

const answered = template<CmdAnswer>(['id', 'device', 'code', 'detail', 'endedAt'], ({ id, device, ...answer }) =>
  sqlOf
    .updateTable('cmds')
    .set({ ...answer, state: 'answered' })
    .where('id', '=', id)
    .where('device', '=', device)
    .where('state', '=', 'open'),
);
export const answerCmd = (answer: CmdAnswer): Statement => ({ query: answered(answer), expect: 'any' });

/** Open commands whose time is over, oldest first. */
export const listOverdueCmds = (store: Store, now: number, limit: number): Promise<readonly CmdRow[]> =>
  store.rows(
    query(
      sqlOf
        .selectFrom('cmds')
        .selectAll()
        .where('state', '=', 'open')
        .where('expiresAt', '<=', now)
        .orderBy('id')
        .limit(limit),
    ),
  );

/** A conflict when it was answered meanwhile. */
export const expireCmd = (id: string, now: number): Statement => ({
  query: query(
    sqlOf.updateTable('cmds').set({ state: 'expired', endedAt: now }).where('id', '=', id).where('state', '=', 'open'),
  ),
});
