// Owns the agent's SQLite file: its settings, its schema and forward migrations. Never holds a query of one subject.
import { chmodSync, existsSync, mkdirSync } from 'node:fs';
import path from 'node:path';
import { accept, type Result, refuse } from '@drover/core/reasons';
import Database from 'better-sqlite3';

export type Db = Database.Database;

/** Each entry brings the schema one version further; an entry is never changed after a release. */
const MIGRATIONS = [
  `
  CREATE TABLE process (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    is_running INTEGER NOT NULL,
    signed_at INTEGER NOT NULL
  ) STRICT;
  INSERT INTO process VALUES (1, 0, 0);

  CREATE TABLE deployments (slot TEXT PRIMARY KEY, record TEXT NOT NULL) STRICT;

  CREATE TABLE desired (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    generation INTEGER NOT NULL,
    digest TEXT NOT NULL,
    document BLOB NOT NULL
  ) STRICT;
  CREATE TABLE manifests (digest TEXT PRIMARY KEY, envelope BLOB NOT NULL) STRICT;

  CREATE TABLE outbox_state (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    outbox_id TEXT NOT NULL,
    next_seq INTEGER NOT NULL,
    entries INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    dropped INTEGER NOT NULL
  ) STRICT;
  CREATE TABLE outbox (seq INTEGER PRIMARY KEY, gap_from INTEGER, gap_bytes INTEGER, body BLOB NOT NULL) STRICT;
  CREATE TABLE outbox_quarantine (
    id INTEGER PRIMARY KEY,
    seq INTEGER NOT NULL,
    at INTEGER NOT NULL,
    code TEXT NOT NULL,
    detail TEXT NOT NULL,
    body BLOB NOT NULL
  ) STRICT;

  CREATE TABLE labelled_windows (
    boot_id TEXT NOT NULL,
    slot TEXT NOT NULL,
    role TEXT NOT NULL,
    manifest TEXT NOT NULL,
    number INTEGER NOT NULL,
    start_at INTEGER NOT NULL,
    revision INTEGER NOT NULL,
    counts BLOB NOT NULL,
    PRIMARY KEY (boot_id, slot, role, manifest, number)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE unlabelled (
    prediction_id TEXT PRIMARY KEY,
    boot_id TEXT NOT NULL,
    slot TEXT NOT NULL,
    role TEXT NOT NULL,
    manifest TEXT NOT NULL,
    number INTEGER NOT NULL,
    start_at INTEGER NOT NULL,
    predicted INTEGER NOT NULL,
    scores BLOB NOT NULL
  ) STRICT, WITHOUT ROWID;
  `,
  // 0.2: a manifest is taken because release metadata listed it; `authority` is JSON and says which, and when.
  `
  CREATE TABLE releases (digest TEXT PRIMARY KEY, payload BLOB NOT NULL, authority TEXT NOT NULL) STRICT;
  `,
  // 0.3: what captured samples have cost on the newest day.
  `
  CREATE TABLE capture_day (one INTEGER PRIMARY KEY CHECK (one = 1), day INTEGER NOT NULL, bytes INTEGER NOT NULL) STRICT;
  `,
  // 0.4: what each kind of telemetry has cost on the newest day.
  `
  CREATE TABLE spent_day (what TEXT PRIMARY KEY, day INTEGER NOT NULL, bytes INTEGER NOT NULL) STRICT, WITHOUT ROWID;
  INSERT INTO spent_day SELECT 'samples', day, bytes FROM capture_day;
  DROP TABLE capture_day;
  `,
];

/** The disk is full or fails: the same statement may succeed later. */
export const isDiskTrouble = (error: unknown): boolean =>
  error instanceof Database.SqliteError && (error.code === 'SQLITE_FULL' || error.code.startsWith('SQLITE_IOERR'));

/**
 * Opens the file beside an agent that runs, for reading only. Undefined when there is none yet, or when it was written by
 * another version of the agent.
 */
export function openDatabaseToRead(dataDir: string): Db | undefined {
  const file = path.join(dataDir, 'db', 'agent.db');
  if (!existsSync(file)) return undefined;
  const db = new Database(file, { readonly: true });
  db.pragma('busy_timeout = 2000');
  if (Number(db.pragma('user_version', { simple: true })) === MIGRATIONS.length) return db;
  db.close();
  return undefined;
}

/** The last time that a verified signature vouched for, ms since epoch. */
export const readSignedAt = (db: Db): number =>
  db.prepare<[], { signed_at: number }>('SELECT signed_at FROM process').get()?.signed_at ?? 0;

/** Opens or creates `<data>/db/agent.db`. FULL: what is committed survives a power cut. */
export function openDatabase(dataDir: string): Result<Db> {
  const folder = path.join(dataDir, 'db');
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const file = path.join(folder, 'agent.db');
  const db = new Database(file);
  chmodSync(file, 0o600);
  db.pragma('journal_mode = WAL');
  db.pragma('synchronous = FULL');
  db.pragma('busy_timeout = 2000');
  const version = Number(db.pragma('user_version', { simple: true }));
  if (version > MIGRATIONS.length) {
    db.close();
    return refuse('agent_data_newer', `The schema has version ${version} and this agent knows ${MIGRATIONS.length}.`);
  }
  db.transaction(() => {
    for (const sql of MIGRATIONS.slice(version)) db.exec(sql);
    db.pragma(`user_version = ${MIGRATIONS.length}`);
  })();
  return accept(db);
}
