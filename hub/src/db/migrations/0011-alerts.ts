// Owns the tables of alerts: rules that differ from those that ship, alerts, incidents, silences, feedback, and what is to be
// said. Never edited after a release: a change is a new migration.
import type { Migration } from '../migrate.ts';

export const alerts: Migration = {
  number: 11,
  name: 'alerts',
  statements: [
    `CREATE TABLE alertRules (
      id TEXT NOT NULL PRIMARY KEY,
      bodyJson TEXT NOT NULL,
      updatedAt INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID`,
    `CREATE TABLE alerts (
      rule TEXT NOT NULL,
      subject TEXT NOT NULL,
      enteredAt INTEGER NOT NULL,
      device TEXT NOT NULL,
      state TEXT NOT NULL,
      incident TEXT,
      bodyJson TEXT NOT NULL,
      PRIMARY KEY (rule, subject)
    ) STRICT, WITHOUT ROWID`,
    'CREATE INDEX alertsByIncident ON alerts (incident)',
    'CREATE INDEX alertsByState ON alerts (state, enteredAt)',
    `CREATE TABLE incidents (
      id TEXT NOT NULL PRIMARY KEY,
      state TEXT NOT NULL,
      openedAt INTEGER NOT NULL,
      resolvedAt INTEGER,
      bodyJson TEXT NOT NULL
    ) STRICT, WITHOUT ROWID`,
    'CREATE INDEX incidentsByState ON incidents (state, openedAt)',
    `CREATE TABLE silences (
      id TEXT NOT NULL PRIMARY KEY,
      endsAt INTEGER NOT NULL,
      bodyJson TEXT NOT NULL
    ) STRICT, WITHOUT ROWID`,
    `CREATE TABLE alertFactors (
      rule TEXT NOT NULL,
      groupKey TEXT NOT NULL,
      factor REAL NOT NULL,
      PRIMARY KEY (rule, groupKey)
    ) STRICT, WITHOUT ROWID`,
    `CREATE TABLE notices (
      id TEXT NOT NULL PRIMARY KEY,
      incident TEXT,
      kind TEXT NOT NULL,
      tier INTEGER NOT NULL,
      bodyJson TEXT NOT NULL,
      state TEXT NOT NULL,
      attempts INTEGER NOT NULL,
      nextAt INTEGER NOT NULL,
      error TEXT,
      createdAt INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID`,
    'CREATE INDEX noticesDue ON notices (state, nextAt)',
  ],
};
