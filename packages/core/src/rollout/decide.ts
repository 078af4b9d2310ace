// Decides what a rollout does next: whom it lets in, calls back, tries again or gives up, and what becomes of it. Pure: never
// stores, signs or sends. Each answer is carried out at once and asked for again until there is nothing left to do.
import type { DeploymentState } from '../deployment/table.ts';
import { formatDuration } from '../duration.ts';
import { findOpening } from '../maintenance.ts';
import { isReasonCode, REASONS } from '../reasons.ts';
import { type AdmissionInput, planAdmission, retryDelayMs } from './admission.ts';
import { type AgreementResult, type DeviceAgreement, judgeAgreement } from './agreement.ts';
import { type GateResult, judgeFailures } from './gate.ts';
import { weighErrors } from './limit.ts';
import { findDueLook, judgeLooks, type LiveResult, type LookResult, lookTimeMs } from './live.ts';
import { isBusy, isFailed, isOpen, isOwed, isThrough, isTold, isWaiting, type Member } from './members.ts';
import { isPaced, type Plan, type StagePlan } from './plan.ts';
import { REPLACEABLE } from './reconcile.ts';
import type { PauseReason, RolloutState, StagePhase } from './states.ts';

export interface RolloutSnapshot extends AdmissionInput {
  /** Manifest digest of the version. */
  readonly manifest: string;
  readonly state: RolloutState;
  readonly phase: StagePhase;
  readonly phaseSince: number;
  readonly startedAt: number | null;
  /** Failures that ended before were seen by whoever resumed it; they count no more. */
  readonly countedFrom: number;
  /** An alert that pauses rollouts fires on one of its devices, in one sentence; null: none does. */
  readonly freeze: string | null;
  /** What the looks at the answers of the current stage said, since it is watched; oldest first. */
  readonly looks: readonly LookResult[];
  /** Of a rollout of shadows, how far each agreed since the stage is watched; null: of models that answer. */
  readonly beside: readonly DeviceAgreement[] | null;
  /** How long a device proves itself by the hub's policy, ms. */
  readonly probationMs: number;
}

type EndState = 'cancelled' | 'expired' | 'timed_out';

export type RolloutStep =
  | { readonly kind: 'admit'; readonly deployments: readonly string[] }
  /** Told, and it has not answered: the wish is taken back and it waits again. */
  | { readonly kind: 'withdraw'; readonly deployments: readonly string[] }
  | {
      readonly kind: 'end';
      readonly deployment: string;
      readonly to: EndState;
      readonly code?: string;
      readonly detail: string;
    }
  /** One more try of the same device. */
  | { readonly kind: 'retry'; readonly deployment: string }
  /** Back to what the device ran before. */
  | { readonly kind: 'revert'; readonly deployment: string; readonly manifest: string }
  | { readonly kind: 'enter'; readonly stage: number; readonly phase: StagePhase; readonly because: string }
  | { readonly kind: 'become'; readonly state: RolloutState; readonly reason?: PauseReason; readonly because: string };

const stageOf = ({ plan, stage }: RolloutSnapshot): StagePlan => {
  const found = plan.stages[stage];
  if (!found) throw new Error('a rollout is in a stage of its plan');
  return found;
};

const installs = (members: readonly Member[]): readonly Member[] => members.filter((m) => m.purpose === 'install');

/** It has the version and surely answers fewer requests than it must. The chance is shared by all devices of the rollout. */
export const isBreaching = ({ predictions, errors }: Member, { gate }: Plan, devices: number): boolean =>
  gate.errorLimit !== null &&
  weighErrors(errors, predictions + errors, gate.errorLimit) >= Math.log(devices / gate.alpha);

