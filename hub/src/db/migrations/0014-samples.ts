// Owns the table of captured rows that devices were allowed to send. Never edited after a release: a change is a new migration.
import type { Migration } from '../migrate.ts';

export const samples: Migration = {
  number: 14,
  name: 'samples',
  statements: [
    `CREATE TABLE samples (
      id INTEGER PRIMARY KEY AUTOINCREMENT,
      device TEXT NOT NULL REFERENCES devices (id) ON DELETE CASCADE,
      predictionId TEXT NOT NULL,
      slot TEXT NOT NULL,
      manifest TEXT NOT NULL,
      at INTEGER NOT NULL,
      why TEXT NOT NULL,
      score REAL NOT NULL,
      numbers BLOB NOT NULL,
      textsJson TEXT NOT NULL,
      withheldJson TEXT NOT NULL,
      classIndex INTEGER NOT NULL,
      scores BLOB NOT NULL,
      receivedAt INTEGER NOT NULL,
      UNIQUE (device, predictionId)
    ) STRICT`,
  ],
};
