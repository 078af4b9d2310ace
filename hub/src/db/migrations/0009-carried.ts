// Owns the tables of what is carried by hand: reports that came, exports that went. Never edited after a release: a change is a new migration.
import type { Migration } from '../migrate.ts';

export const carried: Migration = {
  number: 9,
  name: 'carried',
  statements: [
    `CREATE TABLE carriedReports (
      device TEXT NOT NULL REFERENCES devices (id) ON DELETE CASCADE,
      outboxId TEXT NOT NULL,
      number INTEGER NOT NULL,
      digest TEXT NOT NULL,
      importedAt INTEGER NOT NULL,
      PRIMARY KEY (device, outboxId)
    ) STRICT, WITHOUT ROWID`,
    `CREATE TABLE carriedExports (
      number INTEGER PRIMARY KEY,
      id TEXT NOT NULL,
      digest TEXT NOT NULL,
      issuedAt INTEGER NOT NULL,
      expiresAt INTEGER NOT NULL
    ) STRICT`,
  ],
};