/** What the installs of the current stage come to, and the devices that do not answer as they must since. */
export function judgeStage({ members, stage, countedFrom, plan }: RolloutSnapshot): GateResult {
  const ended: Member[] = [];
  let devices = 0;
  let hasFailed = false;
  for (const m of members) {
    if (m.stage !== stage || m.purpose !== 'install') continue;
    devices++;
    if (isThrough(m)) {
      ended.push(m);
      hasFailed ||= isBreaching(m, plan, members.length);
    } else if (isFailed(m) && m.progressAt > countedFrom) {
      ended.push(m);
      hasFailed = true;
    }
  }
  // In the order in which they ended; without a failure every order says the same.
  if (hasFailed) ended.sort((a, b) => a.progressAt - b.progressAt || (a.deployment < b.deployment ? -1 : 1));
  const failed = ended.map((m) => isFailed(m) || isBreaching(m, plan, members.length));
  return judgeFailures({ failed, devices }, plan.gate);
}

/** Devices that are compared: with the version, and in the queue without it. In the order of the draw. */
export function armsOf({ members, stage }: RolloutSnapshot): {
  readonly treated: string[];
  readonly waiting: string[];
} {
  const treated: string[] = [];
  const waiting: string[] = [];
  for (const m of installs(members)) {
    if (isThrough(m) && m.stage <= stage && m.isCurrent) treated.push(m.device);
    else if (isWaiting(m) && m.stage > stage) waiting.push(m.device);
  }
  return { treated, waiting };
}

/** What the answers come to; undefined where nobody looks. */
export const judgeAnswers = ({ plan, looks }: RolloutSnapshot): LiveResult | undefined =>
  plan.live ? judgeLooks(plan.live, looks) : undefined;

/** How far the shadows agree; undefined where nobody looks. */
export const judgeBeside = ({ plan, beside }: RolloutSnapshot): AgreementResult | undefined =>
  plan.agreement && beside ? judgeAgreement(plan.agreement, beside) : undefined;

/** The steps on a device that have a deadline. */
const DEADLINE_OF: Readonly<Partial<Record<DeploymentState, 'download' | 'activate' | 'probation'>>> = {
  accepted: 'download',
  downloading: 'download',
  verifying: 'download',
  staged: 'activate',
  activating: 'activate',
  rolling_back: 'activate',
  probation: 'probation',
};

/** How long a step of the device may take without progress, and what it is called. */
function deadlineOf(member: Member, { plan, probationMs }: RolloutSnapshot): { ms: number; step: string } | undefined {
  const step = DEADLINE_OF[member.state];
  if (!step) return undefined;
  const { downloadMs, activateMs } = plan.deadlines;
  const ms = { download: downloadMs, activate: activateMs, probation: plan.deadlines.probationMs + probationMs }[step];
  return { ms, step };
}

/** "1 device has", "3 devices have". */
const haveIt = (n: number): string => (n === 1 ? '1 device has' : `${n} devices have`);

/** Devices that stay in a step for too long; whoever is told and away goes back into the queue. */
function planDeadlines(snapshot: RolloutSnapshot, now: number): RolloutStep[] {
  const steps: RolloutStep[] = [];
  const withdrawn: string[] = [];
  const opening = findOpening(snapshot.plan.windows, now);
  for (const member of snapshot.members) {
    // Who goes back is owed it for as long as it takes.
    if (!isBusy(member) || member.purpose === 'revert') continue;
    if (isTold(member)) {
      if (now <= (member.admittedAt ?? now) + snapshot.plan.deadlines.acceptMs) continue;
      // One that is away holds a place only where places are counted.
      if (member.isOnline || !isPaced(snapshot.plan)) continue;
      withdrawn.push(member.deployment);
      continue;
    }
    const deadline = member.claim !== null ? deadlineOf(member, snapshot) : undefined;
    if (!deadline) continue;
    // Who waits for the window has until after it opens.
    const waitsFor = member.state === 'staged' && 'opensAt' in opening;
    const from = member.state === 'staged' && 'since' in opening ? opening.since : 0;
    if (waitsFor || now <= Math.max(member.progressAt, from) + deadline.ms) continue;
    const detail = `No progress in ${formatDuration(deadline.ms)} of ${deadline.step}.`;
    steps.push({ kind: 'end', deployment: member.deployment, to: 'timed_out', code: 'deployment_timeout', detail });
  }
  if (withdrawn.length > 0) steps.push({ kind: 'withdraw', deployments: withdrawn });
  return steps;
}

