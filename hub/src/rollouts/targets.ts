// Finds what a rollout request names: the version, the devices, the groups. Never starts anything.
import { matchesQuery, parseQuery } from '@drover/core/query';
import { accept, type Result, refuse } from '@drover/core/reasons';
import type { Target } from '@drover/core/rollout/stages';
import type { RolloutRequest } from '@drover/wire/http/rollouts';
import { listDeviceLabels, listDevicesById } from '../db/devices.ts';
import { readGroup } from '../db/groups.ts';
import { readAlias, readModel, readVersion, type VersionRow } from '../db/models.ts';
import type { Store } from '../db/store.ts';

/** Which devices a rollout is for. A group is written down with the query that it stood for. */
export interface RolloutTarget {
  readonly devices?: readonly string[];
  readonly query?: string;
  readonly group?: string;
}

export async function findVersion(
  store: Store,
  { model, version }: Pick<RolloutRequest, 'model' | 'version'>,
): Promise<Result<VersionRow>> {
  if (!(await readModel(store, model))) return refuse('model_unknown', `"${model}".`);
  const number = typeof version === 'number' ? version : (await readAlias(store, model, version))?.version;
  const row = number === undefined ? undefined : await readVersion(store, model, number);
  return row ? accept(row) : refuse('version_unknown', `"${model}" has no "${version}".`);
}

export async function resolveTarget(
  store: Store,
  { devices, query, group }: { readonly [K in keyof RolloutTarget]: RolloutTarget[K] | undefined },
): Promise<Result<RolloutTarget>> {
  if ([devices, query, group].filter((one) => one !== undefined).length !== 1)
    return refuse('target_invalid', 'Exactly one of devices, query and group is needed.');
  if (devices !== undefined) return accept({ devices: [...new Set(devices)] });
  if (group === undefined) return accept({ query: query ?? '' });
  const row = await readGroup(store, group);
  return row ? accept({ group, query: row.query }) : refuse('group_unknown', `"${group}".`);
}

const readLabels = (labelsJson: string): Record<string, string> => JSON.parse(labelsJson) as Record<string, string>;

export interface FleetDevice extends Target {
  readonly isOnline: boolean;
}

/** Every device with its labels, in the order of their ids. */
export const readFleet = async (store: Store): Promise<readonly FleetDevice[]> =>
  (await listDeviceLabels(store)).map(({ id, labelsJson, presence }) => ({
    device: id,
    labels: readLabels(labelsJson),
    isOnline: presence === 'online',
  }));

/** The devices that match now; none is a refusal. */
export async function findTargets(
  store: Store,
  { devices, query = '' }: RolloutTarget,
): Promise<Result<readonly Target[]>> {
  if (devices !== undefined) {
    const rows = await listDevicesById(store, devices);
    const known = new Map(rows.map((row) => [row.id, readLabels(row.labelsJson)]));
    const unknown = devices.filter((id) => !known.has(id));
    if (unknown.length > 0)
      return refuse('device_unknown', `${unknown.slice(0, 5).join(', ')}${unknown.length > 5 ? ' and others' : ''}.`);
    return accept(devices.map((device) => ({ device, labels: known.get(device) ?? {} })));
  }
  const parsed = parseQuery(query);
  if (!parsed.ok) return parsed;
  const matching = (await readFleet(store)).filter(({ labels }) => matchesQuery(parsed.value, labels));
  return matching.length > 0 ? accept(matching) : refuse('target_empty', `The query was "${query}".`);
}
