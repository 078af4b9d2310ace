// Owns what a rollout plan says and decides whether one can be meant: stages, pace, budgets, deadlines, the gate, what a
// failure leads to. Never looks a device up; the form in which people write one is `wire/http/rollout-plan`.
import { isTimeZone, type MaintenanceWindow } from '../maintenance.ts';
import { parseQuery } from '../query.ts';
import { accept, type Result, refuse } from '../reasons.ts';
import { hasShadow, isShadow, shadowOf, slotBeside } from '../shadow.ts';
import type { AgreementGate } from './agreement.ts';
import type { LiveGate } from './live.ts';

/**
 * Which devices a stage ends with. `percent` and `count` are totals: so many of the targets have the version when the stage is
 * over. `query` takes the targets that match and are in no earlier stage.
 */
export type StageSelect =
  | { readonly kind: 'percent'; readonly percent: number }
  | { readonly kind: 'count'; readonly count: number }
  | { readonly kind: 'query'; readonly query: string };

export interface StagePlan {
  readonly name: string;
  readonly select: StageSelect;
  /** How long it is watched after its devices have the version, ms. */
  readonly soakMs: number;
  /** Each of its devices has to have answered so often with the version before it is judged. */
  readonly minPredictions: number;
  /** Share of the reachable devices that have to be through before it is watched, above 0 to 1. */
  readonly quorum: number;
}

/** At most `perMinute` · `factor`^(successes ÷ `every`) devices a minute begin (after AWS IoT jobs' exponential rate). */
export interface Ramp {
  readonly perMinute: number;
  readonly factor: number;
  readonly every: number;
}

/** Of the devices that share a value of the label `by`, never more than this are busy or away. */
export interface DisruptionBudget {
  readonly by: string;
  readonly maxUnavailable: number;
}

/** How long a device may stay in a step without any progress, ms. */
export interface Deadlines {
  /** Told of the version and connected, it answers nothing. */
  readonly acceptMs: number;
  readonly downloadMs: number;
  /** Verified, loading, switching. */
  readonly activateMs: number;
  /** Beyond the probation that the hub's policy asks for. */
  readonly probationMs: number;
}

/** Further tries of one device by the kind of what went wrong; what fails again for sure is not tried again. */
export interface Retries {
  readonly transient: number;
  readonly internal: number;
}

/** What install failures lead to: the share that is fine, the one that is not, and how often a good version may be stopped. */
export interface FailureGate {
  readonly ok: number;
  readonly bad: number;
  readonly alpha: number;
  /** Devices that have to have tried before a stage may pass; a stage of fewer needs all of them. */
  readonly minDevices: number;
  /** A device of which surely more requests than this share are not answered counts as failed, above 0 to 1; null: none does. */
  readonly errorLimit: number | null;
  /** It is judged and written down, and nothing follows from it. */
  readonly isDryRun: boolean;
}

export type OnFail = 'pause' | 'rollback' | 'abort';

export interface Plan {
  readonly stages: readonly StagePlan[];
  readonly maxInFlight: number | null;
  readonly ramp: Ramp | null;
  readonly disruption: readonly DisruptionBudget[];
  /** When devices may switch; they download before. None: at any time. */
  readonly windows: readonly MaintenanceWindow[];
  /** Share of the targets that stays as it is to compare with, 0 to 0.5. */
  readonly holdOut: number;
  /** Whether devices that match later come in, in the last stage. */
  readonly lateJoiners: boolean;
  readonly deadlines: Deadlines;
  readonly retries: Retries;
  readonly gate: FailureGate;
  /** What the answers have to be like beside those of devices without the version; null: nobody looks. */
  readonly live: LiveGate | null;
  /** How far a shadow has to agree with the model that answers; null: nobody looks. Only of a rollout of shadows. */
  readonly agreement: AgreementGate | null;
  readonly onFail: OnFail;
  /** How long a stage that cannot be judged waits for more evidence, ms; then the rollout pauses. */
  readonly patienceMs: number;
  /** Devices that have not begun so long after the start are left out, ms; null never. */
  readonly expiresMs: number | null;
  /** Not before this time, ms since epoch; null at once. */
  readonly startAt: number | null;
  /** People other than the author who have to agree first. */
  readonly approvals: number;
  /** 0 to 1000. One of lower priority cannot take devices from one that is under way. */
  readonly priority: number;
}

const HOUR = 3_600_000;

/** What a plan that does not say otherwise means. */
export const PLAN_DEFAULTS = {
  maxInFlight: null,
  ramp: null,
  disruption: [],
  windows: [],
  holdOut: 0,
  lateJoiners: true,
  deadlines: { acceptMs: HOUR / 6, downloadMs: 24 * HOUR, activateMs: HOUR / 2, probationMs: HOUR / 2 },
  retries: { transient: 3, internal: 1 },
  gate: { ok: 0.01, bad: 0.05, alpha: 0.01, minDevices: 1, errorLimit: null, isDryRun: false },
  live: null,
  agreement: null,
  onFail: 'pause',
  patienceMs: 24 * HOUR,
  expiresMs: null,
  startAt: null,
  approvals: 0,
  priority: 500,
} as const satisfies Omit<Plan, 'stages'>;

