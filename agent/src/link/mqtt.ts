// Owns the one connection to the hub: when to connect, what to subscribe, how messages become bytes. Never decides what
// they mean.
import net from 'node:net';
import { backoffMs, RECONNECT, STABLE_AFTER_MS } from '@drover/core/backoff';
import type { Refusal } from '@drover/core/reasons';
import { encodeMessage } from '@drover/wire/encode';
import type { Ack, Beat, Cmd, Desired, Hello, MessageOf, Metadata, MetadataReq, State } from '@drover/wire/messages';
import { readMessage } from '@drover/wire/read';
import { deviceFilter, HUB_TOPIC, parseTopic, sharedChunkFilter, type UpKind, upTopic } from '@drover/wire/topics';
import type { MqttClient } from 'mqtt';
import type { Clock } from '../clock.ts';
import type { Identity } from '../identity.ts';
import type { OpenMqtt } from './open.ts';

export interface Link {
  /** Says hello again in a session that stands: what this device can do has changed. */
  greet(): void;
  start(): void;
  /** Ends the connection that stands and makes another at once: what it proves itself with has changed. */
  reconnect(): void;
  isConnected(): boolean;
  /** Times that a session stood. */
  connections(): number;
  sendState(state: State): void;
  send(kind: 'up' | 'req', message: MessageOf['up'] | MessageOf['req']): void;
  askMetadata(req: MetadataReq): void;
  /** Listens to chunks that are sent to all who want an artifact, or stops it. A refusal is as good as silence. */
  listen(digest: string, on: boolean): void;
  stop(): Promise<void>;
}

export interface LinkHandlers {
  readonly hello: (sessionId: string) => Hello;
  /** The session stands: subscribed, and hello is on its way. */
  readonly onConnected: () => void;
  readonly onDisconnected: () => void;
  /** The hub proved itself and then ended the connection without a word: as it does with a certificate that it does not take. */
  readonly onRefused: () => void;
  readonly onDesired: (desired: Desired) => void;
  readonly onAck: (ack: Ack) => void;
  readonly onCmd: (cmd: Cmd) => void;
  readonly onBeat: (beat: Beat) => void;
  readonly onMetadata: (metadata: Metadata) => void;
  readonly onChunk: (
    digest: string,
    index: number,
    bytes: Uint8Array,
    piece: number | undefined,
    isShared: boolean,
  ) => void;
  /** A message that cannot be used: counted and logged, never fatal. */
  readonly onBadMessage: (refusal: Refusal) => void;
  readonly onTrouble: (message: string) => void;
  /** Handling a message threw. */
  readonly onFault: (error: unknown) => void;
}

export interface LinkDeps {
  readonly identity: Identity;
  readonly open: OpenMqtt;
  readonly bootId: string;
  readonly newId: () => string;
  readonly clock: Clock;
  readonly random: () => number;
  /** The longest wait between two tries, ms. */
  readonly reconnectMaxMs: number;
  readonly handlers: LinkHandlers;
}

/** Below this the agent tries again, so that two agents of one fleet do not come at the same moment. */
const LEAST_WAIT_MS = 100;
/** A goodbye that the broker does not take in this time is left to the will. */
const GOODBYE_MS = 2000;

/** MQTT 3.1.1 §3.2.2.3, as the hub uses the return codes of CONNACK, and what a person can do. */
const REFUSALS: Readonly<Record<number, string>> = {
  2: 'another agent with this device id is connected; end it, or join this machine under an id of its own',
  3: 'the hub is busy or its database is out of reach; it is tried again',
  4: 'the hub does not take this device with this secret or certificate (it was removed, revoked, or joined again elsewhere); join again: "drover agent join --rejoin", with a new claim where certificates are used',
  5: 'the hub does not allow this connection; agent and hub may be of different versions',
};

/** The error of a connection, in words for the log. */
export function explainTrouble(error: Error): string {
  const code = 'code' in error && typeof error.code === 'number' ? error.code : 0;
  return REFUSALS[code] ?? error.message.slice(0, 200);
}

