// Owns the SQL about devices: joining, presence, what they report about themselves. Never decides who may connect.
import type { Insertable, Selectable, Updateable } from 'kysely';
import type { DeviceSlotsTable, DevicesTable, Presence } from './schema.ts';
import { query, type Statement, type Store, sqlOf, template } from './store.ts';

export type DeviceRow = Selectable<DevicesTable>;
export type DeviceSlotRow = Selectable<DeviceSlotsTable>;

export interface NewDevice {
  readonly id: string;
  readonly labels: Readonly<Record<string, string>>;
  /** SHA-256 of the secret, in hex. */
  readonly secretHash: string;
  readonly joinedAt: number;
}

/** A conflict ('unique') means that the id is taken. */
export const insertDevice = ({ id, labels, secretHash, joinedAt }: NewDevice): Statement => ({
  query: query(
    sqlOf.insertInto('devices').values({
      id,
      labelsJson: JSON.stringify(labels),
      secretHash,
      joinedAt,
      presence: 'never',
      reportedGeneration: 0,
      stateRevision: 0,
    } as Insertable<DevicesTable>),
  ),
});

export const updateDevice = (id: string, change: Updateable<DevicesTable>): Statement => ({
  query: query(sqlOf.updateTable('devices').set(change).where('id', '=', id)),
});

export const setSecret = (id: string, secretHash: string): Statement => updateDevice(id, { secretHash });
export const setLabels = (id: string, labels: Readonly<Record<string, string>>): Statement =>
  updateDevice(id, { labelsJson: JSON.stringify(labels) });
/** Changes nothing when the labels are not `from` (JSON text as stored) any more. */
export const replaceLabels = (id: string, from: string, labels: Readonly<Record<string, string>>): Statement => ({
  query: query(
    sqlOf
      .updateTable('devices')
      .set({ labelsJson: JSON.stringify(labels) })
      .where('id', '=', id)
      .where('labelsJson', '=', from),
  ),
});
export const deleteDevice = (id: string): Statement => ({
  query: query(sqlOf.deleteFrom('devices').where('id', '=', id)),
});

const byId = template<{ id: string }, DeviceRow>(['id'], ({ id }) =>
  sqlOf.selectFrom('devices').selectAll().where('id', '=', id),
);

export const readDevice = (store: Store, id: string): Promise<DeviceRow | undefined> => store.first(byId({ id }));

/** Devices in the order of their ids, after `cursor`. */
export const listDevices = (store: Store, page: { cursor?: string; limit: number }): Promise<readonly DeviceRow[]> => {
  const base = sqlOf.selectFrom('devices').selectAll().orderBy('id').limit(page.limit);
  return store.rows(query(page.cursor === undefined ? base : base.where('id', '>', page.cursor)));
};

export const listDevicesById = (store: Store, ids: readonly string[]): Promise<readonly DeviceRow[]> =>
  store.rows(query(sqlOf.selectFrom('devices').selectAll().where('id', 'in', ids)));

/** Ids, labels and presence of every device: what a label query is evaluated on. */
export const listDeviceLabels = (
  store: Store,
): Promise<readonly { id: string; labelsJson: string; presence: Presence }[]> =>
  store.rows(query(sqlOf.selectFrom('devices').select(['id', 'labelsJson', 'presence']).orderBy('id')));

export const countDevices = (store: Store): Promise<readonly { presence: Presence; count: number }[]> =>
  store.rows(
    query(
      sqlOf
        .selectFrom('devices')
        .select((e) => ['presence', e.fn.countAll<number>().as('count')])
        .groupBy('presence'),
    ),
  );

const touched = template<{ id: string; lastSeenAt: number }>(['id', 'lastSeenAt'], ({ id, lastSeenAt }) =>
  sqlOf.updateTable('devices').set({ lastSeenAt }).where('id', '=', id),
);
/** Notes that something arrived. */
export const touchDevice = (id: string, lastSeenAt: number): Statement => ({
  query: touched({ id, lastSeenAt }),
  expect: 'any',
});

export interface SessionFacts {
  readonly id: string;
  readonly sessionId: string;
  readonly bootId: string;
  readonly outboxId: string;
  readonly agentVersion: string;
  readonly capabilitiesJson: string;
  readonly reportedGeneration: number;
  readonly lastSeenAt: number;
}

const opened = template<SessionFacts>(
  ['id', 'sessionId', 'bootId', 'outboxId', 'agentVersion', 'capabilitiesJson', 'reportedGeneration', 'lastSeenAt'],
  ({ id, bootId, ...facts }) =>
    sqlOf
      .updateTable('devices')
      .set((e) => ({
        ...facts,
        presence: 'online',
        bootId,
        // Reports are numbered within a boot: another boot starts again.
        stateRevision: e.case().when('bootId', '=', bootId).then(e.ref('stateRevision')).else(0).end(),
      }))
      .where('id', '=', id),
);
/** A hello: this session is the live one. */
export const openSession = (facts: SessionFacts): Statement => ({ query: opened(facts) });

