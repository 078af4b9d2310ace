// Decides what release metadata a hub takes in: a chain of roots, the next targets, the next roles of a publisher team.
// Signatures first, then versions, times and content; nothing is taken that says more than was asked for. Pure.
import { accept, type Result, refuse } from '@drover/core/reasons';
import { type Entry, type KeySet, type Teams, VALID_MS } from './build.ts';
import {
  checkThreshold,
  type DelegatedRole,
  type Delegations,
  type Metadata,
  parseMetadata,
  type RoleKeys,
  type RootSigned,
  type TargetsSigned,
  TEAMS,
  type TufKey,
  tufKeyidOf,
  tufKeyOf,
} from './metadata.ts';
import { HUB_TEAM, isTeam, modelPattern, modelRole, parseRole, parseTargetPath, teamPattern } from './names.ts';
import { delegatesTo, entriesOf, isSameEntry, type TeamFiles } from './propose.ts';

const HOUR = 3_600_000;
/** Clocks of publishers differ; metadata that would be good for much longer than ours is a mistake or a trick. */
const SLACK_MS = 24 * HOUR;
/** What expires sooner than this would be refused by devices before it arrives. */
const MIN_LEFT_MS = HOUR;

function checkExpiry(name: string, expires: string, validMs: number, now: number): Result<undefined> {
  const left = Date.parse(expires) - now;
  if (left < MIN_LEFT_MS) return refuse('metadata_expiry', `"${name}" expires at ${expires}.`);
  if (left > validMs + SLACK_MS)
    return refuse(
      'metadata_expiry',
      `"${name}" expires at ${expires}, and it may be good for ${validMs / 24 / HOUR} days.`,
    );
  return accept(undefined);
}

function checkNext(name: string, version: number, last: number): Result<undefined> {
  if (version === last + 1) return accept(undefined);
  return refuse('metadata_version', `"${name}" has version ${version}, and the next one is ${last + 1}.`);
}

/** A role below `targets`: any version that goes up and is not from the future (publishers take unix seconds, ADR 0008). */
function checkNewer(name: string, version: number, last: number, now: number): Result<undefined> {
  const most = Math.max(last + 1, Math.floor((now + SLACK_MS) / 1000));
  if (version > last && version <= most) return accept(undefined);
  return refuse(
    'metadata_version',
    `"${name}" has version ${version}, and the next one is from ${last + 1} to ${most}.`,
  );
}

const sameKeys = (a: RoleKeys, b: RoleKeys): boolean =>
  a.threshold === b.threshold && a.keyids.toSorted().join() === b.keyids.toSorted().join();

/** One root: signed by enough of its own keys, the two online roles by the same keys. A first root is believed as it is. */
export function checkRoot(bytes: Uint8Array): Result<Metadata<RootSigned>> {
  const parsed = parseMetadata('root', bytes);
  if (!parsed.ok) return parsed;
  const { signed } = parsed.value;
  const own = checkThreshold(parsed.value, 'root', signed.roles.root, signed.keys);
  if (!own.ok) return own;
  if (!sameKeys(signed.roles.snapshot, signed.roles.timestamp))
    return refuse('metadata_forbidden', 'Snapshot and timestamp must be signed by the same keys.');
  return parsed;
}

/** The root after `last`: version + 1, signed by enough keys of both (TUF 1.0.34 §5.3.4). Expiry is checked of the last in a chain. */
export function checkNextRoot(last: RootSigned, bytes: Uint8Array): Result<Metadata<RootSigned>> {
  const root = checkRoot(bytes);
  if (!root.ok) return root;
  const before = checkThreshold(root.value, `root (keys of version ${last.version})`, last.roles.root, last.keys);
  if (!before.ok) return before;
  const next = checkNext('root', root.value.signed.version, last.version);
  return next.ok ? root : next;
}

