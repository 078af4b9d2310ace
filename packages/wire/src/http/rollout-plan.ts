// Owns the form in which people and programs write a rollout plan, and turns it into the one that is decided on and back.
// Never knows fastify, never looks a group up.
import { DURATION_PATTERN, formatDuration, readDuration } from '@drover/core/duration';
import type { MaintenanceWindow } from '@drover/core/maintenance';
import { type Result, refuse } from '@drover/core/reasons';
import { LIVE_METRICS, type LiveGate } from '@drover/core/rollout/live';
import {
  AGREEMENT_DEFAULTS,
  checkPlan,
  LIVE_DEFAULTS,
  PLAN_DEFAULTS,
  type Plan,
  STAGE_DEFAULTS,
  type StagePlan,
  type StageSelect,
} from '@drover/core/rollout/plan';
import type { Static } from 'typebox';
import * as Type from 'typebox';
import { Instant, Name } from './common.ts';

/** In the order of their numbers. */
const DAYS = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'] as const;

const Duration = Type.String({
  pattern: DURATION_PATTERN,
  maxLength: 16,
  description: 'A duration such as 90s, 30m, 2h or 7d',
});
const Percent = Type.Number({ exclusiveMinimum: 0, maximum: 100 });
const whole = (minimum: number, maximum: number) => Type.Integer({ minimum, maximum });

const StageBody = Type.Object({
  name: Name,
  percent: Type.Optional(
    Type.Number({
      exclusiveMinimum: 0,
      maximum: 100,
      description: 'So much of the targets has the version when the stage is over',
    }),
  ),
  count: Type.Optional(whole(1, 1_000_000)),
  query: Type.Optional(Type.String({ maxLength: 1024 })),
  group: Type.Optional(Name),
  soak: Type.Optional(Duration),
  predictions: Type.Optional(whole(0, 1e9)),
  quorum: Type.Optional(Percent),
});

const Margin = Type.Number({ exclusiveMinimum: 0, maximum: 100 });
/** What the answers have to be like beside those of devices without the version. Margins in percentage points; of latency and of the error of a regression in percent. */
const LiveBody = Type.Object({
  errors: Type.Optional(Margin),
  mistakes: Type.Optional(Margin),
  latency: Type.Optional(Margin),
  looks: Type.Optional(Type.Union([whole(1, 60), Type.Literal('any')])),
  every: Type.Optional(Duration),
  baseline: Type.Optional(Duration),
  alpha: Type.Optional(Type.Number({ minimum: 1e-6, maximum: 0.5 })),
  minDevices: Type.Optional(whole(8, 1_000_000)),
  minAnswers: Type.Optional(whole(1, 1e9)),
  dryRun: Type.Optional(Type.Boolean()),
});

/** How far a shadow has to agree with the model that answers; `min` in percent of the rows. */
const AgreementBody = Type.Object({
  min: Type.Optional(Type.Number({ exclusiveMinimum: 0, exclusiveMaximum: 100 })),
  alpha: Type.Optional(Type.Number({ minimum: 1e-6, maximum: 0.5 })),
  minDevices: Type.Optional(whole(2, 1_000_000)),
  minCompared: Type.Optional(whole(1, 1e9)),
});

/** Of each stage exactly one of percent, count, query and group. Everything else that is left out has a default. */
export const PlanBody = Type.Object({
  stages: Type.Array(StageBody, { minItems: 1, maxItems: 20 }),
  maxInFlight: Type.Optional(whole(1, 1_000_000)),
  ramp: Type.Optional(
    Type.Object({
      perMinute: whole(1, 1_000_000),
      factor: Type.Optional(Type.Number({ minimum: 1, maximum: 10 })),
      every: Type.Optional(whole(1, 1_000_000)),
    }),
  ),
  disruption: Type.Optional(
    Type.Array(Type.Object({ by: Name, maxUnavailable: whole(1, 1_000_000) }), { maxItems: 4 }),
  ),
  windows: Type.Optional(
    Type.Array(
      Type.Object({
        days: Type.Optional(Type.Array(Type.Enum(DAYS), { minItems: 1, maxItems: 7, uniqueItems: true })),
        start: Type.String({
          pattern: '^([01][0-9]|2[0-3]):[0-5][0-9]$',
          description: 'By the clock of the zone, such as 22:00',
        }),
        duration: Duration,
        timeZone: Type.Optional(Type.String({ minLength: 1, maxLength: 64, description: 'IANA name; UTC without it' })),
      }),
      { maxItems: 8, description: 'When devices may switch; they download before' },
    ),
  ),
  holdOut: Type.Optional(
    Type.Number({ minimum: 0, maximum: 50, description: 'Percent of the targets that stays as it is' }),
  ),
  lateJoiners: Type.Optional(Type.Boolean()),
  deadlines: Type.Optional(
    Type.Object({
      accept: Type.Optional(Duration),
      download: Type.Optional(Duration),
      activate: Type.Optional(Duration),
      probation: Type.Optional(Duration),
    }),
  ),
  retries: Type.Optional(
    Type.Object({ transient: Type.Optional(whole(0, 10)), internal: Type.Optional(whole(0, 10)) }),
  ),
  gate: Type.Optional(
    Type.Object({
      ok: Type.Optional(Percent),
      bad: Type.Optional(Percent),
      alpha: Type.Optional(Type.Number({ minimum: 1e-6, maximum: 0.5 })),
      minDevices: Type.Optional(whole(1, 1_000_000)),
      errorLimit: Type.Optional(
        Type.Number({
          exclusiveMinimum: 0,
          exclusiveMaximum: 100,
          description: 'Percent of requests that a device may leave without an answer',
        }),
      ),
      dryRun: Type.Optional(Type.Boolean()),
      live: Type.Optional(LiveBody),
      agreement: Type.Optional(AgreementBody),
    }),
  ),
  onFail: Type.Optional(Type.Union([Type.Literal('pause'), Type.Literal('rollback'), Type.Literal('abort')])),
  patience: Type.Optional(Duration),
  expires: Type.Optional(Duration),
  startAt: Type.Optional(Instant),
  approvals: Type.Optional(whole(0, 10)),
  priority: Type.Optional(whole(0, 1000)),
});
export type PlanBody = Static<typeof PlanBody>;