const closed = template<{ id: string; sessionId: string; lastSeenAt: number }>(['id', 'sessionId', 'lastSeenAt'], (h) =>
  sqlOf
    .updateTable('devices')
    .set({ presence: 'offline', sessionId: null, lastSeenAt: h.lastSeenAt })
    .where('id', '=', h.id)
    .where('sessionId', '=', h.sessionId),
);
/** Changes nothing when another session is the live one by now: a stale will cannot end a newer session. */
export const closeSession = (id: string, sessionId: string, lastSeenAt: number): Statement => ({
  query: closed({ id, sessionId, lastSeenAt }),
  expect: 'any',
});

/** After a start of the hub nobody is connected yet. */
export const closeAllSessions = (): Statement => ({
  query: query(
    sqlOf.updateTable('devices').set({ presence: 'offline', sessionId: null }).where('presence', '=', 'online'),
  ),
  expect: 'any',
});

export interface StateFacts {
  readonly id: string;
  readonly bootId: string;
  readonly stateRevision: number;
  readonly reportedGeneration: number;
  readonly healthJson: string;
  readonly desiredCode: string | null;
  readonly desiredDetail: string | null;
  readonly lastSeenAt: number;
}

const stated = template<StateFacts>(
  ['id', 'bootId', 'stateRevision', 'reportedGeneration', 'healthJson', 'desiredCode', 'desiredDetail', 'lastSeenAt'],
  ({ id, bootId, stateRevision, ...facts }) =>
    sqlOf
      .updateTable('devices')
      .set({ ...facts, stateRevision })
      .where('id', '=', id)
      .where('bootId', '=', bootId)
      .where('stateRevision', '<', stateRevision),
);
/** Changes nothing when a newer report of this boot is stored, or another boot is live. */
export const storeState = (facts: StateFacts): Statement => ({ query: stated(facts), expect: 'any' });

/** Those of `devices` that refuse what they should run. */
export const listRefusals = (
  store: Store,
  devices: readonly string[],
): Promise<readonly Pick<DeviceRow, 'id' | 'desiredCode' | 'desiredDetail'>[]> =>
  store.rows(
    query(
      sqlOf
        .selectFrom('devices')
        .select(['id', 'desiredCode', 'desiredDetail'])
        .where('id', 'in', devices)
        .where('desiredCode', 'is not', null),
    ),
  );

const SLOT_COLUMNS = [
  'device', 'slot', 'running', 'previous', 'deploymentId', 'deploymentManifest', 'state', 'revision', 'code', 'detail',
  'enteredAt', 'bytesDone', 'bytesTotal', 'updatedAt', 'progressAt',
] as const; // biome-ignore format: one list

const slotStored = template<DeviceSlotRow>(SLOT_COLUMNS, (row) =>
  sqlOf
    .insertInto('deviceSlots')
    .values(row)
    .onConflict((c) => {
      const { device: _, slot: __, progressAt, ...rest } = row;
      return c.columns(['device', 'slot']).doUpdateSet((e) => ({
        ...rest,
        // A report that repeats itself is no progress.
        progressAt: e
          .case()
          .when(
            e.and([
              e('deviceSlots.deploymentId', 'is', row.deploymentId),
              e('deviceSlots.state', 'is', row.state),
              e('deviceSlots.bytesDone', '=', row.bytesDone),
            ]),
          )
          .then(e.ref('deviceSlots.progressAt'))
          .else(progressAt)
          .end(),
      }));
    }),
);
export const storeSlot = (row: DeviceSlotRow): Statement => ({ query: slotStored(row), expect: 'any' });

/** Drops the slots that the device does not report any more. */
export const dropOtherSlots = (device: string, kept: readonly string[]): Statement => {
  const all = sqlOf.deleteFrom('deviceSlots').where('device', '=', device);
  return { query: query(kept.length === 0 ? all : all.where('slot', 'not in', kept)), expect: 'any' };
};

export const listSlotsOf = (store: Store, devices: readonly string[]): Promise<readonly DeviceSlotRow[]> =>
  store.rows(
    query(sqlOf.selectFrom('deviceSlots').selectAll().where('device', 'in', devices).orderBy('device').orderBy('slot')),
  );

/** How many devices report to run each manifest. */
export const countRunning = (store: Store): Promise<readonly { running: string | null; devices: number }[]> =>
  store.rows(
    query(
      sqlOf
        .selectFrom('deviceSlots')
        .select((e) => ['running', e.fn.countAll<number>().as('devices')])
        .where('running', 'is not', null)
        .groupBy('running'),
    ),
  );
