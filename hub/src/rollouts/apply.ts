// Carries out the steps of one device as one compare-and-set commit with event rows. Never decides a step.
import { TERMINAL } from '@drover/core/deployment/table';
import { type DeviceStep, reconcileDevice } from '@drover/core/rollout/reconcile';
import type { AuditEntry } from '@drover/trust/audit/chain';
import type { Signer } from '@drover/trust/dsse';
import { type DesiredRow, storeDesired } from '../db/desired.ts';
import { type DeploymentRow, insertDeploymentEvent, moveDeployment } from '../db/rollouts.ts';
import type { Statement } from '../db/store.ts';
import { type DesiredPolicy, signDesired } from './desired-document.ts';
import type { DeviceFacts } from './snapshots.ts';

export interface DeviceWork {
  readonly device: string;
  readonly statements: readonly Statement[];
  /** What the audit log is told of them: another wish, and ends of deployments. */
  readonly entries: readonly AuditEntry[];
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

type Move = Extract<DeviceStep, { kind: 'move' }>;

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

/** A document that is only renewed wishes nothing else: that is no change. */
function tellWish({ device, desired }: DeviceFacts, row: DesiredRow, at: number): AuditEntry[] {
  if (desired?.slotsJson === row.slotsJson) return [];
  const view = (of: Pick<DesiredRow, 'generation' | 'slotsJson'>) => ({
    generation: of.generation,
    slots: JSON.parse(of.slotsJson) as unknown,
  });
  const detail = { before: desired ? view(desired) : null, after: { ...view(row), digest: row.digest } };
  return [{ at, actor: 'hub', action: 'device.desired', subject: device, detail }];
}

/** The states in between are kept as events of the deployment: what counts for later is what came of it. */
function tellEnd(row: DeploymentRow, { to, code }: Move, at: number): AuditEntry[] {
  if (!TERMINAL.has(to)) return [];
  const { id, device, slot, manifest, rollout } = row;
  const detail = { deployment: id, rollout, slot, manifest, before: { state: row.state }, after: { state: to, code } };
  return [{ at, actor: 'hub', action: 'deployment.end', subject: device, detail }];
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
  const entries: AuditEntry[] = [];
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
      const signed = await signDesired(order, director);
      statements.push(storeDesired(signed, desired?.generation));
      entries.push(...tellWish(facts, signed, now));
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
    entries.push(...tellEnd(row, step, now));
  }
  return { device, statements, entries, isIssued, rollouts: [...rollouts] };
}
