// Puts the MQTT side of the hub together: broker, sessions, ingest, and what is sent down. Never speaks HTTP.
import { setTimeout as sleep } from 'node:timers/promises';
import { type Refusal, type Result, refuse } from '@drover/core/reasons';
import type { BlobRef } from '@drover/trust/documents';
import { encodeMessage } from '@drover/wire/encode';
import type { Cmd, Source, Stamp } from '@drover/wire/messages';
import { readMessage } from '@drover/wire/read';
import { downTopic, HUB_TOPIC, isSharedTopic, parseTopic, sharedDigestOf } from '@drover/wire/topics';
import type { Logger } from 'pino';
import type { BlobStore } from '../blobs/blob-store.ts';
import { commitWithAudit } from '../db/audit.ts';
import { closeAllSessions } from '../db/devices.ts';
import type { Store } from '../db/store.ts';
import { type Ingest, type IngestCounts, makeIngest } from '../uplink/ingest.ts';
import { checkConnect, checkIdentity, checkOther, checkSubscribe, readPublish } from './authorize.ts';
import {
  type Broker,
  type BrokerTls,
  type ConnectAttempt,
  type DeviceConnection,
  openBroker,
  type Published,
} from './broker.ts';
import type { ReadChunk } from './chunk-cache.ts';
import { CHUNK_LIMITS, type ChunkCounts, makeChunkServer } from './chunks.ts';
import { makeCmdSender } from './cmds.ts';
import { makeDesiredSender } from './desired.ts';
import { makeMetadataServer, type ReadMetadata } from './metadata.ts';
import { makeNeighbours } from './neighbours.ts';
import { mirrorsOf } from './offers.ts';
import { makeQuietLog } from './quiet-log.ts';
import { makeSessions, type Session } from './sessions.ts';
import type { SealingSide } from './wares.ts';

export interface MqttDeps {
  readonly store: Store;
  readonly blobs: BlobStore;
  readonly readMetadata: ReadMetadata;
  /** Where the release metadata lists a manifest, the best path first. */
  readonly pathsOf: (manifest: string) => Promise<readonly string[]>;
  readonly log: Logger;
  readonly hubId: string;
  readonly now: () => number;
  readonly newId: () => string;
  /** Something that a rollout decision rests on was stored: a hello, a state, a deployment report, an end of a session. */
  readonly onReported: (device: string) => void;
  /** Recipes from what the device holds; it may wait a bounded time for one that is being made. */
  readonly sealing?: SealingSide;
  readonly listDeltas?: (device: string, blob: BlobRef) => Promise<readonly Source[]>;
  readonly host: string;
  readonly port: number;
  /** With it every device must show a certificate of its CA; without it a device has id and secret. */
  readonly tls?: BrokerTls;
  readonly maxConnections?: number;
  /** Devices of one site that fetch at the same time. */
  readonly perSite?: number;
  /** Addresses where artifacts are found by HTTPS, with `{sha256}` in the place of the digest; known once listeners are open. */
  readonly mirrors?: () => readonly string[];
}

export interface MqttCounts {
  readonly connections: number;
  readonly ingest: Readonly<IngestCounts>;
  readonly chunks: ChunkCounts;
  /** Refusals by reason code. */
  readonly refusals: ReadonlyMap<string, number>;
}

export interface MqttSide {
  readonly port: number;
  /** Call it when the desired document of a device changed. */
  sendDesired(device: string): Promise<void>;
  sendCmd(device: string, body: Cmd['body'], ttlMs: number): Promise<Result<string>>;
  /** Ends the device's connection, also one that is just being admitted: its secret changed, or it was revoked. */
  disconnect(device: string): Promise<void>;
  renewTls(tls: BrokerTls): void;
  isOnline(device: string): boolean;
  /** What the devices' HTTPS listener goes by when it serves artifacts: the same rules as here. */
  readonly delivery: {
    entitled(device: string): Promise<ReadonlySet<string>>;
    takeTurn(device: string): number;
    readonly readChunk: ReadChunk;
  };
  /** False while messages cannot be stored. */
  isHealthy(): boolean;
  counts(): MqttCounts;
  /** The one way into the database for what devices say; another door uses it too, because it knows where outboxes stand. */
  readonly ingest: Pick<Ingest, 'receive'>;
  /** Resolves when all that came until now is stored. */
  settle(): Promise<void>;
  close(): Promise<void>;
}

const BEAT_MS = 10_000;
const TICK_MS = 5_000;
/** How long a CONNECT may stand between admission and its session. */
const ADMISSION_MS = 20_000;
const ONCE_TTL_MS = 60_000;
const MAX_CONNECTIONS = 20_000;

