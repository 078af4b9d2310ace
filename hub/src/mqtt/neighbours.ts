// Decides which devices of a site a device may fetch an artifact from, so that the bytes cross the site's link once: those that
// hold it, or the one that is fetching it just now. Never serves a byte and never trusts one: the digest does.
import type { Digest } from '@drover/core/ids';
import type { BlobRef } from '@drover/trust/documents';
import { CHUNK_BYTES } from '@drover/wire/limits';
import type { Cmd, Source } from '@drover/wire/messages';
import type { Outgoing } from './outgoing.ts';
import type { Session } from './sessions.ts';

export interface NeighbourDeps {
  /** Monotonic milliseconds. */
  readonly mono: () => number;
  readonly sessions: () => Iterable<Session>;
  /** Devices that fetch the artifact over MQTT now. */
  readonly fetching: (digest: Digest) => Iterable<Outgoing>;
  tell(session: Session, body: Cmd['body']): void;
}

export interface Neighbours {
  /** Those that hold the artifact, as a device reads them in its desired message. */
  waysTo(session: Session, blob: BlobRef): Source[];
  /**
   * Before a byte is sent over the site's link: true when the device was told of a neighbour instead. `held`: a number that
   * grows with what the device has of it.
   */
  redirect(session: Session, digest: Digest, held: number): boolean;
  /** Some device of the site serves others. */
  hasCache(site: string): boolean;
}

/** Neighbours that one device is told of. */
const MOST = 3;
/** One that is fetching and is not heard for so long is no help. */
const LIVELY_MS = 15_000;

type Serving = Session & { readonly cacheUrl: string };

export function makeNeighbours({ mono, sessions, fetching, tell }: NeighbourDeps): Neighbours {
  /**
   * Whom a device was told of on this connection, by artifact, and how far it was: who did not help since is not named again, so
   * that it waits for each of them once.
   */
  const told = new WeakMap<Session, Map<Digest, Map<string, number>>>();

  const servesSite = (other: Session, session: Session): other is Serving =>
    other !== session && other.cacheUrl !== undefined && other.site === session.site && other.connection.isOpen();

  function holds(other: Session, session: Session, digest: Digest): boolean {
    if (other.fetched.has(digest)) return true;
    return session.carriers.get(digest)?.some((manifest) => other.manifests.has(manifest)) ?? false;
  }

  function findHolders(session: Session, digest: Digest): Serving[] {
    if (session.site === undefined) return [];
    const found: Serving[] = [];
    for (const other of sessions()) if (servesSite(other, session) && holds(other, session, digest)) found.push(other);
    return found;
  }

  /** The first of the site that fetches it, can pass it on and is not one of those that did not help. */
  function findFirst(session: Session, digest: Digest, mayHelp: (other: Serving) => boolean): Serving[] {
    if (session.site === undefined) return [];
    const since = mono() - LIVELY_MS;
    for (const { session: other, heardAt } of fetching(digest))
      if (heardAt >= since && servesSite(other, session) && mayHelp(other)) return [other];
    return [];
  }

  /** Not always the same ones: by the order of a device's name in the list of all. */
  function choose(found: readonly Serving[], session: Session): Serving[] {
    const start =
      found.length === 0 ? 0 : Array.from(session.device).reduce((sum, c) => sum + c.charCodeAt(0), 0) % found.length;
    return [...found.slice(start), ...found.slice(0, start)].slice(0, MOST);
  }

  const asSource = ({ device, cacheUrl }: Serving): Source => ({ kind: 'neighbour', device, url: cacheUrl });

  return {
    waysTo: (session, { sha256, size }) =>
      size > CHUNK_BYTES ? choose(findHolders(session, sha256), session).map(asSource) : [],

    redirect(session, digest, held) {
      let known = told.get(session);
      if (!known) told.set(session, (known = new Map()));
      const before = known.get(digest) ?? new Map<string, number>();
      const mayHelp = ({ device }: Serving): boolean => held > (before.get(device) ?? -1);
      const holders = choose(findHolders(session, digest).filter(mayHelp), session);
      const chosen = holders.length > 0 ? holders : findFirst(session, digest, mayHelp);
      if (chosen.length === 0) return false;
      known.set(digest, new Map([...before, ...chosen.map(({ device }) => [device, held] as const)]));
      tell(session, { kind: 'offer', digest, sources: chosen.map(asSource) });
      return true;
    },

    hasCache(site) {
      for (const other of sessions()) if (other.site === site && other.cacheUrl !== undefined) return true;
      return false;
    },
  };
}
