// Owns what the current release metadata is, in memory: the newest file of each role, parsed. Answers questions about it
// and never changes it.
import type { KeySet, Teams } from '@drover/trust/tuf/build';
import { keySetOf, teamsOf } from '@drover/trust/tuf/build';
import {
  checkThreshold,
  type Metadata,
  parseMetadata,
  type RootSigned,
  type SnapshotSigned,
  type TargetsSigned,
  type TimestampSigned,
} from '@drover/trust/tuf/metadata';
import { parseRole } from '@drover/trust/tuf/names';
import { entriesOf, type TeamFiles } from '@drover/trust/tuf/propose';
import { readNewest, type TargetRow } from '../db/release.ts';
import type { Store } from '../db/store.ts';

export interface ReleaseState {
  readonly revision: number;
  readonly root: Metadata<RootSigned>;
  readonly targets: Metadata<TargetsSigned>;
  /** Roles of teams and of models, by name; also those that nothing delegates to any more. */
  readonly roles: ReadonlyMap<string, Metadata<TargetsSigned>>;
  readonly snapshot: Metadata<SnapshotSigned> | undefined;
  readonly timestamp: Metadata<TimestampSigned> | undefined;
}

/** Undefined when nothing was ever stored. Throws when what is stored cannot be read: the database is damaged. */
export async function loadState(store: Store): Promise<{ revision: number; state: ReleaseState | undefined }> {
  const { revision, rows } = await readNewest(store);
  const bytes = new Map(rows.map((row) => [row.role, row.bytes]));
  const must = <T>(role: string, parsed: { ok: true; value: T } | { ok: false; detail: string }): T => {
    if (parsed.ok) return parsed.value;
    throw new Error(`the stored metadata of "${role}" cannot be read: ${parsed.detail}`);
  };
  const [root, targets, snapshot, timestamp] = ['root', 'targets', 'snapshot', 'timestamp'].map((r) => bytes.get(r));
  if (root === undefined || targets === undefined) return { revision, state: undefined };
  const roles = new Map<string, Metadata<TargetsSigned>>();
  for (const [role, held] of bytes) {
    const name = parseRole(role);
    if (name.ok && name.value.kind !== 'top') roles.set(role, must(role, parseMetadata('targets', held)));
  }
  const state: ReleaseState = {
    revision,
    root: must('root', parseMetadata('root', root)),
    targets: must('targets', parseMetadata('targets', targets)),
    roles,
    snapshot: snapshot && must('snapshot', parseMetadata('snapshot', snapshot)),
    timestamp: timestamp && must('timestamp', parseMetadata('timestamp', timestamp)),
  };
  return { revision, state };
}

export const teamsIn = ({ targets }: Pick<ReleaseState, 'targets'>): Teams => teamsOf(targets.signed);

export function teamFiles({ roles }: Pick<ReleaseState, 'roles'>, team: string): TeamFiles {
  const models = new Map<string, Metadata<TargetsSigned>>();
  for (const [role, metadata] of roles) {
    const name = parseRole(role);
    if (name.ok && name.value.kind === 'model' && name.value.team === team) models.set(name.value.model, metadata);
  }
  return { team: roles.get(team), models };
}

/** A role, the keys that the role above it gives it, and its file. */
export interface LiveRole {
  readonly role: string;
  readonly keys: KeySet;
  readonly metadata: Metadata<TargetsSigned>;
}

/** Team and model roles that a client reaches: delegated, there, and signed by the keys of the delegation. */
export function listLive({ targets, roles }: Pick<ReleaseState, 'targets' | 'roles'>): LiveRole[] {
  const live: LiveRole[] = [];
  const visit = (above: Metadata<TargetsSigned>): LiveRole[] => {
    const { delegations } = above.signed;
    return (delegations?.roles ?? []).flatMap((role) => {
      const metadata = roles.get(role.name);
      if (metadata === undefined || delegations === undefined) return [];
      if (!checkThreshold(metadata, role.name, role, delegations.keys).ok) return [];
      return [{ role: role.name, keys: keySetOf(role, delegations.keys), metadata }];
    });
  };
  for (const team of visit(targets)) live.push(team, ...visit(team.metadata));
  return live;
}

/** What one model's role lists, as rows. */
export function rowsOf(team: string, model: string, { signed }: Metadata<TargetsSigned>): TargetRow[] {
  return entriesOf(signed).map(({ version, sha256 }) => ({
    path: `${team}/${model}/${version}.json`,
    team,
    model,
    version,
    manifest: sha256,
  }));
}
