// Says what a rollout would do to the devices that match now, stage by stage, and starts nothing.
import { makeId } from '@drover/core/ids';
import { accept, type Result } from '@drover/core/reasons';
import { checkCompat, type RuntimeLimits } from '@drover/core/rollout/compat';
import type { Manifest } from '@drover/trust/documents';
import { writePlan } from '@drover/wire/http/rollout-plan';
import type { RolloutPreview, RolloutRequest } from '@drover/wire/http/rollouts';
import { type DeviceRow, listDevicesById, listSlotsOf } from '../db/devices.ts';
import { listVersionsByManifest } from '../db/models.ts';
import type { RolloutDeps } from './create.ts';
import { DEFAULT_SLOT, resolvePlan } from './create.ts';
import { chooseMembers } from './members.ts';
import { findTargets, findVersion, resolveTarget } from './targets.ts';

type StageView = RolloutPreview['stages'][number];

/** Bound variables of one query are limited. */
const PAGE = 500;
const EXAMPLES = 5;

async function inPages<T>(
  ids: readonly string[],
  read: (page: readonly string[]) => Promise<readonly T[]>,
): Promise<T[]> {
  const all: T[] = [];
  for (let at = 0; at < ids.length; at += PAGE) all.push(...(await read(ids.slice(at, at + PAGE))));
  return all;
}

const readLimits = ({ capabilitiesJson }: DeviceRow): RuntimeLimits | undefined =>
  capabilitiesJson === null ? undefined : (JSON.parse(capabilitiesJson) as RuntimeLimits);

/** Artifacts that the version brings, in bytes. */
const countBytes = ({ blobs }: Manifest): number =>
  Object.values(blobs).reduce((sum, blob) => sum + (blob?.size ?? 0), 0);

interface Fleet {
  readonly devices: ReadonlyMap<string, DeviceRow>;
  readonly running: ReadonlyMap<string, string>;
  readonly nameOf: (manifest: string | undefined) => string;
}

function viewStage(
  name: string,
  own: readonly string[],
  fleet: Fleet,
  { manifest, slot }: { readonly manifest: string; readonly slot: string },
  document: Manifest,
): StageView {
  const never = new Map<string, { code: string; detail: string; devices: number; examples: string[] }>();
  const from = new Map<string, number>();
  let online = 0;
  let alreadyInstalled = 0;
  let unheard = 0;
  let bytes = 0;
  for (const device of own) {
    const row = fleet.devices.get(device);
    if (row?.presence === 'online') online++;
    const running = fleet.running.get(device);
    const runs = fleet.nameOf(running);
    from.set(runs, (from.get(runs) ?? 0) + 1);
    if (running === manifest) {
      alreadyInstalled++;
      continue;
    }
    const limits = row && readLimits(row);
    if (!limits) unheard++;
    const compat = limits ? checkCompat(document.runtime, limits, slot) : accept(undefined);
    if (compat.ok) {
      bytes += countBytes(document);
      continue;
    }
    const key = `${compat.code} ${compat.detail}`;
    const entry = never.get(key) ?? { code: compat.code, detail: compat.detail, devices: 0, examples: [] };
    entry.devices++;
    if (entry.examples.length < EXAMPLES) entry.examples.push(device);
    never.set(key, entry);
  }
  return {
    name,
    devices: own.length,
    online,
    alreadyInstalled,
    never: [...never.values()].toSorted((a, b) => b.devices - a.devices),
    unheard,
    from: [...from]
      .map(([running, devices]) => ({ running, devices }))
      .toSorted((a, b) => b.devices - a.devices || (a.running < b.running ? -1 : 1)),
    bytes,
  };
}

/** Refused as the start of it would be. The draw of devices is another one at each rollout: here it is an example. */
export async function previewRollout(
  { store, now }: Pick<RolloutDeps, 'store' | 'now'>,
  request: RolloutRequest,
): Promise<Result<RolloutPreview>> {
  const version = await findVersion(store, request);
  if (!version.ok) return version;
  const plan = await resolvePlan(store, request);
  if (!plan.ok) return plan;
  const target = await resolveTarget(store, request);
  if (!target.ok) return target;
  const targets = await findTargets(store, target.value);
  if (!targets.ok) return targets;
  const { model, manifest, documentJson } = version.value;
  const slot = request.slot ?? DEFAULT_SLOT;
  const id = makeId(now(), new Uint8Array(10));
  const chosen = await chooseMembers(store, { id, slot, manifest }, plan.value, targets.value);
  if (!chosen.ok) return chosen;
  const { members, heldOut } = chosen.value;
  const ids = targets.value.map(({ device }) => device);
  const [devices, slots] = [
    await inPages(ids, (page) => listDevicesById(store, page)),
    await inPages(ids, (page) => listSlotsOf(store, page)),
  ];
  const running = new Map(
    slots
      .filter((row) => row.slot === slot)
      .flatMap((row) => (row.running === null ? [] : [[row.device, row.running]])),
  );
  const named = await inPages([...new Set(running.values())], (page) => listVersionsByManifest(store, page));
  const names = new Map(named.map((row) => [row.manifest, `${row.model}@${row.version}`]));
  const fleet: Fleet = {
    devices: new Map(devices.map((row) => [row.id, row])),
    running,
    nameOf: (digest) => (digest === undefined ? 'nothing' : (names.get(digest) ?? digest)),
  };
  const document = JSON.parse(documentJson) as Manifest;
  return accept({
    model,
    version: version.value.version,
    manifest,
    slot,
    targets: targets.value.length,
    heldOut: heldOut.length,
    stages: plan.value.stages.map(({ name }, i) =>
      viewStage(
        name,
        members.filter(({ stage }) => stage === i).map(({ device }) => device),
        fleet,
        { manifest, slot },
        document,
      ),
    ),
    plan: writePlan(plan.value),
  });
}
