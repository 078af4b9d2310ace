// Owns the tables of recipes that tell one artifact from another, and of confidential models and their ciphertexts. Never edited after a release: its checksum is stored; a
// change is a new migration.
import type { Migration } from '../migrate.ts';

export const patches: Migration = {
  number: 8,
  name: 'patches',
  statements: [
    `CREATE TABLE patches (
      base TEXT NOT NULL,
      target TEXT NOT NULL,
      state TEXT NOT NULL CHECK (state IN ('wanted', 'made', 'useless', 'failed')),
      tries INTEGER NOT NULL,
      recipe TEXT,
      size INTEGER,
      chunkList TEXT,
      detail TEXT,
      createdAt INTEGER NOT NULL,
      endedAt INTEGER,
      neededAt INTEGER NOT NULL,
      PRIMARY KEY (target, base)
    ) STRICT, WITHOUT ROWID`,
    `CREATE INDEX patchesRecipe ON patches (recipe)`,
    `CREATE TABLE confidentialModels (
      model TEXT PRIMARY KEY,
      actor TEXT NOT NULL,
      createdAt INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID`,
    `CREATE TABLE sealedArtifacts (
      plain TEXT PRIMARY KEY,
      sealed TEXT NOT NULL,
      size INTEGER NOT NULL,
      chunkList TEXT,
      wrappedKey BLOB NOT NULL,
      createdAt INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID`,
  ],
};
