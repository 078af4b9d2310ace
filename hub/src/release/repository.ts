// Keeps the release metadata: takes a change, signs what the hub signs, and stores all of it in one commit together with
// what the caller writes. One change at a time. Never decides what may change.
import { accept, type Result, refuse } from '@drover/core/reasons';
import { buildSnapshot, buildTimestamp, nextRole, rootParts } from '@drover/trust/tuf/build';
import {
  type AnySigned,
  encodeMetadata,
  type Metadata,
  type RootSigned,
  type SnapshotSigned,
  signMetadata,
  type TargetsSigned,
  type TimestampSigned,
} from '@drover/trust/tuf/metadata';
import { parseMetadataFile, parseRole } from '@drover/trust/tuf/names';
import {
  deleteTargets,
  insertRole,
  insertTarget,
  listTargetsOf,
  pruneRole,
  raiseRevision,
  readRole,
  type TargetRow,
} from '../db/release.ts';
import type { CommitResult, Statement, Store } from '../db/store.ts';
import type { Keyring } from './keyring.ts';
import { listLive, loadState, type ReleaseState, rowsOf } from './state.ts';

/** New files of a change, signed already. Snapshot and timestamp are the repository's own affair. */
export interface Update {
  /** In order; all of them are kept, so that a device can follow from the one it has. */
  readonly roots?: readonly Metadata<RootSigned>[];
  readonly targets?: Metadata<TargetsSigned>;
  readonly roles?: readonly { readonly role: string; readonly metadata: Metadata<TargetsSigned> }[];
  /** Sign a snapshot although nothing that it names changed. */
  readonly isSnapshotDue?: boolean;
  /** Snapshot and timestamp get versions above this one. */
  readonly above?: number;
}

/** Writes the statements together with its own, or not at all. */
export type CommitWith = (statements: readonly Statement[]) => Promise<CommitResult>;

export interface Repository {
  /** What is current. */
  current(): ReleaseState;
  /**
   * Plans on the current state and commits; nobody else changes anything in between. `undefined` from `plan`: nothing of the
   * metadata changes, and `commit` is called with no statement.
   */
  change(
    plan: (state: ReleaseState) => Promise<Result<Update | undefined>>,
    commit: CommitWith,
  ): Promise<Result<ReleaseState>>;
  /** A file by its name (`timestamp.json`, `7.snapshot.json`, `3.hub~wear.json`); undefined when there is none. */
  readMetadata(name: string): Promise<Uint8Array | undefined>;
  /** Where the current metadata lists a manifest: target paths, those of publisher teams before the hub's own. */
  pathsOf(manifestDigest: string): Promise<readonly string[]>;
  /**
   * A snapshot and a timestamp of their own over what is current, good for so long (ms), for devices that no network reaches.
   * They are not published: what is published goes on above their versions, with its short life.
   */
  signCarried(validMs: number, commit: CommitWith): Promise<Result<CarriedTop>>;
  /** Called after each change that was stored. */
  onChange(listener: (state: ReleaseState) => void): void;
}

export interface CarriedTop {
  readonly state: ReleaseState;
  readonly snapshot: Metadata<SnapshotSigned>;
  readonly timestamp: Metadata<TimestampSigned>;
}

export interface RepositoryDeps {
  readonly store: Store;
  readonly keyring: Keyring;
  readonly now: () => number;
}

/** Old files kept of each role but root: a client that is refreshing may still ask for the ones it read about. */
const KEPT_FILES = 20;

const roleRow = (role: string, metadata: Metadata) => ({
  role,
  version: metadata.signed.version,
  bytes: encodeMetadata(metadata),
});

/** Statements that make `tufTargets` say what the new state lists. */
function writeTargets(next: Pick<ReleaseState, 'targets' | 'roles'>, update: Update): Statement[] {
  const rows: TargetRow[] = [];
  const live = listLive(next);
  const changed = new Set((update.roles ?? []).map(({ role }) => role));
  const isWhole = update.targets !== undefined || [...changed].some((role) => !role.includes('~'));
  const statements: Statement[] = isWhole ? [deleteTargets()] : [];
  for (const { role, metadata } of live) {
    const name = parseRole(role);
    if (!name.ok || name.value.kind !== 'model' || !(isWhole || changed.has(role))) continue;
    const { team, model } = name.value;
    if (!isWhole) statements.push(deleteTargets({ team, model }));
    rows.push(...rowsOf(team, model, metadata));
  }
  return [...statements, ...rows.map(insertTarget)];
}

async function signOnline<T extends AnySigned>(
  keyring: Keyring,
  root: RootSigned,
  signed: T,
): Promise<Result<Metadata<T>>> {
  const signers = await keyring.signersFor(signed._type, rootParts(root).online);
  return signers.ok ? signMetadata(signed, signers.value) : signers;
}

function versionsOf({ roles, targets }: Pick<ReleaseState, 'roles' | 'targets'>): Map<string, number> {
  const versions = new Map([...roles].map(([role, { signed }]) => [role, signed.version]));
  return versions.set('targets', targets.signed.version);
}

async function makeCarried(
  { keyring, now }: RepositoryDeps,
  state: ReleaseState,
  validMs: number,
): Promise<Result<CarriedTop>> {
  const at = now();
  const last = Math.max(state.snapshot?.signed.version ?? 0, state.timestamp?.signed.version ?? 0);
  const version = nextRole(last, at);
  const { signed: root } = state.root;
  const snapshot = await signOnline(keyring, root, buildSnapshot(versionsOf(state), version, at, validMs));
  if (!snapshot.ok) return snapshot;
  const timestamp = await signOnline(keyring, root, buildTimestamp(snapshot.value, version, at, validMs));
  return timestamp.ok ? accept({ state, snapshot: snapshot.value, timestamp: timestamp.value }) : timestamp;
}

