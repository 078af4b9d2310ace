// Decides what one device's deployments and desired document should become, from what is recorded. Pure: never signs,
// stores or sends. Asked again after its steps are done it has nothing left to say.
import {
  DEVICE_STATES,
  type DeploymentState,
  type DeviceState,
  isHubMoveLegal,
  TERMINAL,
} from '../deployment/table.ts';
import type { MaintenanceWindow } from '../maintenance.ts';
import { isShadow, slotBeside } from '../shadow.ts';
import { checkCompat, type RuntimeLimits, type RuntimeNeeds } from './compat.ts';

/** One device's attempt, as the hub holds it. Ids sort by age. */
export interface DeploymentSnapshot {
  readonly id: string;
  readonly slot: string;
  readonly manifest: string;
  readonly state: DeploymentState;
  /** Its rollout has let it in. One that waits is not offered, and what the device was told of it is taken back. */
  readonly isAdmitted: boolean;
  /** It leads back to what the device ran before. */
  readonly isRevert: boolean;
  /** A shadow whose rollout is over: it goes. */
  readonly isOver: boolean;
  /** When the device may switch to it. */
  readonly windows: readonly MaintenanceWindow[];
  readonly needs: RuntimeNeeds;
  /** Why it is in this state, as far as it is known. */
  readonly code?: string;
  readonly detail?: string;
  /** The newest claim of the device about this deployment. */
  readonly claim?: { readonly state: DeploymentState; readonly code?: string; readonly detail?: string };
}

export interface SlotWish {
  readonly deploymentId: string;
  readonly manifest: string | null;
  readonly windows?: readonly MaintenanceWindow[];
}

export interface DesiredSnapshot {
  readonly generation: number;
  readonly slots: Readonly<Record<string, SlotWish>>;
  /** The policy in the document, in the same form as `policy` of the snapshot. */
  readonly policy: string;
  readonly issuedAt: number;
  readonly expiresAt: number;
}

export interface DeviceSnapshot {
  /** Undefined while the device has never said hello. */
  readonly limits?: RuntimeLimits;
  readonly reportedGeneration: number;
  /** It holds this generation with other content. */
  readonly isConflicting: boolean;
  /** slot → manifest digest of the model that answers now. */
  readonly running: Readonly<Record<string, string>>;
  readonly desired?: DesiredSnapshot;
  /** All that are not terminal and those that `desired` names. */
  readonly deployments: readonly DeploymentSnapshot[];
  /** slot → the newest deployment that succeeded there. */
  readonly lastGood: Readonly<Record<string, SlotWish>>;
  /** The policy that documents should carry now. */
  readonly policy: string;
  readonly maxSlots: number;
  /** Manifest digest → bytes that it takes in the message with the document; one that is not known takes none. */
  readonly manifestBytes: Readonly<Record<string, number>>;
  /** All manifests of one document together. */
  readonly maxManifestBytes: number;
}

export type DeviceStep =
  | {
      readonly kind: 'move';
      readonly deployment: string;
      readonly to: DeploymentState;
      readonly code?: string;
      readonly detail?: string;
    }
  /** The state stays; why it stays is known better now. */
  | { readonly kind: 'note'; readonly deployment: string; readonly code?: string; readonly detail?: string }
  /** A new desired document with these slots; it replaces the one of the snapshot. */
  | { readonly kind: 'issue'; readonly slots: Readonly<Record<string, SlotWish>> };

/** Before the swap: a newer wish may still replace it. */
export const REPLACEABLE: ReadonlySet<DeploymentState> = new Set<DeploymentState>([
  'queued', 'offered', 'accepted', 'deferred', 'downloading', 'verifying', 'staged',
]); // biome-ignore format: one list

const isDeviceState = (state: DeploymentState): state is DeviceState => DEVICE_STATES.some((s) => s === state);

/** How far the device is known to be: its claim says more than the hub's own state. */
const progressOf = (d: DeploymentSnapshot): DeploymentState => d.claim?.state ?? d.state;

type Move = Extract<DeviceStep, { kind: 'move' }>;
type Note = Extract<DeviceStep, { kind: 'note' }>;

/**
 * Follows the claim of the device. Success is never claimed: it holds when the model that answers is the one wanted, and
 * until that is reported too the deployment stays in probation.
 */
function followClaim(d: DeploymentSnapshot, running: string | undefined): Move | undefined {
  const { claim } = d;
  if (!claim || !isDeviceState(claim.state)) return undefined;
  const to = claim.state === 'committed' && running !== d.manifest ? 'probation' : claim.state;
  if (!isHubMoveLegal(d.state, to)) return undefined;
  return { kind: 'move', deployment: d.id, to, ...reasonOf(claim) };
}

