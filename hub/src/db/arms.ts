// Owns the SQL of what named devices answered in a time. Never sums it up.
import { query, type Store, sqlOf } from './store.ts';

export interface ArmSpan {
  readonly slot: string;
  readonly devices: readonly string[];
  /** Windows that begin in [from, to), ms since epoch. */
  readonly from: number;
  readonly to: number;
}

export interface ArmWindow {
  readonly device: string;
  readonly manifest: string;
  readonly endAt: number;
  readonly rows: number;
  readonly errors: number;
  readonly stats: Uint8Array;
}

export const listArmWindows = (store: Store, { slot, devices, from, to }: ArmSpan): Promise<readonly ArmWindow[]> =>
  store.rows(
    query(
      sqlOf
        .selectFrom('windows')
        .select(['device', 'manifest', 'endAt', 'rows', 'errors', 'stats'])
        .where('startAt', '>=', from)
        .where('startAt', '<', to)
        .where('slot', '=', slot)
        .where('role', '=', 'active')
        .where('device', 'in', devices),
    ),
  );

export interface ArmLabels {
  readonly device: string;
  readonly manifest: string;
  readonly counts: Uint8Array;
}

export const listArmLabels = (store: Store, { slot, devices, from, to }: ArmSpan): Promise<readonly ArmLabels[]> =>
  store.rows(
    query(
      sqlOf
        .selectFrom('windowLabels')
        .select(['device', 'manifest', 'counts'])
        .where('startAt', '>=', from)
        .where('startAt', '<', to)
        .where('slot', '=', slot)
        .where('role', '=', 'active')
        .where('device', 'in', devices),
    ),
  );
