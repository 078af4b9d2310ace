// Decides what "ready" asks: database, broker, release metadata, room on the disk. Never serves the answer (http/health.ts).
import { statfs } from 'node:fs/promises';
import { countModels } from './db/models.ts';
import type { Store } from './db/store.ts';
import type { ReadyCheck } from './http/health.ts';
import type { MqttSide } from './mqtt/start-mqtt.ts';
import type { Renewer } from './release/renew.ts';

const MIN_FREE_BYTES = 64 * 1024 * 1024;

/** `folder` is where the hub writes. */
export const listReadyChecks = (
  store: Store,
  folder: string,
  mqtt: Pick<MqttSide, 'isHealthy'>,
  renewer: Pick<Renewer, 'health'>,
): ReadyCheck[] => [
  { name: 'database', check: async () => void (await countModels(store)) },
  { name: 'broker', check: async () => (mqtt.isHealthy() ? undefined : 'messages cannot be stored') },
  { name: 'release metadata', check: async () => renewer.health() },
  {
    name: 'disk',
    check: async () => {
      const { bavail, bsize } = await statfs(folder);
      const free = bavail * bsize;
      return free < MIN_FREE_BYTES ? `only ${Math.floor(free / 1024 / 1024)} MiB are free` : undefined;
    },
  },
];
