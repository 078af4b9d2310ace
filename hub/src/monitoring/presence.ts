// Counts how many devices there are and how many of them are connected. Never names one.
import { countDevices } from '../db/devices.ts';
import type { Store } from '../db/store.ts';

export async function countPresence(store: Store): Promise<{ total: number; online: number }> {
  const rows = await countDevices(store);
  const online = rows.find(({ presence }) => presence === 'online')?.count ?? 0;
  return { total: rows.reduce((sum, { count }) => sum + count, 0), online };
}
