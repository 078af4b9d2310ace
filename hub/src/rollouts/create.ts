// Makes rollouts on a person's word: which version, which devices, by which plan. Never decides what a device does next.
import { createHash, randomBytes } from 'node:crypto';
import { makeId } from '@drover/core/ids';
import { accept, type Result, refuse } from '@drover/core/reasons';
import { DEPLOY_PLAN, findSlotProblem, type Plan } from '@drover/core/rollout/plan';
import type { RolloutState } from '@drover/core/rollout/states';
import { readPlan } from '@drover/wire/http/rollout-plan';
import type { RolloutRequest } from '@drover/wire/http/rollouts';
import { commitWithAudit } from '../db/audit.ts';
import { listGroups } from '../db/groups.ts';
import { insertRolloutEvent } from '../db/rollout-history.ts';
import { insertRollout, type RolloutRow, readRollout } from '../db/rollouts.ts';
import type { Store } from '../db/store.ts';
import { chooseMembers, type Members, writeMembers } from './members.ts';
import { findTargets, findVersion, type RolloutTarget, resolveTarget } from './targets.ts';
import type { Reconciler } from './tick.ts';

export interface RolloutDeps {
  readonly store: Store;
  readonly now: () => number;
  readonly reconciler: Pick<Reconciler, 'poke' | 'lookAt'>;
  /** Where the release metadata lists a manifest; nowhere: no device would install it. */
  readonly pathsOf: (manifest: string) => Promise<readonly string[]>;
}

/** The slot of a rollout that names none. */
export const DEFAULT_SLOT = 'default';

/** The plan, when it can be meant for the slot. */
export async function resolvePlan(
  store: Store,
  { plan, slot }: Pick<RolloutRequest, 'plan' | 'slot'>,
): Promise<Result<Plan>> {
  const groups = plan ? new Map((await listGroups(store)).map(({ name, query }) => [name, query])) : undefined;
  const read = plan ? readPlan(plan, (group) => groups?.get(group)) : accept(DEPLOY_PLAN);
  const problem = read.ok ? findSlotProblem(read.value, slot ?? DEFAULT_SLOT) : undefined;
  return problem === undefined ? read : refuse('plan_invalid', problem);
}

/** What people agree to: another version, target, stage or limit is another hash. */
const hashPlan = (facts: { manifest: string; slot: string; target: RolloutTarget; plan: Plan }): string =>
  createHash('sha256')
    .update(JSON.stringify([facts.manifest, facts.slot, facts.target, facts.plan]))
    .digest('hex');

function firstState({ approvals, startAt }: Plan, now: number): RolloutState {
  if (approvals > 0) return 'awaiting_approval';
  return startAt !== null && startAt > now ? 'scheduled' : 'running';
}

/**
 * Every device that matches gets a deployment when the rollout starts, which is now unless people have to agree first or it
 * starts later. Older deployments of the same devices and slot are superseded.
 */
export async function createRollout(
  deps: RolloutDeps,
  request: RolloutRequest,
  actor: string,
): Promise<Result<RolloutRow>> {
  const { store, reconciler } = deps;
  const version = await findVersion(store, request);
  if (!version.ok) return version;
  if ((await deps.pathsOf(version.value.manifest)).length === 0)
    return refuse('release_unlisted', `${version.value.model}@${version.value.version}.`);
  const plan = await resolvePlan(store, request);
  if (!plan.ok) return plan;
  const target = await resolveTarget(store, request);
  if (!target.ok) return target;
  const targets = await findTargets(store, target.value);
  if (!targets.ok) return targets;
  const now = deps.now();
  const slot = request.slot ?? DEFAULT_SLOT;
  const { model, manifest } = version.value;
  const head = { id: makeId(now, randomBytes(10)), slot, manifest };
  // Also of one that starts later: a plan that cannot be meant is refused to whoever wrote it.
  const chosen = await chooseMembers(store, head, plan.value, targets.value);
  if (!chosen.ok) return chosen;
  const members = writeMembers(head, chosen.value, now);
  // What is too much for one write transaction is written down by the first look, which a crash does not lose.
  const isSmall = members.chunks.length === 1;
  const first = firstState(plan.value, now);
  const state = first === 'running' && !isSmall ? 'scheduled' : first;
  const rollout: RolloutRow = {
    ...head,
    model,
    version: version.value.version,
    state,
    revision: 0,
    targetJson: JSON.stringify(target.value),
    actor,
    createdAt: now,
    endedAt: null,
    planJson: JSON.stringify(plan.value),
    planHash: hashPlan({ manifest, slot, target: target.value, plan: plan.value }),
    stage: 0,
    phase: 'admitting',
    phaseSince: now,
    startedAt: state === 'running' ? now : null,
    countedFrom: 0,
    reason: null,
    because: request.note ?? '',
  };
  const started: Members = state === 'running' ? members : { chunks: [], devices: [] };
  const detail = {
    before: null,
    after: {
      state,
      model,
      version: rollout.version,
      manifest,
      slot,
      target: target.value,
      devices: members.devices.length,
      planHash: rollout.planHash,
      plan: plan.value,
    },
  };
  const { id, stage, phase, because } = rollout;
  const event = insertRolloutEvent({ rollout: id, at: now, actor, state, stage, phase, because });
  const done = await commitWithAudit(store, [insertRollout(rollout), event, ...started.chunks.flat()], {
    at: now,
    actor,
    action: 'rollout.create',
    subject: id,
    detail,
  });
  if (!done.ok) return refuse('write_conflict', 'The rollout was not started.');
  // Those that were taken from an older rollout are told before this one lets any in.
  reconciler.poke(...started.devices);
  await reconciler.lookAt(id);
  return accept((await readRollout(store, id)) ?? rollout);
}
