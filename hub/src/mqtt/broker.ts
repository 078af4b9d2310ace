// Runs the embedded MQTT broker behind the byte guard. The only file that knows aedes; never knows what a message means.
import { createServer, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer, TLSSocket, Server as TlsServer } from 'node:tls';
import { type ReasonCode, type Refusal, refuse } from '@drover/core/reasons';
import { type DeviceIdentity, readDeviceIdentity } from '@drover/trust/pki/peer';
import { Aedes, type AuthenticateError, type Client } from 'aedes';
import mqttPacket from 'mqtt-packet';
import { GuardedConnection } from './byte-guard.ts';

// mqtt-packet would make a Buffer for each of 65,536 numbers at the first packet, 16 MB that a hub never gets back.
mqttPacket.writeToStream.cacheNumbers = false;

/** One device's live connection. */
export interface DeviceConnection {
  readonly device: string;
  readonly connectedAt: number;
  readonly remoteAddress: string;
  /** What its certificate says; undefined on a plain listener. */
  readonly identity: DeviceIdentity | undefined;
  isOpen(): boolean;
  /** When the last byte came from the device, ms since epoch. */
  lastByteAt(): number;
  /** Resolves when the bytes left for the network: true, or false when the connection ended first. */
  publish(topic: string, payload: Uint8Array, qos: 0 | 1): Promise<boolean>;
  /** Resolves when the broker has forgotten the connection. */
  close(): Promise<void>;
}

/** What CONNECT says. */
export interface ConnectAttempt {
  readonly clientId: string;
  readonly username: string;
  readonly password: Uint8Array;
  readonly clean: boolean;
  /** Seconds; 0: none. */
  readonly keepalive: number;
  readonly willTopic: string | undefined;
  readonly willRetain: boolean;
  readonly remoteAddress: string;
  /** Of a certificate whose chain was verified; undefined on a plain listener only. */
  readonly identity: DeviceIdentity | undefined;
}

export interface Published {
  readonly topic: string;
  readonly payload: Uint8Array;
  readonly qos: number;
  readonly retain: boolean;
}

export interface BrokerHooks {
  /** Undefined admits the connection. It may take its time; nothing of the connection is read meanwhile. */
  admit(attempt: ConnectAttempt): Promise<Refusal | undefined>;
  opened(connection: DeviceConnection): void;
  closed(connection: DeviceConnection): void;
  /** A message came. A refusal ends the connection; otherwise nothing more is read from it until `done` is called. */
  receive(connection: DeviceConnection, message: Published, done: () => void): Refusal | undefined;
  maySubscribe(connection: DeviceConnection, filter: string): Refusal | undefined;
  subscribed(connection: DeviceConnection, filter: string): void;
  /** Whether a message to all that subscribed goes to this one. */
  mayForward(connection: DeviceConnection, topic: string): boolean;
  /** Something was refused; the broker has acted already. */
  refused(refusal: Refusal, facts: { readonly device?: string; readonly remoteAddress: string }): void;
}

/** PEM. */
export interface BrokerTls {
  readonly cert: string;
  readonly key: string;
  /** The CA of the devices' certificates. */
  readonly ca: string;
}

export interface BrokerOptions {
  readonly host: string;
  /** 0: any free port. */
  readonly port: number;
  /** With it every device must show a certificate; without it the listener is plain. */
  readonly tls?: BrokerTls;
  readonly maxConnections: number;
  readonly now: () => number;
}

export interface Broker {
  readonly port: number;
  connectionOf(device: string): DeviceConnection | undefined;
  connections(): Iterable<DeviceConnection>;
  /** To every device that subscribed to the topic. */
  publishToAll(topic: string, payload: Uint8Array): Promise<void>;
  /** Connections that stand go on with the certificate that they met. */
  renewTls(tls: BrokerTls): void;
  close(): Promise<void>;
}

/** A device that keeps quiet for longer is gone; it may choose less. Seconds. */
const KEEPALIVE_LIMIT = 300;
const CONNECT_TIMEOUT_MS = 10_000;
/** Long enough for a slow link, short enough that a frozen device gives its buffers back (measured, design). */
const DRAIN_TIMEOUT_MS = 10_000;

/** MQTT 3.1.1 §3.2.2.3: what CONNACK answers for a refusal. */
const RETURN_CODES: Partial<Record<ReasonCode, number>> = {
  device_already_connected: 2,
  hub_busy: 3,
  device_unknown: 4,
  device_secret_wrong: 4,
  device_revoked: 4,
  device_certificate_invalid: 4,
};
const NOT_AUTHORIZED = 5;