export async function startMqtt(deps: MqttDeps): Promise<MqttSide> {
  const { store, blobs, log, hubId, now, newId } = deps;
  const quiet = makeQuietLog(log, now);
  const sessions = makeSessions();
  const mono = (): number => Math.floor(performance.now());
  const stamp = (): Stamp => ({ sentAt: now(), sentMono: mono() });
  const failed = (error: unknown): void => log.error({ err: error }, 'the MQTT side failed; it goes on');
  const background = (work: Promise<unknown>): void => void work.catch(failed);
  /** Devices between admission and session, until when. */
  const admitting = new Map<string, number>();
  /** Devices whose admission is under way and does not hold any more. */
  const barred = new Set<string>();
  let broker: Broker | undefined;

  await store.commit([closeAllSessions()]);

  const desired = makeDesiredSender({
    store,
    sessions,
    stamp,
    now,
    pathsOf: deps.pathsOf,
    // Within a site first, so that its link is spared; then what is smaller than the whole.
    ways: [
      (session, blob) => neighbours.waysTo(session, blob),
      (session, blob) => (session.features.has('delta/1') ? (deps.listDeltas?.(session.device, blob) ?? []) : []),
      (session, blob) =>
        mirrorsOf(blob, deps.mirrors?.() ?? [], session.site !== undefined && neighbours.hasCache(session.site)),
    ],
    ...(deps.sealing && { sealing: deps.sealing }),
    unsealable: (device, { code, detail }) =>
      quiet.warn(code, { device, detail }, 'a confidential artifact was not offered'),
    broken: (device, why) => log.error({ device, why }, 'a desired document cannot be sent'),
  });
  const cmds = makeCmdSender({ store, sessions, stamp, now, newId });
  const chunks = makeChunkServer({
    blobs,
    mono,
    failed,
    limits: { perSite: deps.perSite ?? CHUNK_LIMITS.perSite },
    redirect: (session, digest, held) => neighbours.redirect(session, digest, held),
    publishToAll: (topic, payload) => broker?.publishToAll(topic, payload) ?? Promise.resolve(),
    tell: (session, body) => cmds.sendOnce(session, body, ONCE_TTL_MS),
    refuse(session, digest, refusal) {
      quiet.warn(refusal.code, { device: session.device, detail: refusal.detail }, 'a chunk was refused');
      const { code, detail } = refusal;
      cmds.sendOnce(session, { kind: 'chunkRefused', digest, code, detail }, ONCE_TTL_MS);
    },
  });

  const neighbours = makeNeighbours({
    mono,
    sessions: () => sessions.all(),
    fetching: (digest) => chunks.fetching(digest),
    tell: (session, body) => cmds.sendOnce(session, body, ONCE_TTL_MS),
  });

  /** What is sent when the device said hello and listens, whichever comes last. */
  function greet(session: Session): void {
    if (!session.isSubscribed || session.sessionId === undefined) return;
    background(desired.send(session.device));
    background(cmds.resend(session));
  }

  const metadata = makeMetadataServer({
    read: deps.readMetadata,
    stamp,
    mono,
    failed,
    refused: (session, { code, detail }) =>
      quiet.warn(code, { device: session.device, detail }, 'a request for release metadata was refused'),
  });

  const ingest = makeIngest({
    store,
    now,
    failed,
    waitMs: (ms) => sleep(ms),
    acknowledge(session, ack) {
      const connection = sessions.live(session.device)?.connection;
      if (connection)
        background(connection.publish(downTopic(session.device, 'ack'), encodeMessage('ack', ack, stamp()), 0));
    },
    helloStored(session) {
      const live = sessions.live(session.device);
      if (live === session) greet(live);
    },
    reported: deps.onReported,
    refused: ({ code, detail }, device) => quiet.warn(code, { device, detail }, 'input from a device was refused'),
  });

  async function audit(action: string, device: string, detail: unknown): Promise<void> {
    await commitWithAudit(store, [], { at: now(), actor: `device:${device}`, action, subject: device, detail });
  }

  async function admit(attempt: ConnectAttempt): Promise<Refusal | undefined> {
    const form = checkConnect(attempt);
    const known = await checkIdentity(store, attempt, now());
    if (known) return known;
    if (form) return form;
    const { clientId } = attempt;
    if ((admitting.get(clientId) ?? 0) > now()) return refuse('hub_busy', `Device "${clientId}" is just connecting.`);
    admitting.set(clientId, now() + ADMISSION_MS);
    const taken = await checkOther(
      broker?.connectionOf(clientId),
      (other) => {
        const session = sessions.of(other);
        if (session) cmds.sendOnce(session, { kind: 'requestState' }, ONCE_TTL_MS);
      },
      (ms) => sleep(ms),
    );
    // Asked again: while the other connection was probed, a person may have revoked the device.
    const refusal = taken ?? (await checkIdentity(store, attempt, now()));
    if (refusal) {
      admitting.delete(clientId);
      barred.delete(clientId);
    }
    if (taken) background(audit('device.duplicate', clientId, { from: attempt.remoteAddress }));
    return refusal;
  }

  function receive(connection: DeviceConnection, message: Published, done: () => void): Refusal | undefined {
    const session = sessions.of(connection);
    if (!session) throw new Error('a message came from a connection without a session');
    const kind = readPublish(session, message);
    if (!kind.ok) return kind;
    if (kind.value !== 'req' && kind.value !== 'meta') {
      ingest.receive(session, kind.value, message.payload, done);
      return undefined;
    }
    if (kind.value === 'req') receiveReq(session, message.payload);
    else receiveMetadataReq(session, message.payload);
    done();
    return undefined;
  }

  function receiveReq(session: Session, payload: Uint8Array): void {
    const req = readMessage('req', payload);
    if (req.ok) background(desired.entitle(session).then(() => chunks.request(session, req.value.message)));
    else quiet.warn(req.code, { device: session.device, detail: req.detail }, 'a request for chunks was refused');
  }

  function receiveMetadataReq(session: Session, payload: Uint8Array): void {
    const req = readMessage('metadataReq', payload);
    if (req.ok) metadata.request(session, req.value.message);
    else quiet.warn(req.code, { device: session.device, detail: req.detail }, 'a request for metadata was refused');
  }

  broker = await openBroker(
    {
      host: deps.host,
      port: deps.port,
      ...(deps.tls && { tls: deps.tls }),
      maxConnections: deps.maxConnections ?? MAX_CONNECTIONS,
      now,
    },
    {
      admit,
      receive,
      opened(connection) {
        admitting.delete(connection.device);
        sessions.open(connection);
        if (barred.delete(connection.device)) background(connection.close());
      },
      closed(connection) {
        const session = sessions.close(connection);
        if (!session) return;
        chunks.ended(session);
        ingest.ended(session);
      },
      maySubscribe: (connection, filter) =>
        checkSubscribe(connection.device, filter, sessions.of(connection)?.artifacts ?? new Set()),
      subscribed(connection, filter) {
        const session = sessions.subscribed(connection, filter);
        if (session) greet(session);
        const digest = sharedDigestOf(filter);
        const own = digest === undefined ? undefined : sessions.of(connection);
        if (own && digest !== undefined) chunks.listening(own, digest);
      },
      mayForward(connection, topic) {
        if (!isSharedTopic(topic)) return true;
        const to = parseTopic(topic);
        if (!to.ok || to.value.kind !== 'chunk') return false;
        const session = sessions.of(connection);
        return session !== undefined && chunks.mayForward(session, to.value.digest, to.value.index);
      },
      refused: ({ code, detail }, facts) => quiet.warn(code, { ...facts, detail }, 'refused at the broker'),
    },
  );
  const { port, connectionOf, connections, publishToAll, renewTls, close } = broker;

  const beat = setInterval(
    () => background(publishToAll(HUB_TOPIC, encodeMessage('beat', { hubId, at: now() }, stamp()))),
    BEAT_MS,
  );
  const tick = setInterval(() => {
    background(desired.sendAgain());
    background(cmds.expire());
    chunks.tick();
    for (const [device, until] of admitting) {
      if (until > now()) continue;
      admitting.delete(device);
      barred.delete(device);
    }
    for (const connection of connections()) {
      // A session does not outlive the certificate that it was opened with.
      if (connection.identity && connection.identity.notAfter <= now()) background(connection.close());
    }
  }, TICK_MS);

  return {
    port,
    ingest,
    sendDesired: (device) => desired.send(device),
    sendCmd: (device, body, ttlMs) => cmds.send(device, body, ttlMs),
    disconnect: async (device) => {
      if (admitting.has(device)) barred.add(device);
      await connectionOf(device)?.close();
    },
    renewTls,
    delivery: {
      entitled: desired.fetchableBy,
      takeTurn: (device) => {
        const session = sessions.live(device);
        return session ? chunks.takeTurn(session) : 0;
      },
      readChunk: chunks.readChunk,
    },
    isOnline: (device) => sessions.live(device)?.sessionId !== undefined,
    isHealthy: () => ingest.isHealthy(),
    counts: () => ({
      connections: [...connections()].length,
      ingest: ingest.counts(),
      chunks: chunks.counts(),
      refusals: quiet.counts(),
    }),
    settle: () => ingest.settle(),
    async close() {
      clearInterval(beat);
      clearInterval(tick);
      chunks.close();
      await close();
      await ingest.close();
    },
  };
}
