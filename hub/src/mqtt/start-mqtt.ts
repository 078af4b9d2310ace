// Puts the MQTT side of the hub together: broker, sessions, ingest, and what is sent down. Never speaks HTTP.
import { setTimeout as sleep } from 'node:timers/promises';
import type { TlsOptions } from 'node:tls';
import { type Refusal, type Result, refuse } from '@drover/core/reasons';
import { encodeMessage } from '@drover/wire/encode';
import type { Cmd, Stamp } from '@drover/wire/messages';
import { readMessage } from '@drover/wire/read';
import { downTopic, HUB_TOPIC } from '@drover/wire/topics';
import type { Logger } from 'pino';
import type { BlobStore } from '../blobs/blob-store.ts';
import { commitWithAudit } from '../db/audit.ts';
import { closeAllSessions } from '../db/devices.ts';
import type { Store } from '../db/store.ts';
import { checkConnect, checkOther, checkSecret, checkSubscribe, readPublish } from './authorize.ts';
import { type Broker, type ConnectAttempt, type DeviceConnection, openBroker, type Published } from './broker.ts';
import { makeChunkServer } from './chunks.ts';
import { makeCmdSender } from './cmds.ts';
import { makeDesiredSender } from './desired.ts';
import { type IngestCounts, makeIngest } from './ingest.ts';
import { makeQuietLog } from './quiet-log.ts';
import { makeSessions, type Session } from './sessions.ts';

export interface MqttDeps {
  readonly store: Store;
  readonly blobs: BlobStore;
  readonly log: Logger;
  readonly hubId: string;
  readonly now: () => number;
  readonly newId: () => string;
  /** Something that a rollout decision rests on was stored: a hello, a state, a deployment report, an end of a session. */
  readonly onReported: (device: string) => void;
  readonly host: string;
  readonly port: number;
  readonly tls?: TlsOptions;
  readonly maxConnections?: number;
}

export interface MqttCounts {
  readonly connections: number;
  readonly ingest: Readonly<IngestCounts>;
  readonly chunkBytes: number;
  /** Refusals by reason code. */
  readonly refusals: ReadonlyMap<string, number>;
}

export interface MqttSide {
  readonly port: number;
  /** Call it when the desired document of a device changed. */
  sendDesired(device: string): Promise<void>;
  sendCmd(device: string, body: Cmd['body'], ttlMs: number): Promise<Result<string>>;
  /** Ends the device's connection, for example after its secret changed. */
  disconnect(device: string): Promise<void>;
  isOnline(device: string): boolean;
  /** False while messages cannot be stored. */
  isHealthy(): boolean;
  counts(): MqttCounts;
  /** Resolves when all that came until now is stored. */
  settle(): Promise<void>;
  close(): Promise<void>;
}

