// Owns how rollouts and deployments look over HTTP, from their rows. Reads the database, never writes it.
import { TERMINAL } from '@drover/core/deployment/table';
import type { Deployment, Rollout } from '@drover/wire/http/rollouts';
import type { Static } from 'typebox';
import { listRefusals } from '../db/devices.ts';
import { countDeployments, type DeploymentRow, type RolloutRow } from '../db/rollouts.ts';
import type { Store } from '../db/store.ts';
import { viewRefusal } from '../devices/device-views.ts';

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

type Refusals = ReadonlyMap<string, ReturnType<typeof viewRefusal>>;

const viewDeployment = (row: DeploymentRow, refusals: Refusals): Static<typeof Deployment> => ({
  id: row.id,
  rollout: row.rollout,
  device: row.device,
  slot: row.slot,
  manifest: row.manifest,
  state: row.state,
  ...(row.code === null ? {} : { code: row.code }),
  ...(row.detail === null ? {} : { detail: row.detail }),
  ...describeRefusal(refusals.get(row.device)),
  updatedAt: new Date(row.updatedAt).toISOString(),
});

const describeRefusal = (refusal: ReturnType<typeof viewRefusal> | undefined) =>
  refusal ? { desiredRefusal: refusal } : {};

/** In the order of `rows`. An open deployment says also why its device takes no document: no state would ever show it. */
export async function viewDeployments(
  store: Store,
  rows: readonly DeploymentRow[],
): Promise<Static<typeof Deployment>[]> {
  const open = rows.filter(({ state }) => !TERMINAL.has(state)).map(({ device }) => device);
  const refused = open.length === 0 ? [] : await listRefusals(store, open);
  const refusals = new Map(refused.map((row) => [row.id, viewRefusal(row)]));
  const none: Refusals = new Map();
  return rows.map((row) => viewDeployment(row, TERMINAL.has(row.state) ? none : refusals));
}
