// Owns the HTTP schemas about captured rows. Never knows fastify.
import type { Static } from 'typebox';
import * as Type from 'typebox';
import { SAMPLE_WHYS } from '../messages.ts';
import { Count, DeviceId, Hex64, Instant, Name, PageQuery, page } from './common.ts';

export const SampleWhyName = Type.Enum(SAMPLE_WHYS);

/** A raw row that a device was allowed to send, with what its model answered. */
export const SampleView = Type.Object({
  device: DeviceId,
  predictionId: Type.String(),
  slot: Name,
  manifest: Hex64,
  model: Type.Union([Name, Type.Null()]),
  version: Type.Union([Count, Type.Null()]),
  at: Instant,
  why: SampleWhyName,
  /** By `why`: the margin between the two most probable classes, the novelty, the draw. */
  score: Type.Number(),
  /** By field; null where the value was missing. A field that the device withholds is in `withheld` and not here. */
  fields: Type.Record(Type.String(), Type.Union([Type.Number(), Type.String(), Type.Null()])),
  withheld: Type.Array(Type.String()),
  /** Fields whose sensor was at fault on that device at that time: not to be trained on. */
  suspect: Type.Array(Type.String()),
  label: Type.Optional(Type.String()),
  probabilities: Type.Optional(Type.Record(Type.String(), Type.Union([Type.Number(), Type.Null()]))),
  value: Type.Optional(Type.Union([Type.Number(), Type.Null()])),
});
export type SampleView = Static<typeof SampleView>;

export const SamplesPage = page(SampleView);

export const SamplesQuery = Type.Object({
  ...PageQuery.properties,
  device: Type.Optional(DeviceId),
  slot: Type.Optional(Name),
  why: Type.Optional(SampleWhyName),
  model: Type.Optional(Name),
  version: Type.Optional(Type.Integer({ minimum: 1 })),
});
