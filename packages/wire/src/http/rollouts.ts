// Owns the HTTP schemas about rollouts and deployments. Never knows fastify.
import { PAUSE_REASONS, ROLLOUT_STATES, STAGE_PHASES, VERDICTS } from '@drover/core/rollout/states';
import type { Static } from 'typebox';
import * as Type from 'typebox';
import { Count, DeviceId, Hex64, Id, Instant, Name } from './common.ts';
import { DesiredRefusal } from './devices.ts';
import { PlanBody } from './rollout-plan.ts';

/** Exactly one of `devices`, `query` (a label query; "" means every device) and `group`. Without a plan: all at once. */
export const RolloutRequest = Type.Object({
  model: Name,
  /** A version number, or an alias. */
  version: Type.Union([Type.Integer({ minimum: 1 }), Name]),
  slot: Type.Optional(Name),
  devices: Type.Optional(Type.Array(DeviceId, { minItems: 1, maxItems: 10_000 })),
  query: Type.Optional(Type.String({ maxLength: 1024 })),
  group: Type.Optional(Name),
  plan: Type.Optional(PlanBody),
  note: Type.Optional(Type.String({ maxLength: 256 })),
});
export type RolloutRequest = Static<typeof RolloutRequest>;

export const RolloutState = Type.Enum(ROLLOUT_STATES);

/** The install gate of a stage as it stands. */
export const GateView = Type.Object({
  verdict: Type.Enum(VERDICTS),
  because: Type.String(),
  attempted: Count,
  failed: Count,
  needed: Count,
  /** Evidence that more fail than may: it stops at `stopsAt`. */
  evidence: Type.Number(),
  stopsAt: Type.Number(),
});

export const StageView = Type.Object({
  name: Name,
  devices: Count,
  /** Deployments by state, the newest attempt of each device. */
  counts: Type.Record(Type.String(), Count),
  /** Away and not begun: nobody waits for them. */
  owed: Count,
  /** Of the stage that is under way and of those that are over. */
  gate: Type.Union([GateView, Type.Null()]),
});

export const Rollout = Type.Object({
  id: Id,
  model: Name,
  version: Count,
  manifest: Hex64,
  slot: Name,
  state: RolloutState,
  /** Stage under way, from 0, and what is done in it. */
  stage: Count,
  phase: Type.Enum(STAGE_PHASES),
  stages: Count,
  stageName: Name,
  reason: Type.Union([Type.Enum(PAUSE_REASONS), Type.Null()]),
  /** What led to the state and stage, in one sentence. */
  because: Type.String(),
  actor: Type.String(),
  approvals: Type.Object({ given: Count, needed: Count }),
  heldOut: Count,
  createdAt: Instant,
  endedAt: Type.Union([Instant, Type.Null()]),
  /** Deployments by state. */
  counts: Type.Record(Type.String(), Count),
  devices: Count,
});
export type Rollout = Static<typeof Rollout>;

export const RolloutEvent = Type.Object({
  at: Instant,
  actor: Type.String(),
  state: RolloutState,
  stage: Count,
  phase: Type.Enum(STAGE_PHASES),
  because: Type.String(),
});

/** How far shadows agree with the models that answer, since the stage is watched. */
export const AgreementView = Type.Object({
  /** What the plan makes of it; null where it does not ask. */
  judged: Type.Union([Type.Object({ verdict: Type.Enum(VERDICTS), because: Type.String() }), Type.Null()]),
  compared: Count,
  agreed: Count,
  skipped: Count,
  /** Those that agree least, first. */
  devices: Type.Array(
    Type.Object({
      device: DeviceId,
      compared: Count,
      agreed: Count,
      skipped: Count,
      /** Mean distance of both answers; null where none was compared. */
      distance: Type.Union([Type.Number(), Type.Null()]),
    }),
    { maxItems: 200 },
  ),
});

/** Everything about one rollout. */
export const RolloutDetail = Type.Object({
  ...Rollout.properties,
  target: Type.Object({
    devices: Type.Optional(Type.Array(DeviceId)),
    query: Type.Optional(Type.String()),
    group: Type.Optional(Name),
  }),
  plan: PlanBody,
  /** What people agree to. */
  planHash: Type.String(),
  approvedBy: Type.Array(Type.Object({ actor: Type.String(), at: Instant, note: Type.String() })),
  stageViews: Type.Array(StageView),
  /** Of a rollout of shadows. */
  agreement: Type.Optional(AgreementView),
  events: Type.Array(RolloutEvent),
});
export type RolloutDetail = Static<typeof RolloutDetail>;

/** Why a person does it; it stands in the history and in the audit log. */
export const RolloutWhy = Type.Object({ because: Type.Optional(Type.String({ maxLength: 256 })) });
export const PromoteBody = Type.Object({ reason: Type.String({ minLength: 3, maxLength: 256 }) });
export const ApprovalBody = Type.Object({
  /** The plan that was read; another one by now is not agreed to. */
  planHash: Hex64,
  note: Type.Optional(Type.String({ maxLength: 256 })),
});

export const Deployment = Type.Object({
  id: Id,
  rollout: Id,
  device: DeviceId,
  slot: Name,
  manifest: Hex64,
  state: Type.String(),
  stage: Count,
  attempt: Count,
  purpose: Type.Enum(['install', 'revert']),
  code: Type.Optional(Type.String()),
  detail: Type.Optional(Type.String()),
  /** The device refuses its whole desired document, and so this one with it; only while the deployment is open. */
  desiredRefusal: Type.Optional(DesiredRefusal),
  updatedAt: Instant,
});
export type Deployment = Static<typeof Deployment>;

/** What a rollout would do to the devices that match now. */
export const RolloutPreview = Type.Object({
  model: Name,
  version: Count,
  manifest: Hex64,
  slot: Name,
  targets: Count,
  heldOut: Count,
  stages: Type.Array(
    Type.Object({
      name: Name,
      devices: Count,
      online: Count,
      /** They run the version by now. */
      alreadyInstalled: Count,
      /** They will never take it: why, and how many. */
      never: Type.Array(
        Type.Object({ code: Type.String(), detail: Type.String(), devices: Count, examples: Type.Array(DeviceId) }),
      ),
      /** They have not said yet what they can run. */
      unheard: Count,
      /** What runs there now, most first. */
      from: Type.Array(Type.Object({ running: Type.String(), devices: Count })),
      /** Artifact bytes at most, without what devices or their neighbours hold. */
      bytes: Count,
    }),
  ),
  plan: PlanBody,
});
export type RolloutPreview = Static<typeof RolloutPreview>;

/** Why a device runs what it runs, and why it does not move. */
export const DeviceWhy = Type.Object({
  device: DeviceId,
  slots: Type.Array(
    Type.Object({
      slot: Name,
      /** MODEL@VERSION, a digest, or "nothing". */
      running: Type.String(),
      desired: Type.String(),
      because: Type.String(),
    }),
  ),
  rollouts: Type.Array(
    Type.Object({ rollout: Id, model: Name, version: Count, slot: Name, state: RolloutState, because: Type.String() }),
  ),
});
export type DeviceWhy = Static<typeof DeviceWhy>;
