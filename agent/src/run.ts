// Builds one running agent from its parts and takes it down again. The only place where the parts meet; decides nothing.
import { randomBytes } from 'node:crypto';
import path from 'node:path';
import { makeId } from '@drover/core/ids';
import { accept, type Result } from '@drover/core/reasons';
import type { InferenceRuntime } from '@drover/infer/runtime';
import type { Logger } from 'pino';
import { type AgentLoop, startLoop } from './agent.ts';
import { makeClock } from './clock.ts';
import { makeCommandRunner } from './commands.ts';
import type { RunConfig } from './config.ts';
import { makeHealthReader, readCapabilities } from './health.ts';
import { readIdentity } from './identity.ts';
import { takeDesired } from './intake.ts';
import { makeFetcher } from './link/download.ts';
import { type Link, makeLink } from './link/mqtt.ts';
import { loadOpener } from './link/open.ts';
import { makeUplink } from './link/uplink.ts';
import { openLabelBook } from './observe/labels.ts';
import { PredictionRing } from './observe/predictions.ts';
import { DEFAULT_WINDOWS, openWindowBook } from './observe/windows.ts';
import { makeReporter } from './report.ts';
import { makeReadings } from './sense/readings.ts';
import { type LocalServer, startServer } from './serve/http.ts';
import { serveModel } from './serve/served-model.ts';
import { makeServedSlots } from './serve/slots.ts';
import { type Holdings, reportSlots } from './snapshot.ts';
import { makeExecutors } from './steps.ts';
import { openBlobStore } from './store/blobs.ts';
import { openDatabase } from './store/database.ts';
import { openDesiredStore } from './store/desired.ts';
import { removeFile, replaceFile } from './store/durable-file.ts';
import { lockDataDir } from './store/exclusive.ts';
import { openJournal } from './store/journal.ts';
import { openLabelStore } from './store/label-store.ts';
import { openOutbox } from './store/outbox.ts';
import { openSlotStore } from './store/slots.ts';
import { AGENT_VERSION } from './version.ts';

export interface RunningAgent {
  readonly httpUrl: string | null;
  readonly socket: string | null;
  readonly device: string;
  stop(): Promise<void>;
}

const LABEL_FLUSH_MS = 2000;
const WINDOW_TICK_MS = 60_000;
/** After a connect, the desired document comes first; without one a download goes on after this time. */
const ENTITLED_MS = 2000;
/** A connected agent that ends waits this long for the hub to take the last windows; the outbox keeps them otherwise. */
const DRAIN_MS = 1500;

const clientHost = (host: string): string => {
  const reachable = host === '0.0.0.0' ? '127.0.0.1' : host === '::' ? '::1' : host;
  return reachable.includes(':') ? `[${reachable}]` : reachable;
};

