// Composes a hub from its parts and starts it: the one place where they are handed to each other. Decides nothing else.
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import type { Server as TlsServer } from 'node:tls';
import { makeId } from '@drover/core/ids';
import { accept, type Refusal, type Result, refuse } from '@drover/core/reasons';
import { openPassphrase } from '@drover/trust/passphrase';
import type { Logger } from 'pino';
import { isLoopback, splitAddress } from './address.ts';
import { startCheckpoints } from './audit/checkpoints.ts';
import { recordStart, recordStop } from './audit/lifecycle.ts';
import { openFolderStore } from './blobs/folder-store.ts';
import { openCarrying } from './carry/open-carrying.ts';
import { makeClosers } from './closers.ts';
import type { HubConfig } from './config.ts';
import { type DataFolder, isUsed, openDataFolder, removeHubFile, writeHubFile } from './data-folder.ts';
import { lockData } from './db/data-lock.ts';
import { dropOpenKeys } from './db/idempotency.ts';
import { ensureIdentity } from './db/meta.ts';
import { openStore } from './db/sqlite-store.ts';
import { countUplink, countWindows } from './db/uplink.ts';
import { addAuditRoutes } from './http/audit.ts';
import { type AuthRules, listHosts } from './http/auth.ts';
import { addBlobRoutes } from './http/blobs.ts';
import { addCarryRoutes } from './http/carry.ts';
import { addConfidentialRoutes } from './http/confidential.ts';
import { addDeviceRoutes } from './http/devices.ts';
import { addDeviceBlobRoutes } from './http/devices-door/blobs.ts';
import { addCaRoutes } from './http/devices-door/ca.ts';
import { addEnrolRoutes } from './http/devices-door/enrol.ts';
import { buildDevicesServer, type DevicesApi } from './http/devices-door/server.ts';
import { addEnrolmentRoutes } from './http/enrolment.ts';
import { envelopeToJson } from './http/envelopes.ts';
import type { RouteNeed } from './http/gate.ts';
import { addGroupRoutes } from './http/groups.ts';
import { addHealthRoutes } from './http/health.ts';
import { addLabelRoutes } from './http/labels.ts';
import { addModelSignatureRoutes } from './http/model-signatures.ts';
import { addModelSliceRoutes } from './http/model-slices.ts';
import { addModelRoutes } from './http/models.ts';
import { addOidcRoutes } from './http/oidc.ts';
import { addPeopleRoutes } from './http/people.ts';
import { addReleaseRoutes } from './http/release.ts';
import { addRolloutRoutes } from './http/rollouts.ts';
import { addRunRoutes } from './http/runs.ts';
import { addSampleRoutes } from './http/samples.ts';
import { buildServer } from './http/server.ts';
import { addSignInRoutes } from './http/sign-in.ts';
import { admitCertificate, admitSecret } from './identity/admission.ts';
import { keepServerCertificate } from './identity/hub-authority.ts';
import { makeNonces } from './identity/renew.ts';
import { bareHost, boundPort, explainListen, listServerNames, nameHost, openTls } from './listen.ts';
import { openMetrics } from './metrics.ts';
import { openArms } from './monitoring/measure-arms.ts';
import { openModelFacts } from './monitoring/model-facts.ts';
import { countPresence } from './monitoring/presence.ts';
import { type MqttSide, startMqtt } from './mqtt/start-mqtt.ts';
import { openKeys } from './open-keys.ts';
import { openPeople } from './open-people.ts';
import { openMakeProcess } from './patches/make-process.ts';
import { startPatches } from './patches/patches.ts';
import { identify } from './people/identify.ts';
import { openCliRequests } from './people/oidc-cli.ts';
import { openSetup } from './people/setup.ts';
import { listReadyChecks } from './ready-checks.ts';
import { listRegistered } from './registry/entry.ts';
import { signOlderVersions } from './registry/model-signature.ts';
import { openTrial } from './registry/trial.ts';
import type { AskFor } from './release/keyring.ts';
import { newestRoot } from './release/open.ts';
import { startRenewer } from './release/renew.ts';
import { type Reconciler, startReconciler } from './rollouts/tick.ts';
import { openSealing } from './sealing/sealing.ts';
import { startWatching } from './start-watching.ts';
import { openRunner } from './training/runner.ts';

