// Owns the HTTP schemas of business numbers: points, and what they come to by model version. Never knows fastify.
import type { Static } from 'typebox';
import * as Type from 'typebox';
import { Count, DeviceId, Hex64, Instant, Name } from './common.ts';

export const KpiParams = Type.Object({ name: Name });

export const KpiPoints = Type.Object({
  points: Type.Array(Type.Object({ device: DeviceId, at: Instant, value: Type.Number() }), {
    minItems: 1,
    maxItems: 1000,
    description: 'A point replaces the one of the same device and time',
  }),
});
export type KpiPoints = Static<typeof KpiPoints>;
export const KpiStored = Type.Object({ points: Count });

export const KpiList = Type.Object({
  items: Type.Array(Type.Object({ name: Name, points: Count, devices: Count, fromAt: Instant, toAt: Instant })),
});

const MaybeNumber = Type.Union([Type.Number(), Type.Null()]);
/** The mean of the means of devices, with limits that hold 95 times in 100; null below 8 devices. */
const Average = {
  mean: Type.Number(),
  low: MaybeNumber,
  high: MaybeNumber,
  devices: Count,
  points: Count,
};
export const KpiVersion = Type.Object({
  slot: Name,
  manifest: Hex64,
  model: Type.Union([Name, Type.Null()]),
  version: Type.Union([Count, Type.Null()]),
  /** Time of the first point. */
  fromAt: Instant,
  ...Average,
  /** More than with the one before in the same slot, on the devices that ran both; null where none did. */
  change: Type.Union([
    Type.Object({ manifest: Hex64, version: Type.Union([Count, Type.Null()]), ...Average }),
    Type.Null(),
  ]),
});
export type KpiVersion = Static<typeof KpiVersion>;

export type KpiList = Static<typeof KpiList>;

export const KpiQuery = Type.Object({ since: Type.Optional(Instant) });
export const KpiView = Type.Object({
  name: Name,
  /** In the order in which they began. */
  versions: Type.Array(KpiVersion),
  /** Points of devices on which nothing had answered for a day. */
  unjoined: Count,
});
export type KpiView = Static<typeof KpiView>;
