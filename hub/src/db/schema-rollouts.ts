// Owns the TypeScript view of the tables of rollouts, deployments and groups. Never creates one: migrations do.
import type { DeploymentState } from '@drover/core/deployment/table';
import type { LiveMetric } from '@drover/core/rollout/live';
import type { PauseReason, RolloutState, StagePhase, Verdict } from '@drover/core/rollout/states';
import type { Agreement } from '@drover/core/shadow';
import type { Generated } from 'kysely';

export interface RolloutsTable {
  readonly id: string;
  readonly model: string;
  readonly version: number;
  readonly manifest: string;
  readonly slot: string;
  readonly state: RolloutState;
  /** Grows by one with each change: the compare-and-set of a move. */
  readonly revision: number;
  /** What was asked for, as it came. */
  readonly targetJson: string;
  readonly actor: string;
  readonly createdAt: number;
  readonly endedAt: number | null;
  /** The plan, checked. */
  readonly planJson: string;
  /** SHA-256 over version, slot, target and plan: what people agree to. */
  readonly planHash: string;
  readonly stage: number;
  readonly phase: StagePhase;
  readonly phaseSince: number;
  readonly startedAt: number | null;
  /** Failures before it were seen by whoever resumed it. */
  readonly countedFrom: number;
  /** Why it is paused. */
  readonly reason: PauseReason | null;
  /** What led to the state and stage that it is in, in one sentence. */
  readonly because: string;
}

export interface DeploymentsTable {
  readonly id: string;
  readonly rollout: string;
  readonly device: string;
  readonly slot: string;
  readonly manifest: string;
  /** What the hub holds true. */
  readonly state: DeploymentState;
  /** Grows by one with each move: the compare-and-set of a move. */
  readonly revision: number;
  readonly code: string | null;
  readonly detail: string | null;
  readonly createdAt: number;
  readonly updatedAt: number;
  /** What the device says: evidence, kept also after the hub's state is terminal. */
  readonly deviceState: DeploymentState | null;
  readonly deviceRevision: number;
  readonly deviceCode: string | null;
  readonly deviceDetail: string | null;
  readonly stage: number;
  /** From 1; the newest one of a device is the one that counts. */
  readonly attempt: number;
  readonly purpose: 'install' | 'revert';
  /** When its rollout let it in; null while it waits. */
  readonly admittedAt: number | null;
  /** What ran in the slot then. */
  readonly beforeManifest: string | null;
}

export interface DeploymentEventsTable {
  readonly id: Generated<number>;
  readonly deployment: string;
  readonly at: number;
  /** `device`: reported. `hub`: moved. */
  readonly source: 'device' | 'hub';
  readonly fromState: DeploymentState | null;
  readonly toState: DeploymentState;
  readonly revision: number;
  readonly code: string | null;
  readonly detail: string | null;
}

/** Targets that stay as they are, to compare with. */
export interface RolloutHoldOutsTable {
  readonly rollout: string;
  readonly device: string;
}

export interface RolloutApprovalsTable {
  readonly rollout: string;
  /** The hash of the plan, or `promote:` and the stage that is passed without a verdict. */
  readonly subject: string;
  readonly actor: string;
  readonly note: string;
  readonly at: number;
}

/** Every change of a rollout's state, stage and phase, and who or what made it. */
export interface RolloutEventsTable {
  readonly id: Generated<number>;
  readonly rollout: string;
  readonly at: number;
  readonly actor: string;
  readonly state: RolloutState;
  readonly stage: number;
  readonly phase: StagePhase;
  readonly because: string;
}

/** What a look at the answers of a stage said of one metric. */
export interface RolloutLooksTable {
  readonly rollout: string;
  readonly stage: number;
  readonly since: number;
  readonly look: number;
  readonly metric: LiveMetric;
  readonly at: number;
  readonly verdict: Verdict;
  readonly treated: number;
  readonly control: number;
  readonly effect: number | null;
  readonly low: number | null;
  readonly high: number | null;
}

/** How far the shadow of a slot agreed with the model that answers, in one window. */
export interface AgreementsTable extends Agreement {
  readonly id: Generated<number>;
  /** The slot that answers. */
  readonly slot: string;
  /** Of the shadow. */
  readonly manifest: string;
  readonly startAt: number;
  readonly device: string;
  readonly bootId: string;
  readonly number: number;
  readonly receivedAt: number;
}

/** A label query that was given a name. */
export interface DeviceGroupsTable {
  readonly name: string;
  readonly query: string;
  readonly note: string;
  readonly actor: string;
  readonly createdAt: number;
  readonly updatedAt: number;
}

export interface RolloutTables {
  readonly rollouts: RolloutsTable;
  readonly deployments: DeploymentsTable;
  readonly deploymentEvents: DeploymentEventsTable;
  readonly rolloutHoldOuts: RolloutHoldOutsTable;
  readonly rolloutApprovals: RolloutApprovalsTable;
  readonly rolloutEvents: RolloutEventsTable;
  readonly rolloutLooks: RolloutLooksTable;
  readonly deviceGroups: DeviceGroupsTable;
  readonly agreements: AgreementsTable;
}
