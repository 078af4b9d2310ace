// Owns how devices look over HTTP: what each reports beside what it should run. Reads the database, never writes it.
import type { Device, DeviceDetail, SlotView } from '@drover/wire/http/devices';
import type { Static } from 'typebox';
import { listDesiredOf } from '../db/desired.ts';
import { countQuarantine } from '../db/device-views.ts';
import { type DeviceRow, type DeviceSlotRow, listSlotsOf } from '../db/devices.ts';
import { listVersionsByManifest, type VersionFacts } from '../db/models.ts';
import { type DeploymentRow, listDeploymentsById } from '../db/rollouts.ts';
import type { Store } from '../db/store.ts';
import { listOutboxes } from '../db/uplink.ts';
import { viewIdentities } from '../identity/identity-views.ts';

type DeviceView = Static<typeof Device>;
type Desired = Readonly<Record<string, { readonly deploymentId: string; readonly manifest: string | null }>>;

const instant = (at: number): string => new Date(at).toISOString();

interface Facts {
  readonly slots: readonly DeviceSlotRow[];
  readonly desired: Desired;
  readonly deployments: ReadonlyMap<string, DeploymentRow>;
  readonly versions: ReadonlyMap<string, VersionFacts>;
}

function refer(manifest: string | null | undefined, versions: Facts['versions']): SlotView['running'] {
  if (manifest === null || manifest === undefined) return null;
  const known = versions.get(manifest);
  return known === undefined ? { manifest } : { manifest, model: known.model, version: known.version };
}

function viewSlot(slot: string, facts: Facts): SlotView {
  const reported = facts.slots.find((row) => row.slot === slot);
  const wanted = facts.desired[slot];
  const deployment = facts.deployments.get(wanted?.deploymentId ?? '');
  const running = reported?.running ?? null;
  return {
    slot,
    running: refer(running, facts.versions),
    previous: refer(reported?.previous, facts.versions),
    desired: refer(wanted?.manifest, facts.versions),
    inSync: wanted === undefined || wanted.manifest === running,
    deployment:
      deployment === undefined
        ? null
        : {
            deploymentId: deployment.id,
            state: deployment.state,
            ...(deployment.code === null ? {} : { code: deployment.code }),
            ...(deployment.detail === null ? {} : { detail: deployment.detail }),
            enteredAt: instant(deployment.updatedAt),
          },
  };
}

const parseRuntime = (capabilitiesJson: string | null): string | null => {
  if (capabilitiesJson === null) return null;
  const { runtime } = JSON.parse(capabilitiesJson) as { runtime?: unknown };
  return typeof runtime === 'string' && runtime !== '' ? runtime : null;
};

export const viewRefusal = ({
  desiredCode,
  desiredDetail,
}: Pick<DeviceRow, 'desiredCode' | 'desiredDetail'>): { code: string; detail: string } | null =>
  desiredCode === null ? null : { code: desiredCode, detail: desiredDetail ?? '' };

/** In the order of `rows`. */
export async function viewDevices(store: Store, rows: readonly DeviceRow[], now: number): Promise<DeviceView[]> {
  if (rows.length === 0) return [];
  const ids = rows.map(({ id }) => id);
  const slots = await listSlotsOf(store, ids);
  const desiredRows = await listDesiredOf(store, ids);
  const desired = new Map(
    desiredRows.map((row) => [row.device, { generation: row.generation, slots: JSON.parse(row.slotsJson) as Desired }]),
  );
  const wanted = [...desired.values()].flatMap((doc) => Object.values(doc.slots));
  const deploymentIds = wanted.map(({ deploymentId }) => deploymentId);
  const deployments = deploymentIds.length === 0 ? [] : await listDeploymentsById(store, deploymentIds);
  const manifests = new Set([
    ...wanted.map(({ manifest }) => manifest),
    ...slots.flatMap(({ running, previous }) => [running, previous]),
  ]);
  const digests = [...manifests].filter((digest) => digest !== null);
  const versions = digests.length === 0 ? [] : await listVersionsByManifest(store, digests);
  const identities = await viewIdentities(store, ids, now);
  const shared = {
    deployments: new Map(deployments.map((row) => [row.id, row])),
    versions: new Map(versions.map((row) => [row.manifest, row])),
  };
  return rows.map((row): DeviceView => {
    const own = slots.filter(({ device }) => device === row.id);
    const identity = identities.get(row.id);
    const doc = desired.get(row.id);
    const facts: Facts = { ...shared, slots: own, desired: doc?.slots ?? {} };
    const names = [...new Set([...own.map(({ slot }) => slot), ...Object.keys(facts.desired)])].toSorted();
    return {
      id: row.id,
      labels: JSON.parse(row.labelsJson) as DeviceView['labels'],
      presence: row.presence,
      lastSeenAt: row.lastSeenAt === null ? null : instant(row.lastSeenAt),
      joinedAt: instant(row.joinedAt),
      agentVersion: row.agentVersion,
      runtime: parseRuntime(row.capabilitiesJson),
      generation: doc?.generation ?? 0,
      reportedGeneration: row.reportedGeneration,
      desiredRefusal: viewRefusal(row),
      ...(identity && { identity }),
      slots: names.map((slot) => viewSlot(slot, facts)),
    };
  });
}

export async function viewDeviceDetail(
  store: Store,
  row: DeviceRow,
  now: number,
): Promise<Static<typeof DeviceDetail>> {
  const [view] = await viewDevices(store, [row], now);
  if (view === undefined) throw new Error('one row gives one view');
  const outboxes = await listOutboxes(store, row.id);
  return {
    ...view,
    health: row.healthJson === null ? null : (JSON.parse(row.healthJson) as Static<typeof DeviceDetail>['health']),
    uplink: {
      outboxId: row.outboxId,
      lastSeq: outboxes.find(({ outboxId }) => outboxId === row.outboxId)?.lastSeq ?? 0,
      lostEntries: outboxes.reduce((sum, { lost }) => sum + lost, 0),
      quarantined: await countQuarantine(store, row.id),
    },
  };
}
