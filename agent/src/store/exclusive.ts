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
  const pidFile = path.join(folder, 'agent.pid');
  const lock = tryLock(folder, 'lock');
  if (!lock) return refuse('agent_running', `Process ${readPid(pidFile)} holds "${dataDir}".`);
  writeFileSync(pidFile, `${process.pid}\n`, { mode: 0o600 });
  return accept(() => lock.close());
}

/** One export or import by hand at a time, beside an agent that may run. */
export function lockCarrying(dataDir: string): Result<() => void> {
  const lock = tryLock(path.join(dataDir, 'run'), 'carry-lock');
  return lock ? accept(() => lock.close()) : refuse('agent_running', `Another export or import works on "${dataDir}".`);
}

function tryLock(folder: string, name: string): Database.Database | undefined {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const lock = new Database(path.join(folder, name), { timeout: 0 });
  try {
    chmodSync(path.join(folder, name), 0o600);
    lock.pragma('journal_mode = MEMORY');
    lock.exec('BEGIN EXCLUSIVE');
    return lock;
  } catch (error) {
    lock.close();
    if (error instanceof Database.SqliteError && error.code.startsWith('SQLITE_BUSY')) return undefined;
    throw error;
  }
}
