// Puts together what watches the fleet: what is counted and kept, what drifts, what is told to people; and their routes.
// Composition for hub.ts; the rules are elsewhere.
import { accept, type Result } from '@drover/core/reasons';
import type { Logger } from 'pino';
import { startAlerting } from './alerts/open-alerting.ts';
import type { BlobStore } from './blobs/blob-store.ts';
import type { HubConfig } from './config.ts';
import type { Store } from './db/store.ts';
import { addAlertRoutes } from './http/alerts.ts';
import { addMonitoringRoutes } from './http/monitoring.ts';
import type { Api } from './http/server.ts';
import { openMonitoring } from './monitoring/open-monitoring.ts';
import { readStatus } from './monitoring/status.ts';

export interface WatchingDeps {
  readonly store: Store;
  readonly blobs: BlobStore;
  readonly config: HubConfig;
  readonly hubId: string;
  readonly version: string;
  readonly startedAt: number;
  readonly now: () => number;
  readonly newId: () => string;
  readonly log: Logger;
}

export interface Watching {
  addRoutes(api: Api): void;
  close(): Promise<void>;
}

export async function startWatching(deps: WatchingDeps): Promise<Result<Watching>> {
  const { store, blobs, config, hubId, version, startedAt, now, newId, log } = deps;
  const monitoring = openMonitoring({ store, blobs, now, config, log });
  const alerting = await startAlerting({ store, monitoring, config, hubId, now, newId, log });
  if (!alerting.ok) {
    await monitoring.close();
    return alerting;
  }
  const mode = config.dev ? ('dev' as const) : ('tls' as const);
  const status = () => readStatus(store, { hubId, version, mode, startedAt, windowSeconds: config.windowSeconds });
  return accept({
    addRoutes(api) {
      addMonitoringRoutes(api, { ...monitoring, status });
      addAlertRoutes(api, alerting.value);
    },
    async close() {
      await alerting.value.close();
      await monitoring.close();
    },
  });
}
