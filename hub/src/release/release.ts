// Changes of the release metadata, by what is asked for: a trained version, a publisher's roles, new keys, a renewal. The
// rules are trust's; keeping and signing is the repository's.
import { accept, type Result, refuse } from '@drover/core/reasons';
import { type Entry, type KeySet, rootParts, teamsOf } from '@drover/trust/tuf/build';
import {
  checkThreshold,
  type Metadata,
  type RootSigned,
  signMetadata,
  TARGETS_PER_MODEL,
  type TargetsSigned,
} from '@drover/trust/tuf/metadata';
import { HUB_TEAM } from '@drover/trust/tuf/names';
import {
  entriesOf,
  modelsOf,
  type ProposedRole,
  proposeChanges,
  type ReleaseChange,
  type TeamFiles,
} from '@drover/trust/tuf/propose';
import {
  type AskedChange,
  checkPublication,
  checkRootChain,
  checkTargets,
  type GivenFile,
  type TakenRole,
} from '@drover/trust/tuf/verify';
import type { Keyring } from './keyring.ts';
import type { CommitWith, Repository, Update } from './repository.ts';
import { type ReleaseState, teamFiles, teamsIn } from './state.ts';

export interface ReleaseDeps {
  readonly repository: Repository;
  readonly keyring: Keyring;
  readonly now: () => number;
}

export async function signRoles(
  keyring: Keyring,
  keys: KeySet,
  proposed: readonly ProposedRole[],
): Promise<Result<TakenRole[]>> {
  const taken: TakenRole[] = [];
  for (const { role, signed } of proposed) {
    const signers = await keyring.signersFor(role, keys);
    if (!signers.ok) return signers;
    const metadata = await signMetadata(signed, signers.value);
    if (!metadata.ok) return metadata;
    taken.push({ role, metadata: metadata.value });
  }
  return accept(taken);
}

/** Makes and signs the next roles of a team whose keys are on the hub. */
export async function signTeam(
  { keyring, now }: ReleaseDeps,
  team: string,
  keys: KeySet,
  held: TeamFiles,
  changes: ReadonlyMap<string, ReleaseChange>,
  renewsTeam = false,
): Promise<Result<TakenRole[]>> {
  const at = now();
  const order = { team, keys, held, now: at, renewsTeam };
  const proposed = proposeChanges(order, changes);
  return proposed.ok ? signRoles(keyring, keys, proposed.value) : proposed;
}

/** The oldest give way to a new one: training goes on for ever, and a list does not. */
function addWithRoom(held: TeamFiles, model: string, entry: Entry): ReleaseChange {
  const last = held.models.get(model)?.signed;
  const versions = last === undefined ? [] : entriesOf(last).map(({ version }) => version);
  const tooMany = versions.length + 1 - TARGETS_PER_MODEL;
  return { add: [entry], withdraw: versions.toSorted((a, b) => a - b).slice(0, Math.max(tooMany, 0)) };
}

/** Lists a version that this hub trained, in the same commit that registers it. */
export function listTrained(
  deps: ReleaseDeps,
  { model, entry }: { readonly model: string; readonly entry: Entry },
  commit: CommitWith,
): Promise<Result<ReleaseState>> {
  return deps.repository.change(async (state) => {
    const keys = teamsIn(state).get(HUB_TEAM);
    // Where "targets" does not delegate to the hub, what it trains is a candidate until a publisher releases it.
    if (keys === undefined) return accept(undefined);
    const held = teamFiles(state, HUB_TEAM);
    const roles = await signTeam(deps, HUB_TEAM, keys, held, new Map([[model, addWithRoom(held, model, entry)]]));
    return roles.ok ? accept({ roles: roles.value }) : roles;
  }, commit);
}

/** What a publisher sends: its own signed roles, and what they are meant to change. */
export interface PublisherRelease {
  readonly team: string;
  readonly files: readonly GivenFile[];
  readonly changes: ReadonlyMap<string, AskedChange>;
}

/** Takes in the signed roles of a publisher. `known`: the entries of registered versions. */
export function takePublication(
  { repository, now }: ReleaseDeps,
  { team, files, changes }: PublisherRelease,
  known: (model: string, version: number) => Entry | undefined,
  commit: CommitWith,
): Promise<Result<ReleaseState>> {
  return repository.change(async (state) => {
    const held = teamFiles(state, team);
    const taken = checkPublication({ team, teams: teamsIn(state), held, files, changes, known, now: now() });
    return taken.ok ? accept({ roles: taken.value }) : taken;
  }, commit);
}

/** Signed in ceremonies, off the hub. */
export interface KeyFiles {
  /** From the one after the root that is held, in order. */
  readonly roots: readonly Uint8Array[];
  readonly targets?: Uint8Array | undefined;
  /** Roles of publisher teams that must change together with `targets`, as after a rotation of their keys. */
  readonly roles?: readonly GivenFile[];
}

