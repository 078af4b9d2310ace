// Builds one running agent from its parts and takes it down again. The only place where the parts meet; decides nothing.

import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import path from 'node:path';
import { makeId } from '@drover/core/ids';
import { accept, type Result } from '@drover/core/reasons';
import { SHADOW_FEATURE } from '@drover/core/shadow';
import type { Logger } from 'pino';
import { type AgentLoop, startLoop } from './agent.ts';
import { startCapture } from './capture/start.ts';
import { makeClock } from './clock.ts';
import { makeCommandRunner } from './commands.ts';
import { type RunConfig, urlOf } from './config.ts';
import { openDecisions } from './decisions/open.ts';
import { openRenewal } from './enrol/open-renewal.ts';
import { openFetching } from './fetch/open-fetching.ts';
import { makeHealthReader } from './health.ts';
import { readIdentity } from './identity.ts';
import { type Intake, type IntakeDeps, makeIntake } from './intake.ts';
import { makeHello } from './link/hello.ts';
import { makeMetadataLink } from './link/metadata.ts';
import { type Link, makeLink } from './link/mqtt.ts';
import { loadOpener } from './link/open.ts';
import { makeQuietCount } from './link/quiet-count.ts';
import { makeUplink } from './link/uplink.ts';
import { openLabelBook } from './observe/labels.ts';
import { PredictionRing } from './observe/predictions.ts';
import { makeWindowTimer } from './observe/window-timer.ts';
import { DEFAULT_WINDOWS, openWindowBook } from './observe/windows.ts';
import { openReleaseTrust } from './release/trust.ts';
import { makeReporter } from './report.ts';
import { makeReadings } from './sense/readings.ts';
import { makeAdmission } from './serve/admit.ts';
import { makeAnswerCounts } from './serve/answer-counts.ts';
import { makeModelLoader } from './serve/load-model.ts';
import { type Doors, openDoors } from './serve/open-doors.ts';
import { makeRuntimeOnce } from './serve/runtime-once.ts';
import { makeServedSlots } from './serve/slots.ts';
import { deferWishes, type Holdings, listInstalled, reportSlots } from './snapshot.ts';
import { makeStatus } from './status.ts';
import { makeExecutors } from './steps.ts';
import { openBlobStore } from './store/blobs.ts';
import { openDatabase } from './store/database.ts';
import { openDayBudget } from './store/day-budget.ts';
import { openDesiredStore } from './store/desired.ts';
import { removeFile, replaceFile } from './store/durable-file.ts';
import { lockDataDir } from './store/exclusive.ts';
import { openJournal } from './store/journal.ts';
import { openLabelStore } from './store/label-store.ts';
import { openOutbox } from './store/outbox.ts';
import { openSealingKey } from './store/sealing-key.ts';
import { openSlotStore } from './store/slots.ts';

export interface RunningAgent {
  readonly httpUrl: string | null;
  readonly socket: string | null;
  readonly device: string;
  stop(): Promise<void>;
}

const LABEL_FLUSH_MS = 2000;
/** What hello says this agent can do beside the contract of 0.1. */
const FEATURES = ['pieces', 'broadcast', 'delta/1', 'sealed/1', SHADOW_FEATURE];
/** After a connect, the desired document comes first; without one a download goes on after this time. */
const ENTITLED_MS = 2000;
/** A connected agent that ends waits this long for the hub to take the last windows; the outbox keeps them otherwise. */
const DRAIN_MS = 1500;