/** What a plan means that asks for looks at the answers and does not say how. */
export const LIVE_DEFAULTS = {
  margins: { errors: 0.01, latency: 0.2 },
  looks: 3,
  everyMs: 24 * HOUR,
  baselineMs: 72 * HOUR,
  alpha: 0.05,
  minDevices: 8,
  minAnswers: 100,
  isDryRun: false,
} as const satisfies LiveGate;

/** What a plan means that asks for agreement and does not say how. */
export const AGREEMENT_DEFAULTS = {
  min: 0.95,
  alpha: 0.05,
  minDevices: 3,
  minCompared: 100,
} as const satisfies AgreementGate;

export const STAGE_DEFAULTS = { soakMs: 0, minPredictions: 0, quorum: 1 } as const;

/** `drover deploy`: everyone at once, nobody who joins later, and failures are shown and stop nothing. */
export const DEPLOY_PLAN: Plan = {
  ...PLAN_DEFAULTS,
  stages: [{ ...STAGE_DEFAULTS, name: 'all', select: { kind: 'percent', percent: 100 } }],
  lateJoiners: false,
  retries: { transient: 0, internal: 0 },
  gate: { ...PLAN_DEFAULTS.gate, isDryRun: true },
};

/** Whether the number of devices that are under way at once matters to the plan. */
export const isPaced = ({ maxInFlight, ramp, disruption }: Plan): boolean =>
  maxInFlight !== null || ramp !== null || disruption.length > 0;

function findStageProblem({ select }: StagePlan, before: readonly StagePlan[]): string | undefined {
  if (select.kind === 'query') {
    const parsed = parseQuery(select.query);
    return parsed.ok ? undefined : `query: ${parsed.detail}`;
  }
  const same = before.map((stage) => stage.select).findLast((other) => other.kind === select.kind);
  if (select.kind === 'percent' && same?.kind === 'percent' && select.percent <= same.percent)
    return `percent: ${select.percent} is not above the ${same.percent} of a stage before; it is a total.`;
  if (select.kind === 'count' && same?.kind === 'count' && select.count <= same.count)
    return `count: ${select.count} is not above the ${same.count} of a stage before; it is a total.`;
  return undefined;
}

/** What only shadows can be asked, and what they cannot be. A plan that can be meant for this slot is undefined. */
export function findSlotProblem({ live, agreement }: Plan, slot: string): string | undefined {
  if (isShadow(slot) && !hasShadow(slotBeside(slot))) return `slot: no slot has the shadow "${slot}".`;
  if (isShadow(slot) && live) return 'gate.live: shadows answer nobody; ask for gate.agreement instead.';
  if (!isShadow(slot) && agreement) return `gate.agreement: only shadows agree; roll out to "${shadowOf(slot)}" first.`;
  return undefined;
}

/** The plan when it can be meant; the sentence names the field. */
export function checkPlan(plan: Plan): Result<Plan> {
  const { stages, gate, holdOut } = plan;
  for (const [i, stage] of stages.entries()) {
    const problem = findStageProblem(stage, stages.slice(0, i));
    if (problem !== undefined) return refuse('plan_invalid', `stages[${i}].${problem}`);
    if (stages.findIndex(({ name }) => name === stage.name) !== i)
      return refuse('plan_invalid', `stages[${i}].name: "${stage.name}" names another stage too.`);
  }
  for (const [i, { timeZone }] of plan.windows.entries())
    if (!isTimeZone(timeZone))
      return refuse('plan_invalid', `windows[${i}].timeZone: "${timeZone}" is no time zone such as Europe/Berlin.`);
  if (plan.live && Object.keys(plan.live.margins).length === 0)
    return refuse('plan_invalid', 'gate.live: none of errors, mistakes and latency is asked for.');
  const last = stages.at(-1);
  if (!last) return refuse('plan_invalid', 'stages: there is none.');
  if (last.select.kind !== 'percent' || last.select.percent !== 100)
    return refuse('plan_invalid', `stages[${stages.length - 1}]: the last stage has to be percent: 100.`);
  if (gate.bad <= gate.ok)
    return refuse('plan_invalid', `gate.bad: ${gate.bad} is not above gate.ok, which is ${gate.ok}.`);
  if (holdOut > 0 && stages.length < 2)
    return refuse('plan_invalid', 'holdOut: one stage alone is compared with nothing; give two or leave it out.');
  const labels = plan.disruption.map(({ by }) => by);
  const twice = labels.find((by, i) => labels.indexOf(by) !== i);
  if (twice !== undefined) return refuse('plan_invalid', `disruption: "${twice}" is named twice.`);
  return accept(plan);
}
