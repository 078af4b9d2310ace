// Owns the order of the migrations. Never runs them.
import type { Migration } from '../migrate.ts';
import { first } from './0001-first.ts';
import { http } from './0002-http.ts';
import { releaseMetadata } from './0003-release-metadata.ts';
import { identity } from './0004-identity.ts';
import { people } from './0005-people.ts';
import { auditCheckpoints } from './0006-audit-checkpoints.ts';
import { patches } from './0008-patches.ts';
import { carried } from './0009-carried.ts';
import { drift } from './0010-drift.ts';
import { alerts } from './0011-alerts.ts';
import { driftStates } from './0012-drift-states.ts';
import { windowDays } from './0013-window-days.ts';
import { samples } from './0014-samples.ts';
import { kpiPoints } from './0015-kpi-points.ts';
import { labelDays } from './0016-label-days.ts';
import { lostAt } from './0017-lost-at.ts';
import { modelSlices } from './0018-model-slices.ts';
import { rolloutPlans } from './0019-rollout-plans.ts';
import { agreements } from './0020-agreements.ts';

export const MIGRATIONS: readonly Migration[] = [
  first,
  http,
  releaseMetadata,
  identity,
  people,
  auditCheckpoints,
  patches,
  carried,
  drift,
  alerts,
  driftStates,
  windowDays,
  samples,
  kpiPoints,
  labelDays,
  lostAt,
  modelSlices,
  rolloutPlans,
  agreements,
];