export interface RunningHub {
  readonly httpUrl: string;
  readonly mqttUrl: string;
  /** Where agents enrol, renew and fetch. */
  readonly devicesUrl: string;
  readonly hubId: string;
  readonly data: DataFolder;
  /** Key files that were made at this start. */
  readonly created: readonly string[];
  /** Every HTTP route with what it needs. */
  readonly routes: readonly RouteNeed[];
  /** The code that makes an admin, where one was made at this start; shown once. */
  readonly setup: { readonly code: string; readonly expiresAt: number } | undefined;
  /** Takes nothing more, finishes what is under way, closes the database. */
  stop(): Promise<void>;
}

export const readVersion = (): string => {
  const { version } = JSON.parse(readFileSync(path.join(import.meta.dirname, '../package.json'), 'utf8')) as {
    version: string;
  };
  return version;
};

const QUEUED_RUNS = 100;
const JOB_GRACE_MS = 10_000;

export async function startHub(
  config: HubConfig,
  log: Logger,
  /** Opens encrypted keys; without one they stay closed. */
  passphrase: AskFor = openPassphrase({ file: config.passphraseFile, env: {} }),
): Promise<Result<RunningHub>> {
  const now = Date.now;
  const startedAt = now();
  const version = readVersion();
  const given = openTls(config);
  if (!given.ok) return given;
  // Refused later all the same; here it leaves nothing behind.
  if (!config.dev && !isUsed(config.data))
    return refuse('keys_not_installed', `None in ${path.join(config.data, 'keys')}.`);
  const data = openDataFolder(config.data);
  const lock = lockData(data.lock);
  if (!lock.ok) return lock;
  const closers = makeClosers(log);
  closers.push(() => lock.value.release());
  const fail = async (refusal: Refusal): Promise<Refusal> => {
    await closers.closeAll();
    return refusal;
  };

  const opened = openStore(data.database, now());
  if (!opened.ok) return fail(opened);
  const store = opened.value;
  closers.push(() => store.close());
  const newId = (): string => makeId(now(), randomBytes(10));
  const identity = await ensureIdentity(store, { hubId: newId(), createdAt: now() });
  const { hubId } = identity;
  const keysDeps = {
    folder: data.keys,
    isDev: config.dev,
    passphrase,
    store,
    now,
    listRegistered: () => listRegistered(store),
  };
  const keys = await openKeys(keysDeps, config, hubId);
  if (!keys.ok) return fail(keys);
  const { release, audit, oms, authority, created } = keys.value;
  const { repository, director } = release;
  const releaseDeps = { repository, keyring: release.keyring, now };
  const certificate = await keepServerCertificate({
    authority,
    names: listServerNames(config),
    now,
    failed: (error) => log.error({ err: error }, 'the server certificate could not be renewed'),
  });
  closers.push(() => certificate.close());
  const devicesTls = () => ({ ...certificate.current(), ca: authority.pem });
  await store.commit([dropOpenKeys()]);
  await recordStart(store, hubId, now(), { version, keys: keys.value.ids, config });
  const checkpoints = await startCheckpoints({ store, signer: audit, hubId, file: data.checkpointFile, now, log });
  closers.push(async () => {
    await recordStop(store, hubId, now());
    await checkpoints.close();
  });
  await signOlderVersions({ store, now }, oms);
  const blobs = await openFolderStore(data.blobs, config.blobQuotaGb * 1024 ** 3);
  const openedPeople = openPeople({ store, config, tokenFile: data.tokenFile, now, newId, log });
  if (!openedPeople.ok) return fail(openedPeople);
  const people = openedPeople.value;
  const { oidc, localToken } = people;
  const registry = { store, blobs, trusted: release, release: releaseDeps, trial: openTrial(), now };
  const runner = openRunner({
    ...registry,
    manifests: release.manifests,
    oms,
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
  const patches = await startPatches({
    store,
    blobs,
    make: openMakeProcess(),
    folder: data.patches,
    graceMs: config.recipeWaitSeconds * 1000,
    now,
    log,
  });
  closers.push(() => patches.close());
  const mqttAddress = splitAddress(config.mqtt);
  // The broker reports to the rollouts and they send through the broker: one of the two comes first.
  let rollouts: Reconciler | undefined;
  let mqtt: MqttSide;
  // Known once the listener is open.
  let devicesUrl = '';
  try {
    mqtt = await startMqtt({
      store,
      blobs,
      log,
      hubId,
      now,
      newId,
      onReported: (device) => rollouts?.poke(device),
      listDeltas: patches.listWays,
      sealing: openSealing({ store, blobs, hubKey: keys.value.sealing, now }),
      readMetadata: repository.readMetadata,
      pathsOf: repository.pathsOf,
      host: bareHost(mqttAddress.host),
      port: mqttAddress.port,
      perSite: config.siteTransfers,
      mirrors: () => [
        ...config.mirrors,
        ...(config.httpDelivery === 'on' && devicesUrl !== '' ? [`${devicesUrl}/d/v1/blobs/{sha256}`] : []),
      ],
      ...(config.dev ? {} : { tls: devicesTls() }),
    });
  } catch (error) {
    return fail(explainListen(error, 'mqtt', config.mqtt));
  }
  closers.push(() => mqtt.close());
  const issuing = {
    store,
    director,
    policy: {
      windowMs: config.windowSeconds * 1000,
      windowEpochAt: identity.createdAt,
      probationMs: config.probationSeconds * 1000,
    },
    now,
    onDesired: (device: string) => {
      // Made also for devices that are asleep: it is there when they wake.
      patches.poke();
      void mqtt.sendDesired(device).catch((error: unknown) => log.error({ err: error, device }, 'not sent'));
    },
  };
  const measureArms = openArms({ store, readFacts: openModelFacts({ store, blobs }) });
  const reconciler = startReconciler({ ...issuing, log, measureArms });
  rollouts = reconciler;
  closers.push(() => reconciler.close());
  const renewer = startRenewer({ ...releaseDeps, store, log });
  closers.push(() => renewer.close());
  const carrying = openCarrying({ issuing, reconciler, mqtt, blobs, repository, hubId, newId, data, config });
  const mqttScheme = config.dev ? 'mqtt' : 'mqtts';
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
  const endSession = (device: string): void => {
    void mqtt
      .disconnect(device)
      .catch((error: unknown) => log.error({ err: error, device }, 'a session was not ended'));
    // A device that was removed takes its deployments along.
    reconciler.poke(device);
  };
  const enrolment = {
    store,
    authority,
    now,
    newId,
    certDays: config.deviceCertDays,
    endSession,
    warn: (facts: Readonly<Record<string, unknown>>, message: string) => log.warn(facts, message),
  };
  const scheme = config.dev ? 'http' : 'https';
  // Known once its listener is open, which is before anybody can ask.
  const devicesAddress = splitAddress(config.devices);
  const devices = await buildDevicesServer({
    log,
    tls: config.dev ? undefined : devicesTls(),
    now,
    admitCertificate: (peer) => admitCertificate(store, peer, now()),
    admitSecret: (device, secret) => admitSecret(store, device, secret),
    observe: metrics.observeRequest,
    routes: [
      (to) => addCaRoutes(to, { caPem: authority.pem, fingerprint: authority.fingerprint }),
      (to) =>
        addEnrolRoutes(to, {
          ...enrolment,
          hubId,
          root: async () => envelopeToJson(await release.signOldRoot()),
          readRoot: async () => newestRoot(repository),
          urls: () => ({ mqttUrl, devicesUrl }),
          nonces: makeNonces(now),
        }),
      ...(config.httpDelivery === 'on'
        ? [(to: DevicesApi) => addDeviceBlobRoutes(to, { blobs, ...mqtt.delivery })]
        : []),
    ],
  });
  closers.push(() => devices.api.close());
  try {
    await devices.api.listen({ host: bareHost(devicesAddress.host), port: devicesAddress.port });
  } catch (error) {
    return fail(explainListen(error, 'devices', config.devices));
  }
  const devicesPort = boundPort(devices.api.server.address(), devicesAddress.port);
  devicesUrl = config.devicesUrl ?? `${scheme}://${nameHost(devicesAddress.host, config)}:${devicesPort}`;
  const httpAddress = splitAddress(config.http);
  const watching = await startWatching({ store, blobs, config, hubId, version, startedAt, now, newId, log });
  if (!watching.ok) return fail(watching);
  closers.push(() => watching.value.close());
  // No host is allowed until the port is known.
  let rules: AuthRules = { hosts: new Set(), scheme };
  const shared = { store, now };
  const roots = async () => ({
    root: envelopeToJson(await release.signOldRoot()),
    tufRoot: Buffer.from(newestRoot(repository)).toString('base64'),
  });
  const { api, routes } = await buildServer({
    log,
    rules: () => rules,
    identify: (credentials) => identify(people, credentials),
    tls: config.dev ? undefined : (given.value ?? certificate.current()),
    version,
    now,
    observe: metrics.observeRequest,
    routes: [
      (to) => addHealthRoutes(to, { checks: listReadyChecks(store, data.root, mqtt, renewer), metrics }),
      (to, parts) =>
        addSignInRoutes(to, { ...people, hasOidc: oidc !== undefined, hasLocalToken: localToken !== undefined }, parts),
      (to) => addPeopleRoutes(to, people),
      (to, parts) => addOidcRoutes(to, { ...people, oidc, cliRequests: openCliRequests(now), scheme }, parts),
      (to) => addBlobRoutes(to, { ...shared, blobs, maxBytes: config.maxBlobMb * 1024 * 1024 }),
      (to) => addModelRoutes(to, registry),
      (to) => addConfidentialRoutes(to, shared),
      (to) => addModelSliceRoutes(to, shared),
      (to) => addModelSignatureRoutes(to, shared),
      (to) => addRunRoutes(to, { ...shared, runner }),
      (to) => addDeviceRoutes(to, { ...shared, isDev: config.dev, hubId, roots, mqttUrl, devicesUrl, endSession }),
      (to) => addEnrolmentRoutes(to, { ...enrolment, devicesUrl, isDev: config.dev }),
      (to) => addCarryRoutes(to, carrying),
      (to) => addGroupRoutes(to, shared),
      (to) => addRolloutRoutes(to, { ...shared, reconciler, pathsOf: repository.pathsOf }),
      (to) => addAuditRoutes(to, { store, hubId, checkpoints }),
      (to) => addReleaseRoutes(to, { ...shared, release: releaseDeps, onRotated: () => void reconciler.pokeAll() }),
      (to) => addSampleRoutes(to, shared),
      (to) => addLabelRoutes(to, { ...shared, sendCmd: mqtt.sendCmd }),
      (to) => watching.value.addRoutes(to),
    ],
  });
  closers.push(() => api.close());
  try {
    await api.listen({ host: bareHost(httpAddress.host), port: httpAddress.port });
  } catch (error) {
    return fail(explainListen(error, 'http', config.http));
  }
  const port = boundPort(api.server.address(), httpAddress.port);
  const host = nameHost(httpAddress.host, config);
  const bound = { host, port, isLoopback: isLoopback(httpAddress.host) };
  rules = { ...rules, hosts: listHosts(bound, config.allowHosts, scheme) };
  const httpUrl = `${scheme}://${host}:${port}`;
  certificate.onRenewed((renewed) => {
    devices.renewTls(devicesTls());
    mqtt.renewTls(devicesTls());
    if (given.value === undefined && !config.dev) (api.server as unknown as TlsServer).setSecureContext(renewed);
  });
  await runner.recover();
  // Last: a start that failed before this one printed a code must not have ended the code of the one before.
  const setup = localToken === undefined || config.setupCode ? await openSetup(people, config.setupCode) : undefined;
  const caFile = config.dev ? undefined : keys.value.caFile;
  writeHubFile(data.hubFile, { pid: process.pid, httpUrl, mqttUrl, devicesUrl, hubId, ...(caFile && { caFile }) });
  closers.push(() => removeHubFile(data.hubFile));
  log.info({ httpUrl, mqttUrl, devicesUrl, hubId, data: data.root, mode: config.dev ? 'dev' : 'tls' }, 'ready');
  return accept({
    httpUrl,
    mqttUrl,
    devicesUrl,
    hubId,
    data,
    created,
    routes,
    setup: setup && { code: setup.code, expiresAt: setup.expiresAt },
    stop: closers.closeAll,
  });
}
