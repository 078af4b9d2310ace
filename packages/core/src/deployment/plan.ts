// Decides the next step of each slot on a device from desired and reported state. Pure: never acts, waits or logs.
import { findOpening, type MaintenanceWindow } from '../maintenance.ts';
import { isShadow } from '../shadow.ts';
import { type DeploymentRecord, TERMINAL } from './table.ts';

/** What one slot should serve. */
export interface DesiredSlot {
  readonly deploymentId: string;
  /** Manifest digest; null empties the slot, which only an explicit, signed wish may do. */
  readonly manifest: string | null;
  /** When it may switch; none: at any time. What is before that it does at once. */
  readonly windows?: readonly MaintenanceWindow[];
}

export interface DesiredDocument {
  readonly generation: number;
  readonly notBefore?: number;
  /** After this time nothing new is installed; what runs keeps running. */
  readonly expiresAt: number;
  readonly slots: Readonly<Record<string, DesiredSlot>>;
}

/** A slot as the device finds it. */
export interface SlotSnapshot {
  readonly slot: string;
  /** Manifest digests in the pointer file. */
  readonly active?: string;
  readonly previous?: string;
  /** Manifest digest of the model loaded in memory. */
  readonly serving?: string;
  /** The journaled deployment, if one was ever offered. */
  readonly deployment?: DeploymentRecord;
  /** `active` could not be loaded in this process; tried again when the pointer changes. */
  readonly loadFailed?: string;
}

export interface AgentSnapshot {
  readonly desired?: DesiredDocument;
  readonly slots: readonly SlotSnapshot[];
  /** Blobs (manifest digest → whether all its blobs are on disk, whole). */
  readonly complete: ReadonlySet<string>;
  readonly connected: boolean;
  /** Somebody on site wants nothing to be switched now. */
  readonly isHeld: boolean;
  readonly probationMs: number;
  readonly maxTries: number;
  readonly maxCrashes: number;
}

/** Every step an agent can take. The executor table is keyed by `kind`, so a new step without an executor does not compile. */
export interface AgentSteps {
  /** Load the model that the pointer names into memory. */
  load: { slot: string; manifest: string };
  /** Journal a new deployment as accepted. */
  accept: { slot: string; deploymentId: string; manifest: string; generation: number };
  /** Bring the missing blobs, resuming what is there. */
  download: { deployment: DeploymentRecord };
  /** Check every blob against the signed manifest, and the ONNX file against the manifest's signature. */
  verify: { deployment: DeploymentRecord };
  /** The process ended again and again while it verified: no further try. */
  giveUp: { deployment: DeploymentRecord };
  /** Journal `deferred`: it is not switched now. */
  defer: { deployment: DeploymentRecord };
  /** Journal `staged` again. */
  resume: { deployment: DeploymentRecord };
  /** Journal `activating`. Past this point the deployment is finished, never dropped. */
  activate: { deployment: DeploymentRecord };
  /** Load the candidate, run its self-test, switch the pointer, serve. */
  swap: { deployment: DeploymentRecord };
  /** Probation is over and the candidate still serves. */
  commit: { deployment: DeploymentRecord };
  /** Journal `rolling_back`. */
  startRollBack: { deployment: DeploymentRecord; why: 'crashes' | 'unhealthy' };
  /** Point back at the previous model and serve it. */
  rollBack: { deployment: DeploymentRecord };
  /** The slot is to be empty: unload and remove the pointer. */
  empty: { slot: string; deploymentId: string; generation: number };
  /** Nobody wishes the shadow any more: unload and remove the pointer. It answered nothing, so nothing is reported. */
  dropShadow: { slot: string };
}

export type AgentStepKind = keyof AgentSteps;
export type AgentStep = { [K in AgentStepKind]: { readonly kind: K } & Readonly<AgentSteps[K]> }[AgentStepKind];

export interface AgentPlan {
  readonly steps: readonly AgentStep[];
  /** When to plan again although nothing happened, ms since epoch. */
  readonly wakeAt?: number;
}

/** How often it is looked whether the hold is over, ms. */
const HOLD_LOOK_MS = 5000;

/** A step or a wake-up for one slot. */
type SlotPlan = { step: AgentStep } | { wakeAt: number } | undefined;

/** Of the wish that led to it. One that the hub has taken back since is finished all the same. */
const windowsOf = (
  { slot, deploymentId }: DeploymentRecord,
  { desired }: AgentSnapshot,
): readonly MaintenanceWindow[] => {
  const wish = desired?.slots[slot];
  return wish?.deploymentId === deploymentId ? (wish.windows ?? []) : [];
};