export async function startAgent(config: RunConfig, log: Logger): Promise<Result<RunningAgent>> {
  const { dataDir } = config;
  const who = readIdentity(dataDir);
  if (!who.ok) return who;
  const { identity, legacy } = who.value;
  const lock = lockDataDir(dataDir);
  if (!lock.ok) return lock;
  const sealingKey = openSealingKey(dataDir);
  if (!sealingKey.ok) {
    lock.value();
    return sealingKey;
  }
  const opened = openDatabase(dataDir);
  if (!opened.ok) {
    lock.value();
    return opened;
  }
  const db = opened.value;
  const newId = (): string => makeId(Math.max(0, Date.now()), randomBytes(10));
  const bootId = newId();

  const outbox = openOutbox(db, newId);
  const journal = openJournal(db, outbox);
  const clock = makeClock(undefined, undefined, journal.signedAt());
  const renewing = await openRenewal(dataDir, identity, clock, log, () => {
    link?.reconnect();
    doors?.cache?.renew();
  });
  if (!renewing.ok) {
    db.close();
    lock.value();
    return renewing;
  }
  const renewal = renewing.value;
  const openMqtt = await loadOpener(identity.mqttUrl, renewal?.tls);
  if (journal.begin(clock.now())) log.warn('the process before this one did not end cleanly');
  const metadataLink = makeMetadataLink({ isConnected: () => isConnected(), ask: (req) => link?.askMetadata(req) });
  const isPerson = config.release === 'person' || identity.release === 'person';
  const trust = openReleaseTrust({
    dataDir,
    source: metadataLink,
    now: clock.now,
    release: isPerson ? 'person' : 'any',
    legacy,
    onRoot: ({ version: rootVersion }, keysChanged) => {
      log.info({ rootVersion, keysChanged }, 'a newer root of the release metadata is held');
      if (!keysChanged) return;
      clock.forgetSigned();
      desired.forgetSignedAt();
      // What runs is not touched; the hub sends a document that the new director signed.
      if (desired.recheck()) link?.greet();
    },
  });
  // What runs goes on; only nothing new can be believed.
  if (trust.problem)
    log.error({ code: trust.problem.code, detail: trust.problem.detail }, 'no root can be used: join again');
  const desired = openDesiredStore(db, trust.verifyDesired, legacy);
  for (const { code, detail } of desired.problems) log.error({ code, detail }, 'a stored document is not believed');
  const blobs = openBlobStore(dataDir, { device: identity.device, privateKey: sealingKey.value.privateKey });
  const slots = openSlotStore(dataDir);
  const served = makeServedSlots();
  const loadFailed = new Map<string, string>();
  const isHeld = (): boolean => config.holdFile !== undefined && existsSync(config.holdFile);
  const holdings: Holdings = { slots, journal, desired, blobs, served, loadFailed, isHeld, deferred: new Map() };

  const policy = desired.held()?.document.policy ?? DEFAULT_WINDOWS;
  const windows = openWindowBook({
    clock, bootId, outbox, policy, isBlurred: config.raw === 'deny',
    budget: config.telemetryBytes > 0 ? openDayBudget(db, 'windows', config.telemetryBytes) : undefined,
  }); // biome-ignore format: one record
  const ring = new PredictionRing();
  const labels = openLabelBook({ clock, bootId, ring, outbox, store: openLabelStore(db) });
  const readings = makeReadings({
    served, labels, mono: clock.mono, labelColumn: config.labelColumn, labelDelayMs: config.labelDelayMs,
    onFirstRefusal: ({ code, detail }) => log.warn({ code, detail }, 'a reading was refused; more of the same are only counted'),
  }); // biome-ignore format: one record

  // The hello of this session could not name it yet.
  const runtime = makeRuntimeOnce(config.runtime, () => link?.greet());

  const load = makeModelLoader({ desired, blobs, runtime: runtime.open });
  const decisions = openDecisions({
    dataDir, policy: config.decisions, bytes: config.decisionBytes, bootId, now: clock.now, served, load,
    warn: (message, detail) => log.warn(detail, message),
  }); // biome-ignore format: one record

  const answers = makeAnswerCounts();
  const capturing = startCapture({ db, config, bootId, now: clock.now, random: Math.random, outbox });
  const admission = makeAdmission({
    windows, labels, bootId, ring, mono: clock.mono, decisions: decisions.log, answers, capture: capturing?.capture, personal: new Set(config.personal), slots, served, load,
    log: (message, detail) => log.warn(detail, message),
  }); // biome-ignore format: one record

  const windowTimer = makeWindowTimer(windows, outbox, clock);
  const readHealth = makeHealthReader(blobs, outbox, answers, clock.mono, () => link?.connections() ?? 0);
  let link: Link | undefined;
  let loop: AgentLoop | undefined;
  const isConnected = (): boolean => link?.isConnected() ?? false;
  const generation = (): number => desired.held()?.generation ?? 0;
  const slotReports = () => reportSlots(holdings);
  const reporter = makeReporter({
    bootId,
    isConnected,
    generation,
    slots: slotReports,
    health: readHealth,
    sendState: (state) => link?.sendState(state),
    kept: { dataDir, clock, log, runtime: runtime.opened },
  });

  let doors: Doors | undefined;
  const { fetcher, mqttFetch } = openFetching({
    identity,
    blobs,
    tls: renewal?.tls,
    httpDelivery: config.httpDelivery,
    mono: clock.mono,
    random: Math.random,
    isConnected,
    ask: (req) => link?.send('req', req),
    listen: (digest, on) => link?.listen(digest, on),
    onProgress: reporter.progressed,
    log,
  });

  const executors = makeExecutors({
    ...holdings, loadFailed, clock, fetcher,
    random: Math.random,
    load,
    admit: admission.admit,
    allowedSlots: config.slots && new Set(config.slots),
    log: (level, message, detail) => log[level](detail, message),
  }); // biome-ignore format: one record

  const uplink = makeUplink({
    outbox,
    bootId,
    now: clock.now,
    mono: clock.mono,
    random: Math.random,
    send: (up) => link?.send('up', up),
    onIgnoredAck: ({ lastSeq }) =>
      log.warn({ lastSeq }, 'an ack is not believed: another outbox, or beyond what was sent'),
    onRefused: (refused) =>
      log.warn(
        { refused: refused.slice(0, 5), count: refused.length },
        'the hub refused entries; they are in quarantine',
      ),
  });
  outbox.onAppend = uplink.wake;

  const onCmd = makeCommandRunner({ clock, outbox, labels, fetcher, mqttFetch, reporter });
  let entitled: NodeJS.Timeout | undefined;
  /** The hub knows by now what this device may fetch. */
  const goOnFetching = (): void => {
    clearTimeout(entitled);
    entitled = undefined;
    mqttFetch.onConnected();
  };

  const onIntake: IntakeDeps['onOutcome'] = (outcome, arrived) => {
    if (outcome === 'taken' || outcome === 'repeat') fetcher.setOffers(arrived.offers);
    if (outcome === 'repeat') return reporter.changed();
    if (outcome !== 'taken') {
      log.error({ code: outcome.code, detail: outcome.detail }, 'a desired document was refused');
      reporter.setRefusal({ code: outcome.code, detail: outcome.detail.slice(0, 1000) });
      return reporter.send();
    }
    holdings.deferred.clear();
    const held = desired.held();
    const isExpired = held !== undefined && Date.parse(held.document.expiresAt) <= clock.now();
    // It is held all the same: a clock that is wrong is set one day.
    reporter.setRefusal(isExpired ? { code: 'desired_expired', detail: held.document.expiresAt } : undefined);
    log.info({ generation: held?.generation }, 'a new desired document is held');
    if (held) windows.setPolicy(held.document.policy);
    // A shorter window is due before the timer that the longer one set.
    windowTimer.tick();
    reporter.changed();
    loop?.wake();
  };

  const intake: Intake = makeIntake({
    device: identity.device,
    trust,
    store: desired,
    clock,
    random: Math.random,
    installed: () => listInstalled(holdings),
    onNoRoom: ({ slots: wished }) => deferWishes(holdings, wished, clock.now()),
    onOutcome: onIntake,
    onFault: (error) =>
      log.error({ error: String(error) }, 'a desired document could not be dealt with; it comes again'),
  });

  const badMessages = makeQuietCount((code, detail) =>
    log.warn({ code, detail }, 'a message cannot be used; more of the same are only counted'),
  );
  link = makeLink({
    identity,
    open: openMqtt,
    reconnectMaxMs: config.reconnectMaxMs,
    bootId,
    newId,
    clock,
    random: Math.random,
    handlers: {
      hello: makeHello({
        outbox, bootId, generation, runtime, slots: slotReports, features: FEATURES,
        sealingKey: sealingKey.value.publicKey, cacheUrl: () => doors?.cache?.url,
      }), // biome-ignore format: one record
      onConnected: () => {
        log.info({ url: identity.mqttUrl }, 'connected to the hub');
        uplink.start();
        intake.connected();
        entitled = setTimeout(goOnFetching, ENTITLED_MS);
        reporter.send();
        loop?.wake();
      },
      onRefused: () => renewal?.suspect(),
      onDisconnected: () => {
        log.warn('the connection to the hub ended; readings and statistics are kept');
        clearTimeout(entitled);
        entitled = undefined;
        uplink.stop();
        metadataLink.onDisconnected();
      },
      onDesired: (arrived) => {
        intake.offer(arrived);
        if (entitled !== undefined) goOnFetching();
      },
      onAck: uplink.onAck,
      onCmd,
      onBeat: uplink.onBeat,
      onMetadata: metadataLink.onMetadata,
      onChunk: mqttFetch.onChunk,
      onBadMessage: ({ code, detail }) => badMessages.add(code, detail),
      onFault: (error) =>
        log.error({ error: String(error) }, 'a message could not be dealt with; the hub sends it again'),
      onTrouble: (message) => log.warn({ url: identity.mqttUrl }, `connection: ${message}`),
    },
  });

  const status = makeStatus({
    identity, bootId, isPerson, isConnected, generation, reporter, renewal, trust, runtime, served, outbox, readings, labels,
    decisions, answers, capture: capturing?.capture, fetcher, badMessages, slots: slotReports, health: readHealth,
  }); // biome-ignore format: one record

  const closeAll = async (): Promise<void> => {
    // Also when the start failed: a timer that runs on would keep the process from ending.
    reporter.stop();
    await doors?.close();
    decisions.close();
    db.close();
    lock.value();
  };
  const opening = await openDoors({
    at: [config.http, config.socket === undefined ? undefined : { socket: config.socket }],
    local: { served, labels, readings, replay: decisions.replay, status },
    cacheAt: config.cache,
    cache: { blobs, tls: renewal?.tls, log: (message, detail) => log.warn(detail, message) },
  });
  if (!opening.ok) {
    journal.end();
    await closeAll();
    return opening;
  }
  doors = opening.value;
  const { port } = doors;
  const httpUrl = config.http && port !== undefined ? urlOf(config.http.host, port) : null;
  const socket = config.socket ?? null;

  loop = startLoop({
    holdings,
    executors,
    clock,
    isConnected,
    report: reporter.changed,
    log: (level, message, detail) => log[level](detail, message),
  });
  link.start();
  renewal?.start();
  windowTimer.tick();
  const labelTimer = setInterval(labels.flush, LABEL_FLUSH_MS);
  const sensing = new AbortController();
  if (config.source) {
    const { startSource } = await import('./sense/source.ts');
    startSource(config.source, {
      slot: config.slot,
      rate: config.rate,
      served,
      readings,
      mono: clock.mono,
      signal: sensing.signal,
      log: (level, message, detail) => log[level](detail, message),
    });
  }

  const readyFile = path.join(dataDir, 'run', 'agent.json');
  replaceFile(readyFile, `${JSON.stringify({ pid: process.pid, httpUrl, socket, device: identity.device })}\n`);

  async function stop(): Promise<void> {
    sensing.abort();
    renewal?.stop();
    readings.stop();
    reporter.seal();
    windowTimer.stop();
    clearTimeout(entitled);
    clearInterval(labelTimer);
    metadataLink.onDisconnected();
    await intake.stop();
    await loop?.stop();
    await doors?.close();
    for (const [slot] of served.list()) served.remove(slot, 'shutdown');
    await admission.stop();
    capturing?.stop();
    labels.flush();
    labels.save();
    await uplink.drain(DRAIN_MS);
    uplink.stop();
    await link?.stop();
    journal.end();
    removeFile(readyFile);
    await closeAll();
  }

  if (!config.http && !config.socket && !config.source)
    log.warn('neither --http, --socket nor --source: nothing can ask for predictions');
  return accept({ httpUrl, socket, device: identity.device, stop });
}
