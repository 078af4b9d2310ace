// Owns the tables of the release metadata: files by role and version, and what they list. Never edited after a release:
// its checksum is stored; a change is a new migration.
import type { Migration } from '../migrate.ts';

export const releaseMetadata: Migration = {
  number: 3,
  name: 'release metadata',
  statements: [
    `CREATE TABLE tufRoles (
      role TEXT NOT NULL,
      version INTEGER NOT NULL,
      bytes BLOB NOT NULL,
      PRIMARY KEY (role, version)
    ) STRICT`,
    `CREATE TABLE tufTargets (
      path TEXT PRIMARY KEY,
      team TEXT NOT NULL,
      model TEXT NOT NULL,
      version INTEGER NOT NULL,
      manifest TEXT NOT NULL
    ) STRICT, WITHOUT ROWID`,
    `CREATE INDEX tufTargetsManifest ON tufTargets (manifest)`,
    `CREATE INDEX tufTargetsModel ON tufTargets (model, team)`,
    `CREATE TABLE tufState (
      id INTEGER PRIMARY KEY CHECK (id = 1),
      revision INTEGER NOT NULL
    ) STRICT`,
    `INSERT INTO tufState (id, revision) VALUES (1, 0)`,
  ],
};
