// Owns the table of the labels by which the answers of a model are compared. Never edited after a release: a change is a new migration.
import type { Migration } from '../migrate.ts';

export const modelSlices: Migration = {
  number: 18,
  name: 'modelSlices',
  statements: [
    `CREATE TABLE modelSlices (
      model TEXT NOT NULL,
      label TEXT NOT NULL,
      PRIMARY KEY (model, label)
    ) STRICT, WITHOUT ROWID`,
  ],
};
