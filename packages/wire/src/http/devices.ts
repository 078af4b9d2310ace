// Owns the HTTP schemas about devices: joining, listing, what one runs. Never knows fastify.
import type { Static } from 'typebox';
import * as Type from 'typebox';
import { Count, DeviceId, EnvelopeJson, Hex64, Id, Instant, Labels, Name, page } from './common.ts';
import { IdentityView } from './enrolment.ts';

/** `id` absent: the hub makes one. `rejoin`: give an existing device a new secret and end its session. */
export const JoinRequest = Type.Object({
  id: Type.Optional(DeviceId),
  labels: Type.Optional(Labels),
  rejoin: Type.Optional(Type.Boolean({ default: false })),
});
export type JoinRequest = Static<typeof JoinRequest>;

export const JoinResponse = Type.Object({
  device: DeviceId,
  /** Shown once; the hub keeps only its hash. */
  secret: Type.String(),
  mqttUrl: Type.String(),
  /** Where the device fetches over HTTP; absent from a hub of 0.1. */
  devicesUrl: Type.Optional(Type.String()),
  hubId: Id,
  /** The root of 0.1, for agents that know no release metadata. */
  root: EnvelopeJson,
  /** The newest root of the release metadata (TUF), the file itself in base64; a hub of 0.1 has none. */
  tufRoot: Type.Optional(Type.String({ maxLength: 1_048_576 })),
});
export type JoinResponse = Static<typeof JoinResponse>;

/** Why a device does not take what it should run, as it said last. */
export const DesiredRefusal = Type.Object({ code: Type.String(), detail: Type.String() });

export const ModelRef = Type.Object({ manifest: Hex64, model: Type.Optional(Name), version: Type.Optional(Count) });

export const SlotView = Type.Object({
  slot: Name,
  running: Type.Union([ModelRef, Type.Null()]),
  previous: Type.Union([ModelRef, Type.Null()]),
  desired: Type.Union([ModelRef, Type.Null()]),
  inSync: Type.Boolean({ description: 'The reported running digest equals the desired one' }),
  deployment: Type.Union([
    Type.Object({
      deploymentId: Id,
      state: Type.String(),
      code: Type.Optional(Type.String()),
      detail: Type.Optional(Type.String()),
      enteredAt: Instant,
    }),
    Type.Null(),
  ]),
});
export type SlotView = Static<typeof SlotView>;

/** `presence`: what the broker knows. `never` connected, `online`, `offline` (its session ended or went silent). */
export const Device = Type.Object({
  id: DeviceId,
  labels: Labels,
  presence: Type.Union([Type.Literal('never'), Type.Literal('online'), Type.Literal('offline')]),
  lastSeenAt: Type.Union([Instant, Type.Null()]),
  joinedAt: Instant,
  agentVersion: Type.Union([Type.String(), Type.Null()]),
  runtime: Type.Union([Type.String(), Type.Null()]),
  generation: Count,
  reportedGeneration: Count,
  /** Null while it takes what it should run; absent from a hub of 0.1. */
  desiredRefusal: Type.Optional(Type.Union([DesiredRefusal, Type.Null()])),
  /** Its key and certificate; absent from a hub of 0.1. */
  identity: Type.Optional(IdentityView),
  slots: Type.Array(SlotView),
});
export type Device = Static<typeof Device>;

export const DeviceDetail = Type.Object({
  ...Device.properties,
  health: Type.Union([
    Type.Object({
      rssBytes: Count, cpuRatio: Type.Number(), diskFreeBytes: Count, uptimeMs: Count,
      outboxEntries: Count, outboxBytes: Count, outboxDropped: Count,
      answerReasons: Type.Optional(Type.Array(Type.Object({ code: Type.String(), count: Count }))),
      readings: Type.Optional(Type.Array(Type.Object({ name: Type.String(), value: Type.Number() }))),
    }),
    Type.Null(),
  ]), // biome-ignore format: numbers
  uplink: Type.Object({
    outboxId: Type.Union([Id, Type.Null()]),
    lastSeq: Count,
    lostEntries: Count,
    quarantined: Count,
  }),
});
export type DeviceDetail = Static<typeof DeviceDetail>;

/** What an agent thought worth telling: `level` is 40 for a warning, 50 for an error (pino). */
export const DeviceLog = Type.Object({
  id: Count,
  at: Instant,
  receivedAt: Instant,
  level: Count,
  code: Type.Union([Type.String(), Type.Null()]),
  message: Type.String(),
});
export type DeviceLog = Static<typeof DeviceLog>;
export const DeviceLogsPage = page(DeviceLog);
