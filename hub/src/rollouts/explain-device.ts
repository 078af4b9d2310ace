// Says of one device why it runs what it runs and what each rollout waits for with it. Reads, never decides or writes.
import { accept, type Result, refuse } from '@drover/core/reasons';
import { explainDevice } from '@drover/core/rollout/explain';
import type { SlotWish } from '@drover/core/rollout/reconcile';
import type { DeviceWhy } from '@drover/wire/http/rollouts';
import { listDesiredOf } from '../db/desired.ts';
import { listSlotsOf, readDevice } from '../db/devices.ts';
import { listVersionsByManifest } from '../db/models.ts';
import { listKnown } from '../db/rollout-members.ts';
import { listDeploymentsById, listLiveRollouts } from '../db/rollouts.ts';
import type { Store } from '../db/store.ts';
import { readRolloutFacts } from './read-snapshot.ts';

type NameOf = (manifest: string | null | undefined) => string;

async function makeNames(store: Store, manifests: readonly (string | null | undefined)[]): Promise<NameOf> {
  const digests = [...new Set(manifests.filter((one) => one !== null && one !== undefined))];
  const rows = digests.length === 0 ? [] : await listVersionsByManifest(store, digests);
  const names = new Map(rows.map(({ manifest, model, version }) => [manifest, `${model}@${version}`]));
  return (manifest) => (manifest === null || manifest === undefined ? 'nothing' : (names.get(manifest) ?? manifest));
}

async function explainSlots(store: Store, device: string): Promise<DeviceWhy['slots']> {
  const [slots, [desired]] = await Promise.all([listSlotsOf(store, [device]), listDesiredOf(store, [device])]);
  const wishes = desired ? (JSON.parse(desired.slotsJson) as Record<string, SlotWish>) : {};
  const deployments = new Map(
    (
      await listDeploymentsById(
        store,
        Object.values(wishes).map(({ deploymentId }) => deploymentId),
      )
    ).map((row) => [row.id, row]),
  );
  const nameOf = await makeNames(store, [
    ...slots.map(({ running }) => running),
    ...Object.values(wishes).map(({ manifest }) => manifest),
  ]);
  const all = [...new Set([...slots.map(({ slot }) => slot), ...Object.keys(wishes)])].toSorted();
  return all.map((slot) => {
    const running = slots.find((row) => row.slot === slot)?.running ?? null;
    const wish = wishes[slot];
    const row = wish && deployments.get(wish.deploymentId);
    const what = row?.purpose === 'revert' ? 'brought it back to this' : 'gave it this';
    const because = row
      ? `Rollout ${row.rollout} ${what}: ${row.state}${row.code === null ? '' : ` (${row.code})`} since ${new Date(row.updatedAt).toISOString()}.`
      : 'No rollout of this hub gave it anything here.';
    return { slot, running: nameOf(running), desired: wish ? nameOf(wish.manifest) : 'nothing', because };
  });
}

export async function readDeviceWhy(store: Store, device: string, now: number): Promise<Result<DeviceWhy>> {
  if (!(await readDevice(store, device))) return refuse('device_unknown', `"${device}".`);
  const rollouts: DeviceWhy['rollouts'] = [];
  for (const rollout of await listLiveRollouts(store)) {
    if (!(await listKnown(store, rollout.id)).has(device)) continue;
    const { snapshot } = await readRolloutFacts(store, rollout, 0);
    const { id, model, version, slot, state } = rollout;
    const because = explainDevice(snapshot, device, now) ?? 'It is held out, to compare with.';
    rollouts.push({ rollout: id, model, version, slot, state, because });
  }
  return accept({ device, slots: await explainSlots(store, device), rollouts });
}
