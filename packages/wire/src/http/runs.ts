// Owns the HTTP schemas about data sets and training runs. Never knows fastify.
import type { Static } from 'typebox';
import * as Type from 'typebox';
import { Count, Hex64, Id, Instant, Name } from './common.ts';
import { Rules } from './rules.ts';

/** A stored data set: immutable bytes known by their digest. */
export const Dataset = Type.Object({ sha256: Hex64, name: Type.String(), size: Count, createdAt: Instant });
export type Dataset = Static<typeof Dataset>;

/** What each column is for. `derive`: make the label instead of reading it (rows close to a device's last row are positive). */
export const ColumnRoles = Type.Object({
  label: Type.Optional(Type.String({ maxLength: 256 })),
  derive: Type.Optional(
    Type.Object({ kind: Type.Literal('endsWithin'), rows: Type.Integer({ minimum: 1, maximum: 1_000_000 }) }),
  ),
  device: Type.Optional(Type.String({ maxLength: 256 })),
  time: Type.Optional(Type.String({ maxLength: 256 })),
  exclude: Type.Optional(Type.Array(Type.String({ maxLength: 256 }), { maxItems: 4096 })),
});
export type ColumnRoles = Static<typeof ColumnRoles>;

export const Trainer = Type.Union([Type.Literal('gbdt'), Type.Literal('linear')]);

export const RunRequest = Type.Object({
  model: Name,
  dataset: Hex64,
  roles: ColumnRoles,
  trainer: Type.Optional(Trainer),
  /** Typed hyper-parameters of the trainer; unknown names are refused. */
  parameters: Type.Optional(Type.Record(Type.String({ maxLength: 64 }), Type.Unknown())),
  seed: Type.Optional(Type.Integer({ minimum: 0, maximum: 2 ** 31 })),
  timeoutSeconds: Type.Optional(Type.Integer({ minimum: 1, maximum: 86_400 })),
  /** Rules that the version carries (docs/device-rules.md). */
  rules: Type.Optional(Rules),
});
export type RunRequest = Static<typeof RunRequest>;

export const RunState = Type.Enum(['queued', 'running', 'succeeded', 'failed', 'cancelled']);

export const Run = Type.Object({
  id: Id,
  model: Name,
  state: RunState,
  createdAt: Instant,
  startedAt: Type.Union([Instant, Type.Null()]),
  endedAt: Type.Union([Instant, Type.Null()]),
  /** The newest progress line of the trainer. */
  progress: Type.Union([Type.Object({ step: Count, of: Count, message: Type.String() }), Type.Null()]),
  metrics: Type.Record(Type.String(), Type.Record(Type.String(), Type.Number()), {
    description: 'split → metric → value',
  }),
  version: Type.Union([Count, Type.Null()]),
  manifest: Type.Union([Hex64, Type.Null()]),
  code: Type.Optional(Type.String()),
  detail: Type.Optional(Type.String()),
  /** What the trainer did with each column, and other facts worth saying. */
  notes: Type.Array(Type.String()),
});
export type Run = Static<typeof Run>;