class LiveConnection implements DeviceConnection {
  readonly device: string;
  readonly connectedAt: number;
  readonly remoteAddress: string;
  readonly identity: DeviceIdentity | undefined;
  readonly #client: Client;
  readonly #guarded: GuardedConnection;

  constructor(client: Client, guarded: GuardedConnection, now: number) {
    this.device = client.id;
    this.connectedAt = now;
    this.remoteAddress = guarded.remoteAddress;
    this.identity = guarded.identity;
    this.#client = client;
    this.#guarded = guarded;
  }

  isOpen(): boolean {
    return !this.#client.closed && !this.#guarded.destroyed;
  }

  lastByteAt(): number {
    return this.#guarded.lastByteAt;
  }

  publish(topic: string, payload: Uint8Array, qos: 0 | 1): Promise<boolean> {
    if (!this.isOpen()) return Promise.resolve(false);
    const { promise, resolve } = Promise.withResolvers<boolean>();
    const bytes = Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength);
    // Straight to the client: no routing, no retained store, and nobody else can be subscribed to it.
    this.#client.publish({ cmd: 'publish', topic, payload: bytes, qos, retain: false, dup: false }, (error) =>
      resolve(!error && this.isOpen()),
    );
    return promise;
  }

  close(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#client.close(() => resolve());
    return promise;
  }
}

function connackError(refusal: Refusal): AuthenticateError {
  const error = new Error(refusal.code) as AuthenticateError;
  error.returnCode = RETURN_CODES[refusal.code] ?? NOT_AUTHORIZED;
  return error;
}

const guardedOf = (client: Client): GuardedConnection => {
  if (client.conn instanceof GuardedConnection) return client.conn;
  throw new Error('a client came to the broker past the byte guard');
};

const listen = (server: Server, host: string, port: number): Promise<number> => {
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  server.once('error', reject);
  server.listen({ host, port }, () => {
    server.off('error', reject);
    const address = server.address();
    resolve(typeof address === 'object' && address ? address.port : port);
  });
  return promise;
};

/** A client without a certificate of this CA, or with one that expired, does not get through the handshake. */
const tlsOptions = ({ cert, key, ca }: BrokerTls) => ({
  cert,
  key,
  ca,
  requestCert: true,
  rejectUnauthorized: true,
  minVersion: 'TLSv1.3' as const,
});

