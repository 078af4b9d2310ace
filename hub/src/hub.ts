// Composes a hub from its parts and starts it: the one place where they are handed to each other. Decides nothing else.
import { randomBytes } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { statfs } from 'node:fs/promises';
import { hostname } from 'node:os';
import path from 'node:path';
import { makeId } from '@drover/core/ids';
import { accept, type Refusal, type Result, refuse } from '@drover/core/reasons';
import type { Logger } from 'pino';
import { openFolderStore } from './blobs/folder-store.ts';
import { type HubConfig, isLoopback, splitAddress } from './config.ts';
import { type DataFolder, openDataFolder, openToken, removeHubFile, writeHubFile } from './data-folder.ts';
import { lockData } from './db/data-lock.ts';
import { countDevices } from './db/devices.ts';
import { dropOpenKeys } from './db/idempotency.ts';
import { ensureIdentity } from './db/meta.ts';
import { countModels } from './db/models.ts';
import { openStore } from './db/sqlite-store.ts';
import type { Store } from './db/store.ts';
import { countUplink, countWindows } from './db/uplink.ts';
import { type AuthRules, hashToken, listHosts } from './http/auth.ts';
import { addBlobRoutes } from './http/blobs.ts';
import { addDeviceRoutes } from './http/devices.ts';
import { envelopeToJson } from './http/envelopes.ts';
import { addHealthRoutes, type ReadyCheck } from './http/health.ts';
import { addLabelRoutes } from './http/labels.ts';
import { addModelRoutes } from './http/models.ts';
import { addMonitoringRoutes } from './http/monitoring.ts';
import { addRolloutRoutes } from './http/rollouts.ts';
import { addRunRoutes } from './http/runs.ts';
import { buildServer } from './http/server.ts';
import { openKeys } from './keys.ts';
import { openMetrics } from './metrics.ts';
import { readStatus } from './monitoring/status.ts';
import { openSummaries } from './monitoring/summary.ts';
import { type MqttSide, startMqtt } from './mqtt/start-mqtt.ts';
import { openTrial } from './registry/trial.ts';
import { type Reconciler, startReconciler } from './rollouts/tick.ts';
import { openRunner } from './training/runner.ts';

export interface RunningHub {
  readonly httpUrl: string;
  readonly mqttUrl: string;
  readonly hubId: string;
  readonly data: DataFolder;
  /** Key files that were made at this start. */
  readonly created: readonly string[];
  /** Takes nothing more, finishes what is under way, closes the database. */
  stop(): Promise<void>;
}

export const readVersion = (): string => {
  const { version } = JSON.parse(readFileSync(path.join(import.meta.dirname, '../package.json'), 'utf8')) as {
    version: string;
  };
  return version;
};

const MIN_FREE_BYTES = 64 * 1024 * 1024;
const QUEUED_RUNS = 100;
const JOB_GRACE_MS = 10_000;

interface Tls {
  readonly cert: Buffer;
  readonly key: Buffer;
}

function openTls(config: HubConfig): Result<Tls | undefined> {
  const { tlsCertFile, tlsKeyFile } = config;
  if (tlsCertFile === undefined || tlsKeyFile === undefined) return accept(undefined);
  try {
    const { mode } = statSync(tlsKeyFile);
    if ((mode & 0o077) !== 0)
      return refuse('key_invalid', `"${tlsKeyFile}" has mode ${(mode & 0o777).toString(8)}; make it 600.`);
    return accept({ cert: readFileSync(tlsCertFile), key: readFileSync(tlsKeyFile) });
  } catch (error) {
    return refuse(
      'config_invalid',
      `The TLS files cannot be read: ${error instanceof Error ? error.message : 'unknown'}.`,
    );
  }
}

