// Owns how rows of the audit log are chained: what the hash covers, and which row may follow which. Pure; never stores one.
import { createHash } from 'node:crypto';

export interface AuditRow {
  /** 1 for the first row of a hub, then one more each time. */
  readonly seq: number;
  /** Milliseconds since epoch. */
  readonly at: number;
  readonly actor: string;
  readonly action: string;
  readonly subject: string;
  readonly detailJson: string;
  /** Hash of the row before, in hex; `GENESIS` for the first. */
  readonly prevHash: string;
  readonly hash: string;
}

/** A place in the log: what the next row follows. */
export type AuditPlace = Pick<AuditRow, 'seq' | 'hash'>;

export interface AuditEntry {
  readonly at: number;
  /** Who: a person or token by name, `hub` for the system itself, or `device:<id>`. */
  readonly actor: string;
  readonly action: string;
  readonly subject: string;
  /** JSON-able, with `before` and `after` where something changed; never a secret. */
  readonly detail: unknown;
}

export const GENESIS = '0'.repeat(64);

/** Where a log begins. */
export const BEGINNING: AuditPlace = { seq: 0, hash: GENESIS };

/** Details beyond this many characters are kept as their digest: a log that anybody can swell is no log. */
export const DETAIL_CHARS = 64 * 1024;

/** SHA-256 over the fields in a fixed order as a JSON array: one reading only, whatever they contain. */
export const hashAudit = (row: Omit<AuditRow, 'hash'>): string =>
  createHash('sha256')
    .update(JSON.stringify([row.seq, row.at, row.actor, row.action, row.subject, row.detailJson, row.prevHash]))
    .digest('hex');

function writeDetail(detail: unknown): string {
  const text = JSON.stringify(detail ?? null);
  if (text.length <= DETAIL_CHARS) return text;
  return JSON.stringify({ tooLong: text.length, sha256: createHash('sha256').update(text).digest('hex') });
}

/** The row for `entry` behind the place `last`. */
export function chainAudit(last: AuditPlace | undefined, entry: AuditEntry): AuditRow {
  const { seq, hash } = last ?? BEGINNING;
  const { at, actor, action, subject, detail } = entry;
  const open = { seq: seq + 1, at, actor, action, subject, detailJson: writeDetail(detail), prevHash: hash };
  return { ...open, hash: hashAudit(open) };
}

/** Why `row` cannot stand behind `last`; undefined when it can. */
export function findRowBreak(row: AuditRow, last: AuditPlace): 'altered' | 'chain' | undefined {
  if (row.hash !== hashAudit(row)) return 'altered';
  return row.seq === last.seq + 1 && row.prevHash === last.hash ? undefined : 'chain';
}
