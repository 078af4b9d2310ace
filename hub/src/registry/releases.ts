// Takes in signed release metadata for what is registered already, and the files of key ceremonies, each with its audit
// row. The rules are trust's.
import { accept, type Result } from '@drover/core/reasons';
import type { Entry } from '@drover/trust/tuf/build';
import { commitWithAudit } from '../db/audit.ts';
import { readVersion } from '../db/models.ts';
import type { Store } from '../db/store.ts';
import {
  installKeys,
  type KeyFiles,
  type PublisherRelease,
  type ReleaseDeps,
  takePublication,
} from '../release/release.ts';
import type { ReleaseState } from '../release/state.ts';
import { entryOf } from './entry.ts';

export interface ReleasesDeps {
  readonly store: Store;
  readonly now: () => number;
  readonly release: ReleaseDeps;
  readonly actor: string;
}

/** The versions of these roles now; null for one that is new. */
const versionsOf = ({ roles }: ReleaseState, names: readonly string[]): Readonly<Record<string, number | null>> =>
  Object.fromEntries(names.map((name) => [name, roles.get(name)?.signed.version ?? null]));

/** Lists, withdraws or renews by a publisher's signed roles. */
export async function releaseRegistered(
  { store, now, release, actor }: ReleasesDeps,
  publication: PublisherRelease,
): Promise<Result<ReleaseState>> {
  const entries = new Map<string, Entry>();
  for (const [model, { add = [] }] of publication.changes) {
    for (const version of add) {
      const row = await readVersion(store, model, version);
      if (row !== undefined) entries.set(`${model}@${version}`, entryOf(row));
    }
  }
  const entry = {
    at: now(),
    actor,
    action: 'release.publish',
    subject: publication.team,
    detail: {
      before: versionsOf(
        release.repository.current(),
        publication.files.map(({ role }) => role),
      ),
      after: { changes: Object.fromEntries(publication.changes), roles: publication.files.map(({ role }) => role) },
    },
  };
  return takePublication(
    release,
    publication,
    (model, version) => entries.get(`${model}@${version}`),
    (statements) => commitWithAudit(store, statements, entry),
  );
}

export async function installSigned(
  { store, now, release, actor }: ReleasesDeps,
  files: KeyFiles,
): Promise<Result<ReleaseState>> {
  const before = release.repository.current();
  const roles = (files.roles ?? []).map(({ role }) => role);
  const root = before.root.signed.version;
  const detail = {
    before: { root, targets: before.targets.signed.version, ...versionsOf(before, roles) },
    // The chain of roots has no gap, or nothing is installed.
    after: { root: root + files.roots.length, newTargets: files.targets !== undefined, roles },
  };
  const entry = { at: now(), actor, action: 'keys.install', subject: 'root', detail };
  const done = await installKeys(release, files, (statements) => commitWithAudit(store, statements, entry));
  return done.ok ? accept(done.value) : done;
}
