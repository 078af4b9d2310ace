// Owns what the hub remembers of each live connection. Never touches the database: ingest does.
import { deviceFilter, UP_KINDS, type UpKind, upTopic } from '@drover/wire/topics';
import type { DeviceConnection } from './broker.ts';

export interface Session {
  readonly device: string;
  readonly connection: DeviceConnection;
  /** The topics on which this device may publish: looked up, because parsing each one costs a hash. */
  readonly topics: ReadonlyMap<string, UpKind>;
  /** The device listens to what is meant for it. */
  isSubscribed: boolean;
  /** From the hello; undefined until it came. */
  sessionId: string | undefined;
  bootId: string | undefined;
  outboxId: string | undefined;
  stateRevision: number;
  reportedGeneration: number;
  /** Why the device refuses the desired document that it was sent last, as it said last. */
  desiredCode: string | undefined;
  /** Generation of the desired document sent last on this connection, and when. */
  sentGeneration: number;
  sentAt: number;
  /** When `lastSeenAt` was written last. */
  touchedAt: number;
  /** Blobs that the device may fetch: those that its desired document names. Undefined until that was looked up. */
  artifacts: ReadonlySet<string> | undefined;
}

export interface Sessions {
  open(connection: DeviceConnection): Session;
  /** The session of this connection, also after it ended. */
  of(connection: DeviceConnection): Session | undefined;
  /** The live session of a device. */
  live(device: string): Session | undefined;
  all(): Iterable<Session>;
  subscribed(connection: DeviceConnection, filter: string): Session | undefined;
  close(connection: DeviceConnection): Session | undefined;
}

export function makeSessions(): Sessions {
  const byConnection = new WeakMap<DeviceConnection, Session>();
  const byDevice = new Map<string, Session>();
  return {
    open(connection) {
      const session: Session = {
        device: connection.device,
        connection,
        topics: new Map(UP_KINDS.map((kind) => [upTopic(connection.device, kind), kind])),
        isSubscribed: false,
        sessionId: undefined,
        bootId: undefined,
        outboxId: undefined,
        stateRevision: -1,
        reportedGeneration: 0,
        desiredCode: undefined,
        sentGeneration: 0,
        sentAt: 0,
        touchedAt: 0,
        artifacts: undefined,
      };
      byConnection.set(connection, session);
      byDevice.set(connection.device, session);
      return session;
    },
    of: (connection) => byConnection.get(connection),
    live: (device) => byDevice.get(device),
    all: () => byDevice.values(),
    subscribed(connection, filter) {
      const session = byConnection.get(connection);
      if (!session || filter !== deviceFilter(session.device)) return undefined;
      session.isSubscribed = true;
      return session;
    },
    close(connection) {
      const session = byConnection.get(connection);
      if (session && byDevice.get(session.device) === session) byDevice.delete(session.device);
      return session;
    },
  };
}
