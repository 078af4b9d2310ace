// Owns the tables of what drift knows of a device beyond the windows that are kept. Never edited after a release: a change is a new migration.
import type { Migration } from '../migrate.ts';

export const driftStates: Migration = {
  number: 12,
  name: 'driftStates',
  statements: [
    `CREATE TABLE driftStates (
      device TEXT NOT NULL PRIMARY KEY REFERENCES devices (id) ON DELETE CASCADE,
      body BLOB NOT NULL,
      updatedAt INTEGER NOT NULL
    ) STRICT`,
    `CREATE TABLE driftBaselines (
      device TEXT NOT NULL REFERENCES devices (id) ON DELETE CASCADE,
      feature TEXT NOT NULL,
      sinceAt INTEGER NOT NULL,
      PRIMARY KEY (device, feature)
    ) STRICT, WITHOUT ROWID`,
  ],
};
