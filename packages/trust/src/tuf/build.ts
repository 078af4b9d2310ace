// Builds release metadata: which keys, teams, models and versions the next file of a role names, and until when. Pure:
// time and keys come in, unsigned documents go out. Never signs, and never decides whether a change is allowed.
import { createHash } from 'node:crypto';
import {
  type DelegatedRole,
  encodeMetadata,
  type Metadata,
  type RoleKeys,
  type RootSigned,
  rawKeyOf,
  type SnapshotSigned,
  SPEC_VERSION,
  type Target,
  type TargetsSigned,
  type TimestampSigned,
  type TufKey,
  tufKeyidOf,
  tufKeyOf,
} from './metadata.ts';
import { modelPattern, modelRole, targetPath, teamPattern } from './names.ts';

const DAY = 86_400_000;

/** How long each kind of metadata is good for, in ms (docs/adr/0008). A model's role lives as long as its team's. */
export const VALID_MS = {
  root: 365 * DAY,
  targets: 365 * DAY,
  team: 90 * DAY,
  snapshot: 7 * DAY,
  timestamp: DAY,
} as const;

/** RFC 3339 in whole seconds, as TUF wants it. */
export const instantOf = (ms: number): string => `${new Date(ms).toISOString().slice(0, 19)}Z`;

/** Root and targets count by one: whoever signs them keeps them, and a hub takes them back in after a restore. */
export const nextOffline = (last: number): number => last + 1;
/** All other roles never go back, also not when the hub that keeps them was restored: unix seconds, unless that many were made already. */
export const nextRole = (last: number, now: number): number => Math.max(last + 1, Math.floor(now / 1000));

/** Public keys of a role and how many of them must sign. */
export interface KeySet {
  /** Raw 32-byte Ed25519 keys. */
  readonly keys: readonly Uint8Array[];
  readonly threshold: number;
}

const roleOf = ({ keys, threshold }: KeySet): RoleKeys => ({ keyids: keys.map(tufKeyidOf), threshold });
const keyMap = (sets: readonly KeySet[]): Record<string, TufKey> =>
  Object.fromEntries(sets.flatMap(({ keys }) => keys).map((key) => [tufKeyidOf(key), tufKeyOf(key)]));

/** The keys of a role in a file that names it. */
export const keySetOf = (role: RoleKeys, keys: Readonly<Record<string, TufKey>>): KeySet => ({
  keys: role.keyids.flatMap((keyid) => {
    const key = keys[keyid];
    return key === undefined ? [] : [rawKeyOf(key)];
  }),
  threshold: role.threshold,
});

export interface RootParts {
  readonly root: KeySet;
  readonly targets: KeySet;
  /** Signs snapshot and timestamp. */
  readonly online: KeySet;
  readonly director: KeySet;
}

/** A root of `version` that names these keys. */
export function buildRoot(parts: RootParts, version: number, now: number): RootSigned {
  return {
    _type: 'root',
    spec_version: SPEC_VERSION,
    version,
    expires: instantOf(now + VALID_MS.root),
    consistent_snapshot: true,
    keys: keyMap([parts.root, parts.targets, parts.online, parts.director]),
    roles: {
      root: roleOf(parts.root),
      targets: roleOf(parts.targets),
      snapshot: roleOf(parts.online),
      timestamp: roleOf(parts.online),
    },
    'x-drover': { director: roleOf(parts.director) },
  };
}

export const rootParts = (root: RootSigned): RootParts => ({
  root: keySetOf(root.roles.root, root.keys),
  targets: keySetOf(root.roles.targets, root.keys),
  online: keySetOf(root.roles.timestamp, root.keys),
  director: keySetOf(root['x-drover'].director, root.keys),
});

/** The next root: the keys of the last one where `change` names no others. It must be signed by the last one's root keys and by its own. */
export const extendRoot = (last: RootSigned, change: Partial<RootParts>, now: number): RootSigned =>
  buildRoot({ ...rootParts(last), ...change }, nextOffline(last.version), now);

/** team → its keys. The hub's own team holds the online training key. */
export type Teams = ReadonlyMap<string, KeySet>;

export const teamsOf = ({ delegations }: TargetsSigned): Teams =>
  new Map((delegations?.roles ?? []).map((role) => [role.name, keySetOf(role, delegations?.keys ?? {})]));

