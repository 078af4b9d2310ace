// Decides whether a release may be installed, by the release metadata: TUF by tuf-js with its gaps closed. Time never goes
// back, files are replaced as a whole or not at all, what is read is bounded in bytes and time, and every "no" has a code.
// Never fetches by itself (a source does), never installs, and never says a word about what runs already.
import { accept, type Refusal, type Result, refuse } from '@drover/core/reasons';
import { type Floors, isDiskError, openMetadataFolder } from './metadata-folder.ts';
import type { MetadataSource } from './metadata-source.ts';
import { HUB_TEAM, parseTargetPath, type TargetName } from './names.ts';
import { openReleaseRoot, type ReleaseRoot } from './trusted-root.ts';
import type { Listed, TufSession } from './tuf-session.ts';

export interface ReleaseClientOptions {
  /** Holds the root that was handed over at join (`installFactoryRoot`) and what is learned since. */
  readonly dir: string;
  readonly source: MetadataSource;
  /** Ms since epoch. It may be wrong in both directions: the floor is kept here. */
  readonly now: () => number;
  /** No time before this one is believed, ms since epoch. */
  readonly builtAt?: number;
  /** `person`: nothing below `hub/` is installed. */
  readonly release?: 'any' | 'person';
  /** A newer root is held from now on. `keysChanged`: times that the old online keys vouched for count no more. */
  readonly onRoot?: (root: ReleaseRoot, keysChanged: boolean) => void;
  readonly timing?: ClientTiming;
}

export interface ClientTiming {
  /** Ms that one file may take, and all files of one pass. */
  readonly fileMs: number;
  readonly passMs: number;
}

const TIMING: ClientTiming = { fileMs: 60_000, passMs: 300_000 };

/** A release that may be installed, and what vouches for it. */
export interface Found extends TargetName {
  readonly path: string;
  /** Of the manifest's payload, in bytes. */
  readonly length: number;
  /** The manifest digest. */
  readonly sha256: string;
  readonly release: number;
  readonly minRelease: number;
  /** The role that lists it. */
  readonly role: string;
  /** role → version, of all that was looked at. */
  readonly versions: Readonly<Record<string, number>>;
}

export interface ReleaseClient {
  /** The newest root that is held. */
  root(): ReleaseRoot;
  /** Takes newer roots, and nothing else. */
  refreshRoot(): Promise<Result<ReleaseRoot>>;
  /** Brings all top roles up to date. A refusal leaves what was held, but for a newer root. */
  refresh(): Promise<Result<undefined>>;
  /** Whether this release may be installed now. */
  find(path: string): Promise<Result<Found>>;
  /** The same for several in one pass; the outer refusal is about the metadata, an inner one about one release. */
  findAll(paths: readonly string[]): Promise<Result<readonly Result<Found>[]>>;
  /** The last time that a signature of the hub vouched for, ms since epoch; 0 when there was none. */
  signedAt(): number;
}

const modelKey = ({ team, model }: TargetName): string => `${team}/${model}`;

/** Raises the lowest release of a model; it falls only with the keys that said it, for a stolen key must not block a model for ever. */
function raiseMinRelease(floors: Floors, name: TargetName, { minRelease, keyids }: Listed): Floors {
  const key = modelKey(name);
  const held = Object.hasOwn(floors.models, key) ? floors.models[key] : undefined;
  const isStillVouched = held?.keyids.some((keyid) => keyids.includes(keyid)) ?? false;
  if (held && isStillVouched && held.minRelease >= minRelease) return floors;
  return { ...floors, models: { ...floors.models, [key]: { minRelease, keyids: [...keyids] } } };
}