const triesLeft = ({ code, attempt }: Member, { retries }: Plan): boolean => {
  if (code === undefined || !isReasonCode(code)) return false;
  const { kind } = REASONS[code];
  return (kind === 'transient' || kind === 'internal') && attempt <= retries[kind];
};

const planRetries = ({ members, plan }: RolloutSnapshot): RolloutStep[] =>
  installs(members)
    .filter((m) => isFailed(m) && m.state !== 'inconsistent' && m.isCurrent && triesLeft(m, plan))
    .map((m) => ({ kind: 'retry', deployment: m.deployment }));

function planExpiry({ members, plan, startedAt }: RolloutSnapshot, now: number): RolloutStep[] {
  if (plan.expiresMs === null || startedAt === null || now < startedAt + plan.expiresMs) return [];
  return members
    .filter((m) => m.purpose === 'install' && isOpen(m) && m.claim === null)
    .map((m) => ({
      kind: 'end',
      deployment: m.deployment,
      to: 'expired',
      detail: 'The rollout took no longer for devices that had not begun.',
    }));
}

/** Until a device switches it can still be called off; from there on it ends by itself. */
const planCancels = (members: readonly Member[], detail: string): RolloutStep[] =>
  installs(members)
    .filter((m) => isOpen(m) && REPLACEABLE.has(m.state) && REPLACEABLE.has(m.claim ?? 'offered'))
    .map((m) => ({ kind: 'end', deployment: m.deployment, to: 'cancelled', detail }));

const FAILED_TO = { pause: 'paused', rollback: 'rolling_back', abort: 'aborting' } as const;

/** Why the rollout has to stop; undefined: it has not to. */
function findFailure(snapshot: RolloutSnapshot, result: GateResult): string | undefined {
  const { gate, live } = snapshot.plan;
  if (result.verdict === 'fail' && !gate.isDryRun) return result.because;
  const answers = judgeAnswers(snapshot);
  if (answers?.verdict === 'fail' && live?.isDryRun === false) return answers.because;
  // One look, after the stage was watched: looked at all the time, chance would stop every shadow one day.
  const agreement = snapshot.phase === 'evaluating' ? judgeBeside(snapshot) : undefined;
  return agreement?.verdict === 'fail' ? agreement.because : undefined;
}

function planFailure(snapshot: RolloutSnapshot, result: GateResult): RolloutStep[] {
  const failure = findFailure(snapshot, result);
  if (failure === undefined) return [];
  const because = `Stage "${stageOf(snapshot).name}": ${failure}`;
  const state = FAILED_TO[snapshot.plan.onFail];
  return [{ kind: 'become', state, because, ...(state === 'paused' && { reason: 'gate_failed' as const }) }];
}

/** Members that the current stage and those before it wait for. */
function isStageThrough(snapshot: RolloutSnapshot): boolean {
  const { members, stage } = snapshot;
  const isLast = stage === snapshot.plan.stages.length - 1;
  const own = installs(members).filter((m) => m.stage <= stage);
  const open = own.filter((m) => isOpen(m) && (isLast || !isOwed(m)));
  if (open.length === 0) return own.some((m) => !isOpen(m)) || own.length === 0;
  const { quorum } = stageOf(snapshot);
  // A quorum lets the next stage begin; the last one has nothing after it to begin.
  return !isLast && quorum < 1 && own.filter(isThrough).length >= quorum * own.filter((m) => !isOwed(m)).length;
}

/** How long the current stage is watched, ms. */
const watchMs = (snapshot: RolloutSnapshot): number =>
  Math.max(stageOf(snapshot).soakMs, snapshot.plan.live ? lookTimeMs(snapshot.plan.live) : 0);

