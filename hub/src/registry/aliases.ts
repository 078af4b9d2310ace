// Decides which aliases may be set: names for versions that people and rollouts use. Never changes what runs.
import { accept, type Result, refuse } from '@drover/core/reasons';
import { commitWithAudit } from '../db/audit.ts';
import { moveAlias, readAlias, readVersion } from '../db/models.ts';
import type { RegistryDeps } from './deps.ts';

/** The alias that the hub itself sets on the first trained version. */
export const CHAMPION = 'champion';
/** Always the newest version: computed, never stored. */
export const LATEST = 'latest';

/** An alias may not look like a version number. */
export const isAliasAllowed = (alias: string): boolean => alias !== LATEST && !/^[0-9]+$/.test(alias);

/** Tries when somebody else moves the same alias. */
const TRIES = 5;

export async function pointAlias(
  deps: Pick<RegistryDeps, 'store' | 'now'>,
  change: { readonly model: string; readonly alias: string; readonly version: number; readonly actor: string },
): Promise<Result<undefined>> {
  const { model, alias, version, actor } = change;
  if (!isAliasAllowed(alias)) return refuse('alias_reserved', `"${alias}" is a number or means the newest version.`);
  if ((await readVersion(deps.store, model, version)) === undefined)
    return refuse('not_found', `${model}@${version} is not registered.`);
  for (let tries = 0; tries < TRIES; tries++) {
    const now = deps.now();
    const before = (await readAlias(deps.store, model, alias))?.version;
    const done = await commitWithAudit(deps.store, [moveAlias({ model, alias, version, updatedAt: now }, before)], {
      at: now,
      actor,
      action: 'alias.set',
      subject: `${model}@${alias}`,
      detail: { before: before === undefined ? null : { version: before }, after: { version } },
    });
    if (done.ok) return accept(undefined);
  }
  return refuse('write_conflict', `${model}@${alias} was moved meanwhile.`);
}
