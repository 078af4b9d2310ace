// Carries out the steps of one device as one compare-and-set commit with event rows. Never decides a step.
import { TERMINAL } from '@drover/core/deployment/table';
import { type RolloutStep, reconcileDevice } from '@drover/core/rollout/reconcile';
import type { Signer } from '@drover/trust/dsse';
import { storeDesired } from '../db/desired.ts';
import { type DeploymentRow, insertDeploymentEvent, moveDeployment } from '../db/rollouts.ts';
import type { Statement } from '../db/store.ts';
import { type DesiredPolicy, signDesired } from './desired-document.ts';
import type { DeviceFacts } from './snapshots.ts';

export interface DeviceWork {
  readonly device: string;
  readonly statements: readonly Statement[];
  /** A new desired document is among them. */
  readonly isIssued: boolean;
  /** Rollouts whose deployments move. */
  readonly rollouts: readonly string[];
}

export interface ApplyContext {
  readonly director: Signer;
  readonly policy: DesiredPolicy;
  readonly now: number;
}

type Move = Extract<RolloutStep, { kind: 'move' }>;

function writeMove(row: DeploymentRow, { to, code, detail }: Move, now: number): Statement[] {
  const said = { code: code ?? null, detail: detail ?? null };
  return [
    moveDeployment({ id: row.id, revision: row.revision, to, ...said, now }),
    insertDeploymentEvent({
      deployment: row.id,
      at: now,
      source: 'hub',
      fromState: row.state,
      toState: to,
      revision: row.revision + 1,
      ...said,
    }),
  ];
}

/** A device that was removed takes its open deployments along. */
function decideRemoved({ deployments }: DeviceFacts): Move[] {
  return [...deployments.values()]
    .filter((d) => !TERMINAL.has(d.state))
    .map((d) => ({ kind: 'move', deployment: d.id, to: 'removed' }));
}

/** What is to be written for one device; undefined when it is as it should be. */
export async function prepareWork(
  facts: DeviceFacts,
  { director, policy, now }: ApplyContext,
): Promise<DeviceWork | undefined> {
  const { device, snapshot, desired, deployments } = facts;
  const steps = snapshot ? reconcileDevice(snapshot, now) : decideRemoved(facts);
  if (steps.length === 0) return undefined;
  const statements: Statement[] = [];
  const rollouts = new Set<string>();
  let isIssued = false;
  for (const step of steps) {
    if (step.kind === 'issue') {
      const order = {
        device,
        ownGeneration: desired?.generation ?? 0,
        reportedGeneration: snapshot?.reportedGeneration ?? 0,
        slots: step.slots,
        policy,
        now,
      };
      statements.push(storeDesired(await signDesired(order, director), desired?.generation));
      isIssued = true;
      continue;
    }
    const row = deployments.get(step.deployment);
    if (!row) throw new Error('a step moves a deployment that was not in its snapshot');
    if (step.kind === 'note') {
      const said = { code: step.code ?? null, detail: step.detail ?? null };
      statements.push(moveDeployment({ id: row.id, revision: row.revision, to: row.state, ...said, now }));
      continue;
    }
    rollouts.add(row.rollout);
    statements.push(...writeMove(row, step, now));
  }
  return { device, statements, isIssued, rollouts: [...rollouts] };
}
