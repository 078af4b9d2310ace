// Owns what the hub remembers of each live connection. Never touches the database: ingest does.
import { deviceFilter, UP_KINDS, type UpKind, upTopic } from '@drover/wire/topics';
import { freshSession, type UplinkSession } from '../uplink/uplink-session.ts';
import type { DeviceConnection } from './broker.ts';

export interface Session extends UplinkSession {
  readonly connection: DeviceConnection;
  /** The topics on which this device may publish: looked up, because parsing each one costs a hash. */
  readonly topics: ReadonlyMap<string, UpKind>;
  /** The device listens to what is meant for it. */
  isSubscribed: boolean;
  /** Generation of the desired document sent last on this connection, and when. */
  sentGeneration: number;
  sentAt: number;
  /** Blobs that the device may fetch: those that its desired document names. Undefined until that was looked up. */
  artifacts: ReadonlySet<string> | undefined;
  /** Artifacts that it is wished and that leave the hub only sealed. */
  confidential: ReadonlySet<string>;
  /** Artifact → manifests of the desired document that name it. */
  carriers: ReadonlyMap<string, readonly string[]>;
  /** The label `site` of the device: where it shares a link with others. */
  site: string | undefined;
  /** Artifacts that it said are whole, on this connection. */
  readonly fetched: Set<string>;
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
        ...freshSession(connection.device),
        connection,
        topics: new Map(UP_KINDS.map((kind) => [upTopic(connection.device, kind), kind])),
        isSubscribed: false,
        sentGeneration: 0,
        sentAt: 0,
        artifacts: undefined,
        confidential: new Set(),
        carriers: new Map(),
        site: undefined,
        fetched: new Set(),
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
