// Owns the states of one deployment (one device's attempt at one version) and every legal transition. Never acts.
import type { ReasonCode } from '../reasons.ts';

/** States the device owns, in DESIGN.md's words. */
export const DEVICE_STATES = [
  'accepted', 'deferred', 'rejected', 'downloading', 'verifying', 'staged', 'activating', 'probation', 'committed',
  'failed', 'rolling_back', 'rolled_back', 'inconsistent',
] as const; // biome-ignore format: one list

/** States only the hub writes. */
export const HUB_STATES = [
  'queued', 'offered', 'cancelled', 'superseded', 'removed', 'expired', 'timed_out', 'incompatible', 'already_installed',
] as const; // biome-ignore format: one list

export type DeviceState = (typeof DEVICE_STATES)[number];
export type HubState = (typeof HUB_STATES)[number];
export type DeploymentState = DeviceState | HubState;

export const TERMINAL: ReadonlySet<DeploymentState> = new Set<DeploymentState>([
  'rejected', 'committed', 'failed', 'rolled_back', 'inconsistent',
  'cancelled', 'superseded', 'removed', 'expired', 'timed_out', 'incompatible', 'already_installed',
]); // biome-ignore format: one list

/** The device runs what was wished. */
export const SUCCEEDED: ReadonlySet<DeploymentState> = new Set<DeploymentState>(['committed', 'already_installed']);

/** What can happen to a deployment on the device. */
export type DeploymentEvent =
  | { readonly kind: 'accept' }
  | { readonly kind: 'reject'; readonly code: ReasonCode; readonly detail: string }
  | { readonly kind: 'download' }
  | { readonly kind: 'downloaded' }
  | { readonly kind: 'verified' }
  | { readonly kind: 'activate' }
  /** Somebody on site holds it; `resume`: nobody does any more. */
  | { readonly kind: 'defer'; readonly code: ReasonCode; readonly detail: string }
  | { readonly kind: 'resume' }
  | { readonly kind: 'activated' }
  | { readonly kind: 'commit' }
  | { readonly kind: 'retryLater'; readonly code: ReasonCode; readonly detail: string; readonly nextTryAt: number }
  | { readonly kind: 'fail'; readonly code: ReasonCode; readonly detail: string }
  | { readonly kind: 'rollBack'; readonly code: ReasonCode; readonly detail: string }
  | { readonly kind: 'rolledBack' }
  | { readonly kind: 'rollBackFailed'; readonly code: ReasonCode; readonly detail: string };

export type DeploymentEventKind = DeploymentEvent['kind'];

/** state × event → state, for what runs on the device. A pair that is not here is illegal. */
export const DEVICE_TRANSITIONS: {
  readonly [S in DeviceState | 'offered']?: { readonly [E in DeploymentEventKind]?: DeviceState };
} = {
  offered: { accept: 'accepted', reject: 'rejected' },
  accepted: { download: 'downloading', fail: 'failed' },
  downloading: { downloaded: 'verifying', retryLater: 'downloading', fail: 'failed' },
  verifying: { verified: 'staged', retryLater: 'downloading', fail: 'failed' },
  staged: { activate: 'activating', defer: 'deferred', fail: 'failed' },
  deferred: { resume: 'staged', fail: 'failed' },
  activating: { activated: 'probation', fail: 'failed', rollBack: 'rolling_back' },
  probation: { commit: 'committed', rollBack: 'rolling_back' },
  rolling_back: { rolledBack: 'rolled_back', rollBackFailed: 'inconsistent' },
};

/** One device's attempt, as the device journals it. Times are ms since epoch. */
export interface DeploymentRecord {
  readonly deploymentId: string;
  readonly slot: string;
  /** Manifest digest. */
  readonly manifest: string;
  readonly generation: number;
  readonly state: DeviceState | 'offered';
  /** Failed tries so far in `downloading` or `verifying`. */
  readonly tries: number;
  /** Process starts that found this deployment in `verifying`, `activating` or `probation`: a crash in each of them. */
  readonly crashes: number;
  readonly enteredAt: number;
  readonly nextTryAt?: number;
  readonly code?: ReasonCode;
  readonly detail?: string;
  /** Grows by one with each change, so that a late report never overtakes a newer one. */
  readonly revision: number;
}

/** Applies one event. Undefined when the table does not allow it: the caller has planned on a stale record. */
export function applyEvent(
  record: DeploymentRecord,
  event: DeploymentEvent,
  now: number,
): DeploymentRecord | undefined {
  const state = DEVICE_TRANSITIONS[record.state]?.[event.kind];
  if (!state) return undefined;
  const { nextTryAt: _, ...kept } = record;
  const next = { ...kept, state, enteredAt: now, revision: record.revision + 1 };
  if (event.kind === 'retryLater') {
    return { ...next, tries: record.tries + 1, nextTryAt: event.nextTryAt, code: event.code, detail: event.detail };
  }
  return 'code' in event ? { ...next, code: event.code, detail: event.detail } : next;
}

/** Whether the hub may move a deployment from `from` to `to` on a device's report or its own decision: terminal absorbs. */
export function isHubMoveLegal(from: DeploymentState, to: DeploymentState): boolean {
  return !TERMINAL.has(from) && from !== to;
}
