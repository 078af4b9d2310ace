// Keeps a second hub out of a data folder: an exclusive lock that the operating system gives back when the process ends,
// however it ends. Holds no data.
import { chmodSync } from 'node:fs';
import { accept, type Result, refuse } from '@drover/core/reasons';
import Database, { SqliteError } from 'better-sqlite3';

export interface DataLock {
  release(): void;
}

/** @param file made when it is not there. */
export function lockData(file: string): Result<DataLock> {
  const db = new Database(file, { timeout: 0 });
  try {
    chmodSync(file, 0o600);
    // A rollback journal in memory: the lock file itself is the only file.
    db.pragma('journal_mode = MEMORY');
    db.exec('BEGIN EXCLUSIVE');
  } catch (error) {
    db.close();
    if (error instanceof SqliteError && error.code.startsWith('SQLITE_BUSY'))
      return refuse('data_locked', `"${file}" is held.`);
    throw error;
  }
  return accept({ release: () => db.close() });
}
