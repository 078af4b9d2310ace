// Owns the tables of device identity: keys, certificates, claims, batch tokens, factory CAs, enrolments that wait.
// Never edited after a release: its checksum is stored; a change is a new migration.
import type { Migration } from '../migrate.ts';

export const identity: Migration = {
  number: 4,
  name: 'identity',
  statements: [
    `CREATE TABLE deviceIdentities (
      device TEXT PRIMARY KEY REFERENCES devices (id) ON DELETE CASCADE,
      spki BLOB NOT NULL,
      keyHash TEXT NOT NULL UNIQUE,
      hardware TEXT UNIQUE,
      door TEXT NOT NULL,
      release TEXT,
      enrolledAt INTEGER NOT NULL,
      revokedAt INTEGER,
      serial TEXT NOT NULL,
      notAfter INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID`,
    // Without a reference: what was revoked stays revoked after the device is removed.
    `CREATE TABLE deviceCertificates (
      serial TEXT PRIMARY KEY,
      device TEXT NOT NULL,
      keyHash TEXT NOT NULL,
      issuedAt INTEGER NOT NULL,
      notAfter INTEGER NOT NULL,
      revokedAt INTEGER
    ) STRICT, WITHOUT ROWID`,
    `CREATE INDEX deviceCertificatesDevice ON deviceCertificates (device, issuedAt)`,
    `CREATE TABLE revokedKeys (
      keyHash TEXT PRIMARY KEY,
      device TEXT NOT NULL,
      revokedAt INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID`,
    `CREATE TABLE claims (
      id TEXT PRIMARY KEY,
      codeHash TEXT NOT NULL UNIQUE,
      device TEXT,
      labelsJson TEXT NOT NULL,
      release TEXT,
      actor TEXT NOT NULL,
      createdAt INTEGER NOT NULL,
      expiresAt INTEGER NOT NULL,
      usedAt INTEGER,
      usedKey TEXT
    ) STRICT, WITHOUT ROWID`,
    `CREATE TABLE batchTokens (
      id TEXT PRIMARY KEY,
      tokenHash TEXT NOT NULL UNIQUE,
      labelsJson TEXT NOT NULL,
      uses INTEGER NOT NULL,
      used INTEGER NOT NULL,
      actor TEXT NOT NULL,
      createdAt INTEGER NOT NULL,
      expiresAt INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID`,
    `CREATE TABLE preauthorizations (
      hardware TEXT NOT NULL,
      keyHash TEXT NOT NULL,
      device TEXT,
      labelsJson TEXT NOT NULL,
      actor TEXT NOT NULL,
      createdAt INTEGER NOT NULL,
      PRIMARY KEY (hardware, keyHash)
    ) STRICT, WITHOUT ROWID`,
    `CREATE TABLE factoryCas (
      fingerprint TEXT PRIMARY KEY,
      name TEXT NOT NULL,
      pem TEXT NOT NULL,
      labelsJson TEXT NOT NULL,
      actor TEXT NOT NULL,
      createdAt INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID`,
    `CREATE TABLE enrolments (
      id TEXT PRIMARY KEY,
      state TEXT NOT NULL,
      door TEXT NOT NULL,
      source TEXT NOT NULL,
      device TEXT NOT NULL,
      spki BLOB NOT NULL,
      keyHash TEXT NOT NULL,
      hardware TEXT,
      labelsJson TEXT NOT NULL,
      release TEXT,
      why TEXT,
      fromAddress TEXT NOT NULL,
      certificate TEXT,
      actor TEXT,
      createdAt INTEGER NOT NULL,
      updatedAt INTEGER NOT NULL,
      UNIQUE (source, keyHash)
    ) STRICT, WITHOUT ROWID`,
    `CREATE INDEX enrolmentsState ON enrolments (state, createdAt)`,
  ],
};
