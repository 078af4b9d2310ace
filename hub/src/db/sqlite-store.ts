// Runs compiled queries on one SQLite file: WAL, every commit synced to disk. The only file that knows better-sqlite3.
import { chmodSync, closeSync, mkdirSync, openSync } from 'node:fs';
import path from 'node:path';
import { accept, type Result } from '@drover/core/reasons';
import Database, { type Statement as Prepared, SqliteError } from 'better-sqlite3';
import { migrate } from './migrate.ts';
import { MIGRATIONS } from './migrations/all.ts';
import { type CommitResult, type Query, type Statement, type Store, StoreUnavailable } from './store.ts';

/** Prepared statements kept; queries with many shapes (filters, lists) must not fill the memory. */
const KEPT_STATEMENTS = 256;

class StatementConflict extends Error {
  readonly at: number;
  readonly why: 'count' | 'unique' | 'reference';
  constructor(at: number, why: 'count' | 'unique' | 'reference') {
    super('a statement did not change what was expected');
    this.at = at;
    this.why = why;
  }
}

const CONSTRAINTS: Readonly<Record<string, 'unique' | 'reference'>> = {
  SQLITE_CONSTRAINT_UNIQUE: 'unique',
  SQLITE_CONSTRAINT_PRIMARYKEY: 'unique',
  SQLITE_CONSTRAINT_FOREIGNKEY: 'reference',
};

/** Result codes (sqlite.org/rescode.html) that say that the file cannot be read or written now. */
const UNAVAILABLE = /^SQLITE_(FULL|IOERR|BUSY|LOCKED|CANTOPEN|READONLY|NOMEM)/;

const asUnavailable = (error: unknown): unknown =>
  error instanceof SqliteError && UNAVAILABLE.test(error.code)
    ? new StoreUnavailable(`${error.code}: ${error.message}`, { cause: error })
    : error;

class SqliteStore implements Store {
  readonly #db: Database.Database;
  readonly #prepared = new Map<string, Prepared<unknown[], unknown>>();
  readonly #run: (statements: readonly Statement[]) => number[];

  constructor(db: Database.Database) {
    this.#db = db;
    this.#run = db.transaction((statements: readonly Statement[]) =>
      statements.map((s, at) => this.#change(s, at)),
    ).immediate;
  }

  #prepare(sql: string): Prepared<unknown[], unknown> {
    const held = this.#prepared.get(sql);
    if (held) return held;
    if (this.#prepared.size >= KEPT_STATEMENTS) {
      const [oldest] = this.#prepared.keys();
      if (oldest !== undefined) this.#prepared.delete(oldest);
    }
    const made = this.#db.prepare<unknown[], unknown>(sql);
    this.#prepared.set(sql, made);
    return made;
  }

  #change({ query, expect = 1 }: Statement, at: number): number {
    let changes: number;
    try {
      ({ changes } = this.#prepare(query.sql).run(...query.parameters));
    } catch (error) {
      const why = error instanceof SqliteError ? CONSTRAINTS[error.code] : undefined;
      // A row that is already there, or a parent that is not, is a lost race and not a broken database.
      throw why === undefined ? error : new StatementConflict(at, why);
    }
    if (expect !== 'any' && changes !== expect) throw new StatementConflict(at, 'count');
    return changes;
  }

  async rows<T>(query: Query<T>): Promise<readonly T[]> {
    return this.#prepare(query.sql).all(...query.parameters) as T[];
  }

  async first<T>(query: Query<T>): Promise<T | undefined> {
    return this.#prepare(query.sql).get(...query.parameters) as T | undefined;
  }

  async commit(statements: readonly Statement[]): Promise<CommitResult> {
    try {
      return { ok: true, changes: statements.length === 0 ? [] : this.#run(statements) };
    } catch (error) {
      if (error instanceof StatementConflict) return { ok: false, at: error.at, why: error.why };
      throw asUnavailable(error);
    }
  }

  async backup(file: string): Promise<void> {
    this.#db.prepare('VACUUM INTO ?').run(file);
    chmodSync(file, 0o600);
  }

  async close(): Promise<void> {
    if (!this.#db.open) return;
    this.#db.pragma('optimize');
    this.#db.close();
  }
}

/** Opens or creates the database file, 0600, and migrates it. `now` is ms since epoch. */
export function openStore(file: string, now: number): Result<Store> {
  mkdirSync(path.dirname(file), { recursive: true, mode: 0o700 });
  // SQLite gives the -wal and -shm files the mode of the main file, so the mode must be right before it opens.
  closeSync(openSync(file, 'a', 0o600));
  chmodSync(file, 0o600);
  const db = new Database(file);
  db.pragma('busy_timeout = 5000');
  // A window with its statistics fits in a page: with 4 KB each spills into a page of its own (35 % more CPU per stored
  // window, measured). Counts for a new file only, and before WAL.
  db.pragma('page_size = 16384');
  db.pragma('journal_mode = WAL');
  // FULL: a commit is on the disk before the device hears of it, so a power cut loses nothing that was acknowledged.
  db.pragma('synchronous = FULL');
  db.pragma('foreign_keys = ON');
  // Without it a row that is replaced by INSERT OR REPLACE leaves no trace for the trigger that forbids deleting it.
  db.pragma('recursive_triggers = ON');
  const migrated = migrate(db, MIGRATIONS, now);
  if (!migrated.ok) {
    db.close();
    return migrated;
  }
  return accept(new SqliteStore(db));
}
