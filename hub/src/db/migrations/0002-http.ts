// Owns the tables of the HTTP side: answers kept for Idempotency-Key, and the log lines of training runs.
// Never edited after a release: its checksum is stored; a change is a new migration.
import type { Migration } from '../migrate.ts';

export const http: Migration = {
  number: 2,
  name: 'http',
  statements: [
    `CREATE TABLE idempotency (
      key TEXT PRIMARY KEY,
      request TEXT NOT NULL,
      status INTEGER,
      body TEXT,
      createdAt INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID`,
    `CREATE INDEX idempotencyCreated ON idempotency (createdAt)`,
    `CREATE TABLE runLogs (
      run TEXT NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
      line INTEGER NOT NULL,
      at INTEGER NOT NULL,
      text TEXT NOT NULL,
      PRIMARY KEY (run, line)
    ) STRICT, WITHOUT ROWID`,
  ],
};