/** What keeps a stage that was watched from passing; undefined: nothing. */
function findMissing(snapshot: RolloutSnapshot, result: GateResult): string | undefined {
  const { plan, members, stage } = snapshot;
  const agreement = judgeBeside(snapshot);
  if (agreement && agreement.verdict !== 'pass') return agreement.because;
  if (plan.gate.isDryRun && !plan.live) return undefined;
  const { minPredictions } = stageOf(snapshot);
  const isLast = stage === plan.stages.length - 1;
  const watched = installs(members).filter((m) => m.stage === stage && isThrough(m));
  const quiet = watched.filter((m) => m.predictions < minPredictions).length;
  if (quiet > 0) return `${quiet} of ${watched.length} devices answered fewer than ${minPredictions} times`;
  // Nothing comes after the last stage that could be promoted: what was attempted has ended.
  if (isLast) return undefined;
  if (result.verdict !== 'pass' && !plan.gate.isDryRun) return result.because;
  const answers = judgeAnswers(snapshot);
  return answers && answers.verdict !== 'pass' && plan.live?.isDryRun === false ? answers.because : undefined;
}

function planPhase(snapshot: RolloutSnapshot, result: GateResult, now: number): RolloutStep[] {
  const { phase, phaseSince, stage, plan, members } = snapshot;
  const { name } = stageOf(snapshot);
  if (phase === 'admitting') {
    if (!isStageThrough(snapshot)) return [];
    const through = members.filter((m) => m.purpose === 'install' && m.stage <= stage && isThrough(m)).length;
    return [{ kind: 'enter', stage, phase: 'soaking', because: `Stage "${name}": ${haveIt(through)} the version.` }];
  }
  if (phase === 'soaking') {
    const ms = watchMs(snapshot);
    if (now < phaseSince + ms) return [];
    return [
      { kind: 'enter', stage, phase: 'evaluating', because: `Stage "${name}" was watched for ${formatDuration(ms)}.` },
    ];
  }
  const missing = findMissing(snapshot, result);
  if (missing === undefined) {
    const said = [result.because, judgeAnswers(snapshot)?.because, judgeBeside(snapshot)?.because]
      .filter((one) => one !== undefined)
      .join(' ');
    const because = `Stage "${name}": ${said}`;
    if (stage < plan.stages.length - 1) return [{ kind: 'enter', stage: stage + 1, phase: 'admitting', because }];
    return [{ kind: 'become', state: decideEnd(members), because }];
  }
  if (now < phaseSince + watchMs(snapshot) + plan.patienceMs) return [];
  return [{ kind: 'become', state: 'paused', reason: 'inconclusive', because: `Stage "${name}": ${missing}` }];
}

/** All of them were taken over by others: then it is superseded and not completed. */
function decideEnd(members: readonly Member[]): 'completed' | 'superseded' {
  const isReplaced = members.some(({ state }) => state === 'superseded');
  return isReplaced && members.every(({ state }) => ['superseded', 'removed', 'cancelled'].includes(state))
    ? 'superseded'
    : 'completed';
}

function planRunning(snapshot: RolloutSnapshot, now: number): RolloutStep[] {
  const { members, freeze } = snapshot;
  if (freeze !== null) return [{ kind: 'become', state: 'paused', reason: 'alert', because: freeze }];
  const overdue = [...planExpiry(snapshot, now), ...planDeadlines(snapshot, now)];
  if (overdue.length > 0) return overdue;
  if (members.length > 0 && members.every((m) => !isOpen(m)) && decideEnd(members) === 'superseded')
    return [{ kind: 'become', state: 'superseded', because: 'Newer rollouts took over all of its devices.' }];
  // What is tried again has not failed yet.
  const retries = planRetries(snapshot);
  if (retries.length > 0) return retries;
  const result = judgeStage(snapshot);
  const failure = planFailure(snapshot, result);
  if (failure.length > 0) return failure;
  const { admit } = planAdmission(snapshot, now);
  if (admit.length > 0) return [{ kind: 'admit', deployments: admit.map((m) => m.deployment) }];
  return planPhase(snapshot, result, now);
}

/** Devices that were told and have said nothing wait again; what has begun ends. */
function planPaused(snapshot: RolloutSnapshot, now: number): RolloutStep[] {
  const told = snapshot.members.filter((m) => m.purpose === 'install' && isTold(m)).map((m) => m.deployment);
  const overdue = [...planExpiry(snapshot, now), ...planDeadlines(snapshot, now).filter(({ kind }) => kind === 'end')];
  return [
    ...overdue,
    ...(told.length > 0 && overdue.length === 0 ? [{ kind: 'withdraw' as const, deployments: told }] : []),
  ];
}