/** All roles of the hub's own team, made anew: after a rotation of the training key, and at each start. */
export async function renewHubTeam(
  deps: ReleaseDeps,
  state: Pick<ReleaseState, 'targets' | 'roles'>,
): Promise<Result<TakenRole[]>> {
  const keys = teamsOf(state.targets.signed).get(HUB_TEAM);
  const held = teamFiles(state, HUB_TEAM);
  if (keys === undefined || held.team === undefined) return accept([]);
  const at = deps.now();
  const changes = new Map(modelsOf(held.team.signed).map((model): [string, ReleaseChange] => [model, {}]));
  const order = { team: HUB_TEAM, keys, held, now: at, renewsTeam: true };
  const proposed = proposeChanges(order, changes);
  return proposed.ok ? signRoles(deps.keyring, keys, proposed.value) : proposed;
}

function checkGivenRoles(
  state: ReleaseState,
  targets: Metadata<TargetsSigned>,
  files: readonly GivenFile[],
  now: number,
): Result<TakenRole[]> {
  const byTeam = Map.groupBy(files, ({ role }) => role.split('~')[0] ?? '');
  const taken: TakenRole[] = [];
  for (const [team, own] of byTeam) {
    const held = teamFiles(state, team);
    const nothing = { changes: new Map<string, AskedChange>(), known: () => undefined, now };
    const checked = checkPublication({ team, teams: teamsOf(targets.signed), held, files: own, ...nothing });
    if (!checked.ok) return checked;
    taken.push(...checked.value);
  }
  return accept(taken);
}

/** The online keys that the files name must be here before they count, or the hub could sign nothing any more. */
function checkHeld(keyring: Keyring, root: RootSigned, targets: TargetsSigned): Result<undefined> {
  const { online, director } = rootParts(root);
  const training = teamsOf(targets).get(HUB_TEAM);
  for (const [name, keys] of Object.entries({ online, director, training }))
    if (keys !== undefined && !keyring.holds(keys))
      return refuse('root_key_missing', `The role "${name}" needs ${keys.threshold} key file(s) in keys/.`);
  return accept(undefined);
}

export async function planInstall(deps: ReleaseDeps, state: ReleaseState, files: KeyFiles): Promise<Result<Update>> {
  const now = deps.now();
  const rescanned = deps.keyring.rescan();
  if (!rescanned.ok) return rescanned;
  const chain = checkRootChain(state.root.signed, files.roots, now);
  if (!chain.ok) return chain;
  const root = chain.value.at(-1) ?? state.root;
  let { targets } = state;
  if (files.targets !== undefined) {
    const checked = checkTargets(root.signed, targets.signed.version, files.targets, now);
    if (!checked.ok) return checked;
    targets = checked.value;
  } else {
    const still = checkThreshold(targets, 'targets', root.signed.roles.targets, root.signed.keys);
    if (!still.ok)
      return refuse('metadata_unsigned', 'The new root names other targets keys: install new targets with it.');
  }
  const held = checkHeld(deps.keyring, root.signed, targets.signed);
  if (!held.ok) return held;
  const given = checkGivenRoles(state, targets, files.roles ?? [], now);
  if (!given.ok) return given;
  // New online or training keys: what the old ones signed counts no more.
  const own = await renewHubTeam(deps, { targets, roles: state.roles });
  if (!own.ok) return own;
  return accept({
    ...(chain.value.length > 0 && { roots: chain.value }),
    ...(files.targets !== undefined && { targets }),
    roles: [...given.value, ...own.value],
    isSnapshotDue: true,
  });
}

/** Brings in a new root, new targets, or both. */
export const installKeys = (deps: ReleaseDeps, files: KeyFiles, commit: CommitWith): Promise<Result<ReleaseState>> =>
  deps.repository.change((state) => planInstall(deps, state, files), commit);

/** The first files of a hub, from a ceremony: believed as they are, because whoever put them there owns the hub. */
export function planFirst(deps: Pick<ReleaseDeps, 'keyring' | 'now'>, files: KeyFiles): Result<Update> {
  const chain = checkRootChain(undefined, files.roots, deps.now());
  if (!chain.ok) return chain;
  const root = chain.value.at(-1);
  if (root === undefined || files.targets === undefined)
    return refuse('keys_not_installed', 'Root and targets are both needed.');
  // Targets may have any version: a hub may be set up anew under keys that are in use.
  const version = peekVersion(files.targets);
  const targets = checkTargets(root.signed, version - 1, files.targets, deps.now());
  if (!targets.ok) return targets;
  const held = checkHeld(deps.keyring, root.signed, targets.value.signed);
  return held.ok ? accept({ roots: chain.value, targets: targets.value }) : held;
}

function peekVersion(bytes: Uint8Array): number {
  try {
    const { signed } = JSON.parse(Buffer.from(bytes).toString('utf8')) as { signed?: { version?: unknown } };
    return typeof signed?.version === 'number' ? signed.version : 1;
  } catch {
    // Read properly right after this; here only the number is wanted.
    return 1;
  }
}
