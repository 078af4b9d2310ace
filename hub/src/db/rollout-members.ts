// Owns the SQL about what a rollout decision rests on: the newest attempt of each of its devices, and who is away or busy.
// Never decides anything.
import { DEVICE_STATES, type DeploymentState, HUB_STATES, SUCCEEDED } from '@drover/core/deployment/table';
import type { SlotRole } from '@drover/wire/messages';
import { sql } from 'kysely';
import { OPEN_STATES } from './rollouts.ts';
import type { Presence } from './schema.ts';
import { query, type Statement, type Store, sqlOf } from './store.ts';

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
  /** Another rollout brings it back. */
  readonly isGoingBack: number;
}

/** As in db/rollouts: one rollout is asked for, not the index on the state. */
const STATE = sql<DeploymentState>`+d.state`;

const CHOSEN = [
  'd.id', 'd.device', 'd.state', 'd.revision', 'd.code', 'd.createdAt', 'd.updatedAt', 'd.deviceState', 'd.stage', 'd.attempt', 'd.purpose',
  'd.admittedAt', 'd.beforeManifest',
] as const; // biome-ignore format: one list

/** With all that is known of each. */
const listDetailed = (
  store: Store,
  rollout: string,
  states: readonly DeploymentState[],
): Promise<readonly MemberRow[]> =>
  store.rows(
    query(
      sqlOf
        .selectFrom('deployments as d')
        .leftJoin('devices as v', 'v.id', 'd.device')
        .leftJoin('deviceSlots as s', (j) => j.onRef('s.device', '=', 'd.device').onRef('s.slot', '=', 'd.slot'))
        .select([...CHOSEN, 'v.presence', 'v.labelsJson', 's.running'])
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
          e
            .exists(
              e
                .selectFrom('deployments as b')
                .select('b.id')
                .whereRef('b.device', '=', 'd.device')
                .whereRef('b.slot', '=', 'd.slot')
                .whereRef('b.rollout', '<>', 'd.rollout')
                .where('b.purpose', '=', 'revert')
                .where(sql<DeploymentState>`+b.state`, 'in', OPEN_STATES),
            )
            .as('isGoingBack'),
        ])
        .where('d.rollout', '=', rollout)
        .where(STATE, 'in', states)
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

/** Only what counts of devices that have the version while a rollout goes forward: then they have no newer attempt. */
const listThrough = async (store: Store, rollout: string): Promise<readonly MemberRow[]> => {
  const rows = await store.rows(
    query(
      sqlOf
        .selectFrom('deployments as d')
        .select(CHOSEN)
        .where('d.rollout', '=', rollout)
        .where(STATE, 'in', [...SUCCEEDED])
        .orderBy('d.id'),
    ),
  );
  const unknown = {
    presence: null,
    labelsJson: null,
    running: null,
    progressAt: null,
    isReplaced: 0,
    isGoingBack: 0,
  } as const;
  return rows.map((row) => ({ ...row, ...unknown }));
};

/** In the order of ids. `isBrief`: of those that are through only what counts while it goes forward. */
export async function listMembers(store: Store, rollout: string, isBrief: boolean): Promise<readonly MemberRow[]> {
  const all: readonly DeploymentState[] = [...DEVICE_STATES, ...HUB_STATES];
  if (!isBrief) return listDetailed(store, rollout, all);
  const others = await listDetailed(
    store,
    rollout,
    all.filter((state) => !SUCCEEDED.has(state)),
  );
  const through = await listThrough(store, rollout);
  return [...others, ...through].toSorted((a, b) => (a.id < b.id ? -1 : 1));
}

/** For each value of the label: devices that are away, or under way for another rollout than this one. */
export const countUnavailable = async (
  store: Store,
  rollout: string,
  label: string,
): Promise<ReadonlyMap<string, number>> => {
  const rows = await store.rows(
    query(
      sqlOf
        .selectFrom('devices')
        .select((e) => [
          sql<string | null>`json_extract(labelsJson, ${`$."${label}"`})`.as('place'),
          e.fn.countAll<number>().as('count'),
        ])
        .where((e) =>
          e.or([
            e('presence', '=', 'offline'),
            e(
              'id',
              'in',
              e
                .selectFrom('deployments')
                .select('device')
                .where('state', 'in', OPEN_STATES)
                .where('rollout', '<>', rollout)
                .where('admittedAt', 'is not', null),
            ),
          ]),
        )
        .groupBy('place'),
    ),
  );
  return new Map(rows.flatMap(({ place, count }) => (place === null ? [] : [[place, count] as const])));
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
            .where('state', 'in', OPEN_STATES),
        ),
      );

/** Of devices that may still leave unnoticed: they have not said anything of it yet. */
export const listUnbegun = (
  store: Store,
  rollout: string,
): Promise<readonly Pick<MemberRow, 'id' | 'device' | 'state' | 'revision'>[]> =>
  store.rows(
    query(
      sqlOf
        .selectFrom('deployments as d')
        .select(['d.id', 'd.device', 'd.state', 'd.revision'])
        .where('d.rollout', '=', rollout)
        .where('d.purpose', '=', 'install')
        .where('d.deviceState', 'is', null)
        .where(STATE, 'in', OPEN_STATES),
    ),
  );

/** Answers of each device with the version in windows that begin at `from` or later, and requests without one. */
export const countAnswers = async (
  store: Store,
  {
    manifest,
    slot,
    role,
    from,
  }: { readonly manifest: string; readonly slot: string; readonly role: SlotRole; readonly from: number },
): Promise<ReadonlyMap<string, { readonly answers: number; readonly errors: number }>> => {
  const rows = await store.rows(
    query(
      sqlOf
        .selectFrom('windows')
        .select((e) => ['device', e.fn.sum<number>('rows').as('answers'), e.fn.sum<number>('errors').as('errors')])
        .where('startAt', '>=', from)
        .where('manifest', '=', manifest)
        .where('slot', '=', slot)
        .where('role', '=', role)
        .groupBy('device'),
    ),
  );
  return new Map(rows.map(({ device, answers, errors }) => [device, { answers, errors }]));
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