/** Roots in order, from the one held (if any) to the newest, which must still be good for a while. */
export function checkRootChain(
  held: RootSigned | undefined,
  files: readonly Uint8Array[],
  now: number,
): Result<Metadata<RootSigned>[]> {
  const chain: Metadata<RootSigned>[] = [];
  for (const bytes of files) {
    const last = chain.at(-1)?.signed ?? held;
    const root = last === undefined ? checkRoot(bytes) : checkNextRoot(last, bytes);
    if (!root.ok) return root;
    chain.push(root.value);
  }
  const newest = chain.at(-1)?.signed;
  if (newest === undefined) return accept(chain);
  const good = checkExpiry('root', newest.expires, VALID_MS.root, now);
  return good.ok ? accept(chain) : good;
}

const delegationProblem = (role: DelegatedRole, pattern: string): string | undefined =>
  role.paths[0] === pattern ? undefined : `"${role.name}" may sign "${pattern}" and not "${role.paths[0] ?? ''}".`;

/** `targets` as this root wants it signed: teams only, each for its own paths. */
export function checkTargets(
  root: RootSigned,
  last: number,
  bytes: Uint8Array,
  now: number,
): Result<Metadata<TargetsSigned>> {
  const parsed = parseMetadata('targets', bytes);
  if (!parsed.ok) return parsed;
  const { signed } = parsed.value;
  const own = checkThreshold(parsed.value, 'targets', root.roles.targets, root.keys);
  if (!own.ok) return own;
  const next = checkNext('targets', signed.version, last);
  if (!next.ok) return next;
  const good = checkExpiry('targets', signed.expires, VALID_MS.targets, now);
  if (!good.ok) return good;
  if (Object.keys(signed.targets).length > 0 || signed['x-drover']?.minRelease !== undefined)
    return refuse('metadata_forbidden', '"targets" names teams and nothing else.');
  const roles = signed.delegations?.roles ?? [];
  if (roles.length > TEAMS)
    return refuse('metadata_forbidden', `"targets" names ${roles.length} teams, at most ${TEAMS}.`);
  for (const role of roles) {
    if (!isTeam(role.name)) return refuse('team_invalid', `"${role.name}".`);
    const problem = delegationProblem(role, teamPattern(role.name));
    if (problem !== undefined) return refuse('metadata_forbidden', problem);
  }
  return parsed;
}

/** A file as a publisher sends it. */
export interface GivenFile {
  readonly role: string;
  readonly bytes: Uint8Array;
}

export interface TakenRole {
  readonly role: string;
  readonly metadata: Metadata<TargetsSigned>;
}

/** What somebody asked for, by version numbers; the files must do exactly this. */
export interface AskedChange {
  readonly add?: readonly number[] | undefined;
  readonly withdraw?: readonly number[] | undefined;
  readonly minRelease?: number | undefined;
}

export interface Publication {
  readonly team: string;
  readonly teams: Teams;
  readonly held: TeamFiles;
  readonly files: readonly GivenFile[];
  /** model → what was asked for. A file without a change here may only renew. */
  readonly changes: ReadonlyMap<string, AskedChange>;
  /** What is registered: the entry that a version must have. */
  readonly known: (model: string, version: number) => Entry | undefined;
  readonly now: number;
}

const keysOfSet = ({ keys, threshold }: KeySet): RoleKeys => ({ keyids: keys.map(tufKeyidOf), threshold });
const keyMapOf = ({ keys }: KeySet): Record<string, TufKey> =>
  Object.fromEntries(keys.map((key) => [tufKeyidOf(key), tufKeyOf(key)]));

function checkSigned(
  { role, bytes }: GivenFile,
  keys: RoleKeys,
  keyMap: Readonly<Record<string, TufKey>>,
  last: number,
  now: number,
): Result<Metadata<TargetsSigned>> {
  const parsed = parseMetadata('targets', bytes);
  if (!parsed.ok) return refuse(parsed.code, `"${role}": ${parsed.detail}`);
  const enough = checkThreshold(parsed.value, role, keys, keyMap);
  if (!enough.ok) return enough;
  const next = checkNewer(role, parsed.value.signed.version, last, now);
  if (!next.ok) return next;
  const good = checkExpiry(role, parsed.value.signed.expires, VALID_MS.team, now);
  return good.ok ? parsed : good;
}

