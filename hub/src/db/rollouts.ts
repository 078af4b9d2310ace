// Owns the SQL about rollouts and deployments. Never decides a move: every move is a compare-and-set on a revision.
import { DEVICE_STATES, type DeploymentState, HUB_STATES, SUCCEEDED, TERMINAL } from '@drover/core/deployment/table';
import { LIVE_STATES } from '@drover/core/rollout/states';
import { shadowOf } from '@drover/core/shadow';
import { type Selectable, sql } from 'kysely';
import type { DeploymentEventsTable, DeploymentsTable, RolloutsTable } from './schema-rollouts.ts';
import { query, type Statement, type Store, sqlOf, template } from './store.ts';

/** Everything that is not terminal: named one by one, so that the index on the state is used. */
export const OPEN_STATES: readonly DeploymentState[] = [...DEVICE_STATES, ...HUB_STATES].filter(
  (state) => !TERMINAL.has(state),
);

/**
 * The state, where few devices or one rollout are asked for: SQLite would otherwise walk through the index on the state, which
 * grows with the fleet (a unary "+" keeps it from that).
 */
const STATE = sql<DeploymentState>`+state`;

export type RolloutRow = Selectable<RolloutsTable>;
export type DeploymentRow = Selectable<DeploymentsTable>;
export type DeploymentEventRow = Selectable<DeploymentEventsTable>;

export const insertRollout = (row: RolloutRow): Statement => ({
  query: query(sqlOf.insertInto('rollouts').values(row)),
});

const deploymentInserted = template<DeploymentRow>(
  [
    'id', 'rollout', 'device', 'slot', 'manifest', 'state', 'revision', 'code', 'detail', 'createdAt', 'updatedAt',
    'deviceState', 'deviceRevision', 'deviceCode', 'deviceDetail', 'stage', 'attempt', 'purpose', 'admittedAt', 'beforeManifest',
  ], // biome-ignore format: one list
  (row) => sqlOf.insertInto('deployments').values(row),
);
export const insertDeployment = (row: DeploymentRow): Statement => ({ query: deploymentInserted(row) });

export interface DeploymentMove {
  readonly id: string;
  /** The revision that the decision was made on. */
  readonly revision: number;
  readonly to: DeploymentState;
  readonly code: string | null;
  readonly detail: string | null;
  readonly now: number;
}

const moved = template<DeploymentMove>(['id', 'revision', 'to', 'code', 'detail', 'now'], (h) =>
  sqlOf
    .updateTable('deployments')
    .set((e) => ({ state: h.to, revision: e('revision', '+', 1), code: h.code, detail: h.detail, updatedAt: h.now }))
    .where('id', '=', h.id)
    .where('revision', '=', h.revision),
);
export const moveDeployment = (move: DeploymentMove): Statement => ({ query: moved(move) });

export interface DeviceClaim {
  readonly id: string;
  readonly device: string;
  readonly deviceState: DeploymentState;
  readonly deviceRevision: number;
  readonly deviceCode: string | null;
  readonly deviceDetail: string | null;
}

const claimed = template<DeviceClaim>(
  ['id', 'device', 'deviceState', 'deviceRevision', 'deviceCode', 'deviceDetail'],
  ({ id, device, ...claim }) =>
    sqlOf
      .updateTable('deployments')
      .set(claim)
      .where('id', '=', id)
      .where('device', '=', device)
      .where('deviceRevision', '<', claim.deviceRevision),
);
/** What the device says, kept as evidence; an older report changes nothing, nor one about another device's deployment. */
export const storeDeviceClaim = (claim: DeviceClaim): Statement => ({ query: claimed(claim), expect: 'any' });

const eventInserted = template<Omit<DeploymentEventRow, 'id'>>(
  ['deployment', 'at', 'source', 'fromState', 'toState', 'revision', 'code', 'detail'],
  (row) => sqlOf.insertInto('deploymentEvents').values(row),
);
export const insertDeploymentEvent = (row: Omit<DeploymentEventRow, 'id'>): Statement => ({
  query: eventInserted(row),
});

