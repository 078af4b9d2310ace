// Owns the SQL about what a rollout decision rests on: the newest attempt of each of its devices, and who is away or busy.
// Never decides anything.
import { DEVICE_STATES, type DeploymentState, HUB_STATES, TERMINAL } from '@drover/core/deployment/table';
import type { Presence } from './schema.ts';
import { query, type Statement, type Store, sqlOf } from './store.ts';

const OPEN: readonly DeploymentState[] = [...DEVICE_STATES, ...HUB_STATES].filter((state) => !TERMINAL.has(state));

/** The newest attempt of a device, in the order of ids. */
export interface MemberRow {
  readonly id: string;
  readonly device: string;
  readonly state: DeploymentState;
  readonly revision: number;
  readonly code: string | null;
  readonly createdAt: number;
  readonly updatedAt: number;
  readonly deviceState: DeploymentState | null;
  readonly stage: number;
  readonly attempt: number;
  readonly purpose: 'install' | 'revert';
  readonly admittedAt: number | null;
  readonly beforeManifest: string | null;
  /** Null: the device was removed. */
  readonly presence: Presence | null;
  readonly labelsJson: string | null;
  readonly running: string | null;
  readonly progressAt: number | null;
  /** Another rollout let the device in later. */
  readonly isReplaced: number;
}

export const listMembers = (store: Store, rollout: string): Promise<readonly MemberRow[]> =>
  store.rows(
    query(
      sqlOf
        .selectFrom('deployments as d')
        .leftJoin('devices as v', 'v.id', 'd.device')
        .leftJoin('deviceSlots as s', (j) => j.onRef('s.device', '=', 'd.device').onRef('s.slot', '=', 'd.slot'))
        .select([
          'd.id', 'd.device', 'd.state', 'd.revision', 'd.code', 'd.createdAt', 'd.updatedAt', 'd.deviceState', 'd.stage',
          'd.attempt', 'd.purpose', 'd.admittedAt', 'd.beforeManifest', 'v.presence', 'v.labelsJson', 's.running',
        ]) // biome-ignore format: one list
        .select((e) => [
          e.case().when('s.deploymentId', '=', e.ref('d.id')).then(e.ref('s.progressAt')).end().as('progressAt'),
          e
            .exists(
              e
                .selectFrom('deployments as o')
                .select('o.id')
                .whereRef('o.device', '=', 'd.device')
                .whereRef('o.slot', '=', 'd.slot')
                .whereRef('o.id', '>', 'd.id')
                .whereRef('o.rollout', '<>', 'd.rollout')
                .where('o.admittedAt', 'is not', null),
            )
            .as('isReplaced'),
        ])
        .where('d.rollout', '=', rollout)
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
        .orderBy('d.id')
        .$castTo<MemberRow>(),
    ),
  );

/** Presence and labels of every device: what a disruption budget counts. */
export const listPlaces = (store: Store): Promise<readonly { id: string; labelsJson: string; presence: Presence }[]> =>
  store.rows(query(sqlOf.selectFrom('devices').select(['id', 'labelsJson', 'presence'])));

/** Devices that are under way for another rollout than this one. */
export const listBusyElsewhere = async (store: Store, rollout: string): Promise<ReadonlySet<string>> => {
  const rows = await store.rows(
    query(
      sqlOf
        .selectFrom('deployments')
        .select('device')
        .distinct()
        .where('state', 'in', OPEN)
        .where('rollout', '<>', rollout)
        .where('admittedAt', 'is not', null),
    ),
  );
  return new Set(rows.map(({ device }) => device));
};

/** Devices that wait or are under way in these rollouts. */
export const listOpenIn = (
  store: Store,
  rollouts: readonly string[],
): Promise<readonly { rollout: string; device: string }[]> =>
  rollouts.length === 0
    ? Promise.resolve([])
    : store.rows(
        query(
          sqlOf
            .selectFrom('deployments')
            .select(['rollout', 'device'])
            .where('rollout', 'in', rollouts)
            .where('state', 'in', OPEN),
        ),
      );

/** Answers of each device with the version in windows that begin at `from` or later. */
export const countAnswers = async (
  store: Store,
  { manifest, slot, from }: { readonly manifest: string; readonly slot: string; readonly from: number },
): Promise<ReadonlyMap<string, number>> => {
  const rows = await store.rows(
    query(
      sqlOf
        .selectFrom('windows')
        .select((e) => ['device', e.fn.sum<number>('rows').as('rows')])
        .where('startAt', '>=', from)
        .where('manifest', '=', manifest)
        .where('slot', '=', slot)
        .where('role', '=', 'active')
        .groupBy('device'),
    ),
  );
  return new Map(rows.map(({ device, rows: count }) => [device, count]));
};

export const insertHoldOut = (rollout: string, device: string): Statement => ({
  query: query(sqlOf.insertInto('rolloutHoldOuts').values({ rollout, device })),
});

export const countHoldOuts = (
  store: Store,
  rollouts: readonly string[],
): Promise<readonly { rollout: string; count: number }[]> =>
  store.rows(
    query(
      sqlOf
        .selectFrom('rolloutHoldOuts')
        .select((e) => ['rollout', e.fn.countAll<number>().as('count')])
        .where('rollout', 'in', rollouts)
        .groupBy('rollout'),
    ),
  );

/** Devices that are part of the rollout, also those that are held out. */
export const listKnown = async (store: Store, rollout: string): Promise<ReadonlySet<string>> => {
  const rows = await store.rows(
    query(
      sqlOf
        .selectFrom('deployments')
        .select('device')
        .where('rollout', '=', rollout)
        .union(sqlOf.selectFrom('rolloutHoldOuts').select('device').where('rollout', '=', rollout)),
    ),
  );
  return new Set(rows.map(({ device }) => device));
};
