// Owns the SQL of what alerts watch: devices with their presence, and what their slots run. Never judges a row.
import type { DeviceSlotsTable, DevicesTable } from './schema.ts';
import { query, type Store, sqlOf } from './store.ts';

export type WatchedDevice = Pick<DevicesTable, 'id' | 'labelsJson' | 'presence' | 'lastSeenAt' | 'healthJson'> & {
  /** End of its certificate; null without one. */
  readonly notAfter: number | null;
  /** When entries of it were last lost; null: never since the hub looks. */
  readonly lostAt: number | null;
};
export const listWatchedDevices = (store: Store): Promise<readonly WatchedDevice[]> =>
  store.rows(
    query(
      sqlOf
        .selectFrom('devices')
        .leftJoin('deviceIdentities', 'deviceIdentities.device', 'devices.id')
        .select((e) => [
          'devices.id',
          'devices.labelsJson',
          'devices.presence',
          'devices.lastSeenAt',
          'devices.healthJson',
          'deviceIdentities.notAfter',
          e
            .selectFrom('outboxes')
            .select((o) => o.fn.max('outboxes.lostAt').as('lostAt'))
            .whereRef('outboxes.device', '=', 'devices.id')
            .as('lostAt'),
        ]),
    ),
  );

export type SlotState = Pick<
  DeviceSlotsTable,
  'device' | 'slot' | 'running' | 'deploymentId' | 'deploymentManifest' | 'state' | 'code' | 'detail'
>;
export const listSlotStates = (store: Store): Promise<readonly SlotState[]> =>
  store.rows(
    query(
      sqlOf
        .selectFrom('deviceSlots')
        .select(['device', 'slot', 'running', 'deploymentId', 'deploymentManifest', 'state', 'code', 'detail']),
    ),
  );
