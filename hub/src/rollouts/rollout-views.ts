// Owns how rollouts and deployments look over HTTP, from their rows. Reads the database, never writes it.
import type { Deployment, Rollout } from '@drover/wire/http/rollouts';
import type { Static } from 'typebox';
import { countDeployments, type DeploymentRow, type RolloutRow } from '../db/rollouts.ts';
import type { Store } from '../db/store.ts';

export async function viewRollouts(store: Store, rows: readonly RolloutRow[]): Promise<Static<typeof Rollout>[]> {
  if (rows.length === 0) return [];
  const counted = await countDeployments(
    store,
    rows.map(({ id }) => id),
  );
  const byRollout = Map.groupBy(counted, ({ rollout }) => rollout);
  return rows.map((row) => {
    const own = byRollout.get(row.id) ?? [];
    return {
      id: row.id,
      model: row.model,
      version: row.version,
      manifest: row.manifest,
      slot: row.slot,
      state: row.state,
      createdAt: new Date(row.createdAt).toISOString(),
      endedAt: row.endedAt === null ? null : new Date(row.endedAt).toISOString(),
      counts: Object.fromEntries(own.map(({ state, count }) => [state, count])),
      devices: own.reduce((sum, { count }) => sum + count, 0),
    };
  });
}

export const viewDeployment = (row: DeploymentRow): Static<typeof Deployment> => ({
  id: row.id,
  rollout: row.rollout,
  device: row.device,
  slot: row.slot,
  manifest: row.manifest,
  state: row.state,
  ...(row.code === null ? {} : { code: row.code }),
  ...(row.detail === null ? {} : { detail: row.detail }),
  updatedAt: new Date(row.updatedAt).toISOString(),
});
