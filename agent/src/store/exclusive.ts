// Decides whether this process may use a data directory: one agent each. Never waits for the other to go.
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { accept, type Result, refuse } from '@drover/core/reasons';
import Database from 'better-sqlite3';

function readPid(file: string): string {
  try {
    return readFileSync(file, 'utf8').trim().slice(0, 20);
  } catch {
    // The holder may not have written it yet; the refusal stands without it.
    return 'unknown';
  }
}

/**
 * Holds an exclusive SQLite lock until the returned function is called. The kernel releases it when the process ends in
 * any way, so a stale lock cannot exist; the pid file only serves the message.
 */
export function lockDataDir(dataDir: string): Result<() => void> {
  const folder = path.join(dataDir, 'run');
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const pidFile = path.join(folder, 'agent.pid');
  const lock = new Database(path.join(folder, 'lock'), { timeout: 0 });
  try {
    chmodSync(path.join(folder, 'lock'), 0o600);
    lock.pragma('journal_mode = MEMORY');
    lock.exec('BEGIN EXCLUSIVE');
  } catch (error) {
    lock.close();
    if (error instanceof Database.SqliteError && error.code.startsWith('SQLITE_BUSY')) {
      return refuse('agent_running', `Process ${readPid(pidFile)} holds "${dataDir}".`);
    }
    throw error;
  }
  writeFileSync(pidFile, `${process.pid}\n`, { mode: 0o600 });
  return accept(() => lock.close());
}