/** What a listener that cannot be opened means for a person. */
function explainListen(error: unknown, flag: 'http' | 'mqtt', address: string): Refusal {
  const { code, message } = error as NodeJS.ErrnoException;
  if (code === 'EADDRINUSE')
    return refuse('port_taken', `${address} is taken; choose another with --${flag} HOST:PORT.`);
  if (code === 'EACCES')
    return refuse('config_invalid', `This user may not listen on ${address}; choose a port above 1023 with --${flag}.`);
  return refuse('config_invalid', `--${flag} ${address}: ${message}.`);
}

/** The host that others can name: a wildcard is no address. */
const nameHost = (host: string, config: HubConfig): string =>
  host === '0.0.0.0' || host === '[::]' ? (config.allowHosts[0]?.replace(/:[0-9]+$/, '') ?? hostname()) : host;

/** An IPv6 address as the system wants it: without brackets. */
const bareHost = (host: string): string => host.replace(/^\[|\]$/g, '');

async function countPresence(store: Store): Promise<{ total: number; online: number }> {
  const rows = await countDevices(store);
  const online = rows.find(({ presence }) => presence === 'online')?.count ?? 0;
  return { total: rows.reduce((sum, { count }) => sum + count, 0), online };
}

const listChecks = (store: Store, data: DataFolder, mqtt: MqttSide): ReadyCheck[] => [
  { name: 'database', check: async () => void (await countModels(store)) },
  { name: 'broker', check: async () => (mqtt.isHealthy() ? undefined : 'messages cannot be stored') },
  {
    name: 'disk',
    check: async () => {
      const { bavail, bsize } = await statfs(data.root);
      const free = bavail * bsize;
      return free < MIN_FREE_BYTES ? `only ${Math.floor(free / 1024 / 1024)} MiB are free` : undefined;
    },
  },
];