const reported = template<DeviceClaim & { readonly at: number }>(
  ['id', 'device', 'deviceState', 'deviceRevision', 'deviceCode', 'deviceDetail', 'at'],
  (h) =>
    sqlOf
      .insertInto('deploymentEvents')
      .columns(['deployment', 'at', 'source', 'fromState', 'toState', 'revision', 'code', 'detail'])
      .expression((e) =>
        e
          .selectFrom('deployments')
          .select((d) => [
            'id',
            d.val(h.at).as('at'),
            d.val('device').as('source'),
            'deviceState',
            d.val(h.deviceState).as('toState'),
            d.val(h.deviceRevision).as('revision'),
            d.val(h.deviceCode).as('code'),
            d.val(h.deviceDetail).as('detail'),
          ])
          .where('id', '=', h.id)
          .where('device', '=', h.device),
      ),
);
/** The event of a device's report; nothing when the deployment is unknown or another device's. */
export const insertReportEvent = (claim: DeviceClaim, at: number): Statement => ({
  query: reported({ ...claim, at }),
  expect: 'any',
});

export type RolloutChange = Partial<
  Pick<
    RolloutRow,
    'state' | 'stage' | 'phase' | 'phaseSince' | 'startedAt' | 'countedFrom' | 'reason' | 'because' | 'endedAt'
  >
>;
export const changeRollout = (id: string, revision: number, change: RolloutChange): Statement => ({
  query: query(
    sqlOf
      .updateTable('rollouts')
      .set((e) => ({ ...change, revision: e('revision', '+', 1) }))
      .where('id', '=', id)
      .where('revision', '=', revision),
  ),
});

const admitted = template<{ id: string; revision: number; at: number; before: string | null }>(
  ['id', 'revision', 'at', 'before'],
  (h) =>
    sqlOf
      .updateTable('deployments')
      .set((e) => ({ admittedAt: h.at, beforeManifest: h.before, revision: e('revision', '+', 1) }))
      .where('id', '=', h.id)
      .where('revision', '=', h.revision),
);
export const admitDeployment = (facts: Parameters<typeof admitted>[0]): Statement => ({ query: admitted(facts) });

/** It waits again, as one that was never told. */
export const withdrawDeployment = (id: string, revision: number, now: number): Statement => ({
  query: query(
    sqlOf
      .updateTable('deployments')
      .set((e) => ({ state: 'queued', admittedAt: null, updatedAt: now, revision: e('revision', '+', 1) }))
      .where('id', '=', id)
      .where('revision', '=', revision)
      .where('deviceState', 'is', null),
  ),
});

export const readRollout = (store: Store, id: string): Promise<RolloutRow | undefined> =>
  store.first(query(sqlOf.selectFrom('rollouts').selectAll().where('id', '=', id)));

/** Newest first, before `cursor` (a rollout id). */
export const listRollouts = (
  store: Store,
  page: { cursor?: string; limit: number },
): Promise<readonly RolloutRow[]> => {
  const base = sqlOf.selectFrom('rollouts').selectAll().orderBy('id', 'desc').limit(page.limit);
  return store.rows(query(page.cursor === undefined ? base : base.where('id', '<', page.cursor)));
};

/** Those that the hub looks at again and again, oldest first. */
export const listLiveRollouts = (store: Store): Promise<readonly RolloutRow[]> =>
  store.rows(query(sqlOf.selectFrom('rollouts').selectAll().where('state', 'in', LIVE_STATES).orderBy('id')));

/** Deployments of a rollout, in the order of their ids. */
export const listDeployments = (
  store: Store,
  rollout: string,
  page: { cursor?: string; limit: number },
): Promise<readonly DeploymentRow[]> => {
  const base = sqlOf
    .selectFrom('deployments')
    .selectAll()
    .where('rollout', '=', rollout)
    .orderBy('id')
    .limit(page.limit);
  return store.rows(query(page.cursor === undefined ? base : base.where('id', '>', page.cursor)));
};

