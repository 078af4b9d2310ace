// Owns the table of business numbers that people bring. Never edited after a release: a change is a new migration.
import type { Migration } from '../migrate.ts';

export const kpiPoints: Migration = {
  number: 15,
  name: 'kpiPoints',
  statements: [
    `CREATE TABLE kpiPoints (
      name TEXT NOT NULL,
      device TEXT NOT NULL REFERENCES devices (id) ON DELETE CASCADE,
      at INTEGER NOT NULL,
      value REAL NOT NULL,
      receivedAt INTEGER NOT NULL,
      PRIMARY KEY (name, device, at)
    ) STRICT, WITHOUT ROWID`,
    'CREATE INDEX kpiPointsOfDevice ON kpiPoints (device)',
  ],
};
