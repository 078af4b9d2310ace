// Reads what a rollout decision rests on: one snapshot per device, from a few queries for many devices. Never decides.

import type { RuntimeLimits, RuntimeNeeds } from '@drover/core/rollout/compat';
import type { Plan } from '@drover/core/rollout/plan';
import type { DeploymentSnapshot, DeviceSnapshot, SlotWish } from '@drover/core/rollout/reconcile';
import { isRolloutEnded } from '@drover/core/rollout/states';
import { isShadow } from '@drover/core/shadow';
import type { Manifest } from '@drover/trust/documents';
import { MANIFESTS_BYTES, SLOTS_PER_DEVICE } from '@drover/wire/limits';
import { type DesiredFacts, listDesiredOf } from '../db/desired.ts';
import { type DeviceRow, listDevicesById, listSlotsOf } from '../db/devices.ts';
import { readVersionByManifest } from '../db/models.ts';
import {
  type DeploymentRow,
  listDeploymentsById,
  listLastGood,
  listOpenDeployments,
  readRollout,
} from '../db/rollouts.ts';
import type { Store } from '../db/store.ts';

/** A snapshot and the rows behind it, whose revisions the moves are checked against. */
export interface DeviceFacts {
  readonly device: string;
  /** Undefined: the device was removed. */
  readonly snapshot: DeviceSnapshot | undefined;
  readonly desired: DesiredFacts | undefined;
  readonly deployments: ReadonlyMap<string, DeploymentRow>;
}

export interface SnapshotReader {
  read(devices: readonly string[], policyJson: string): Promise<readonly DeviceFacts[]>;
}

interface VersionFacts {
  readonly needs: RuntimeNeeds;
  /** What the signed manifest takes in a message. */
  readonly bytes: number;
}
const NO_FACTS: VersionFacts = { needs: { irVersion: 0, opset: 0, mlOpset: 0 }, bytes: 0 };
const KEPT_FACTS = 1_000;
/** The tag and length of an envelope in the message. */
const HEAD_BYTES = 8;

const groupBy = <T>(rows: readonly T[], key: (row: T) => string): ReadonlyMap<string, readonly T[]> =>
  Map.groupBy(rows, key);

const readLimits = (row: DeviceRow): RuntimeLimits | undefined =>
  row.capabilitiesJson === null ? undefined : (JSON.parse(row.capabilitiesJson) as RuntimeLimits);

const readSlots = (desired: DesiredFacts): Record<string, SlotWish> =>
  JSON.parse(desired.slotsJson) as Record<string, SlotWish>;

