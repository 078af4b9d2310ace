// Owns the SQL of the audit log: rows that are appended in the transaction they tell of, lists of them, and checkpoints.
// Never decides what is logged and never signs.
import {
  type AuditEntry,
  type AuditPlace,
  type AuditRow,
  BEGINNING,
  chainAudit,
  findRowBreak,
} from '@drover/trust/audit/chain';
import type { Selectable } from 'kysely';
import type { AuditCheckpointsTable } from './proof-schema.ts';
import { type CommitResult, query, type Statement, type Store, sqlOf, template } from './store.ts';

export type { AuditEntry, AuditRow };

export type CheckpointRow = Selectable<AuditCheckpointsTable>;

const last = query(sqlOf.selectFrom('audit').selectAll().orderBy('seq', 'desc').limit(1));
export const readLastAudit = (store: Store): Promise<AuditRow | undefined> => store.first(last);

const inserted = template<AuditRow>(
  ['seq', 'at', 'actor', 'action', 'subject', 'detailJson', 'prevHash', 'hash'],
  (row) => sqlOf.insertInto('audit').values(row),
);

/** Tries to chain when another row came in between. */
const TRIES = 8;

/** Commits the statements together with the audit rows that say who did it. Without entries it is a plain commit. */
export async function commitWithAudit(
  store: Store,
  statements: readonly Statement[],
  entry: AuditEntry | readonly AuditEntry[],
): Promise<CommitResult> {
  const entries = Array.isArray(entry) ? (entry as readonly AuditEntry[]) : [entry as AuditEntry];
  if (entries.length === 0) return store.commit(statements);
  for (let tries = 1; ; tries++) {
    let place: AuditPlace | undefined = await readLastAudit(store);
    const rows: Statement[] = [];
    for (const one of entries) {
      const row: AuditRow = chainAudit(place, one);
      rows.push({ query: inserted(row) });
      place = row;
    }
    const done = await store.commit([...statements, ...rows]);
    if (done.ok || done.at < statements.length || tries >= TRIES) return done;
  }
}

const after = template<{ after: number; limit: number }, AuditRow>(['after', 'limit'], (h) =>
  sqlOf.selectFrom('audit').selectAll().where('seq', '>', h.after).orderBy('seq').limit(h.limit),
);
/** Rows behind `after`, oldest first. */
export const listAudit = (store: Store, page: { after?: number; limit: number }): Promise<readonly AuditRow[]> =>
  store.rows(after({ after: page.after ?? 0, limit: page.limit }));

/** The first row that does not follow from the one before it; undefined when the chain holds. */
export function findAuditBreak(rows: readonly AuditRow[], before: AuditPlace = BEGINNING): AuditRow | undefined {
  let place = before;
  for (const row of rows) {
    if (findRowBreak(row, place) !== undefined) return row;
    place = row;
  }
  return undefined;
}

export interface AuditFilter {
  readonly actor?: string | undefined;
  /** The action itself, or all that begin with it and a dot. */
  readonly action?: string | undefined;
  readonly subject?: string | undefined;
  /** Milliseconds since epoch; from the first, before the second. */
  readonly since?: number | undefined;
  readonly until?: number | undefined;
}

/** Newest first, before `cursor` (a row number). */
export function findAudit(
  store: Store,
  { actor, action, subject, since, until }: AuditFilter,
  page: { readonly cursor?: number | undefined; readonly limit: number },
): Promise<readonly AuditRow[]> {
  let rows = sqlOf.selectFrom('audit').selectAll().orderBy('seq', 'desc').limit(page.limit);
  if (page.cursor !== undefined) rows = rows.where('seq', '<', page.cursor);
  if (actor !== undefined) rows = rows.where('actor', '=', actor);
  if (subject !== undefined) rows = rows.where('subject', '=', subject);
  if (action !== undefined)
    rows = rows.where((e) =>
      // '/' is the character behind '.': all texts that begin with "action.".
      e.or([e('action', '=', action), e.and([e('action', '>=', `${action}.`), e('action', '<', `${action}/`)])]),
    );
  if (since !== undefined) rows = rows.where('at', '>=', since);
  if (until !== undefined) rows = rows.where('at', '<', until);
  return store.rows(query(rows));
}

/** The first row at or after this time; undefined when there is none. */
export const readAuditSince = (store: Store, at: number): Promise<{ seq: number } | undefined> =>
  store.first(query(sqlOf.selectFrom('audit').select('seq').where('at', '>=', at).orderBy('seq').limit(1)));

/** The newest row of this kind. */
export const readLastAction = (store: Store, action: string): Promise<AuditRow | undefined> =>
  store.first(
    query(sqlOf.selectFrom('audit').selectAll().where('action', '=', action).orderBy('seq', 'desc').limit(1)),
  );

/** A conflict ('unique') means that this row has a checkpoint already. */
export const insertCheckpoint = (row: CheckpointRow): Statement => ({
  query: query(sqlOf.insertInto('auditCheckpoints').values(row)),
});

export const readLastCheckpoint = (store: Store): Promise<CheckpointRow | undefined> =>
  store.first(query(sqlOf.selectFrom('auditCheckpoints').selectAll().orderBy('seq', 'desc').limit(1)));

/** The newest checkpoint about a row before `seq`. */
export const readCheckpointBefore = (store: Store, seq: number): Promise<CheckpointRow | undefined> =>
  store.first(
    query(sqlOf.selectFrom('auditCheckpoints').selectAll().where('seq', '<', seq).orderBy('seq', 'desc').limit(1)),
  );

/** Checkpoints behind `after`, oldest first. */
export const listCheckpointsAfter = (
  store: Store,
  place: { readonly after: number; readonly upTo?: number; readonly limit: number },
): Promise<readonly CheckpointRow[]> => {
  const all = sqlOf
    .selectFrom('auditCheckpoints')
    .selectAll()
    .where('seq', '>', place.after)
    .orderBy('seq')
    .limit(place.limit);
  return store.rows(query(place.upTo === undefined ? all : all.where('seq', '<=', place.upTo)));
};

/** The keys that ever signed a checkpoint, raw in base64url. */
export const listCheckpointKeys = async (store: Store): Promise<readonly string[]> =>
  (
    await store.rows(query(sqlOf.selectFrom('auditCheckpoints').select('publicKey').distinct().orderBy('publicKey')))
  ).map(({ publicKey }) => publicKey);
