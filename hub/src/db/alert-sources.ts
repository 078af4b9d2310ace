// Owns the SQL of what alerts watch: devices with their presence, and what their slots run. Never judges a row.
import type { DeviceSlotsTable, DevicesTable } from './schema.ts';
import { query, type Store, sqlOf } from './store.ts';

export type WatchedDevice = Pick<DevicesTable, 'id' | 'labelsJson' | 'presence' | 'lastSeenAt'>;
export const listWatchedDevices = (store: Store): Promise<readonly WatchedDevice[]> =>
  store.rows(query(sqlOf.selectFrom('devices').select(['id', 'labelsJson', 'presence', 'lastSeenAt'])));

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