const reasonOf = ({ code, detail }: { code?: string; detail?: string }): { code?: string; detail?: string } => ({
  ...(code !== undefined && { code }),
  ...(detail !== undefined && { detail }),
});

/** A device that stays in a state may learn why: a download that waits for room on the disk says so. */
function noteReason(d: DeploymentSnapshot): Note | undefined {
  const { claim } = d;
  if (claim?.state !== d.state || (claim.code === d.code && claim.detail === d.detail)) return undefined;
  return { kind: 'note', deployment: d.id, ...reasonOf(claim) };
}

/** An older deployment beside a newer one of the same slot. */
function decideOlder(d: DeploymentSnapshot, newest: DeploymentSnapshot, running: string | undefined): Move | undefined {
  const follow = followClaim(d, running);
  if (follow && TERMINAL.has(follow.to)) return follow;
  // Past the swap it is finished and never dropped, until the device says that it works at the newer one.
  if (REPLACEABLE.has(progressOf(d)) || newest.claim) {
    return supersede(d, newest);
  }
  return follow;
}

const supersede = (d: DeploymentSnapshot, by: DeploymentSnapshot | undefined): Move => ({
  kind: 'move',
  deployment: d.id,
  to: 'superseded',
  detail: `By deployment ${by?.id ?? 'of another rollout'}.`,
});

interface SlotPlan {
  readonly moves: readonly Move[];
  readonly note?: Note;
  /** What the slot should say; undefined leaves it as it is, 'drop' takes it out of the document. */
  readonly wish?: SlotWish | 'drop';
}

function decideQueued(d: DeploymentSnapshot, snapshot: DeviceSnapshot, hasOlder: boolean): SlotPlan {
  if (!snapshot.limits) return { moves: [] };
  const compat = checkCompat(d.needs, snapshot.limits, d.slot);
  if (!compat.ok) {
    return {
      moves: [{ kind: 'move', deployment: d.id, to: 'incompatible', code: compat.code, detail: compat.detail }],
    };
  }
  const wish = snapshot.desired?.slots[d.slot];
  // Beside itself a model would agree with itself. One that was the shadow of another rollout goes with that one: it is offered again.
  if (isShadow(d.slot)) {
    if (snapshot.running[slotBeside(d.slot)] === d.manifest)
      return { moves: [{ kind: 'move', deployment: d.id, to: 'already_installed' }] };
  } else if (
    !hasOlder &&
    snapshot.running[d.slot] === d.manifest &&
    (wish === undefined || wish.manifest === d.manifest)
  ) {
    return { moves: [{ kind: 'move', deployment: d.id, to: 'already_installed' }] };
  }
  return {
    moves: [{ kind: 'move', deployment: d.id, to: 'offered' }],
    wish: wishFor(d),
  };
}

/** It waits for its rollout, and the device has said nothing about it. */
const isHeld = (d: DeploymentSnapshot): boolean => d.state === 'queued' && !d.isAdmitted && d.claim === undefined;

/** Ends by the hub after which the device's document goes back to what was good. */
export const CALLED_BACK: ReadonlySet<DeploymentState> = new Set<DeploymentState>([
  'cancelled',
  'timed_out',
  'expired',
  'removed',
]);

/** A wish that was called back becomes what was good, unless the device is past the point of return. */
function decideCalledBack(
  slot: string,
  snapshot: DeviceSnapshot,
  underWay?: DeploymentSnapshot,
): Pick<SlotPlan, 'wish'> {
  const wish = snapshot.desired?.slots[slot];
  const named = snapshot.deployments.find((d) => d.id === wish?.deploymentId);
  if (!named || !(isHeld(named) || CALLED_BACK.has(named.state))) return {};
  if (!REPLACEABLE.has(named.claim?.state ?? 'offered')) return {};
  return { wish: (underWay && wishFor(underWay)) ?? snapshot.lastGood[slot] ?? 'drop' };
}

/** A shadow is wished for as long as its rollout goes on. */
function decideShadowOver(slot: string, snapshot: DeviceSnapshot): Pick<SlotPlan, 'wish'> {
  const wish = snapshot.desired?.slots[slot];
  if (!wish) return {};
  const named = snapshot.deployments.find((d) => d.id === wish.deploymentId);
  return !named || named.isOver || CALLED_BACK.has(named.state) ? { wish: 'drop' } : {};
}

const wishFor = ({ id, manifest, windows }: DeploymentSnapshot): SlotWish => ({
  deploymentId: id,
  manifest,
  ...(windows.length > 0 && { windows }),
});

