// Reads the hub's database file from outside, for tests that count what is really stored. Never writes it.
import { createRequire } from 'node:module';
import path from 'node:path';

interface Database {
  prepare(sql: string): { all(...values: unknown[]): unknown[] };
  close(): void;
}
const Sqlite = createRequire(import.meta.url)('better-sqlite3') as new (
  file: string,
  options: { readonly: boolean },
) => Database;

/** All rows of one query. The hub may run or not: readers do not disturb it. */
export function readHubRows<T>(dataDir: string, sql: string, ...values: unknown[]): T[] {
  return readRows(path.join(dataDir, 'db/hub.db'), sql, ...values);
}

export function readRows<T>(file: string, sql: string, ...values: unknown[]): T[] {
  const db = new Sqlite(file, { readonly: true });
  try {
    return db.prepare(sql).all(...values) as T[];
  } finally {
    db.close();
  }
}

export const countHubRows = (dataDir: string, table: string, where = '1 = 1', ...values: unknown[]): number =>
  readHubRows<{ n: number }>(dataDir, `SELECT count(*) AS n FROM ${table} WHERE ${where}`, ...values)[0]?.n ?? 0;