/** A duration whose form was checked. */
const ms = (text: string | undefined, fallback: number): number =>
  text === undefined ? fallback : Math.round(readDuration(text) ?? fallback);

/** One hundredth of a percent that people wrote; 12.3 of 100 is 0.123 and not 0.12300000000000001. */
const share = (percent: number | undefined, fallback: number): number =>
  percent === undefined ? fallback : Number((percent / 100).toPrecision(12));

type WindowBody = NonNullable<PlanBody['windows']>[number];

function readWindow({ days = [], start, duration, timeZone = 'UTC' }: WindowBody): MaintenanceWindow {
  const [hour = 0, minute = 0] = start.split(':').map(Number);
  const minutes = Math.min(1440, Math.max(1, Math.round(ms(duration, 0) / 60_000)));
  return { days: days.map((day) => DAYS.indexOf(day)), startMinute: hour * 60 + minute, minutes, timeZone };
}

const twoDigits = (n: number): string => String(n).padStart(2, '0');

const writeWindow = ({ days, startMinute, minutes, timeZone }: MaintenanceWindow): WindowBody => ({
  ...(days.length > 0 && { days: days.flatMap((day) => DAYS[day] ?? []) }),
  start: `${twoDigits(Math.floor(startMinute / 60))}:${twoDigits(startMinute % 60)}`,
  duration: formatDuration(minutes * 60_000),
  timeZone,
});

function readLive(body: Static<typeof LiveBody> | undefined): LiveGate | null {
  if (!body) return null;
  const asked = LIVE_METRICS.flatMap((metric) =>
    body[metric] === undefined ? [] : [[metric, share(body[metric], 0)] as const],
  );
  return {
    margins: asked.length > 0 ? Object.fromEntries(asked) : LIVE_DEFAULTS.margins,
    looks: body.looks === 'any' ? null : (body.looks ?? LIVE_DEFAULTS.looks),
    everyMs: Math.max(1000, ms(body.every, LIVE_DEFAULTS.everyMs)),
    baselineMs: ms(body.baseline, LIVE_DEFAULTS.baselineMs),
    alpha: body.alpha ?? LIVE_DEFAULTS.alpha,
    minDevices: body.minDevices ?? LIVE_DEFAULTS.minDevices,
    minAnswers: body.minAnswers ?? LIVE_DEFAULTS.minAnswers,
    isDryRun: body.dryRun ?? LIVE_DEFAULTS.isDryRun,
  };
}

function readSelect(
  { percent, count, query, group }: Static<typeof StageBody>,
  queryOf: (group: string) => string | undefined,
): StageSelect | string {
  const given = [percent, count, query, group].filter((one) => one !== undefined).length;
  if (given !== 1) return 'exactly one of percent, count, query and group is needed.';
  if (percent !== undefined) return { kind: 'percent', percent };
  if (count !== undefined) return { kind: 'count', count };
  const text = query ?? queryOf(group ?? '');
  return text === undefined ? `group: there is no group "${group ?? ''}".` : { kind: 'query', query: text };
}

