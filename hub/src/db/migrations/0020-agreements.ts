// Owns the table of how far shadows agreed with the models that answered. Never edited after a release: a change is a new migration.
import type { Migration } from '../migrate.ts';

export const agreements: Migration = {
  number: 20,
  name: 'agreements',
  statements: [
    // One row a window of a shadow, for as long as windows are kept.
    `CREATE TABLE agreements (
      id INTEGER PRIMARY KEY,
      slot TEXT NOT NULL,
      manifest TEXT NOT NULL,
      startAt INTEGER NOT NULL,
      device TEXT NOT NULL,
      bootId TEXT NOT NULL,
      number INTEGER NOT NULL,
      compared INTEGER NOT NULL,
      agreed INTEGER NOT NULL,
      skipped INTEGER NOT NULL,
      gap REAL NOT NULL,
      receivedAt INTEGER NOT NULL,
      UNIQUE (slot, manifest, startAt, device, bootId, number)
    ) STRICT`,
  ],
};
