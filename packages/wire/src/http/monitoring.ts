// Owns the HTTP schemas about what the fleet reports: totals, latency, quality from late labels. Never knows fastify.
import type { Static } from 'typebox';
import * as Type from 'typebox';
import { Count, DeviceId, Hex64, Id, Instant, Name } from './common.ts';

/** Latency of one prediction in the agent, microseconds, from merged log buckets (2 % relative). */
export const LatencyView = Type.Object({ p50Us: Type.Number(), p99Us: Type.Number(), count: Count });

/** From labels that arrived late. Absent numbers were not defined (no positive, one class, a regression). */
export const QualityView = Type.Object({
  labelled: Count,
  /** Share of predictions in the same windows that have a label by now. */
  coverage: Type.Number(),
  accuracy: Type.Optional(Type.Number()),
  /** What always answering the most frequent class would have scored on the same rows. */
  majorityBaseline: Type.Optional(Type.Number()),
  precision: Type.Optional(Type.Number()),
  recall: Type.Optional(Type.Number()),
  f1: Type.Optional(Type.Number()),
  auc: Type.Optional(Type.Number()),
  mae: Type.Optional(Type.Number()),
  rmse: Type.Optional(Type.Number()),
});
export type QualityView = Static<typeof QualityView>;

export const SlotSummary = Type.Object({
  slot: Name,
  manifest: Hex64,
  model: Type.Union([Name, Type.Null()]),
  version: Type.Union([Count, Type.Null()]),
  devices: Count,
  windows: Count,
  predictions: Count,
  errors: Count,
  fromAt: Type.Union([Instant, Type.Null()]),
  toAt: Type.Union([Instant, Type.Null()]),
  latency: Type.Union([LatencyView, Type.Null()]),
  quality: Type.Union([QualityView, Type.Null()]),
  /** Values that were missing, by feature. */
  missing: Type.Record(Type.String(), Count),
});
export type SlotSummary = Static<typeof SlotSummary>;

export const SummaryQuery = Type.Object({
  slot: Type.Optional(Name),
  device: Type.Optional(DeviceId),
  /** Only windows that start at or after this instant. */
  since: Type.Optional(Instant),
});

export const Summary = Type.Object({ items: Type.Array(SlotSummary) });
export type Summary = Static<typeof Summary>;

export const Status = Type.Object({
  hubId: Id,
  version: Type.String(),
  mode: Type.Union([Type.Literal('dev'), Type.Literal('tls')]),
  startedAt: Instant,
  /** Devices send statistics when a window of this length ends. */
  windowSeconds: Count,
  devices: Type.Object({ total: Count, online: Count, inSync: Count }),
  models: Count,
  rollouts: Type.Object({ running: Count }),
  runs: Type.Object({ running: Count }),
  ingest: Type.Object({
    entries: Count, windows: Count, refused: Count, lost: Count, predictions: Count,
  }), // biome-ignore format: numbers
});
export type Status = Static<typeof Status>;

export const LabelsRequest = Type.Object({
  device: DeviceId,
  labels: Type.Array(
    Type.Object({
      predictionId: Type.String({ maxLength: 64 }),
      truth: Type.Union([Type.String({ maxLength: 256 }), Type.Number()]),
    }),
    { minItems: 1, maxItems: 10_000 },
  ),
});
export type LabelsRequest = Static<typeof LabelsRequest>;

/** How many labels were taken, and the commands that carry them to the device. */
export const LabelsResponse = Type.Object({ labels: Count, commands: Type.Array(Id) });