/** Refused when there is no usable root to start from. */
export function openReleaseClient(options: ReleaseClientOptions): Result<ReleaseClient> {
  const { dir, source, now, builtAt = 0, timing = TIMING } = options;
  const folder = openMetadataFolder(dir);
  const factoryBytes = folder.factoryRoot();
  const factory = factoryBytes ? openReleaseRoot(factoryBytes) : refuse('root_invalid', `"${dir}" holds no root.`);
  const newestBytes = folder.root();
  const newest = newestBytes && openReleaseRoot(newestBytes);
  // A damaged newer root costs a walk from the first one; a damaged first one costs nothing while the newer is whole.
  const first = newest?.ok && (!factory.ok || newest.value.version >= factory.value.version) ? newest : factory;
  if (!first.ok) return first;
  let root = first.value;
  let floors = folder.floors();
  let last: Promise<unknown> = Promise.resolve();

  function keepFloors(next: Floors): void {
    if (next === floors) return;
    folder.keepFloors(next);
    floors = next;
  }

  /** The newest root that the session verified is kept at once, whatever becomes of the rest. */
  function takeRoot(scratchRoot: Uint8Array): void {
    const opened = openReleaseRoot(scratchRoot);
    if (!opened.ok || opened.value.version <= root.version) return;
    folder.keepRoot(scratchRoot);
    const keysChanged = opened.value.onlineKeys !== root.onlineKeys;
    root = opened.value;
    options.onRoot?.(root, keysChanged);
  }

  /** An online key vouches for time only as far as the offline keys' own word reaches: it could say 2090. */
  function raiseTime(from: Floors, session: TufSession): Floors {
    const { version, expiresAt } = session.timestamp();
    // Versions of online roles are unix seconds (ADR 0008): a signed lower bound of the time. One beyond its own end is a count
    // that ran ahead, as after a hub's clock that was wrong for an hour, and would make the next look find it expired.
    const seen = version * 1000 < expiresAt ? Math.min(version * 1000, root.expiresAt) : 0;
    const held = signedAt();
    return seen > held || from.onlineKeys !== root.onlineKeys
      ? { ...from, signedAt: Math.max(held, seen), onlineKeys: root.onlineKeys }
      : from;
  }

  const signedAt = (): number => (floors.onlineKeys === root.onlineKeys ? floors.signedAt : 0);
  const referenceTime = (): number => Math.max(now(), builtAt, signedAt());

  /** `draft`: the floors that this pass leaves when all of it is right. */
  function judge(draft: { floors: Floors }, path: string, name: TargetName, listed: Listed | undefined): Result<Found> {
    if (!listed) return refuse('release_not_approved', `"${path}".`);
    const { length, sha256, release, role, versions } = listed;
    draft.floors = raiseMinRelease(draft.floors, name, listed);
    const minRelease = draft.floors.models[modelKey(name)]?.minRelease ?? 0;
    if (release < minRelease)
      return refuse('release_downgrade', `"${path}" is release ${release} and the lowest is ${minRelease}.`);
    return accept({ ...name, path, length, sha256, release, minRelease, role, versions });
  }

  async function findOne(
    session: TufSession,
    draft: { floors: Floors },
    path: string,
  ): Promise<{ stop?: Refusal; found: Result<Found> }> {
    const name = parseTargetPath(path);
    if (!name.ok) return { found: name };
    const isPerson = options.release === 'person' || session.isPersonRequired();
    if (isPerson && name.value.team === HUB_TEAM) return { found: refuse('release_person_required', `"${path}".`) };
    const listed = await session.find(name.value);
    if (!listed.ok) return { stop: listed, found: listed };
    return { found: judge(draft, path, name.value, listed.value) };
  }

  /** One pass: what was verified is kept as a whole or, when anything of it is wrong, not at all. */
  async function pass(paths: readonly string[] | undefined): Promise<Result<readonly Result<Found>[]>> {
    try {
      const { openTufSession } = await import('./tuf-session.ts');
      const scratch = folder.openScratch(root.bytes);
      const session = openTufSession({ folder: scratch, source, ...timing });
      const roots = await session.loadRoots();
      takeRoot(folder.scratchRoot());
      if (!roots.ok) return roots;
      if (paths === undefined) return accept([]);
      const top = await session.loadTop(referenceTime());
      if (!top.ok) return top;
      const draft = { floors };
      const results: Result<Found>[] = [];
      for (const path of paths) {
        const { stop, found } = await findOne(session, draft, path);
        if (stop) return stop;
        results.push(found);
      }
      if (session.hasWritten()) folder.keepScratch();
      keepFloors(raiseTime(draft.floors, session));
      return accept(results);
    } catch (error) {
      if (isDiskError(error)) return refuse('metadata_disk', `${error.message.slice(0, 200)}.`);
      throw error;
    } finally {
      folder.dropScratch();
    }
  }

  /** Passes share one scratch folder: they follow each other. */
  function inTurn<T>(run: () => Promise<T>): Promise<T> {
    const mine = last.then(run, run);
    last = mine;
    return mine;
  }
  const findAll: ReleaseClient['findAll'] = (paths) => inTurn(() => pass(paths));

  return accept({
    root: () => root,
    signedAt,
    findAll,
    async refreshRoot() {
      const done = await inTurn(() => pass(undefined));
      return done.ok ? accept(root) : done;
    },
    async refresh() {
      const done = await findAll([]);
      return done.ok ? accept(undefined) : done;
    },
    async find(path) {
      const done = await findAll([path]);
      if (!done.ok) return done;
      return done.value[0] ?? refuse('release_not_approved', `"${path}".`);
    },
  });
}
