// Decides what the next metadata of a team must say after a change of its releases: from what is held, to unsigned
// documents. Both sides use it, so that a publisher signs what it asked for and the hub can tell. Pure.
import { accept, type Result, refuse } from '@drover/core/reasons';
import { buildModel, buildTeam, type Entry, type KeySet, nextRole } from './build.ts';
import { type Metadata, TARGETS_PER_MODEL, type TargetsSigned, tufKeyidOf } from './metadata.ts';
import { modelRole, parseRole, parseTargetPath } from './names.ts';

/** What is held of one team. */
export interface TeamFiles {
  readonly team: Metadata<TargetsSigned> | undefined;
  /** model → its role. */
  readonly models: ReadonlyMap<string, Metadata<TargetsSigned>>;
}

export interface ReleaseChange {
  readonly add?: readonly Entry[];
  /** Versions to take out. */
  readonly withdraw?: readonly number[];
  readonly minRelease?: number | undefined;
}

export interface ProposedRole {
  readonly role: string;
  readonly signed: TargetsSigned;
}

export function entriesOf({ targets }: TargetsSigned): Entry[] {
  return Object.entries(targets).flatMap(([path, { length, hashes, custom }]) => {
    const name = parseTargetPath(path);
    return name.ok ? [{ version: name.value.version, sha256: hashes.sha256, length, release: custom.release }] : [];
  });
}

/** The models that a team's role delegates. */
export const modelsOf = ({ delegations }: TargetsSigned): string[] =>
  (delegations?.roles ?? []).flatMap(({ name }) => {
    const role = parseRole(name);
    return role.ok && role.value.kind === 'model' ? [role.value.model] : [];
  });

export const isSameEntry = (a: Entry, b: Entry): boolean =>
  a.version === b.version && a.sha256 === b.sha256 && a.length === b.length && a.release === b.release;

/** Whether a team's role delegates to exactly these keys: after a rotation it does not, and every role is to be made anew. */
export function delegatesTo({ delegations }: TargetsSigned, { keys, threshold }: KeySet): boolean {
  const wanted = keys.map(tufKeyidOf).toSorted().join();
  return (delegations?.roles ?? []).every(
    (role) => role.threshold === threshold && [...role.keyids].toSorted().join() === wanted,
  );
}

function changeEntries(model: string, held: readonly Entry[], change: ReleaseChange): Result<Entry[]> {
  const entries = new Map(held.map((entry) => [entry.version, entry]));
  for (const version of change.withdraw ?? [])
    if (!entries.delete(version)) return refuse('release_unlisted', `${model}@${version}.`);
  for (const entry of change.add ?? []) {
    const same = entries.get(entry.version);
    if (same !== undefined && !isSameEntry(same, entry))
      return refuse('release_mismatch', `${model}@${entry.version} is listed with another manifest.`);
    entries.set(entry.version, entry);
  }
  if (entries.size > TARGETS_PER_MODEL) return refuse('release_full', `"${model}" would have ${entries.size}.`);
  return accept([...entries.values()]);
}

export interface ProposeOrder {
  readonly team: string;
  readonly keys: KeySet;
  readonly held: TeamFiles;
  readonly now: number;
  /** Make the team's own role anew although no model is new. */
  readonly renewsTeam?: boolean;
}

/** The roles to sign for changes of these models; a change with nothing in it renews. */
export function proposeChanges(
  { team, keys, held, now, renewsTeam = false }: ProposeOrder,
  changes: ReadonlyMap<string, ReleaseChange>,
): Result<ProposedRole[]> {
  const proposed: ProposedRole[] = [];
  for (const [model, change] of changes) {
    const last = held.models.get(model)?.signed;
    const entries = changeEntries(model, last === undefined ? [] : entriesOf(last), change);
    if (!entries.ok) return entries;
    const before = last?.['x-drover']?.minRelease;
    const minRelease = change.minRelease ?? before;
    if (minRelease !== undefined && before !== undefined && minRelease < before)
      return refuse('min_release_lowered', `"${model}" has ${before} and not ${minRelease}.`);
    const order = { team, model, version: nextRole(last?.version ?? 0, now), now, minRelease };
    proposed.push({ role: modelRole(team, model), signed: buildModel(order, entries.value) });
  }
  const last = held.team?.signed;
  const known = last === undefined ? [] : modelsOf(last);
  const models = [...new Set([...known, ...changes.keys()])];
  if (renewsTeam || last === undefined || models.length > known.length || !delegatesTo(last, keys)) {
    const version = nextRole(last?.version ?? 0, now);
    proposed.unshift({ role: team, signed: buildTeam({ team, keys, version, now }, models) });
  }
  return accept(proposed);
}
