// Owns the HTTP schemas about rollouts and deployments. Never knows fastify.
import type { Static } from 'typebox';
import * as Type from 'typebox';
import { Count, DeviceId, Hex64, Id, Instant, Name } from './common.ts';
import { DesiredRefusal } from './devices.ts';

/** Exactly one of `devices` and `query` (a label query; "" means every device). */
export const RolloutRequest = Type.Object({
  model: Name,
  /** A version number, or an alias. */
  version: Type.Union([Type.Integer({ minimum: 1 }), Name]),
  slot: Type.Optional(Name),
  devices: Type.Optional(Type.Array(DeviceId, { minItems: 1, maxItems: 10_000 })),
  query: Type.Optional(Type.String({ maxLength: 1024 })),
});
export type RolloutRequest = Static<typeof RolloutRequest>;

export const RolloutState = Type.Enum(['running', 'completed', 'aborted', 'superseded']);

export const Rollout = Type.Object({
  id: Id,
  model: Name,
  version: Count,
  manifest: Hex64,
  slot: Name,
  state: RolloutState,
  createdAt: Instant,
  endedAt: Type.Union([Instant, Type.Null()]),
  /** Deployments by state. */
  counts: Type.Record(Type.String(), Count),
  devices: Count,
});
export type Rollout = Static<typeof Rollout>;

export const Deployment = Type.Object({
  id: Id,
  rollout: Id,
  device: DeviceId,
  slot: Name,
  manifest: Hex64,
  state: Type.String(),
  code: Type.Optional(Type.String()),
  detail: Type.Optional(Type.String()),
  /** The device refuses its whole desired document, and so this one with it; only while the deployment is open. */
  desiredRefusal: Type.Optional(DesiredRefusal),
  updatedAt: Instant,
});
export type Deployment = Static<typeof Deployment>;