function checkTeamRole(
  { team, held, now }: Publication,
  keys: KeySet,
  file: GivenFile,
): Result<Metadata<TargetsSigned>> {
  const checked = checkSigned(file, keysOfSet(keys), keyMapOf(keys), held.team?.signed.version ?? 0, now);
  if (!checked.ok) return checked;
  const { signed } = checked.value;
  if (Object.keys(signed.targets).length > 0 || signed['x-drover'] !== undefined || signed.delegations === undefined)
    return refuse('metadata_forbidden', `"${team}" names models and nothing else.`);
  if (!delegatesTo(signed, keys) || Object.keys(signed.delegations.keys).length !== keys.keys.length)
    return refuse('metadata_forbidden', `"${team}" names other keys than "targets" gives it.`);
  const problem = findModelProblem(team, signed.delegations);
  if (problem !== undefined) return refuse('metadata_forbidden', problem);
  const names = new Set(signed.delegations.roles.map(({ name }) => name));
  const gone = held.team?.signed.delegations?.roles.find(({ name }) => !names.has(name));
  return gone === undefined ? checked : refuse('release_changed', `"${team}" drops "${gone.name}".`);
}

function findModelProblem(team: string, { roles }: Delegations): string | undefined {
  for (const role of roles) {
    const name = parseRole(role.name);
    if (!name.ok || name.value.kind !== 'model' || name.value.team !== team)
      return `"${role.name}" is no model of "${team}".`;
    const problem = delegationProblem(role, modelPattern(team, name.value.model));
    if (problem !== undefined) return problem;
  }
  return undefined;
}

/** The entries after the change must be those before it, without the withdrawn and with the added ones, and all as registered. */
function checkEntries(publication: Publication, model: string, signed: TargetsSigned): Result<undefined> {
  const { team, held, changes, known } = publication;
  for (const path of Object.keys(signed.targets)) {
    const name = parseTargetPath(path);
    if (!name.ok) return name;
    if (name.value.team !== team || name.value.model !== model)
      return refuse('metadata_forbidden', `"${path}" is not a version of "${modelRole(team, model)}".`);
  }
  const change = changes.get(model) ?? {};
  const last = held.models.get(model)?.signed;
  const before = new Map((last === undefined ? [] : entriesOf(last)).map((entry) => [entry.version, entry]));
  const after = new Map(entriesOf(signed).map((entry) => [entry.version, entry]));
  const withdrawn = new Set(change.withdraw ?? []);
  const added = new Set(change.add ?? []);
  for (const [version, entry] of before) {
    const now = after.get(version);
    if (now === undefined && !withdrawn.has(version))
      return refuse('release_changed', `${model}@${version} is missing and was not to be withdrawn.`);
    if (now !== undefined && withdrawn.has(version))
      return refuse('release_changed', `${model}@${version} was to be withdrawn and is still there.`);
    if (now !== undefined && !isSameEntry(now, entry))
      return refuse('release_changed', `${model}@${version} names another manifest than before.`);
  }
  for (const [version, entry] of after) {
    if (before.has(version)) continue;
    if (!added.has(version)) return refuse('release_changed', `${model}@${version} is new and was not to be added.`);
    const registered = known(model, version);
    if (registered === undefined) return refuse('version_unknown', `${model}@${version} is not registered.`);
    if (!isSameEntry(registered, entry))
      return refuse('release_mismatch', `${model}@${version} has the manifest sha256:${registered.sha256}.`);
  }
  const missing = [...added].find((version) => !after.has(version));
  if (missing !== undefined) return refuse('release_changed', `${model}@${missing} was to be added and is missing.`);
  return checkMinRelease(model, last, signed, change);
}