export function makeLink(deps: LinkDeps): Link {
  const { identity, open, bootId, newId, clock, random, handlers } = deps;
  const { mqttUrl: url, device } = identity;
  // Without one the connection itself proves who this is, by certificate.
  const secret = 'secret' in identity ? identity.secret : undefined;
  const policy = { ...RECONNECT, capMs: deps.reconnectMaxMs };
  let client: MqttClient | undefined;
  let isUp = false;
  let connections = 0;
  let isStopped = false;
  let attempt = 0;
  let upSince = 0;
  let sessionId = '';
  let isReplacing = false;
  let timer: NodeJS.Timeout | undefined;

  const stamp = () => ({ sentAt: clock.now(), sentMono: Math.floor(clock.mono()) });

  function publish<K extends Exclude<UpKind, 'meta'>>(kind: K, message: MessageOf[K], qos: 0 | 1): void {
    client?.publish(upTopic(device, kind), Buffer.from(encodeMessage(kind, message, stamp())), { qos });
  }

  function onMessage(topic: string, payload: Buffer): void {
    const parsed = parseTopic(topic);
    if (!parsed.ok) return handlers.onBadMessage(parsed);
    const to = parsed.value;
    if (to.kind === 'chunk') {
      const isShared = to.to === 'all';
      return handlers.onChunk(to.digest, to.index, payload, isShared ? undefined : to.piece, isShared);
    }
    if (to.to === 'hub' || (to.to === 'device' && to.device !== device)) return;
    switch (to.kind) {
      case 'desired': {
        const arrived = readMessage('desired', payload);
        return arrived.ok ? handlers.onDesired(arrived.value.message) : handlers.onBadMessage(arrived);
      }
      case 'ack': {
        const arrived = readMessage('ack', payload);
        return arrived.ok ? handlers.onAck(arrived.value.message) : handlers.onBadMessage(arrived);
      }
      case 'cmd': {
        const arrived = readMessage('cmd', payload);
        return arrived.ok ? handlers.onCmd(arrived.value.message) : handlers.onBadMessage(arrived);
      }
      case 'meta': {
        const arrived = readMessage('metadata', payload);
        return arrived.ok ? handlers.onMetadata(arrived.value.message) : handlers.onBadMessage(arrived);
      }
      case 'beat': {
        const arrived = readMessage('beat', payload);
        return arrived.ok ? handlers.onBeat(arrived.value.message) : handlers.onBadMessage(arrived);
      }
      default:
        return to satisfies never;
    }
  }

  function scheduleConnect(): void {
    if (isStopped) return;
    const waitMs = LEAST_WAIT_MS + backoffMs(policy, attempt, random());
    attempt += 1;
    clearTimeout(timer);
    timer = setTimeout(connect, waitMs);
  }

  function connect(): void {
    if (isStopped) return;
    // The will names the session, so each connection is a new client.
    sessionId = newId();
    const will = Buffer.from(encodeMessage('gone', { sessionId, bootId }, stamp()));
    const own = open(url, {
      protocolVersion: 4,
      // The cache holds a Buffer for each of the 65536 numbers of two bytes: 16 MB.
      writeCache: false,
      clean: true,
      clientId: device,
      username: device,
      ...(secret !== undefined && { password: secret }),
      keepalive: 30,
      connectTimeout: 15_000,
      reconnectPeriod: 0,
      queueQoSZero: false,
      resubscribe: false,
      will: { topic: upTopic(device, 'gone'), payload: will, qos: 1, retain: false },
    });
    client = own;
    let isAnswered = false;
    own.on('connect', () => {
      isAnswered = true;
      const { stream } = own;
      if (stream instanceof net.Socket) stream.setNoDelay(true);
      own.subscribe({ [deviceFilter(device)]: { qos: 1 }, [HUB_TOPIC]: { qos: 0 } }, (error, granted) => {
        if (own !== client || isStopped) return;
        const refused = granted?.find(({ qos }) => qos > 2);
        if (error || refused) {
          handlers.onTrouble(`the hub refused the subscription: ${error?.message ?? refused?.topic ?? ''}`);
          own.end(true);
          return;
        }
        isUp = true;
        connections += 1;
        upSince = clock.mono();
        publish('hello', handlers.hello(sessionId), 1);
        handlers.onConnected();
      });
    });
    own.on('message', (topic, payload) => {
      try {
        onMessage(topic, payload);
      } catch (error) {
        // A disk that takes nothing: the hub sends again what was not taken, so the connection goes on.
        handlers.onFault(error);
      }
    });
    own.on('error', (error) => {
      if ('code' in error && typeof error.code === 'number') isAnswered = true;
      handlers.onTrouble(explainTrouble(error));
    });
    own.on('close', () => {
      if (own !== client) return;
      client = undefined;
      const isProven = 'authorized' in own.stream && own.stream.authorized === true;
      own.end(true);
      if (isUp) {
        isUp = false;
        // A connection that did not hold is one more failed attempt: starting again at zero is a known storm.
        if (clock.mono() - upSince >= STABLE_AFTER_MS) attempt = 0;
        handlers.onDisconnected();
      } else if (isProven && !isAnswered) handlers.onRefused();
      if (isReplacing) {
        isReplacing = false;
        connect();
      } else scheduleConnect();
    });
  }

  return {
    start: connect,
    reconnect: () => {
      if (isStopped) return;
      clearTimeout(timer);
      if (!client) return connect();
      // The hub lets one connection in for a device: the old one says goodbye first, and the new one comes at once.
      isReplacing = true;
      client.end(!isUp);
    },
    greet: () => {
      if (isUp) publish('hello', handlers.hello(sessionId), 1);
    },
    isConnected: () => isUp,
    connections: () => connections,
    sendState: (state) => publish('state', state, 0),
    askMetadata: (req) =>
      void client?.publish(upTopic(device, 'meta'), Buffer.from(encodeMessage('metadataReq', req, stamp())), {
        qos: 0,
      }),
    listen: (digest, on) => {
      if (on) client?.subscribe(sharedChunkFilter(digest), { qos: 0 });
      else client?.unsubscribe(sharedChunkFilter(digest));
    },
    send: (kind, message) => publish(kind, message as MessageOf[typeof kind], 0),
    async stop() {
      isStopped = true;
      clearTimeout(timer);
      const own = client;
      client = undefined;
      if (!own) return;
      const wasUp = isUp;
      // A DISCONNECT keeps the will from being published, and only some brokers tell the hub: say goodbye by hand.
      await new Promise<void>((resolve) => {
        const end = setTimeout(() => own.end(true, () => resolve()), GOODBYE_MS);
        const finish = (): void =>
          void own.end(!wasUp, () => {
            clearTimeout(end);
            resolve();
          });
        if (!wasUp) return finish();
        const gone = Buffer.from(encodeMessage('gone', { sessionId, bootId }, stamp()));
        own.publish(upTopic(device, 'gone'), gone, { qos: 1 }, finish);
      });
      isUp = false;
    },
  };
}