export const listDeploymentEvents = (store: Store, deployment: string): Promise<readonly DeploymentEventRow[]> =>
  store.rows(
    query(sqlOf.selectFrom('deploymentEvents').selectAll().where('deployment', '=', deployment).orderBy('id')),
  );

/** Devices of these rollouts by the state of their newest attempt. */
export const countDeployments = (
  store: Store,
  rollouts: readonly string[],
): Promise<readonly { rollout: string; state: DeploymentState; count: number }[]> =>
  store.rows(
    query(
      sqlOf
        .selectFrom('deployments as d')
        .select((e) => ['d.rollout', 'd.state', e.fn.countAll<number>().as('count')])
        .where('d.rollout', 'in', rollouts)
        .where((e) =>
          e.not(
            e.exists(
              e
                .selectFrom('deployments as n')
                .select('n.id')
                .whereRef('n.rollout', '=', 'd.rollout')
                .whereRef('n.device', '=', 'd.device')
                .whereRef('n.attempt', '>', 'd.attempt'),
            ),
          ),
        )
        .groupBy(['d.rollout', 'd.state']),
    ),
  );

/** Open deployments of these devices, oldest first. */
export const listOpenDeployments = (store: Store, devices: readonly string[]): Promise<readonly DeploymentRow[]> =>
  store.rows(
    query(
      sqlOf
        .selectFrom('deployments')
        .selectAll()
        .where('device', 'in', devices)
        .where(STATE, 'in', OPEN_STATES)
        .orderBy('id'),
    ),
  );

export const listDeploymentsById = (store: Store, ids: readonly string[]): Promise<readonly DeploymentRow[]> =>
  store.rows(query(sqlOf.selectFrom('deployments').selectAll().where('id', 'in', ids)));

/** Devices that have something open. */
export const listDevicesWithWork = async (store: Store): Promise<readonly string[]> => {
  const rows = await store.rows(
    query(
      sqlOf
        .selectFrom('deployments')
        .select('device')
        .distinct()
        .where('state', 'in', OPEN_STATES)
        // One that only waits for its rollout is none of the device's concern yet.
        .where((e) => e.or([e('admittedAt', 'is not', null), e('deviceState', 'is not', null)])),
    ),
  );
  return rows.map((row) => row.device);
};

/** Devices that still wish a shadow of a rollout which ended at `since` or later, ms since epoch. */
export const listStaleShadows = async (store: Store, since: number): Promise<readonly string[]> => {
  const rows = await store.rows(
    query(
      sqlOf
        .selectFrom('rollouts as r')
        .innerJoin('deployments as d', 'd.rollout', 'r.id')
        .innerJoin('desiredDocs as x', 'x.device', 'd.device')
        .select('d.device')
        .distinct()
        .where('r.slot', 'like', `%${shadowOf('')}`)
        .where('r.endedAt', '>=', since)
        .where(sql<number>`instr(x.slotsJson, d.id)`, '>', 0),
    ),
  );
  return rows.map((row) => row.device);
};

/** The newest deployment that succeeded in each slot of these devices, without those that were rolled back since. */
export const listLastGood = (
  store: Store,
  devices: readonly string[],
): Promise<readonly { device: string; slot: string; id: string | null; manifest: string }[]> =>
  store.rows(
    query(
      sqlOf
        .selectFrom('deployments as d')
        // SQLite takes the other columns from the row that has the maximum (lang_select, bare columns).
        .select((e) => ['device', 'slot', 'manifest', e.fn.max('id').as('id')])
        .where((e) =>
          e.not(
            e.exists(
              e
                .selectFrom('deployments as r')
                .select('r.id')
                .whereRef('r.rollout', '=', 'd.rollout')
                .whereRef('r.device', '=', 'd.device')
                .whereRef('r.attempt', '>', 'd.attempt')
                .where('r.purpose', '=', 'revert'),
            ),
          ),
        )
        .where('device', 'in', devices)
        .where(STATE, 'in', [...SUCCEEDED])
        .groupBy(['device', 'slot']),
    ),
  );