interface Prepared {
  readonly next: ReleaseState;
  readonly statements: readonly Statement[];
}

/** @param before undefined for the very first files, which bring root and targets. */
async function prepare(
  { keyring, now }: RepositoryDeps,
  before: ReleaseState | undefined,
  revision: number,
  update: Update,
): Promise<Result<Prepared>> {
  const root = update.roots?.at(-1) ?? before?.root;
  const targets = update.targets ?? before?.targets;
  if (root === undefined || targets === undefined) throw new Error('the first change brings root and targets');
  const roles = new Map(before?.roles);
  for (const { role, metadata } of update.roles ?? []) roles.set(role, metadata);
  const at = now();
  const isChanged = update.roots !== undefined || update.targets !== undefined || (update.roles ?? []).length > 0;
  let snapshot = before?.snapshot;
  const signedNow: [string, Metadata][] = [];
  if (snapshot === undefined || isChanged || update.isSnapshotDue === true) {
    const versions = versionsOf({ roles, targets });
    const version = nextRole(Math.max(snapshot?.signed.version ?? 0, update.above ?? 0), at);
    const made = await signOnline(keyring, root.signed, buildSnapshot(versions, version, at));
    if (!made.ok) return made;
    snapshot = made.value;
    signedNow.push(['snapshot', snapshot]);
  }
  const version = nextRole(Math.max(before?.timestamp?.signed.version ?? 0, update.above ?? 0), at);
  const timestamp = await signOnline(keyring, root.signed, buildTimestamp(snapshot, version, at));
  if (!timestamp.ok) return timestamp;
  signedNow.push(['timestamp', timestamp.value]);
  const files: [string, Metadata][] = [
    ...(update.roots ?? []).map((one): [string, Metadata] => ['root', one]),
    ...(update.targets === undefined ? [] : [['targets', update.targets] as [string, Metadata]]),
    ...(update.roles ?? []).map(({ role, metadata }): [string, Metadata] => [role, metadata]),
    ...signedNow,
  ];
  const next = { revision: revision + 1, root, targets, roles, snapshot, timestamp: timestamp.value };
  const prunable = [...new Set(files.map(([role]) => role))].filter((role) => role !== 'root');
  return accept({
    next,
    statements: [
      raiseRevision(revision),
      ...files.map(([role, metadata]) => insertRole(roleRow(role, metadata))),
      ...prunable.map((role) => pruneRole(role, role === 'timestamp' ? 1 : KEPT_FILES)),
      ...(isChanged ? writeTargets(next, update) : []),
    ],
  });
}

/** Opens what is stored; on a new database `first` gives root and targets. */
export async function openRepository(
  deps: RepositoryDeps,
  first: () => Promise<Result<Update>>,
): Promise<Result<Repository>> {
  const { store } = deps;
  const loaded = await loadState(store);
  let state = loaded.state;
  if (state === undefined) {
    const update = await first();
    if (!update.ok) return update;
    const prepared = await prepare(deps, undefined, loaded.revision, update.value);
    if (!prepared.ok) return prepared;
    const done = await store.commit(prepared.value.statements);
    if (!done.ok) return refuse('write_conflict', 'The first release metadata was not stored.');
    state = prepared.value.next;
  }
  let current = state;
  let turn: Promise<unknown> = Promise.resolve();
  const listeners: ((state: ReleaseState) => void)[] = [];

  async function changeNow(
    plan: (state: ReleaseState) => Promise<Result<Update | undefined>>,
    commit: CommitWith,
  ): Promise<Result<ReleaseState>> {
    const update = await plan(current);
    if (!update.ok) return update;
    const prepared =
      update.value === undefined ? undefined : await prepare(deps, current, current.revision, update.value);
    if (prepared !== undefined && !prepared.ok) return prepared;
    const done = await commit(prepared?.value.statements ?? []);
    if (!done.ok) return refuse('write_conflict', 'Nothing was stored.');
    if (prepared === undefined) return accept(current);
    current = prepared.value.next;
    for (const listener of listeners) listener(current);
    return accept(current);
  }

  async function signCarriedNow(validMs: number, commit: CommitWith): Promise<Result<CarriedTop>> {
    const made = await makeCarried(deps, current, validMs);
    if (!made.ok) return made;
    const above = made.value.timestamp.signed.version;
    const published = await changeNow(async () => accept({ isSnapshotDue: true, above }), commit);
    return published.ok ? made : published;
  }

  return accept({
    current: () => current,
    signCarried(validMs, commit) {
      const mine = turn.then(() => signCarriedNow(validMs, commit));
      turn = mine.catch(() => undefined);
      return mine;
    },
    change(plan, commit) {
      const mine = turn.then(() => changeNow(plan, commit));
      turn = mine.catch(() => undefined);
      return mine;
    },
    async readMetadata(name) {
      const file = parseMetadataFile(name);
      if (!file.ok) return undefined;
      const { role, version } = file.value;
      if (version !== undefined) return readRole(store, role, version);
      return current.timestamp && encodeMetadata(current.timestamp);
    },
    async pathsOf(manifestDigest) {
      const rows = await listTargetsOf(store, manifestDigest);
      return rows.toSorted((a, b) => Number(a.team === 'hub') - Number(b.team === 'hub')).map(({ path }) => path);
    },
    onChange: (listener) => void listeners.push(listener),
  });
}
