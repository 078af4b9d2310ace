// Owns the file of the decision log: segments of encoded predictions, the oldest of which go when it is full. Never reads an entry.
import { chmodSync, existsSync, mkdirSync, rmSync } from 'node:fs';
import path from 'node:path';
import Database from 'better-sqlite3';

export interface Segment {
  readonly bootId: string;
  /** Numbers of the first and the last prediction in it. */
  readonly first: number;
  readonly last: number;
  readonly entries: number;
  /** JSON. */
  readonly contexts: string;
  readonly body: Uint8Array;
}

export interface DecisionStoreLimits {
  readonly bytes: number;
  readonly entries: number;
}

export interface DecisionStore {
  /** False when the disk does not take it: these predictions are not in the log. */
  put(segment: Segment): boolean;
  find(bootId: string, number: number): { readonly contexts: string; readonly body: Buffer } | undefined;
  counts(): { readonly bytes: number; readonly entries: number; readonly segments: number };
  close(): void;
}

/** What SQLite and the row cost beside the body. */
const ROW_BYTES = 96;

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS segments (
    seq INTEGER PRIMARY KEY,
    boot_id TEXT NOT NULL,
    first INTEGER NOT NULL,
    last INTEGER NOT NULL,
    entries INTEGER NOT NULL,
    contexts TEXT NOT NULL,
    body BLOB NOT NULL
  ) STRICT;
  CREATE INDEX IF NOT EXISTS segments_by_number ON segments (boot_id, last);
`;

const fileOf = (dataDir: string): string => path.join(dataDir, 'db', 'decisions.db');

function openFile(file: string): Database.Database {
  const db = new Database(file);
  chmodSync(file, 0o600);
  db.pragma('journal_mode = WAL');
  // NORMAL: a kill loses nothing that was committed, a power cut may lose the last commits; neither leaves a torn file.
  db.pragma('synchronous = NORMAL');
  db.pragma('journal_size_limit = 4194304');
  db.exec(SCHEMA);
  return db;
}

const isBroken = (error: unknown): boolean =>
  error instanceof Database.SqliteError && (error.code === 'SQLITE_NOTADB' || error.code.startsWith('SQLITE_CORRUPT'));

/** A file that is damaged is begun anew: the log never keeps an agent from serving. */
function openOrRenew(file: string, onDamaged: () => void): Database.Database {
  try {
    return openFile(file);
  } catch (error) {
    if (!isBroken(error)) throw error;
    onDamaged();
    for (const suffix of ['', '-wal', '-shm']) rmSync(`${file}${suffix}`, { force: true });
    return openFile(file);
  }
}

const FIND = 'SELECT contexts, body FROM segments WHERE boot_id = ? AND last >= ? AND first <= ? ORDER BY last LIMIT 1';
type Found = { contexts: string; body: Buffer };

export function openDecisionStore(dataDir: string, limits: DecisionStoreLimits, onDamaged: () => void): DecisionStore {
  mkdirSync(path.join(dataDir, 'db'), { recursive: true, mode: 0o700 });
  const db = openOrRenew(fileOf(dataDir), onDamaged);
  const insert = db.prepare('INSERT INTO segments VALUES (?, ?, ?, ?, ?, ?, ?)');
  const remove = db.prepare('DELETE FROM segments WHERE seq <= ?');
  const find = db.prepare<[string, number, number], Found>(FIND);
  const held = db
    .prepare<[], { seq: number; entries: number; bytes: number }>(
      `SELECT seq, entries, length(body) + length(contexts) + ${ROW_BYTES} AS bytes FROM segments ORDER BY seq`,
    )
    .all();
  let bytes = held.reduce((sum, each) => sum + each.bytes, 0);
  let entries = held.reduce((sum, each) => sum + each.entries, 0);

  const write = db.transaction((segment: Segment, seq: number, dropTo: number) => {
    if (dropTo > 0) remove.run(dropTo);
    const { bootId, first, last, contexts, body } = segment;
    insert.run(seq, bootId, first, last, segment.entries, contexts, body);
  });

  return {
    put(segment) {
      const size = segment.body.length + segment.contexts.length + ROW_BYTES;
      const seq = (held.at(-1)?.seq ?? 0) + 1;
      let gone = 0;
      let left = { bytes: bytes + size, entries: entries + segment.entries };
      while (gone < held.length && (left.bytes > limits.bytes || left.entries > limits.entries)) {
        const oldest = held[gone++];
        left = { bytes: left.bytes - (oldest?.bytes ?? 0), entries: left.entries - (oldest?.entries ?? 0) };
      }
      if (left.bytes > limits.bytes) return false;
      try {
        write(segment, seq, held[gone - 1]?.seq ?? 0);
      } catch (error) {
        if (!(error instanceof Database.SqliteError)) throw error;
        return false;
      }
      held.splice(0, gone);
      held.push({ seq, entries: segment.entries, bytes: size });
      ({ bytes, entries } = left);
      return true;
    },
    find: (bootId, number) => find.get(bootId, number, number),
    counts: () => ({ bytes, entries, segments: held.length }),
    close: () => db.close(),
  };
}

/** For reading beside an agent, or after one was killed. Undefined when there is no log. */
export function openDecisionsToRead(dataDir: string): Pick<DecisionStore, 'find' | 'close'> | undefined {
  const file = fileOf(dataDir);
  if (!existsSync(file)) return undefined;
  const db = new Database(file, { readonly: true });
  db.pragma('busy_timeout = 2000');
  const find = db.prepare<[string, number, number], Found>(FIND);
  return { find: (bootId, number) => find.get(bootId, number, number), close: () => db.close() };
}