export function makeSnapshotReader(store: Store): SnapshotReader {
  const versions = new Map<string, VersionFacts>();
  const windows = new Map<string, Plan['windows']>();

  async function readFacts(manifest: string): Promise<VersionFacts> {
    const held = versions.get(manifest);
    if (held) return held;
    const row = await readVersionByManifest(store, manifest);
    // A version that is gone needs nothing that we know of; the device checks the signed manifest itself.
    const found = row
      ? { needs: (JSON.parse(row.documentJson) as Manifest).runtime, bytes: row.envelope.length + HEAD_BYTES }
      : NO_FACTS;
    if (versions.size >= KEPT_FACTS) versions.clear();
    versions.set(manifest, found);
    return found;
  }

  /** A plan never changes. */
  async function readWindows(rollout: string): Promise<Plan['windows']> {
    const held = windows.get(rollout);
    if (held) return held;
    const row = await readRollout(store, rollout);
    const found = row ? (JSON.parse(row.planJson) as Plan).windows : [];
    if (windows.size >= KEPT_FACTS) windows.clear();
    windows.set(rollout, found);
    return found;
  }

  /** Also of one that is gone. */
  async function isOver(rollout: string): Promise<boolean> {
    const row = await readRollout(store, rollout);
    return !row || isRolloutEnded(row.state);
  }

  async function readManifestBytes(manifests: Iterable<string>): Promise<Record<string, number>> {
    const bytes: Record<string, number> = {};
    for (const manifest of manifests) bytes[manifest] ??= (await readFacts(manifest)).bytes;
    return bytes;
  }

  async function toSnapshot(row: DeploymentRow): Promise<DeploymentSnapshot> {
    const {
      id,
      rollout,
      purpose,
      slot,
      manifest,
      state,
      code,
      detail,
      admittedAt,
      deviceState,
      deviceCode,
      deviceDetail,
    } = row;
    const head = {
      id,
      slot,
      manifest,
      state,
      isAdmitted: admittedAt !== null,
      isRevert: purpose === 'revert',
      isOver: isShadow(slot) && (await isOver(rollout)),
      // Who goes back does not wait for the night.
      windows: purpose === 'revert' ? [] : await readWindows(rollout),
      needs: (await readFacts(manifest)).needs,
      ...(code !== null && { code }),
      ...(detail !== null && { detail }),
    };
    if (deviceState === null) return head;
    return {
      ...head,
      claim: {
        state: deviceState,
        ...(deviceCode !== null && { code: deviceCode }),
        ...(deviceDetail !== null && { detail: deviceDetail }),
      },
    };
  }

  return {
    async read(devices, policyJson) {
      const [deviceRows, slotRows, desiredRows, open, good] = await Promise.all([
        listDevicesById(store, devices),
        listSlotsOf(store, devices),
        listDesiredOf(store, devices),
        listOpenDeployments(store, devices),
        listLastGood(store, devices),
      ]);
      const named = desiredRows.flatMap((row) => Object.values(readSlots(row)).map((wish) => wish.deploymentId));
      const namedRows = named.length === 0 ? [] : await listDeploymentsById(store, named);
      const rows = new Map([...open, ...namedRows].map((row) => [row.id, row]));
      const byDevice = {
        device: new Map(deviceRows.map((row) => [row.id, row])),
        desired: new Map(desiredRows.map((row) => [row.device, row])),
        slots: groupBy(slotRows, (row) => row.device),
        deployments: groupBy([...rows.values()], (row) => row.device),
        good: groupBy(good, (row) => row.device),
      };
      return Promise.all(
        devices.map(async (id): Promise<DeviceFacts> => {
          const row = byDevice.device.get(id);
          const desired = byDevice.desired.get(id);
          const deployments = byDevice.deployments.get(id) ?? [];
          const facts = { device: id, desired, deployments: new Map(deployments.map((d) => [d.id, d])) };
          if (!row) return { ...facts, snapshot: undefined };
          const limits = readLimits(row);
          const wishes = desired ? Object.values(readSlots(desired)) : [];
          const wished = [...wishes, ...deployments].flatMap(({ manifest }) => (manifest === null ? [] : [manifest]));
          const snapshot: DeviceSnapshot = {
            ...(limits && { limits }),
            reportedGeneration: row.reportedGeneration,
            isConflicting: row.desiredCode === 'desired_conflict',
            running: Object.fromEntries(
              (byDevice.slots.get(id) ?? []).flatMap((s) => (s.running === null ? [] : [[s.slot, s.running]])),
            ),
            ...(desired && {
              desired: {
                generation: desired.generation,
                slots: readSlots(desired),
                policy: desired.policyJson,
                issuedAt: desired.issuedAt,
                expiresAt: desired.expiresAt,
              },
            }),
            deployments: await Promise.all(deployments.map(toSnapshot)),
            lastGood: Object.fromEntries(
              (byDevice.good.get(id) ?? []).flatMap((g) =>
                g.id === null ? [] : [[g.slot, { deploymentId: g.id, manifest: g.manifest }]],
              ),
            ),
            policy: policyJson,
            maxSlots: SLOTS_PER_DEVICE,
            manifestBytes: await readManifestBytes(wished),
            maxManifestBytes: MANIFESTS_BYTES,
          };
          return { ...facts, snapshot };
        }),
      );
    },
  };
}