export async function startHub(config: HubConfig, log: Logger): Promise<Result<RunningHub>> {
  const now = Date.now;
  const startedAt = now();
  const version = readVersion();
  const tls = openTls(config);
  if (!tls.ok) return tls;
  const data = openDataFolder(config.data);
  const lock = lockData(data.lock);
  if (!lock.ok) return lock;
  /** Undone in reverse when a later step fails, and at the end. */
  const closers: (() => Promise<void> | void)[] = [() => lock.value.release()];
  const closeAll = async (): Promise<void> => {
    for (const close of closers.splice(0).toReversed()) {
      try {
        await close();
      } catch (error) {
        log.error({ err: error }, 'closing failed');
      }
    }
  };
  const fail = async (refusal: Refusal): Promise<Refusal> => {
    await closeAll();
    return refusal;
  };

  const opened = openStore(data.database, now());
  if (!opened.ok) return fail(opened);
  const store = opened.value;
  closers.push(() => store.close());
  const keys = await openKeys(data.keys);
  if (!keys.ok) return fail(keys);
  const { release, director, trusted, root, created } = keys.value;
  const newId = (): string => makeId(now(), randomBytes(10));
  const identity = await ensureIdentity(store, { hubId: newId(), createdAt: now() });
  const { hubId } = identity;
  await store.commit([dropOpenKeys()]);
  const blobs = await openFolderStore(data.blobs, config.blobQuotaGb * 1024 ** 3);
  const token = openToken(data.tokenFile);
  const registry = { store, blobs, trusted, trial: openTrial(), now };
  const runner = openRunner({
    ...registry,
    release,
    jobs: data.jobs,
    makeId: newId,
    log,
    version,
    limits: {
      memoryMb: config.trainingMemoryMb,
      seconds: config.trainingSeconds,
      queued: QUEUED_RUNS,
      graceMs: JOB_GRACE_MS,
    },
  });
  closers.push(() => runner.stop());

  const mqttAddress = splitAddress(config.mqtt);
  // The broker reports to the rollouts and they send through the broker: one of the two comes first.
  let rollouts: Reconciler | undefined;
  let mqtt: MqttSide;
  try {
    mqtt = await startMqtt({
      store,
      blobs,
      log,
      hubId,
      now,
      newId,
      onReported: (device) => rollouts?.poke(device),
      host: bareHost(mqttAddress.host),
      port: mqttAddress.port,
      ...(tls.value && { tls: tls.value }),
    });
  } catch (error) {
    return fail(explainListen(error, 'mqtt', config.mqtt));
  }
  closers.push(() => mqtt.close());
  const reconciler = startReconciler({
    store,
    director,
    policy: {
      windowMs: config.windowSeconds * 1000,
      windowEpochAt: identity.createdAt,
      probationMs: config.probationSeconds * 1000,
    },
    now,
    log,
    onDesired: (device) =>
      void mqtt.sendDesired(device).catch((error: unknown) => log.error({ err: error, device }, 'not sent')),
  });
  rollouts = reconciler;
  closers.push(() => reconciler.close());
  const mqttScheme = tls.value === undefined ? 'mqtt' : 'mqtts';
  const mqttUrl = config.mqttUrl ?? `${mqttScheme}://${nameHost(mqttAddress.host, config)}:${mqtt.port}`;

  const metrics = openMetrics(
    {
      devices: () => countPresence(store),
      uplink: () => countUplink(store),
      windows: () => countWindows(store),
      runs: () => runner.counts(),
      mqtt: () => mqtt.counts(),
    },
    version,
  );
  const scheme = tls.value === undefined ? 'http' : 'https';
  const httpAddress = splitAddress(config.http);
  // No host is allowed until the port is known.
  let rules: AuthRules = { hosts: new Set(), tokenHash: hashToken(token), scheme };
  const shared = { store, now };
  const endSession = (device: string): void => {
    void mqtt
      .disconnect(device)
      .catch((error: unknown) => log.error({ err: error, device }, 'a session was not ended'));
    // A device that was removed takes its deployments along.
    reconciler.poke(device);
  };
  const api = await buildServer({
    log,
    rules: () => rules,
    tls: tls.value,
    version,
    now,
    observe: metrics.observeRequest,
    routes: [
      (to) => addHealthRoutes(to, { checks: listChecks(store, data, mqtt), metrics }),
      (to) => addBlobRoutes(to, { ...shared, blobs, maxBytes: config.maxBlobMb * 1024 * 1024 }),
      (to) => addModelRoutes(to, registry),
      (to) => addRunRoutes(to, { ...shared, runner }),
      (to) => addDeviceRoutes(to, { ...shared, hubId, root: envelopeToJson(root), mqttUrl, endSession }),
      (to) => addRolloutRoutes(to, { ...shared, reconciler }),
      (to) => addLabelRoutes(to, { ...shared, sendCmd: mqtt.sendCmd }),
      (to) =>
        addMonitoringRoutes(to, {
          summarise: openSummaries({ store, blobs }),
          status: () =>
            readStatus(store, {
              hubId,
              version,
              mode: config.dev ? 'dev' : 'tls',
              startedAt,
              windowSeconds: config.windowSeconds,
            }),
        }),
    ],
  });
  closers.push(() => api.close());
  try {
    await api.listen({ host: bareHost(httpAddress.host), port: httpAddress.port });
  } catch (error) {
    return fail(explainListen(error, 'http', config.http));
  }
  const address = api.server.address();
  const port = typeof address === 'object' && address !== null ? address.port : httpAddress.port;
  const host = nameHost(httpAddress.host, config);
  const bound = { host, port, isLoopback: isLoopback(httpAddress.host) };
  rules = { ...rules, hosts: listHosts(bound, config.allowHosts, scheme) };
  const httpUrl = `${scheme}://${host}:${port}`;
  await runner.recover();
  writeHubFile(data.hubFile, { pid: process.pid, httpUrl, mqttUrl, hubId });
  closers.push(() => removeHubFile(data.hubFile));
  log.info({ httpUrl, mqttUrl, hubId, data: data.root, mode: config.dev ? 'dev' : 'tls' }, 'ready');
  return accept({ httpUrl, mqttUrl, hubId, data, created, stop: closeAll });
}