const delegate = (name: string, pattern: string, keys: KeySet): DelegatedRole => ({
  name,
  ...roleOf(keys),
  terminating: true,
  paths: [pattern],
});

/** `targets`: names no version itself and delegates all paths below a team's name to the team. `person`: devices refuse what only the hub signed. */
export function buildTargets(
  teams: Teams,
  options: { readonly version: number; readonly now: number; readonly person?: boolean },
): TargetsSigned {
  return {
    _type: 'targets',
    spec_version: SPEC_VERSION,
    version: options.version,
    expires: instantOf(options.now + VALID_MS.targets),
    targets: {},
    delegations: {
      keys: keyMap([...teams.values()]),
      roles: [...teams].map(([team, keys]) => delegate(team, teamPattern(team), keys)),
    },
    ...(options.person === true && { 'x-drover': { release: 'person' } }),
  };
}

export interface TeamOrder {
  readonly team: string;
  readonly keys: KeySet;
  readonly version: number;
  readonly now: number;
}

/** A team's role: one delegation per model, signed by the same keys, so that a new model needs no offline signature. */
export function buildTeam({ team, keys, version, now }: TeamOrder, models: readonly string[]): TargetsSigned {
  return {
    _type: 'targets',
    spec_version: SPEC_VERSION,
    version,
    expires: instantOf(now + VALID_MS.team),
    targets: {},
    delegations: {
      keys: keyMap([keys]),
      roles: models.toSorted().map((model) => delegate(modelRole(team, model), modelPattern(team, model), keys)),
    },
  };
}

/** An approved version of a model: what a device may install. */
export interface Entry {
  readonly version: number;
  /** SHA-256 of the manifest's payload: the manifest digest. */
  readonly sha256: string;
  /** Bytes of the payload. */
  readonly length: number;
  /** The release counter in the manifest. */
  readonly release: number;
}

export interface ModelOrder {
  readonly team: string;
  readonly model: string;
  readonly version: number;
  readonly now: number;
  /** Devices install nothing of this model whose release counter is lower. */
  readonly minRelease?: number | undefined;
}

/** A model's role: its approved versions. */
export function buildModel(order: ModelOrder, entries: readonly Entry[]): TargetsSigned {
  const { team, model, version, now, minRelease } = order;
  const targetOf = ({ sha256, length, release }: Entry): Target => ({
    length,
    hashes: { sha256 },
    custom: { release },
  });
  return {
    _type: 'targets',
    spec_version: SPEC_VERSION,
    version,
    expires: instantOf(now + VALID_MS.team),
    targets: Object.fromEntries(
      entries
        .toSorted((a, b) => a.version - b.version)
        .map((entry) => [targetPath({ team, model, version: entry.version }), targetOf(entry)]),
    ),
    ...(minRelease !== undefined && { 'x-drover': { minRelease } }),
  };
}

/** role → its version, of `targets` and everything below it. */
export type RoleVersions = ReadonlyMap<string, number>;

export const buildSnapshot = (
  roles: RoleVersions,
  version: number,
  now: number,
  validMs: number = VALID_MS.snapshot,
): SnapshotSigned => ({
  _type: 'snapshot',
  spec_version: SPEC_VERSION,
  version,
  expires: instantOf(now + validMs),
  meta: Object.fromEntries(
    [...roles].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([role, of]) => [`${role}.json`, { version: of }]),
  ),
});

export function buildTimestamp(
  snapshot: Metadata<SnapshotSigned>,
  version: number,
  now: number,
  validMs: number = VALID_MS.timestamp,
): TimestampSigned {
  const bytes = encodeMetadata(snapshot);
  return {
    _type: 'timestamp',
    spec_version: SPEC_VERSION,
    version,
    expires: instantOf(now + validMs),
    meta: {
      'snapshot.json': {
        version: snapshot.signed.version,
        length: bytes.length,
        hashes: { sha256: createHash('sha256').update(bytes).digest('hex') },
      },
    },
  };
}

/**
 * The keys that may sign desired documents, and how many must.
 * @public for devices, which go by the newest root
 */
export function directorOf(root: RootSigned): { readonly keys: readonly Uint8Array[]; readonly threshold: number } {
  return keySetOf(root['x-drover'].director, root.keys);
}
