// Gathers the hub at a glance: devices, models, rollouts, runs, ingest. Reads the database, never writes it.
import type { Status } from '@drover/wire/http/monitoring';
import type { Static } from 'typebox';
import { countDevices } from '../db/devices.ts';
import { countModels } from '../db/models.ts';
import { listLiveRollouts } from '../db/rollouts.ts';
import { listRunsIn } from '../db/runs.ts';
import { countInSync } from '../db/status-counts.ts';
import type { Store } from '../db/store.ts';
import { countUplink, countWindows } from '../db/uplink.ts';

export interface HubFacts {
  readonly hubId: string;
  readonly version: string;
  readonly mode: 'dev' | 'tls';
  readonly startedAt: number;
  readonly windowSeconds: number;
}

export async function readStatus(store: Store, hub: HubFacts): Promise<Static<typeof Status>> {
  const [presence, inSync, models, rollouts, runs, uplink, windows] = await Promise.all([
    countDevices(store),
    countInSync(store),
    countModels(store),
    listLiveRollouts(store),
    listRunsIn(store, ['running']),
    countUplink(store),
    countWindows(store),
  ]);
  return {
    hubId: hub.hubId,
    version: hub.version,
    mode: hub.mode,
    startedAt: new Date(hub.startedAt).toISOString(),
    windowSeconds: hub.windowSeconds,
    devices: {
      total: presence.reduce((sum, { count }) => sum + count, 0),
      online: presence.find((row) => row.presence === 'online')?.count ?? 0,
      inSync,
    },
    models,
    rollouts: { running: rollouts.length },
    runs: { running: runs.length },
    ingest: {
      entries: uplink.entries,
      windows: windows.windows,
      refused: uplink.refused,
      lost: uplink.lost,
      predictions: windows.rows,
    },
  };
}
