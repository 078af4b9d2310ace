// Owns the table of what is left of windows that were kept for long enough. Never edited after a release: a change is a new migration.
import type { Migration } from '../migrate.ts';

export const windowDays: Migration = {
  number: 13,
  name: 'windowDays',
  statements: [
    `CREATE TABLE windowDays (
      day INTEGER NOT NULL,
      device TEXT NOT NULL,
      slot TEXT NOT NULL,
      role TEXT NOT NULL,
      manifest TEXT NOT NULL,
      windows INTEGER NOT NULL,
      rows INTEGER NOT NULL,
      errors INTEGER NOT NULL,
      fromAt INTEGER NOT NULL,
      toAt INTEGER NOT NULL,
      unread INTEGER NOT NULL,
      late INTEGER NOT NULL,
      seenJson TEXT NOT NULL,
      stats BLOB,
      labels BLOB,
      PRIMARY KEY (day, device, slot, role, manifest)
    ) STRICT, WITHOUT ROWID`,
  ],
};
