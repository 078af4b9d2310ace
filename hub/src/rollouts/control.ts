// Carries out what people decide about a rollout: agree, pause, resume, abort, roll back, promote. Never decides for them.
import { accept, type Result, refuse } from '@drover/core/reasons';
import type { Plan } from '@drover/core/rollout/plan';
import { isRolloutEnded, isRolloutMoveLegal, type RolloutState } from '@drover/core/rollout/states';
import { commitWithAudit } from '../db/audit.ts';
import { insertApproval, listApprovals } from '../db/rollout-history.ts';
import { changeRollout, type RolloutChange, type RolloutRow, readRollout } from '../db/rollouts.ts';
import { writeChange } from './carry-out.ts';
import type { RolloutDeps } from './create.ts';

const TRIES = 5;

/** Reads the rollout, changes it as `plan` says and looks at it at once; a lost race is tried again from what won. */
async function change(
  { store, now, reconciler }: RolloutDeps,
  id: string,
  actor: string,
  plan: (rollout: RolloutRow, at: number) => Result<RolloutChange & { because: string }>,
): Promise<Result<RolloutRow>> {
  for (let tries = 0; tries < TRIES; tries++) {
    const rollout = await readRollout(store, id);
    if (!rollout) return refuse('rollout_unknown', `"${id}".`);
    const at = now();
    const wanted = plan(rollout, at);
    if (!wanted.ok) return wanted;
    const work = writeChange({ rollout }, wanted.value, { at, actor });
    if (!(await commitWithAudit(store, work.statements, work.entries)).ok) continue;
    await reconciler.lookAt(id);
    return accept((await readRollout(store, id)) ?? rollout);
  }
  return refuse('write_conflict', 'The rollout changes again and again.');
}

function checkMove({ state }: RolloutRow, to: RolloutState): Result<undefined> {
  if (isRolloutMoveLegal(state, to)) return accept(undefined);
  return isRolloutEnded(state)
    ? refuse('rollout_ended', `It is ${state}.`)
    : refuse('rollout_state', `It is ${state}, and cannot become ${to}.`);
}

type Control = (deps: RolloutDeps, id: string, actor: string, because?: string) => Promise<Result<RolloutRow>>;

const moveTo =
  (
    target: (state: RolloutState) => RolloutState,
    fallback: string,
    extra: (at: number) => RolloutChange = () => ({}),
  ): Control =>
  (deps, id, actor, because = fallback) =>
    change(deps, id, actor, (rollout, at) => {
      const to = target(rollout.state);
      const legal = checkMove(rollout, to);
      return legal.ok ? accept({ state: to, reason: null, because, ...extra(at) }) : legal;
    });

/** Nobody new is let in, and who was told and has not begun is called back; who has begun ends. */
export const pauseRollout = moveTo(
  () => 'paused',
  'A person paused it.',
  () => ({ reason: 'operator' }),
);

/** What has failed so far is taken as seen; a stage that could not be judged is watched once more. */
export const resumeRollout = moveTo(
  () => 'running',
  'A person resumed it.',
  (at) => ({ countedFrom: at, phaseSince: at }),
);

/** Devices that have the version keep it; those that have not begun to switch go on with what they have. */
export const abortRollout = moveTo(
  (state) => (state === 'running' || state === 'paused' || state === 'aborting' ? 'aborting' : 'aborted'),
  'A person aborted it.',
);

/** Every device that has the version because of this rollout goes back to what it had before. */
export const rollBack = moveTo(() => 'rolling_back', 'A person rolled it back.');

/** Counts `actor` in; `decide` says what it comes to when `others` agreed before. Both stand in one commit. */
async function agree(
  { store, now, reconciler }: RolloutDeps,
  id: string,
  actor: string,
  note: string,
  decide: (rollout: RolloutRow) => Result<{
    readonly subject: string;
    readonly action: string;
    readonly needed: number;
    readonly change: (at: number) => RolloutChange & { because: string };
  }>,
): Promise<Result<RolloutRow>> {
  for (let tries = 0; tries < TRIES; tries++) {
    const rollout = await readRollout(store, id);
    if (!rollout) return refuse('rollout_unknown', `"${id}".`);
    const wanted = decide(rollout);
    if (!wanted.ok) return wanted;
    const { subject, action, needed } = wanted.value;
    const before = await listApprovals(store, id, subject);
    if (before.some((one) => one.actor === actor)) return refuse('approval_twice', `${actor} agreed before.`);
    const at = now();
    const isEnough = before.length + 1 >= needed;
    // Also where it changes nothing yet: two who agree at the same time must see each other.
    const work = isEnough
      ? writeChange({ rollout }, wanted.value.change(at), { at, actor })
      : { statements: [changeRollout(id, rollout.revision, {})], entries: [] };
    const detail = { subject, note, given: before.length + 1, needed };
    const statements = [insertApproval({ rollout: id, subject, actor, note, at }), ...work.statements];
    const entries = [{ at, actor, action, subject: id, detail }, ...work.entries];
    if (!(await commitWithAudit(store, statements, entries)).ok) continue;
    await reconciler.lookAt(id);
    return accept((await readRollout(store, id)) ?? rollout);
  }
  return refuse('write_conflict', 'The rollout changes again and again.');
}

/** Agreed by `actor` to the plan with this hash; the last one that is needed schedules it. */
export const approveRollout = (
  deps: RolloutDeps,
  id: string,
  actor: string,
  { planHash, note = '' }: { readonly planHash: string; readonly note?: string | undefined },
): Promise<Result<RolloutRow>> =>
  agree(deps, id, actor, note, (rollout) => {
    const legal = checkMove(rollout, 'scheduled');
    if (!legal.ok) return legal;
    if (actor === rollout.actor) return refuse('approval_own', `${actor} made it.`);
    if (planHash !== rollout.planHash) return refuse('approval_stale', `Its plan has the hash ${rollout.planHash}.`);
    const { approvals: needed } = JSON.parse(rollout.planJson) as Plan;
    const because = needed === 1 ? `${actor} agreed.` : `${needed} people agreed, ${actor} the last.`;
    return accept({
      subject: planHash,
      action: 'rollout.approve',
      needed,
      change: () => ({ state: 'scheduled', because }),
    });
  });

/** Two people and a reason pass a stage that the gate does not; the next one begins under its own gate. */
const PROMOTERS = 2;

export const promoteRollout = (
  deps: RolloutDeps,
  id: string,
  actor: string,
  reason: string,
): Promise<Result<RolloutRow>> =>
  agree(deps, id, actor, reason, (rollout) => {
    if (rollout.state !== 'running' && rollout.state !== 'paused')
      return isRolloutEnded(rollout.state)
        ? refuse('rollout_ended', `It is ${rollout.state}.`)
        : refuse('rollout_state', `It is ${rollout.state}; only one that runs or is paused has a stage to pass.`);
    const { stages } = JSON.parse(rollout.planJson) as Plan;
    const because = `Stage "${stages[rollout.stage]?.name ?? ''}" was passed by people: ${reason}`;
    const isLast = rollout.stage === stages.length - 1;
    return accept({
      subject: `promote:${rollout.stage}`,
      action: 'rollout.promote',
      needed: PROMOTERS,
      change: (at) =>
        isLast
          ? { state: 'completed', reason: null, because }
          : {
              state: 'running',
              reason: null,
              stage: rollout.stage + 1,
              phase: 'admitting',
              phaseSince: at,
              countedFrom: at,
              because,
            },
    });
  });
