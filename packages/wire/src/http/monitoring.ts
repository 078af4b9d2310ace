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

/** What the windows of one feature of one device come to. */
export const DriftVerdict = Type.Union([
  Type.Literal('learning'), Type.Literal('too_few_rows'), Type.Literal('ok'), Type.Literal('immaterial'), Type.Literal('unconfirmed'), Type.Literal('material'),
]); // biome-ignore format: one list
export const DriftAspect = Type.Union([
  Type.Literal('level'), Type.Literal('spread'), Type.Literal('tail'), Type.Literal('unusable'), Type.Literal('shape'), Type.Literal('stuck'), Type.Literal('dropout'),
]); // biome-ignore format: one list

/** What a feature that moved looks like (docs/drift.md). */
export const DriftDiagnosis = Type.Object({
  kind: Type.Union([
    Type.Literal('stuck'), Type.Literal('dropout'), Type.Literal('losses'), Type.Literal('spikes'), Type.Literal('saturation'), Type.Literal('unit'),
    Type.Literal('bias'), Type.Literal('gain'), Type.Literal('noise'), Type.Literal('flattened'), Type.Literal('relation'), Type.Literal('shape'), Type.Literal('categories'),
  ]), // biome-ignore format: one list
  /** now is about slope times training plus offset, in the unit of the feature. */
  slope: Type.Union([Type.Number(), Type.Null()]),
  offset: Type.Union([Type.Number(), Type.Null()]),
  /** Of a unit: from and to. */
  unit: Type.Union([Type.String(), Type.Null()]),
  /** Of a relation: the two features. */
  between: Type.Union([Type.Array(Type.String(), { minItems: 2, maxItems: 2 }), Type.Null()]),
  /** Of categories that training never met: how many different ones, beyond 64 an estimate, and the share of the most frequent among them. */
  unseen: Type.Union([Type.Object({ distinct: Type.Number(), most: Type.Number() }), Type.Null()]),
});
export type DriftDiagnosis = Static<typeof DriftDiagnosis>;

export const DriftItem = Type.Object({
  device: DeviceId,
  slot: Name,
  manifest: Hex64,
  model: Type.Union([Name, Type.Null()]),
  version: Type.Union([Count, Type.Null()]),
  feature: Type.String(),
  verdict: DriftVerdict,
  /** What moved; null while nothing did. */
  aspect: Type.Union([DriftAspect, Type.Null()]),
  /** From what is usual for the device, with its sign: interquartile ranges of the baseline (level, spread) or shares. */
  change: Type.Number(),
  /** The least that the change is, two standard deviations nearer to 0. */
  leastChange: Type.Number(),
  /** Evidence as a share of what an alarm takes. */
  evidence: Type.Number(),
  /** Windows (learning) or values in a window (too_few_rows) that are wanting before it can be judged. */
  needed: Count,
  windows: Count,
  /** It would be material if the model used the feature more. */
  hardlyUsed: Type.Optional(Type.Boolean()),
  /** End of the last window. */
  at: Instant,
  diagnosis: Type.Union([DriftDiagnosis, Type.Null()]),
});
export type DriftItem = Static<typeof DriftItem>;

/** Devices on which one feature of one model moved in the same way, and what they have in common. */
export const DriftCause = Type.Object({
  slot: Name,
  model: Type.Union([Name, Type.Null()]),
  version: Type.Union([Count, Type.Null()]),
  feature: Type.String(),
  aspect: DriftAspect,
  kind: Type.Union([Type.Literal('fleet'), Type.Literal('group'), Type.Literal('devices')]),
  label: Type.Union([Type.Object({ key: Type.String(), value: Type.String() }), Type.Null()]),
  moved: Count,
  judged: Count,
  devices: Type.Array(DeviceId, { description: 'The first 20 of them' }),
});
export type DriftCause = Static<typeof DriftCause>;

export const DriftQuery = Type.Object({
  slot: Type.Optional(Name),
  device: Type.Optional(DeviceId),
  model: Type.Optional(Name),
  /** `true`: also what is in order or not judged yet. */
  all: Type.Optional(Type.Boolean()),
});

export const DriftView = Type.Object({
  /** Features of devices, by verdict, of all that match. */
  counts: Type.Record(Type.String(), Count),
  causes: Type.Array(DriftCause),
  /** The most that moved first; at most 1,000. */
  items: Type.Array(DriftItem),
  isCut: Type.Boolean({ description: 'There are more items than were sent' }),
});
export type DriftView = Static<typeof DriftView>;

export const RebaselineRequest = Type.Object({
  device: DeviceId,
  /** One feature; without it all of the device. */
  feature: Type.Optional(Type.String({ minLength: 1, maxLength: 200 })),
  /** Why what it does now is right: it stands in the audit log. */
  reason: Type.String({ minLength: 1, maxLength: 500 }),
});
export type RebaselineRequest = Static<typeof RebaselineRequest>;

export const Rebaselined = Type.Object({
  device: DeviceId,
  feature: Type.Union([Type.String(), Type.Null()]),
  /** Windows that come from here on count. */
  sinceAt: Instant,
});
export type Rebaselined = Static<typeof Rebaselined>;

export const MetricDefinition = Type.Object({
  name: Type.String(),
  unit: Type.String(),
  source: Type.String(),
  means: Type.String(),
  isDefault: Type.Boolean(),
});
export const MetricCatalogue = Type.Object({ items: Type.Array(MetricDefinition) });
export type MetricCatalogue = Static<typeof MetricCatalogue>;

/** By name; null is not known. */
const MetricValues = Type.Record(Type.String(), Type.Union([Type.Number(), Type.Null()]));
export const MetricsQuery = Type.Object({
  /** Windows of so many hours; 24 without it. */
  hours: Type.Optional(Type.Integer({ minimum: 1, maximum: 720 })),
});
export const DeviceMetrics = Type.Object({
  device: MetricValues,
  models: Type.Array(
    Type.Object({
      slot: Name,
      manifest: Hex64,
      model: Type.Union([Name, Type.Null()]),
      version: Type.Union([Count, Type.Null()]),
      values: MetricValues,
    }),
  ),
});
export type DeviceMetrics = Static<typeof DeviceMetrics>;

export const CalibrationQuery = Type.Object({
  device: DeviceId,
  model: Type.Optional(Name),
  since: Type.Optional(Instant),
  until: Type.Optional(Instant),
});
export const WindowExportQuery = Type.Object({
  device: Type.Optional(DeviceId),
  model: Type.Optional(Name),
  since: Type.Optional(Instant),
  until: Type.Optional(Instant),
  format: Type.Optional(Type.Union([Type.Literal('csv'), Type.Literal('parquet')], { default: 'csv' })),
});

const CalibrationCounts = Type.Object({
  /** Windows of features that were judged, alarms that began, and how many of them were material. */
  judged: Count,
  alarms: Count,
  material: Count,
});
export const Calibration = Type.Object({
  windows: Count,
  numeric: CalibrationCounts,
  categorical: CalibrationCounts,
  answers: CalibrationCounts,
  together: CalibrationCounts,
  /** Windows of a feature between two alarms by chance, as stated. */
  windowsPerFalseAlarm: Type.Number(),
});
export type Calibration = Static<typeof Calibration>;

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
