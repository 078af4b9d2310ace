// Turns the steps of a rollout into one compare-and-set commit with event and audit rows. Never decides a step.
import type { DeploymentState } from '@drover/core/deployment/table';
import type { RolloutStep } from '@drover/core/rollout/decide';
import { isRolloutEnded } from '@drover/core/rollout/states';
import { isShadow } from '@drover/core/shadow';
import type { AuditEntry } from '@drover/trust/audit/chain';
import { insertRolloutEvent } from '../db/rollout-history.ts';
import type { MemberRow } from '../db/rollout-members.ts';
import {
  admitDeployment,
  changeRollout,
  insertDeploymentEvent,
  moveDeployment,
  type RolloutChange,
  type RolloutRow,
  withdrawDeployment,
} from '../db/rollouts.ts';
import type { Statement } from '../db/store.ts';
import { writeAttempt } from './members.ts';
import type { RolloutFacts } from './read-snapshot.ts';

export interface RolloutWork {
  readonly statements: readonly Statement[];
  readonly entries: readonly AuditEntry[];
  /** Devices whose wish may change by it. */
  readonly devices: readonly string[];
}

type Step<K extends RolloutStep['kind']> = Extract<RolloutStep, { kind: K }>;

/** What a change of the rollout itself is written as, by whoever made it. */
export function writeChange(
  { rollout }: Pick<RolloutFacts, 'rollout'>,
  change: RolloutChange & { readonly because: string },
  { at, actor }: { readonly at: number; readonly actor: string },
): RolloutWork {
  const after = { ...rollout, ...change };
  const { state, stage, phase, because } = after;
  const isEnd = isRolloutEnded(state);
  const event = insertRolloutEvent({ rollout: rollout.id, at, actor, state, stage, phase, because });
  const isTold = state !== rollout.state || stage !== rollout.stage;
  const action = isEnd ? 'rollout.end' : state === rollout.state ? 'rollout.stage' : `rollout.${state}`;
  const view = (of: typeof after) => ({ state: of.state, stage: of.stage });
  const detail = {
    before: view(rollout),
    after: view(after),
    because,
    ...(after.reason !== null && { reason: after.reason }),
  };
  return {
    statements: [changeRollout(rollout.id, rollout.revision, { ...change, ...(isEnd && { endedAt: at }) }), event],
    entries: isTold ? [{ at, actor, action, subject: rollout.id, detail }] : [],
    devices: [],
  };
}

const rowOf = ({ rows }: RolloutFacts, deployment: string): MemberRow => {
  const row = rows.get(deployment);
  if (!row) throw new Error('a step names a deployment that was not in its snapshot');
  return row;
};

/** One deployment ends by the hub's word. */
export function writeEnd(
  { id, slot, manifest }: Pick<RolloutRow, 'id' | 'slot' | 'manifest'>,
  row: Pick<MemberRow, 'id' | 'device' | 'state' | 'revision'>,
  { to, code = null, detail }: { readonly to: DeploymentState; readonly code?: string | null; readonly detail: string },
  now: number,
): RolloutWork {
  const said = { code, detail };
  const told = {
    deployment: row.id,
    rollout: id,
    slot,
    manifest,
    before: { state: row.state },
    after: { state: to, ...(code !== null && { code }) },
  };
  return {
    statements: [
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
    ],
    entries: [{ at: now, actor: 'hub', action: 'deployment.end', subject: row.device, detail: told }],
    devices: [row.device],
  };
}

function writeWithdraw(facts: RolloutFacts, { deployments }: Step<'withdraw'>, now: number): RolloutWork {
  const rows = deployments.map((id) => rowOf(facts, id));
  const statements = rows.flatMap((row) => [
    withdrawDeployment(row.id, row.revision, now),
    insertDeploymentEvent({
      deployment: row.id,
      at: now,
      source: 'hub',
      fromState: row.state,
      toState: 'queued',
      revision: row.revision + 1,
      code: null,
      detail: 'It waits again.',
    }),
  ]);
  return { statements, entries: [], devices: rows.map(({ device }) => device) };
}

/** Another attempt of the same device: again, or back to what it had. */
function writeAgain(facts: RolloutFacts, step: Step<'retry'> | Step<'revert'>, now: number): RolloutWork {
  const row = rowOf(facts, step.deployment);
  const { id, slot, manifest } = facts.rollout;
  const isRevert = step.kind === 'revert';
  const next = {
    rollout: id,
    device: row.device,
    slot,
    manifest: isRevert ? step.manifest : manifest,
    stage: row.stage,
    attempt: row.attempt + 1,
    purpose: isRevert ? 'revert' : 'install',
    admittedAt: isRevert ? now : null,
    beforeManifest: row.beforeManifest,
  } as const;
  return { statements: writeAttempt(next, now), entries: [], devices: [row.device] };
}

function writeStep(facts: RolloutFacts, step: RolloutStep, now: number): RolloutWork {
  const by = { at: now, actor: 'hub' };
  switch (step.kind) {
    case 'admit': {
      const rows = step.deployments.map((id) => rowOf(facts, id));
      return {
        // A further attempt keeps what the device had before the first.
        statements: rows.map(({ id, revision, attempt, beforeManifest, running }) =>
          admitDeployment({ id, revision, at: now, before: attempt > 1 ? beforeManifest : running }),
        ),
        entries: [],
        devices: rows.map(({ device }) => device),
      };
    }
    case 'withdraw':
      return writeWithdraw(facts, step, now);
    case 'end':
      return writeEnd(facts.rollout, rowOf(facts, step.deployment), step, now);
    case 'retry':
    case 'revert':
      return writeAgain(facts, step, now);
    case 'enter':
      return writeChange(
        facts,
        {
          stage: step.stage,
          phase: step.phase,
          because: step.because,
          // It is watched until it passes: being judged is no new beginning.
          ...(step.phase !== 'evaluating' && { phaseSince: now }),
        },
        by,
      );
    case 'become':
      return {
        ...writeChange(facts, { state: step.state, reason: step.reason ?? null, because: step.because }, by),
        // Shadows go with their rollout.
        devices:
          isShadow(facts.rollout.slot) && isRolloutEnded(step.state)
            ? [...facts.rows.values()].map(({ device }) => device)
            : [],
      };
    default:
      return step satisfies never;
  }
}

/** All steps of one decision: written together or not at all. */
export function writeSteps(facts: RolloutFacts, steps: readonly RolloutStep[], now: number): RolloutWork {
  const works = steps.map((step) => writeStep(facts, step, now));
  return {
    statements: works.flatMap((work) => work.statements),
    entries: works.flatMap((work) => work.entries),
    devices: works.flatMap((work) => work.devices),
  };
}