export async function startAgent(config: RunConfig, log: Logger): Promise<Result<RunningAgent>> {
  const { dataDir } = config;
  const who = readIdentity(dataDir);
  if (!who.ok) return who;
  const { identity, trust } = who.value;
  const openMqtt = await loadOpener(identity.mqttUrl);
  const lock = lockDataDir(dataDir);
  if (!lock.ok) return lock;
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
  if (journal.begin(clock.now())) log.warn('the process before this one did not end cleanly');
  const desired = openDesiredStore(db, trust);
  for (const { code, detail } of desired.problems) log.error({ code, detail }, 'a stored document is not believed');
  const blobs = openBlobStore(dataDir);
  const slots = openSlotStore(dataDir);
  const served = makeServedSlots();
  const loadFailed = new Map<string, string>();
  const holdings: Holdings = { slots, journal, desired, blobs, served, loadFailed, deferred: new Map() };

  const policy = desired.held()?.document.policy ?? DEFAULT_WINDOWS;
  const windows = openWindowBook({ clock, bootId, outbox, policy });
  const ring = new PredictionRing();
  const labels = openLabelBook({ clock, bootId, ring, outbox, store: openLabelStore(db) });
  const readings = makeReadings({
    served, labels, mono: clock.mono, labelColumn: config.labelColumn, labelDelayMs: config.labelDelayMs,
    onFirstRefusal: ({ code, detail }) => log.warn({ code, detail }, 'a reading was refused; more of the same are only counted'),
  }); // biome-ignore format: one record

  let ort: InferenceRuntime | undefined;
  let runtime: Promise<Result<InferenceRuntime>> | undefined;
  const openRuntimeOnce = (): Promise<Result<InferenceRuntime>> => {
    // Loaded with the first model: an agent without one stays small.
    runtime ??= import('@drover/infer/open').then(async ({ openRuntime }) => {
      const found = await openRuntime(config.runtime);
      if (found.ok) {
        ort = found.value;
        // The hello of this session could not name it yet.
        link?.greet();
      }
      return found;
    });
    return runtime;
  };

  let windowTimer: NodeJS.Timeout | undefined;
  const tickWindows = (): void => {
    windows.tick();
    clearTimeout(windowTimer);
    windowTimer = setTimeout(tickWindows, Math.min(WINDOW_TICK_MS, Math.max(10, windows.dueAt() - clock.now())));
  };

  const readHealth = makeHealthReader(blobs, outbox, clock.mono);
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
  });

  const fetcher = makeFetcher({
    blobs,
    mono: clock.mono,
    isConnected,
    ask: (req) => link?.send('req', req),
    onProgress: reporter.progressed,
  });

  const executors = makeExecutors({
    ...holdings, loadFailed, clock, fetcher,
    random: Math.random,
    runtime: openRuntimeOnce,
    admit: (slot, model) => {
      const stream = windows.open(slot, 'active', model.digest, model.reference);
      if (model.predictor) labels.register(model.digest, model.predictor.layout.answer, model.reference?.prefix);
      return serveModel(model, stream, { bootId, ring, mono: clock.mono });
    },
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

  const onCmd = makeCommandRunner({ clock, outbox, labels, fetcher, reporter });
  let entitled: NodeJS.Timeout | undefined;
  /** The hub knows by now what this device may fetch. */
  const goOnFetching = (): void => {
    clearTimeout(entitled);
    entitled = undefined;
    fetcher.onConnected();
  };

  const badMessages: Record<string, number> = {};
  link = makeLink({
    url: identity.mqttUrl,
    open: openMqtt,
    device: identity.device,
    secret: identity.secret,
    bootId,
    newId,
    clock,
    random: Math.random,
    handlers: {
      hello: (sessionId) => {
        const { outboxId, oldestSeq, nextSeq } = outbox.counts();
        return {
          outboxId, bootId, sessionId, oldestSeq, nextSeq,
          agentVersion: AGENT_VERSION,
          capabilities: readCapabilities(ort?.name ?? '', ort?.version ?? ''),
          generation: generation(),
          slots: slotReports(),
        }; // biome-ignore format: one record
      },
      onConnected: () => {
        log.info({ url: identity.mqttUrl }, 'connected to the hub');
        uplink.start();
        entitled = setTimeout(goOnFetching, ENTITLED_MS);
        reporter.send();
        loop?.wake();
      },
      onDisconnected: () => {
        log.warn('the connection to the hub ended; readings and statistics are kept');
        clearTimeout(entitled);
        entitled = undefined;
        uplink.stop();
      },
      onDesired: (arrived) => {
        const taken = takeDesired(arrived, {
          device: identity.device,
          trust,
          store: desired,
          clock,
          onNoRoom: ({ slots: wished }) => {
            for (const [slot, { deploymentId, manifest }] of Object.entries(wished)) {
              if (manifest !== null) holdings.deferred.set(slot, { deploymentId, manifest, at: clock.now() });
            }
          },
        });
        if (entitled !== undefined) goOnFetching();
        if (taken === 'repeat') return reporter.changed();
        if (taken !== 'taken') {
          log.error({ code: taken.code, detail: taken.detail }, 'a desired document was refused');
          reporter.setRefusal({ code: taken.code, detail: taken.detail.slice(0, 1000) });
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
        tickWindows();
        reporter.changed();
        loop?.wake();
      },
      onAck: uplink.onAck,
      onCmd,
      onBeat: uplink.onBeat,
      onChunk: fetcher.onChunk,
      onBadMessage: ({ code, detail }) => {
        badMessages[code] = (badMessages[code] ?? 0) + 1;
        if (badMessages[code] === 1)
          log.warn({ code, detail }, 'a message cannot be used; more of the same are only counted');
      },
      onFault: (error) =>
        log.error({ error: String(error) }, 'a message could not be dealt with; the hub sends it again'),
      onTrouble: (message) => log.warn({ url: identity.mqttUrl }, `connection: ${message}`),
    },
  });

  const status = (): Record<string, unknown> => ({
    device: identity.device,
    hub: {
      url: identity.mqttUrl,
      connected: isConnected(),
      generation: generation(),
      desiredRefusal: reporter.refusal() ?? null,
    },
    agent: { version: AGENT_VERSION, bootId, runtime: ort?.name ?? null, pid: process.pid },
    slots: slotReports().map((slot) => {
      const model = served.get(slot.slot);
      const { manifest } = model ?? {};
      return {
        ...slot,
        ...(manifest && {
          model: manifest.model,
          version: manifest.version,
          features: manifest.features,
          task: manifest.task,
        }),
      };
    }),
    outbox: outbox.counts(),
    health: readHealth(),
    readings: readings.counts(),
    labels: labels.counts(),
    badMessages,
  });

  const servers: LocalServer[] = [];
  const closeAll = async (): Promise<void> => {
    // Also when the start failed: a timer that runs on would keep the process from ending.
    reporter.stop();
    for (const server of servers) await server.close();
    db.close();
    lock.value();
  };
  for (const at of [config.http, config.socket === undefined ? undefined : { socket: config.socket }]) {
    if (!at) continue;
    const server = await startServer(at, { served, labels, readings, status });
    if (!server.ok) {
      journal.end();
      await closeAll();
      return server;
    }
    servers.push(server.value);
  }
  const port = servers[0]?.port;
  const httpUrl = config.http && port !== undefined ? `http://${clientHost(config.http.host)}:${port}` : null;
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

  tickWindows();
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
    readings.stop();
    for (const timer of [windowTimer, entitled]) clearTimeout(timer);
    clearInterval(labelTimer);
    await loop?.stop();
    for (const server of servers.splice(0)) await server.close();
    for (const [slot] of served.list()) served.remove(slot, 'shutdown');
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