function checkMinRelease(
  model: string,
  last: TargetsSigned | undefined,
  signed: TargetsSigned,
  change: AskedChange,
): Result<undefined> {
  const drover = signed['x-drover'];
  if (drover?.release !== undefined)
    return refuse('metadata_forbidden', 'Only "targets" says who must release a model.');
  const before = last?.['x-drover']?.minRelease;
  const after = drover?.minRelease;
  if (before !== undefined && (after ?? -1) < before) return refuse('min_release_lowered', `"${model}" had ${before}.`);
  if (after !== (change.minRelease ?? before))
    return refuse('release_changed', `The minimum release of "${model}" is ${after ?? 'none'}.`);
  return accept(undefined);
}

function checkModelRole(
  publication: Publication,
  teamRole: Metadata<TargetsSigned>,
  model: string,
  file: GivenFile,
): Result<TakenRole> {
  const delegations = teamRole.signed.delegations;
  const delegated = delegations?.roles.find(({ name }) => name === file.role);
  if (delegated === undefined || delegations === undefined)
    return refuse('metadata_forbidden', `"${publication.team}" does not delegate to "${file.role}".`);
  const last = publication.held.models.get(model)?.signed.version ?? 0;
  const checked = checkSigned(file, delegated, delegations.keys, last, publication.now);
  if (!checked.ok) return checked;
  if (checked.value.signed.delegations !== undefined)
    return refuse('metadata_forbidden', `"${file.role}" delegates further.`);
  const entries = checkEntries(publication, model, checked.value.signed);
  return entries.ok ? accept({ role: file.role, metadata: checked.value }) : entries;
}

/** Roles of one publisher team, all or nothing. */
export function checkPublication(publication: Publication): Result<TakenRole[]> {
  const { team, teams, held, files, changes } = publication;
  const keys = teams.get(team);
  if (keys === undefined || team === HUB_TEAM) return refuse('team_unknown', `"${team.slice(0, 80)}".`);
  if (new Set(files.map(({ role }) => role)).size !== files.length)
    return refuse('metadata_forbidden', 'One role was sent twice.');
  const taken: TakenRole[] = [];
  let teamRole = held.team;
  const teamFile = files.find(({ role }) => role === team);
  if (teamFile !== undefined) {
    const checked = checkTeamRole(publication, keys, teamFile);
    if (!checked.ok) return checked;
    teamRole = checked.value;
    taken.push({ role: team, metadata: checked.value });
  }
  if (teamRole === undefined) return refuse('metadata_forbidden', `The role "${team}" itself is missing.`);
  // After a rotation the role that is held is signed by keys that count no more: it must come along, made anew.
  const believed = checkThreshold(teamRole, team, keysOfSet(keys), keyMapOf(keys));
  if (!believed.ok) return believed;
  const seen = new Set<string>();
  for (const file of files) {
    if (file.role === team) continue;
    const name = parseRole(file.role);
    if (!name.ok) return name;
    if (name.value.kind !== 'model' || name.value.team !== team)
      return refuse('metadata_forbidden', `"${file.role}" is not a role of "${team}".`);
    const checked = checkModelRole(publication, teamRole, name.value.model, file);
    if (!checked.ok) return checked;
    seen.add(name.value.model);
    taken.push(checked.value);
  }
  const missing = [...changes.keys()].find((model) => !seen.has(model));
  if (missing !== undefined) return refuse('release_changed', `The role "${modelRole(team, missing)}" is missing.`);
  const broken = findBroken(teamRole, held, seen);
  return broken === undefined
    ? accept(taken)
    : refuse('metadata_forbidden', `"${team}" delegates to "${broken}", which is missing or signed by other keys.`);
}

/** A delegation of the team that would lead nowhere: no such file, or one that its keys did not sign. */
function findBroken(
  teamRole: Metadata<TargetsSigned>,
  held: TeamFiles,
  taken: ReadonlySet<string>,
): string | undefined {
  const { delegations } = teamRole.signed;
  return delegations?.roles.find((role) => {
    const name = parseRole(role.name);
    if (!name.ok || name.value.kind !== 'model' || taken.has(name.value.model)) return false;
    const file = held.models.get(name.value.model);
    return file === undefined || !checkThreshold(file, role.name, role, delegations.keys).ok;
  })?.name;
}
