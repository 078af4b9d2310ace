// Owns the tables of people: accounts, sessions, API tokens, setup codes, and what is remembered of failed sign-ins.
// Never edited after a release: its checksum is stored; a change is a new migration.
import type { Migration } from '../migrate.ts';

export const people: Migration = {
  number: 5,
  name: 'people',
  statements: [
    `CREATE TABLE people (
      name TEXT PRIMARY KEY,
      rolesJson TEXT NOT NULL,
      isAdmin INTEGER NOT NULL CHECK (isAdmin IN (0, 1)),
      state TEXT NOT NULL CHECK (state IN ('active', 'disabled')),
      passwordHash TEXT,
      oidcIssuer TEXT,
      oidcSubject TEXT,
      createdAt INTEGER NOT NULL,
      lastSignInAt INTEGER,
      UNIQUE (oidcIssuer, oidcSubject)
    ) STRICT, WITHOUT ROWID`,
    `CREATE TABLE sessions (
      secretHash TEXT PRIMARY KEY,
      id TEXT NOT NULL UNIQUE,
      person TEXT NOT NULL REFERENCES people (name) ON DELETE CASCADE,
      kind TEXT NOT NULL CHECK (kind IN ('browser', 'cli')),
      createdAt INTEGER NOT NULL,
      usedAt INTEGER NOT NULL,
      idleMs INTEGER NOT NULL,
      expiresAt INTEGER NOT NULL,
      address TEXT NOT NULL,
      client TEXT NOT NULL
    ) STRICT, WITHOUT ROWID`,
    `CREATE INDEX sessionsPerson ON sessions (person, createdAt)`,
    `CREATE TABLE apiTokens (
      id TEXT PRIMARY KEY,
      name TEXT NOT NULL,
      secretHash TEXT NOT NULL UNIQUE,
      rolesJson TEXT NOT NULL,
      createdBy TEXT NOT NULL,
      createdAt INTEGER NOT NULL,
      expiresAt INTEGER NOT NULL,
      usedAt INTEGER,
      revokedAt INTEGER
    ) STRICT, WITHOUT ROWID`,
    // A name may come back once its token is revoked: that is how one is rotated.
    `CREATE UNIQUE INDEX apiTokensName ON apiTokens (name) WHERE revokedAt IS NULL`,
    `CREATE TABLE setupCodes (
      codeHash TEXT PRIMARY KEY,
      kind TEXT NOT NULL CHECK (kind IN ('first', 'recovery', 'person')),
      person TEXT REFERENCES people (name) ON DELETE CASCADE,
      createdAt INTEGER NOT NULL,
      expiresAt INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID`,
    `CREATE TABLE signInFailures (
      name TEXT NOT NULL,
      source TEXT NOT NULL,
      count INTEGER NOT NULL,
      lastAt INTEGER NOT NULL,
      lockedUntil INTEGER NOT NULL,
      PRIMARY KEY (name, source)
    ) STRICT, WITHOUT ROWID`,
    `CREATE INDEX signInFailuresLast ON signInFailures (lastAt)`,
    `CREATE TABLE knownAddresses (
      person TEXT NOT NULL REFERENCES people (name) ON DELETE CASCADE,
      address TEXT NOT NULL,
      usedAt INTEGER NOT NULL,
      PRIMARY KEY (person, address)
    ) STRICT, WITHOUT ROWID`,
  ],
};