function planStarted(slot: SlotSnapshot, deployment: DeploymentRecord, snapshot: AgentSnapshot, now: number): SlotPlan {
  switch (deployment.state) {
    case 'offered':
      return undefined;
    case 'deferred':
      return snapshot.isHeld ? { wakeAt: now + HOLD_LOOK_MS } : { step: { kind: 'resume', deployment } };
    case 'accepted':
      return { step: { kind: 'download', deployment } };
    case 'downloading': {
      if (snapshot.complete.has(deployment.manifest)) return { step: { kind: 'download', deployment } };
      if (deployment.nextTryAt !== undefined && deployment.nextTryAt > now) return { wakeAt: deployment.nextTryAt };
      return snapshot.connected ? { step: { kind: 'download', deployment } } : undefined;
    }
    case 'verifying':
      if (deployment.crashes >= snapshot.maxCrashes) return { step: { kind: 'giveUp', deployment } };
      return { step: { kind: 'verify', deployment } };
    case 'staged': {
      const opening = findOpening(windowsOf(deployment, snapshot), now);
      if ('opensAt' in opening) return { wakeAt: opening.opensAt };
      return { step: { kind: snapshot.isHeld ? 'defer' : 'activate', deployment } };
    }
    case 'activating':
      if (deployment.crashes >= snapshot.maxCrashes)
        return { step: { kind: 'startRollBack', deployment, why: 'crashes' } };
      return { step: { kind: 'swap', deployment } };
    case 'probation': {
      if (deployment.crashes >= snapshot.maxCrashes)
        return { step: { kind: 'startRollBack', deployment, why: 'crashes' } };
      if (slot.serving !== deployment.manifest) {
        if (slot.loadFailed === deployment.manifest)
          return { step: { kind: 'startRollBack', deployment, why: 'unhealthy' } };
        return { step: { kind: 'load', slot: slot.slot, manifest: deployment.manifest } };
      }
      const until = deployment.enteredAt + snapshot.probationMs;
      // A clock that jumped back must not hold probation open for ever: the wait is bounded by its own length.
      if (now >= until || deployment.enteredAt > now + snapshot.probationMs)
        return { step: { kind: 'commit', deployment } };
      return { wakeAt: until };
    }
    case 'rolling_back':
      return { step: { kind: 'rollBack', deployment } };
    case 'rejected':
    case 'committed':
    case 'failed':
    case 'rolled_back':
    case 'inconsistent':
      return undefined;
    default:
      return deployment.state satisfies never;
  }
}

function mayStart(desired: DesiredDocument, now: number): boolean {
  return now < desired.expiresAt && (desired.notBefore === undefined || now >= desired.notBefore);
}

/** States before the swap: a newer wish replaces them; chunks on disk are kept by digest. */
const REPLACEABLE = new Set(['offered', 'accepted', 'deferred', 'downloading', 'verifying', 'staged']);

function planSlot(slot: SlotSnapshot, snapshot: AgentSnapshot, now: number): SlotPlan {
  const { deployment } = slot;
  const desired = snapshot.desired;
  const wish = desired?.slots[slot.slot];
  const isRunning = deployment !== undefined && !TERMINAL.has(deployment.state);
  // Serving comes first: whatever else is planned, the model that the pointer names answers as soon as it can.
  if (
    slot.active !== undefined &&
    slot.serving === undefined &&
    slot.loadFailed !== slot.active &&
    !isPastSwap(deployment)
  ) {
    return { step: { kind: 'load', slot: slot.slot, manifest: slot.active } };
  }
  const isSameWish = wish !== undefined && deployment?.deploymentId === wish.deploymentId;
  if (isRunning && (isSameWish || !REPLACEABLE.has(deployment.state) || wish === undefined)) {
    return planStarted(slot, deployment, snapshot, now);
  }
  if (desired && !wish && isShadow(slot.slot) && slot.active !== undefined)
    return { step: { kind: 'dropShadow', slot: slot.slot } };
  if (!desired || !wish || isSameWish) return undefined;
  if (!mayStart(desired, now))
    return desired.notBefore !== undefined && now < desired.notBefore ? { wakeAt: desired.notBefore } : undefined;
  if (wish.manifest === null) {
    return {
      step: { kind: 'empty', slot: slot.slot, deploymentId: wish.deploymentId, generation: desired.generation },
    };
  }
  const { deploymentId, manifest } = wish;
  return { step: { kind: 'accept', slot: slot.slot, deploymentId, manifest, generation: desired.generation } };
}

const isPastSwap = (deployment: DeploymentRecord | undefined): boolean =>
  deployment?.state === 'activating' || deployment?.state === 'probation' || deployment?.state === 'rolling_back';

/**
 * The next step of every slot. At most one step a slot; the caller runs them, takes a new snapshot and asks again until
 * no step is left. A slot that desired does not mention is left alone: no word from the hub never deletes a model that
 * answers. A shadow answers nothing and is there for as long as it is mentioned.
 */
export function planAgent(snapshot: AgentSnapshot, now: number): AgentPlan {
  const known = new Map(snapshot.slots.map((slot) => [slot.slot, slot]));
  for (const name of Object.keys(snapshot.desired?.slots ?? {})) if (!known.has(name)) known.set(name, { slot: name });
  const steps: AgentStep[] = [];
  let wakeAt: number | undefined;
  for (const slot of known.values()) {
    const plan = planSlot(slot, snapshot, now);
    if (!plan) continue;
    if ('step' in plan) steps.push(plan.step);
    else wakeAt = Math.min(wakeAt ?? plan.wakeAt, plan.wakeAt);
  }
  return wakeAt === undefined ? { steps } : { steps, wakeAt };
}
