// Owns the tables of planned rollouts: stages, tries, approvals, groups. Never edited after a release: a change is a new migration.
import type { Migration } from '../migrate.ts';

/** What rollouts meant before there were plans: everyone at once, nothing stops it. Written out, for it must never change. */
const OLD_PLAN = {
  stages: [{ name: 'all', select: { kind: 'percent', percent: 100 }, soakMs: 0, minPredictions: 0, quorum: 1 }],
  maxInFlight: null,
  ramp: null,
  disruption: [],
  windows: [],
  holdOut: 0,
  lateJoiners: false,
  deadlines: { acceptMs: 600_000, downloadMs: 86_400_000, activateMs: 1_800_000, probationMs: 1_800_000 },
  retries: { transient: 0, internal: 0 },
  gate: { ok: 0.01, bad: 0.05, alpha: 0.01, minDevices: 1, errorLimit: null, isDryRun: true },
  live: null,
  onFail: 'pause',
  patienceMs: 86_400_000,
  expiresMs: null,
  startAt: null,
  approvals: 0,
  priority: 500,
};

const KEPT =
  'id, rollout, device, slot, manifest, state, revision, code, detail, createdAt, updatedAt, deviceState, deviceRevision, deviceCode, deviceDetail';

export const rolloutPlans: Migration = {
  number: 19,
  name: 'rolloutPlans',
  statements: [
    `ALTER TABLE rollouts ADD COLUMN planJson TEXT NOT NULL DEFAULT '${JSON.stringify(OLD_PLAN)}'`,
    `ALTER TABLE rollouts ADD COLUMN planHash TEXT NOT NULL DEFAULT ''`,
    `ALTER TABLE rollouts ADD COLUMN stage INTEGER NOT NULL DEFAULT 0`,
    `ALTER TABLE rollouts ADD COLUMN phase TEXT NOT NULL DEFAULT 'admitting'`,
    `ALTER TABLE rollouts ADD COLUMN phaseSince INTEGER NOT NULL DEFAULT 0`,
    `ALTER TABLE rollouts ADD COLUMN startedAt INTEGER`,
    `ALTER TABLE rollouts ADD COLUMN countedFrom INTEGER NOT NULL DEFAULT 0`,
    `ALTER TABLE rollouts ADD COLUMN reason TEXT`,
    `ALTER TABLE rollouts ADD COLUMN because TEXT NOT NULL DEFAULT ''`,
    `UPDATE rollouts SET startedAt = createdAt, phaseSince = createdAt`,
    `ALTER TABLE deviceSlots ADD COLUMN progressAt INTEGER NOT NULL DEFAULT 0`,
    `CREATE TABLE deployments19 (
      id TEXT PRIMARY KEY,
      rollout TEXT NOT NULL REFERENCES rollouts (id),
      device TEXT NOT NULL,
      slot TEXT NOT NULL,
      manifest TEXT NOT NULL,
      state TEXT NOT NULL,
      revision INTEGER NOT NULL,
      code TEXT,
      detail TEXT,
      createdAt INTEGER NOT NULL,
      updatedAt INTEGER NOT NULL,
      deviceState TEXT,
      deviceRevision INTEGER NOT NULL,
      deviceCode TEXT,
      deviceDetail TEXT,
      stage INTEGER NOT NULL,
      attempt INTEGER NOT NULL,
      purpose TEXT NOT NULL CHECK (purpose IN ('install', 'revert')),
      admittedAt INTEGER,
      beforeManifest TEXT,
      UNIQUE (rollout, device, attempt)
    ) STRICT, WITHOUT ROWID`,
    `INSERT INTO deployments19 (${KEPT}, stage, attempt, purpose, admittedAt)
      SELECT ${KEPT}, 0, 1, 'install', createdAt FROM deployments`,
    `DROP TABLE deployments`,
    `ALTER TABLE deployments19 RENAME TO deployments`,
    `CREATE INDEX deploymentsDevice ON deployments (device, slot, id)`,
    `CREATE INDEX deploymentsState ON deployments (state)`,
    `CREATE TABLE rolloutHoldOuts (
      rollout TEXT NOT NULL REFERENCES rollouts (id),
      device TEXT NOT NULL,
      PRIMARY KEY (rollout, device)
    ) STRICT, WITHOUT ROWID`,
    `CREATE TABLE rolloutApprovals (
      rollout TEXT NOT NULL REFERENCES rollouts (id),
      subject TEXT NOT NULL,
      actor TEXT NOT NULL,
      note TEXT NOT NULL,
      at INTEGER NOT NULL,
      PRIMARY KEY (rollout, subject, actor)
    ) STRICT, WITHOUT ROWID`,
    `CREATE TABLE rolloutEvents (
      id INTEGER PRIMARY KEY,
      rollout TEXT NOT NULL REFERENCES rollouts (id),
      at INTEGER NOT NULL,
      actor TEXT NOT NULL,
      state TEXT NOT NULL,
      stage INTEGER NOT NULL,
      phase TEXT NOT NULL,
      because TEXT NOT NULL
    ) STRICT`,
    `CREATE INDEX rolloutEventsRollout ON rolloutEvents (rollout, id)`,
    `CREATE TABLE rolloutLooks (
      rollout TEXT NOT NULL REFERENCES rollouts (id),
      stage INTEGER NOT NULL,
      since INTEGER NOT NULL,
      look INTEGER NOT NULL,
      metric TEXT NOT NULL,
      at INTEGER NOT NULL,
      verdict TEXT NOT NULL,
      treated INTEGER NOT NULL,
      control INTEGER NOT NULL,
      effect REAL,
      low REAL,
      high REAL,
      PRIMARY KEY (rollout, stage, since, look, metric)
    ) STRICT, WITHOUT ROWID`,
    `CREATE TABLE deviceGroups (
      name TEXT PRIMARY KEY,
      query TEXT NOT NULL,
      note TEXT NOT NULL,
      actor TEXT NOT NULL,
      createdAt INTEGER NOT NULL,
      updatedAt INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID`,
  ],
};
