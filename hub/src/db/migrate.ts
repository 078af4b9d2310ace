// Brings a SQLite file to the newest schema, forward only, after a backup of what was there. Never goes back.
import { createHash } from 'node:crypto';
import { chmodSync } from 'node:fs';
import path from 'node:path';
import { accept, type Result, refuse } from '@drover/core/reasons';
import type { Database } from 'better-sqlite3';

export interface Migration {
  readonly number: number;
  readonly name: string;
  readonly statements: readonly string[];
}

interface AppliedRow {
  readonly number: number;
  readonly name: string;
  readonly checksum: string;
}

export const checksumOf = (migration: Migration): string =>
  createHash('sha256').update(migration.statements.join(';\n')).digest('hex');

/** Which migrations are missing; refused when the file was written by a newer program or by another history. */
export function planMigrations(
  applied: readonly AppliedRow[],
  known: readonly Migration[],
): Result<readonly Migration[]> {
  for (const row of applied) {
    const migration = known.find((m) => m.number === row.number);
    if (!migration) {
      return refuse(
        'database_newer',
        `It has migration ${row.number} "${row.name}"; this program knows up to ${known.at(-1)?.number ?? 0}.`,
      );
    }
    if (checksumOf(migration) !== row.checksum) {
      return refuse('database_altered', `Migration ${row.number} "${row.name}" was applied with other content.`);
    }
  }
  const done = new Set(applied.map((row) => row.number));
  return accept(known.filter((m) => !done.has(m.number)));
}

/** `now` names the backup and is stored with each migration. Returns the numbers that were applied. */
export function migrate(db: Database, known: readonly Migration[], now: number): Result<readonly number[]> {
  const ledger = db.prepare(`SELECT 1 FROM sqlite_schema WHERE name = 'migrations'`).get();
  const applied = ledger
    ? db.prepare<[], AppliedRow>('SELECT number, name, checksum FROM migrations ORDER BY number').all()
    : [];
  const missing = planMigrations(applied, known);
  if (!missing.ok || missing.value.length === 0) return missing.ok ? accept([]) : missing;
  if (applied.length > 0) {
    const stamp = new Date(now).toISOString().replaceAll(/[:.]/g, '-');
    const backup = path.join(path.dirname(db.name), `backup-${stamp}-before-${missing.value[0]?.number ?? 0}.db`);
    db.prepare('VACUUM INTO ?').run(backup);
    chmodSync(backup, 0o600);
  }
  db.transaction(() => {
    db.exec(
      `CREATE TABLE IF NOT EXISTS migrations (
        number INTEGER PRIMARY KEY, name TEXT NOT NULL, checksum TEXT NOT NULL, appliedAt INTEGER NOT NULL
      ) STRICT`,
    );
    for (const migration of missing.value) {
      for (const statement of migration.statements) db.exec(statement);
      db.prepare('INSERT INTO migrations (number, name, checksum, appliedAt) VALUES (?, ?, ?, ?)').run(
        migration.number,
        migration.name,
        checksumOf(migration),
        now,
      );
    }
  }).immediate();
  return accept(missing.value.map((m) => m.number));
}
