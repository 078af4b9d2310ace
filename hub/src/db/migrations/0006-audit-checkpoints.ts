// Owns the tables of signed audit checkpoints and of model signatures for outsiders, and the ways into the audit log.
// Never edited after a release: its checksum is stored; a change is a new migration.
import type { Migration } from '../migrate.ts';

export const auditCheckpoints: Migration = {
  number: 6,
  name: 'audit-checkpoints',
  statements: [
    `CREATE TABLE auditCheckpoints (
      seq INTEGER PRIMARY KEY REFERENCES audit (seq),
      hash TEXT NOT NULL,
      at INTEGER NOT NULL,
      publicKey TEXT NOT NULL,
      envelope BLOB NOT NULL
    ) STRICT`,
    // Append-only as the log itself.
    `CREATE TRIGGER auditCheckpointsNoUpdate BEFORE UPDATE ON auditCheckpoints
      BEGIN SELECT RAISE(ABORT, 'the audit checkpoints are append-only'); END`,
    `CREATE TRIGGER auditCheckpointsNoDelete BEFORE DELETE ON auditCheckpoints
      BEGIN SELECT RAISE(ABORT, 'the audit checkpoints are append-only'); END`,
    `CREATE INDEX auditSubject ON audit (subject, seq)`,
    `CREATE INDEX auditActor ON audit (actor, seq)`,
    `CREATE INDEX auditAt ON audit (at)`,
    `CREATE TABLE omsBundles (
      model TEXT NOT NULL,
      version INTEGER NOT NULL,
      hint TEXT NOT NULL,
      sha256 TEXT NOT NULL,
      bundle BLOB NOT NULL,
      publicKey TEXT NOT NULL,
      actor TEXT NOT NULL,
      createdAt INTEGER NOT NULL,
      PRIMARY KEY (model, version, hint),
      FOREIGN KEY (model, version) REFERENCES versions (model, version)
    ) STRICT, WITHOUT ROWID`,
  ],
};
