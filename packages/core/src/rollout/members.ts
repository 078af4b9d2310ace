// Owns what a rollout decision knows of each of its devices, and what that makes of it: waiting, busy, through, failed, owed.
import { type DeploymentState, SUCCEEDED, TERMINAL } from '../deployment/table.ts';

/** One device of a rollout: its newest attempt. Ids sort by age; those of one stage by its order. */
export interface Member {
  readonly device: string;
  readonly deployment: string;
  readonly stage: number;
  /** From 1. */
  readonly attempt: number;
  /** `revert`: back to what the device had before. */
  readonly purpose: 'install' | 'revert';
  readonly state: DeploymentState;
  readonly code?: string;
  readonly createdAt: number;
  /** When it was let in; null while it waits. */
  readonly admittedAt: number | null;
  /** When its state, or how far it is, last changed. */
  readonly progressAt: number;
  /** What the device itself says of this attempt; null while it has said nothing and can be called back unnoticed. */
  readonly claim: DeploymentState | null;
  readonly isOnline: boolean;
  /** What the device says it runs in the slot. */
  readonly running: string | null;
  /** What it ran when it was let in; null for nothing. */
  readonly before: string | null;
  /** No other rollout has given this device something since. */
  readonly isCurrent: boolean;
  /** Another rollout is bringing it back to what it ran before. */
  readonly isGoingBack: boolean;
  /** The device's labels of the plan's disruption budgets, in their order. */
  readonly places: readonly (string | null)[];
  /** Answers with the version since the rollout began, and requests that it did not answer; only known where the plan asks. */
  readonly predictions: number;
  readonly errors: number;
}

/** Ended on the device and not well: what a version is judged by. */
const BAD: ReadonlySet<DeploymentState> = new Set<DeploymentState>([
  'rejected',
  'failed',
  'rolled_back',
  'inconsistent',
]);

export const isOpen = ({ state }: Member): boolean => !TERMINAL.has(state);
export const isThrough = ({ state }: Member): boolean => SUCCEEDED.has(state);
/** A timeout counts from when the device had taken the offer: before that it has not tried. */
export const isFailed = ({ state, claim }: Member): boolean =>
  BAD.has(state) || (state === 'timed_out' && claim !== null);

/** In the queue: not let in, and the device knows nothing of it. */
export const isWaiting = ({ state, admittedAt, claim }: Member): boolean =>
  state === 'queued' && admittedAt === null && claim === null;
/** Let in, and the device has said nothing yet: it can still be called back. */
export const isTold = (member: Member): boolean =>
  !isWaiting(member) && member.claim === null && (member.state === 'queued' || member.state === 'offered');
export const isBusy = (member: Member): boolean => isOpen(member) && !isWaiting(member);
/** It is away and has not begun: nobody waits for it, and it counts neither way. */
export const isOwed = (member: Member): boolean => isOpen(member) && !member.isOnline && member.claim === null;