/** Opens the listener. Throws what `listen` throws, such as EADDRINUSE. */
export async function openBroker(options: BrokerOptions, hooks: BrokerHooks): Promise<Broker> {
  const { now } = options;
  const attempts = new WeakMap<Client, Omit<ConnectAttempt, 'username' | 'password'>>();
  const live = new WeakMap<Client, LiveConnection>();
  const byDevice = new Map<string, LiveConnection>();
  const sockets = new Set<GuardedConnection>();

  async function answerAttempt(
    client: Client,
    attempt: ConnectAttempt,
    done: (error: AuthenticateError | null, isAdmitted: boolean) => void,
  ): Promise<void> {
    let refusal: Refusal | undefined;
    try {
      refusal = await hooks.admit(attempt);
    } catch (error) {
      // A database that is out of reach: the device comes again by itself.
      refusal = refuse('hub_busy', String(error instanceof Error ? error.message : error));
    }
    if (!refusal) {
      guardedOf(client).authenticate();
      done(null, true);
      return;
    }
    hooks.refused(refusal, { device: attempt.clientId, remoteAddress: attempt.remoteAddress });
    done(connackError(refusal), false);
  }

  const aedes = await Aedes.createBroker({
    // One device that stops reading would otherwise stop every device's messages (measured, design).
    concurrency: 0,
    drainTimeout: DRAIN_TIMEOUT_MS,
    connectTimeout: CONNECT_TIMEOUT_MS,
    keepaliveLimit: KEEPALIVE_LIMIT,
    maxTopicLevels: 8,
    maxClientsIdLength: 63,
    // CONNECT is the first packet that is told apart from the rest; what a later hook needs of it is kept here.
    preConnect: (client, packet, done) => {
      attempts.set(client, {
        clientId: packet.clientId,
        clean: packet.clean ?? false,
        keepalive: packet.keepalive ?? 0,
        willTopic: packet.will?.topic,
        willRetain: packet.will?.retain ?? false,
        remoteAddress: guardedOf(client).remoteAddress,
        identity: guardedOf(client).identity,
      });
      done(null, true);
    },
    authenticate: (client, username, password, done) => {
      const facts = attempts.get(client);
      if (!facts) throw new Error('a client is authenticated before it said CONNECT');
      void answerAttempt(client, { ...facts, username: username ?? '', password: password ?? new Uint8Array(0) }, done);
    },
    authorizePublish: (client, packet, done) => {
      const connection = client ? live.get(client) : undefined;
      // The broker itself publishes only through `publish`, which does not come here.
      if (!connection) return done(new Error('nobody publishes without a connection'));
      const { topic, payload, qos, retain } = packet;
      const bytes = typeof payload === 'string' ? Buffer.from(payload) : payload;
      const refusal = hooks.receive(connection, { topic, payload: bytes, qos, retain }, () => done(null));
      if (!refusal) return undefined;
      hooks.refused(refusal, { device: connection.device, remoteAddress: connection.remoteAddress });
      return done(new Error(refusal.code));
    },
    authorizeForward: (client, packet) => {
      const connection = live.get(client);
      return connection && hooks.mayForward(connection, packet.topic) ? packet : null;
    },
    authorizeSubscribe: (client, subscription, done) => {
      const connection = live.get(client);
      const refusal = connection && hooks.maySubscribe(connection, subscription.topic);
      if (!connection || refusal) {
        if (connection && refusal) {
          hooks.refused(refusal, { device: connection.device, remoteAddress: connection.remoteAddress });
        }
        return done(null, null);
      }
      return done(null, subscription);
    },
  });

  aedes.on('client', (client) => {
    const connection = new LiveConnection(client, guardedOf(client), now());
    live.set(client, connection);
    byDevice.set(connection.device, connection);
    hooks.opened(connection);
  });
  aedes.on('subscribe', (subscriptions, client) => {
    const connection = live.get(client);
    if (connection) {
      // 128 stands for a filter that was not granted (MQTT 3.1.1 §3.9.3).
      for (const { topic, qos } of subscriptions) if (Number(qos) !== 128) hooks.subscribed(connection, topic);
    }
  });
  aedes.on('clientDisconnect', (client) => {
    const connection = live.get(client);
    if (!connection) return;
    if (byDevice.get(connection.device) === connection) byDevice.delete(connection.device);
    hooks.closed(connection);
  });

  const accept = (socket: Socket): void => {
    const certificate = socket instanceof TLSSocket ? socket.getPeerX509Certificate() : undefined;
    const identity = certificate && readDeviceIdentity(certificate);
    if (options.tls && identity === undefined) {
      // The handshake let it pass: of our CA, and yet no device's.
      const refusal = refuse('device_certificate_invalid', 'A certificate of this hub that is no device.');
      hooks.refused(refusal, { remoteAddress: socket.remoteAddress ?? '' });
      socket.destroy();
      return;
    }
    const guarded = new GuardedConnection(
      socket,
      now,
      (refusal, remoteAddress) => hooks.refused(refusal, { remoteAddress }),
      identity,
    );
    sockets.add(guarded);
    guarded.on('close', () => sockets.delete(guarded));
    aedes.handle(guarded);
  };
  // noDelay: two small writes (SUBACK, then a message) would otherwise wait 40 ms for each other (measured, design).
  const server = options.tls
    ? createTlsServer({ ...tlsOptions(options.tls), noDelay: true, handshakeTimeout: CONNECT_TIMEOUT_MS }, accept)
    : createServer({ noDelay: true }, accept);
  if (server instanceof TlsServer) {
    // Who cannot show a certificate of this hub gets no further than this.
    // A connection that ended before it showed anything (a check of the port) was not refused.
    server.on('tlsClientError', (error: NodeJS.ErrnoException, socket) => {
      if (error.code === 'ECONNRESET') return;
      hooks.refused(refuse('device_certificate_invalid', `In the handshake: ${error.message.slice(0, 200)}.`), {
        remoteAddress: socket.remoteAddress ?? '',
      });
    });
  }
  server.maxConnections = options.maxConnections;
  const port = await listen(server, options.host, options.port);

  return {
    port,
    connectionOf: (device) => byDevice.get(device),
    connections: () => byDevice.values(),
    publishToAll: (topic, payload) => {
      const { promise, resolve } = Promise.withResolvers<void>();
      const bytes = Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength);
      aedes.publish({ cmd: 'publish', topic, payload: bytes, qos: 0, retain: false, dup: false }, () => resolve());
      return promise;
    },
    renewTls(tls) {
      if (server instanceof TlsServer) server.setSecureContext(tlsOptions(tls));
    },
    async close() {
      const { promise, resolve } = Promise.withResolvers<void>();
      server.close(() => resolve());
      await Promise.all([...byDevice.values()].map((connection) => connection.close()));
      for (const socket of sockets) socket.destroy();
      const closed = Promise.withResolvers<void>();
      aedes.close(() => closed.resolve());
      await closed.promise;
      await promise;
    },
  };
}