/** `queryOf`: the label query of a group; undefined when there is no such group. */
export function readPlan(body: PlanBody, queryOf: (group: string) => string | undefined): Result<Plan> {
  const stages: StagePlan[] = [];
  for (const [i, stage] of body.stages.entries()) {
    const select = readSelect(stage, queryOf);
    if (typeof select === 'string') return refuse('plan_invalid', `stages[${i}]: ${select}`);
    stages.push({
      name: stage.name,
      select,
      soakMs: ms(stage.soak, STAGE_DEFAULTS.soakMs),
      minPredictions: stage.predictions ?? STAGE_DEFAULTS.minPredictions,
      quorum: share(stage.quorum, STAGE_DEFAULTS.quorum),
    });
  }
  const startAt = body.startAt === undefined ? null : Date.parse(body.startAt);
  if (startAt !== null && !Number.isFinite(startAt))
    return refuse('plan_invalid', `startAt: "${body.startAt ?? ''}" is no time such as 2026-03-01T06:00:00Z.`);
  const { deadlines, retries, gate } = PLAN_DEFAULTS;
  return checkPlan({
    stages,
    maxInFlight: body.maxInFlight ?? null,
    ramp: body.ramp
      ? { perMinute: body.ramp.perMinute, factor: body.ramp.factor ?? 1, every: body.ramp.every ?? 1 }
      : null,
    disruption: body.disruption ?? [],
    windows: (body.windows ?? []).map(readWindow),
    holdOut: share(body.holdOut, PLAN_DEFAULTS.holdOut),
    lateJoiners: body.lateJoiners ?? PLAN_DEFAULTS.lateJoiners,
    deadlines: {
      acceptMs: ms(body.deadlines?.accept, deadlines.acceptMs),
      downloadMs: ms(body.deadlines?.download, deadlines.downloadMs),
      activateMs: ms(body.deadlines?.activate, deadlines.activateMs),
      probationMs: ms(body.deadlines?.probation, deadlines.probationMs),
    },
    retries: { ...retries, ...body.retries },
    gate: {
      ok: share(body.gate?.ok, gate.ok),
      bad: share(body.gate?.bad, gate.bad),
      alpha: body.gate?.alpha ?? gate.alpha,
      minDevices: body.gate?.minDevices ?? gate.minDevices,
      errorLimit: body.gate?.errorLimit === undefined ? gate.errorLimit : share(body.gate.errorLimit, 0),
      isDryRun: body.gate?.dryRun ?? gate.isDryRun,
    },
    live: readLive(body.gate?.live),
    agreement: body.gate?.agreement
      ? {
          ...AGREEMENT_DEFAULTS,
          ...body.gate.agreement,
          min: share(body.gate.agreement.min, AGREEMENT_DEFAULTS.min),
        }
      : null,
    onFail: body.onFail ?? PLAN_DEFAULTS.onFail,
    patienceMs: ms(body.patience, PLAN_DEFAULTS.patienceMs),
    expiresMs: body.expires === undefined ? null : ms(body.expires, 0),
    startAt,
    approvals: body.approvals ?? PLAN_DEFAULTS.approvals,
    priority: body.priority ?? PLAN_DEFAULTS.priority,
  });
}

const percentOf = (value: number): number => Number((value * 100).toPrecision(12));

const writeLive = ({
  margins,
  looks,
  everyMs,
  baselineMs,
  alpha,
  minDevices,
  minAnswers,
  isDryRun,
}: LiveGate): Static<typeof LiveBody> => ({
  ...Object.fromEntries(
    LIVE_METRICS.flatMap((metric) => (margins[metric] === undefined ? [] : [[metric, percentOf(margins[metric])]])),
  ),
  looks: looks ?? 'any',
  every: formatDuration(everyMs),
  baseline: formatDuration(baselineMs),
  alpha,
  minDevices,
  minAnswers,
  dryRun: isDryRun,
});

/** The plan with nothing left out; read again it is the same plan. */
export function writePlan(plan: Plan): PlanBody {
  return {
    stages: plan.stages.map(({ name, select, soakMs, minPredictions, quorum }) => ({
      name,
      ...(select.kind === 'percent' && { percent: select.percent }),
      ...(select.kind === 'count' && { count: select.count }),
      ...(select.kind === 'query' && { query: select.query }),
      soak: formatDuration(soakMs),
      predictions: minPredictions,
      quorum: percentOf(quorum),
    })),
    ...(plan.maxInFlight !== null && { maxInFlight: plan.maxInFlight }),
    ...(plan.ramp && { ramp: { ...plan.ramp } }),
    ...(plan.disruption.length > 0 && { disruption: plan.disruption.map((one) => ({ ...one })) }),
    ...(plan.windows.length > 0 && { windows: plan.windows.map(writeWindow) }),
    holdOut: percentOf(plan.holdOut),
    lateJoiners: plan.lateJoiners,
    deadlines: {
      accept: formatDuration(plan.deadlines.acceptMs),
      download: formatDuration(plan.deadlines.downloadMs),
      activate: formatDuration(plan.deadlines.activateMs),
      probation: formatDuration(plan.deadlines.probationMs),
    },
    retries: { ...plan.retries },
    gate: {
      ok: percentOf(plan.gate.ok),
      bad: percentOf(plan.gate.bad),
      alpha: plan.gate.alpha,
      minDevices: plan.gate.minDevices,
      ...(plan.gate.errorLimit !== null && { errorLimit: percentOf(plan.gate.errorLimit) }),
      dryRun: plan.gate.isDryRun,
      ...(plan.live && { live: writeLive(plan.live) }),
      ...(plan.agreement && { agreement: { ...plan.agreement, min: percentOf(plan.agreement.min) } }),
    },
    onFail: plan.onFail,
    patience: formatDuration(plan.patienceMs),
    ...(plan.expiresMs !== null && { expires: formatDuration(plan.expiresMs) }),
    ...(plan.startAt !== null && { startAt: new Date(plan.startAt).toISOString() }),
    approvals: plan.approvals,
    priority: plan.priority,
  };
}