function planAborting(snapshot: RolloutSnapshot, now: number): RolloutStep[] {
  const steps = [...planCancels(snapshot.members, 'The rollout was aborted.')];
  if (steps.length > 0) return steps;
  const overdue = planDeadlines(snapshot, now).filter(({ kind }) => kind === 'end');
  if (overdue.length > 0) return overdue;
  return snapshot.members.some(isOpen)
    ? []
    : [{ kind: 'become', state: 'aborted', because: 'No device is under way.' }];
}

/** It runs the version, by what it says or by what it said last, because of this rollout. */
const mustRevert = (member: Member, { manifest, beside }: RolloutSnapshot): boolean =>
  // A shadow goes with its rollout: there is nothing to go back to.
  beside === null &&
  member.purpose === 'install' &&
  member.isCurrent &&
  member.before !== manifest &&
  (member.state === 'committed' || (!isOpen(member) && member.admittedAt !== null && member.running === manifest));

function planRollingBack(snapshot: RolloutSnapshot, now: number): RolloutStep[] {
  const { members } = snapshot;
  const cancels = planCancels(members, 'The rollout is rolled back.');
  if (cancels.length > 0) return cancels;
  const overdue = planDeadlines(snapshot, now).filter(({ kind }) => kind === 'end');
  if (overdue.length > 0) return overdue;
  const wrong = members.filter((m) => mustRevert(m, snapshot));
  const reverts = wrong.flatMap((m): RolloutStep[] =>
    m.before === null ? [] : [{ kind: 'revert', deployment: m.deployment, manifest: m.before }],
  );
  if (reverts.length > 0) return reverts;
  if (members.some(isOpen)) return [];
  const back = members.filter((m) => m.purpose === 'revert');
  const stuck = back.filter((m) => !isThrough(m) && m.state !== 'superseded' && m.state !== 'removed').length;
  const because = `${back.length - stuck} of ${back.length + wrong.length} devices run again what they ran before${
    wrong.length > 0 ? `; ${wrong.length} had nothing before and keep the version` : ''
  }.`;
  return [{ kind: 'become', state: stuck + wrong.length > 0 ? 'rollback_incomplete' : 'rolled_back', because }];
}

const planScheduled = ({ plan }: RolloutSnapshot, now: number): RolloutStep[] =>
  now < (plan.startAt ?? 0) ? [] : [{ kind: 'become', state: 'running', because: 'It was due.' }];

/** What is planned in each state; the others wait for a person or are over. */
const PLANS: Readonly<Partial<Record<RolloutState, (snapshot: RolloutSnapshot, now: number) => RolloutStep[]>>> = {
  scheduled: planScheduled,
  running: planRunning,
  paused: planPaused,
  aborting: planAborting,
  rolling_back: planRollingBack,
};

/** The steps at `now` (ms since epoch): carried out in one write transaction or not at all. */
export const decideRollout = (snapshot: RolloutSnapshot, now: number): RolloutStep[] =>
  PLANS[snapshot.state]?.(snapshot, now) ?? [];

/** When the clock alone may change the answer next, ms since epoch; undefined when only news can. */
export function findNextLook(snapshot: RolloutSnapshot, now: number): number | undefined {
  const { state, plan, phase, phaseSince } = snapshot;
  if (state === 'scheduled') return plan.startAt ?? now;
  if (state !== 'running') return undefined;
  const times: number[] = [];
  if (phase === 'soaking') times.push(phaseSince + watchMs(snapshot));
  if (phase === 'evaluating') times.push(phaseSince + watchMs(snapshot) + plan.patienceMs);
  if (phase !== 'admitting' && plan.live)
    times.push(phaseSince + plan.live.everyMs * (findDueLook(plan.live, phaseSince, now) + 1));
  for (const m of snapshot.members)
    if (isWaiting(m) && m.attempt > 1) times.push(m.createdAt + retryDelayMs(m.attempt));
  const next = times.filter((at) => at > now);
  return next.length > 0 ? Math.min(...next) : undefined;
}