const BEAT_MS = 10_000;
const TICK_MS = 5_000;
/** How long a CONNECT may stand between admission and its session. */
const ADMISSION_MS = 20_000;
const CHUNK_REFUSED_TTL_MS = 60_000;
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
  let broker: Broker | undefined;

  await store.commit([closeAllSessions()]);

  const desired = makeDesiredSender({
    store,
    sessions,
    stamp,
    now,
    broken: (device, why) => log.error({ device, why }, 'a desired document cannot be sent'),
  });
  const cmds = makeCmdSender({ store, sessions, stamp, now, newId });
  const chunks = makeChunkServer({
    blobs,
    mono,
    failed,
    refuse(session, digest, refusal) {
      quiet.warn(refusal.code, { device: session.device, detail: refusal.detail }, 'a chunk was refused');
      const { code, detail } = refusal;
      cmds.sendOnce(session, { kind: 'chunkRefused', digest, code, detail }, CHUNK_REFUSED_TTL_MS);
    },
  });

  /** What is sent when the device said hello and listens, whichever comes last. */
  function greet(session: Session): void {
    if (!session.isSubscribed || session.sessionId === undefined) return;
    background(desired.send(session.device));
    background(cmds.resend(session));
  }

  const ingest = makeIngest({
    store,
    now,
    failed,
    waitMs: (ms) => sleep(ms),
    acknowledge(session, ack) {
      background(session.connection.publish(downTopic(session.device, 'ack'), encodeMessage('ack', ack, stamp()), 0));
    },
    helloStored: greet,
    reported: deps.onReported,
    refused: ({ code, detail }, device) => quiet.warn(code, { device, detail }, 'input from a device was refused'),
  });

  async function audit(action: string, device: string, detail: unknown): Promise<void> {
    await commitWithAudit(store, [], { at: now(), actor: `device:${device}`, action, subject: device, detail });
  }

  async function admit(attempt: ConnectAttempt): Promise<Refusal | undefined> {
    const known = await checkSecret(store, attempt);
    if (known) return known;
    const form = checkConnect(attempt);
    if (form) return form;
    const { clientId } = attempt;
    if ((admitting.get(clientId) ?? 0) > now()) return refuse('hub_busy', `Device "${clientId}" is just connecting.`);
    admitting.set(clientId, now() + ADMISSION_MS);
    const taken = await checkOther(
      broker?.connectionOf(clientId),
      (other) => {
        const session = sessions.of(other);
        if (session) cmds.sendOnce(session, { kind: 'requestState' }, CHUNK_REFUSED_TTL_MS);
      },
      (ms) => sleep(ms),
    );
    if (taken) {
      admitting.delete(clientId);
      background(audit('device.duplicate', clientId, { from: attempt.remoteAddress }));
    }
    return taken;
  }

  function receive(connection: DeviceConnection, message: Published, done: () => void): Refusal | undefined {
    const session = sessions.of(connection);
    if (!session) throw new Error('a message came from a connection without a session');
    const kind = readPublish(session, message);
    if (!kind.ok) return kind;
    if (kind.value !== 'req') {
      ingest.receive(session, kind.value, message.payload, done);
      return undefined;
    }
    receiveReq(session, message.payload);
    done();
    return undefined;
  }

  function receiveReq(session: Session, payload: Uint8Array): void {
    const req = readMessage('req', payload);
    if (req.ok) background(desired.entitle(session).then(() => chunks.request(session, req.value.message)));
    else quiet.warn(req.code, { device: session.device, detail: req.detail }, 'a request for chunks was refused');
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
      },
      closed(connection) {
        const session = sessions.close(connection);
        if (session) ingest.ended(session);
      },
      maySubscribe: (connection, filter) =>
        checkSubscribe(connection.device, filter, sessions.of(connection)?.artifacts ?? new Set()),
      subscribed(connection, filter) {
        const session = sessions.subscribed(connection, filter);
        if (session) greet(session);
      },
      refused: ({ code, detail }, facts) => quiet.warn(code, { ...facts, detail }, 'refused at the broker'),
    },
  );
  const { port, connectionOf, connections, publishToAll, close } = broker;

  const beat = setInterval(
    () => background(publishToAll(HUB_TOPIC, encodeMessage('beat', { hubId, at: now() }, stamp()))),
    BEAT_MS,
  );
  const tick = setInterval(() => {
    background(desired.sendAgain());
    background(cmds.expire());
    for (const [device, until] of admitting) if (until <= now()) admitting.delete(device);
  }, TICK_MS);

  return {
    port,
    sendDesired: (device) => desired.send(device),
    sendCmd: (device, body, ttlMs) => cmds.send(device, body, ttlMs),
    disconnect: async (device) => connectionOf(device)?.close(),
    isOnline: (device) => sessions.live(device)?.sessionId !== undefined,
    isHealthy: () => ingest.isHealthy(),
    counts: () => ({
      connections: [...connections()].length,
      ingest: ingest.counts(),
      chunkBytes: chunks.bytesSent(),
      refusals: quiet.counts(),
    }),
    settle: () => ingest.settle(),
    async close() {
      clearInterval(beat);
      clearInterval(tick);
      await close();
      await ingest.close();
    },
  };
}
