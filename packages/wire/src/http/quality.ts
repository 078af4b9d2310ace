// Owns the HTTP schemas about the quality of models: from labels, over time, and estimated without labels. Never knows fastify.
import type { Static } from 'typebox';
import * as Type from 'typebox';
import { Count, DeviceId, Hex64, Instant, Name } from './common.ts';

const MaybeNumber = Type.Union([Type.Number(), Type.Null()]);
const MaybeClass = Type.Union([Type.String(), Type.Null()], { description: 'null: of all classes' });

export const QualityMetric = Type.Object({
  metric: Type.Union([
    Type.Literal('accuracy'), Type.Literal('balancedAccuracy'), Type.Literal('precision'), Type.Literal('recall'),
    Type.Literal('f1'), Type.Literal('auc'), Type.Literal('ece'), Type.Literal('brier'), Type.Literal('mae'),
    Type.Literal('rmse'), Type.Literal('bias'),
  ]), // biome-ignore format: one list
  class: MaybeClass,
  /** null while rows are wanting, or where the labels do not define it. */
  value: MaybeNumber,
  /** Limits that hold the truth 95 times in 100; null where counts do not give any. */
  low: MaybeNumber,
  high: MaybeNumber,
  /** `devices`: holds for devices like these. `rows`: takes rows for independent and says nothing of other devices. */
  by: Type.Union([Type.Literal('devices'), Type.Literal('rows'), Type.Null()]),
  /** Labelled rows that it rests on: the fewest that it divides by. */
  n: Count,
  /** Rows of this kind that are wanting. */
  needed: Count,
  /** What a perfectly calibrated model would show by chance. */
  byChance: Type.Optional(Type.Number()),
});
export type QualityMetric = Static<typeof QualityMetric>;

export const ErrorChange = Type.Object({
  /** Start of the first window of the new level. */
  at: Instant,
  /** Start of the window whose labels gave it away. */
  foundAt: Instant,
  direction: Type.Union([Type.Literal('worse'), Type.Literal('better')]),
  before: Type.Number(),
  after: Type.Number(),
  /** Limits of after − before. */
  low: Type.Number(),
  high: Type.Number(),
  rowsBefore: Count,
  rowsAfter: Count,
});
export type ErrorChange = Static<typeof ErrorChange>;

export const Detector = Type.Union([
  Type.Literal('adwin'), Type.Literal('ddm'), Type.Literal('hddm_a'), Type.Literal('hddm_w'), Type.Literal('page_hinkley'),
]); // biome-ignore format: one list

/** Performance without labels, from scores and the calibration of the model. */
export const QualityEstimate = Type.Object({
  /** `baseline`: calibrated on held-out rows of the training. `labels`: on labels of the field. */
  source: Type.Union([Type.Literal('baseline'), Type.Literal('labels')]),
  predictions: Count,
  calibrationRows: Count,
  metrics: Type.Array(
    Type.Object({
      metric: Type.Union([
        Type.Literal('accuracy'), Type.Literal('precision'), Type.Literal('recall'), Type.Literal('f1'), Type.Literal('auc'),
      ]), // biome-ignore format: one list
      class: MaybeClass,
      value: Type.Number(),
      low: MaybeNumber,
      high: MaybeNumber,
    }),
  ),
  /** PSI of the scores against the calibration, less what chance makes of so many rows. */
  scorePsi: Type.Number(),
  /** Share of predictions in bins that were never calibrated. */
  uncalibrated: Type.Number(),
  isExtrapolated: Type.Boolean(),
  /** Whether labels agree with the calibration; null where there are too few. */
  labelCheck: Type.Union([
    Type.Object({
      labelled: Count,
      observed: Type.Number(),
      expected: Type.Number(),
      z: Type.Number(),
      isContradicted: Type.Boolean(),
    }),
    Type.Null(),
  ]),
  limits: Type.Array(Type.String(), { description: 'What the estimate cannot tell, in sentences' }),
});
export type QualityEstimate = Static<typeof QualityEstimate>;

/** How the answers for the devices with one value of a label differ from those for the rest. */
export const QualitySlice = Type.Object({
  value: Type.String(),
  /** Devices with labels. */
  devices: Count,
  gaps: Type.Array(
    Type.Object({
      /** Classes: of two the second is what is selected, and only `accuracy` of more. */
      metric: Type.Union([
        Type.Literal('accuracy'), Type.Literal('selectionRate'), Type.Literal('recall'), Type.Literal('falsePositiveRate'),
        Type.Literal('mae'), Type.Literal('bias'),
      ]), // biome-ignore format: one list
      value: MaybeNumber,
      rest: MaybeNumber,
      /** Limits of value − rest that hold for all gaps together 95 times in 100; null below 8 devices on a side. */
      low: MaybeNumber,
      high: MaybeNumber,
      rows: Count,
      /** Rows that are wanting, here or in the rest. */
      needed: Count,
    }),
  ),
});
export type QualitySlice = Static<typeof QualitySlice>;

export const QualityItem = Type.Object({
  slot: Name,
  manifest: Hex64,
  model: Type.Union([Name, Type.Null()]),
  version: Type.Union([Count, Type.Null()]),
  predictions: Count,
  labelled: Count,
  /** Share of predictions in the same windows that have a label by now. */
  coverage: Type.Number(),
  /** Devices with labels. */
  devices: Count,
  fromAt: Instant,
  toAt: Instant,
  metrics: Type.Array(QualityMetric),
  /** What always answering the most frequent class would have scored on the same rows. */
  majorityBaseline: MaybeNumber,
  /** The labelled errors in the order of time: whether the concept moved. */
  errors: Type.Object({
    detector: Detector,
    /** Chance of a false change at one look, by the bound of the detector. */
    delta: Type.Optional(Type.Number()),
    measure: Type.Union([Type.Literal('error rate'), Type.Literal('mean absolute error')]),
    /** Of all devices together. */
    changes: Type.Array(ErrorChange),
    devicesWatched: Count,
    devicesChanged: Count,
    devices: Type.Array(Type.Object({ device: DeviceId, changes: Type.Array(ErrorChange) }), {
      description: 'The 100 that changed last',
    }),
  }),
  estimate: Type.Union([QualityEstimate, Type.Null()]),
  /** By the values of the label that was asked for, else of those that are declared for the model. */
  slices: Type.Array(Type.Object({ label: Name, items: Type.Array(QualitySlice), unlabelledDevices: Count })),
});
export type QualityItem = Static<typeof QualityItem>;

export const QualityQuery = Type.Object({
  model: Type.Optional(Name),
  version: Type.Optional(Type.Integer({ minimum: 1 })),
  slot: Type.Optional(Name),
  device: Type.Optional(DeviceId),
  /** Only windows that start at or after this instant. */
  since: Type.Optional(Instant),
  detector: Type.Optional(Detector),
  /** A label of devices: how its values differ. */
  by: Type.Optional(Name),
});

export const QualityReport = Type.Object({
  items: Type.Array(QualityItem),
  isCut: Type.Boolean({ description: 'There are more windows than were read: only the newest count' }),
});
export type QualityReport = Static<typeof QualityReport>;
