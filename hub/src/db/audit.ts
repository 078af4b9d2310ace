// Owns the audit log: append-only rows chained by hash, and the check that nobody changed one. Never decides what is logged.
import { createHash } from 'node:crypto';
import type { Selectable } from 'kysely';
import type { AuditTable } from './schema.ts';
import { type CommitResult, query, type Statement, type Store, sqlOf } from './store.ts';

export type AuditRow = Selectable<AuditTable>;

export interface AuditEntry {
  readonly at: number;
  readonly actor: string;
  readonly action: string;
  readonly subject: string;
  /** JSON-able; never a secret. */
  readonly detail: unknown;
}

export const GENESIS = '0'.repeat(64);

/** SHA-256 over the fields in a fixed order as a JSON array: one reading only, whatever they contain. */
export const hashAudit = (row: Omit<AuditRow, 'hash'>): string =>
  createHash('sha256')
    .update(JSON.stringify([row.seq, row.at, row.actor, row.action, row.subject, row.detailJson, row.prevHash]))
    .digest('hex');

export function chainAudit(last: Pick<AuditRow, 'seq' | 'hash'> | undefined, entry: AuditEntry): AuditRow {
  const { at, actor, action, subject, detail } = entry;
  const open = {
    seq: (last?.seq ?? 0) + 1,
    at,
    actor,
    action,
    subject,
    detailJson: JSON.stringify(detail ?? null),
    prevHash: last?.hash ?? GENESIS,
  };
  return { ...open, hash: hashAudit(open) };
}

const readLast = (store: Store): Promise<AuditRow | undefined> =>
  store.first(query(sqlOf.selectFrom('audit').selectAll().orderBy('seq', 'desc').limit(1)));

/** Tries to chain when another row came in between. */
const TRIES = 8;

/** Commits the statements together with the audit row that says who did it. */
export async function commitWithAudit(
  store: Store,
  statements: readonly Statement[],
  entry: AuditEntry,
): Promise<CommitResult> {
  for (let tries = 1; ; tries++) {
    const row = chainAudit(await readLast(store), entry);
    const done = await store.commit([...statements, { query: query(sqlOf.insertInto('audit').values(row)) }]);
    if (done.ok || done.at < statements.length || tries >= TRIES) return done;
  }
}

export const listAudit = (store: Store, page: { after?: number; limit: number }): Promise<readonly AuditRow[]> =>
  store.rows(
    query(
      sqlOf
        .selectFrom('audit')
        .selectAll()
        .where('seq', '>', page.after ?? 0)
        .orderBy('seq')
        .limit(page.limit),
    ),
  );

/** The first row that does not follow from the one before it; undefined when the chain holds. */
export function findAuditBreak(
  rows: readonly AuditRow[],
  before?: Pick<AuditRow, 'seq' | 'hash'>,
): AuditRow | undefined {
  let last = before;
  for (const row of rows) {
    if (row.seq !== (last?.seq ?? 0) + 1 || row.prevHash !== (last?.hash ?? GENESIS) || row.hash !== hashAudit(row))
      return row;
    last = row;
  }
  return undefined;
}