function planSlot(slot: string, snapshot: DeviceSnapshot): SlotPlan {
  const running = snapshot.running[slot];
  const all = snapshot.deployments
    .filter((d) => d.slot === slot && !TERMINAL.has(d.state))
    .toSorted((a, b) => (a.id < b.id ? -1 : 1));
  // One that only waits replaces nothing that is under way; but of those that wait the newest alone is still meant. What leads
  // back is no newer wish: what waits comes after it.
  const newestWish = all.findLast((d) => !d.isRevert);
  const held = all.filter((d) => isHeld(d) && d !== newestWish).map((d) => supersede(d, newestWish));
  const open = all.filter((d) => !isHeld(d));
  const newest = open.at(-1);
  if (!newest)
    return { moves: held, ...(isShadow(slot) ? decideShadowOver(slot, snapshot) : decideCalledBack(slot, snapshot)) };
  const older = open.slice(0, -1);
  const moves = [...held, ...older.flatMap((d) => decideOlder(d, newest, running) ?? [])];
  const isOpen = (d: DeploymentSnapshot): boolean => !moves.some((m) => m.deployment === d.id && TERMINAL.has(m.to));
  if (newest.state === 'queued') {
    const plan = decideQueued(newest, snapshot, older.some(isOpen));
    // What cannot run here replaces nothing: the one before it is decided in the next round.
    if (plan.moves.some((m) => m.to === 'incompatible')) return plan;
    return { ...plan, moves: [...moves, ...plan.moves] };
  }
  const follow = followClaim(newest, running);
  const note = follow ? undefined : noteReason(newest);
  const back = decideCalledBack(slot, snapshot, newest);
  return { moves: follow ? [...moves, follow] : moves, ...(note && { note }), ...back };
}

/** Whether the document must be issued again although no slot changes. */
function mustReissue(snapshot: DeviceSnapshot, desired: DesiredSnapshot, now: number): boolean {
  // After a restore of the hub the device may hold a later generation, or the same one with other content.
  if (snapshot.reportedGeneration > desired.generation) return true;
  if (snapshot.isConflicting && snapshot.reportedGeneration === desired.generation) return true;
  if (desired.policy !== snapshot.policy) return true;
  const isOld = now > desired.issuedAt + (desired.expiresAt - desired.issuedAt) / 2;
  return isOld && snapshot.deployments.some((d) => !TERMINAL.has(d.state));
}

/** Bytes of the manifests that these slots name; one that two slots name travels once. */
function sumManifests(slots: Readonly<Record<string, SlotWish>>, { manifestBytes }: DeviceSnapshot): number {
  const named = new Set(Object.values(slots).flatMap(({ manifest }) => (manifest === null ? [] : [manifest])));
  return [...named].reduce((sum, manifest) => sum + (manifestBytes[manifest] ?? 0), 0);
}

/**
 * The steps for one device at `now` (ms since epoch). All of them belong together: they are carried out in one write
 * transaction or not at all.
 */
export function reconcileDevice(snapshot: DeviceSnapshot, now: number): DeviceStep[] {
  const { desired } = snapshot;
  const slots = new Set([...snapshot.deployments.map((d) => d.slot), ...Object.keys(desired?.slots ?? {})]);
  const wishes: Record<string, SlotWish> = { ...desired?.slots };
  const steps: DeviceStep[] = [];
  let isChanged = false;
  for (const slot of [...slots].toSorted()) {
    const { moves, note, wish } = planSlot(slot, snapshot);
    if (
      wish !== undefined &&
      wish !== 'drop' &&
      !Object.hasOwn(wishes, slot) &&
      Object.keys(wishes).length >= snapshot.maxSlots
    ) {
      const detail = `The device has ${snapshot.maxSlots} slots already.`;
      const refused: Move = {
        kind: 'move',
        deployment: wish.deploymentId,
        to: 'incompatible',
        code: 'slot_not_allowed',
        detail,
      };
      steps.push(...moves.filter((m) => m.deployment !== wish.deploymentId), refused);
      continue;
    }
    const isOffer = wish !== undefined && wish !== 'drop' && moves.some((m) => m.deployment === wish.deploymentId);
    const bytes = isOffer ? sumManifests({ ...wishes, [slot]: wish }, snapshot) : 0;
    if (isOffer && bytes > snapshot.maxManifestBytes) {
      // A document that cannot be sent would hold up every later one too. It replaces nothing, as what cannot run.
      const detail = `The models of all its slots need ${bytes} bytes of manifests; ${snapshot.maxManifestBytes} travel.`;
      steps.push({ kind: 'move', deployment: wish.deploymentId, to: 'incompatible', code: 'wire_too_large', detail });
      continue;
    }
    steps.push(...moves, ...(note ? [note] : []));
    if (wish === undefined) continue;
    isChanged = true;
    if (wish === 'drop') delete wishes[slot];
    else wishes[slot] = wish;
  }
  if (isChanged || (desired && mustReissue(snapshot, desired, now))) steps.push({ kind: 'issue', slots: wishes });
  return steps;
}
