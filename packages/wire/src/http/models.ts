// Owns the HTTP schemas about models: blobs, preparing, publishing, versions, aliases. Never knows fastify.
import type { Static } from 'typebox';
import * as Type from 'typebox';
import { Count, EnvelopeJson, Hex64, Id, Instant, Name } from './common.ts';

export const Blob = Type.Object({ sha256: Hex64, size: Count });
export type Blob = Static<typeof Blob>;

/** Ask the hub to inspect an uploaded ONNX file and propose a manifest; nothing is registered yet. */
export const PrepareRequest = Type.Object({
  model: Hex64,
  baseline: Type.Optional(Hex64),
  vectors: Type.Optional(Hex64),
  /** Names for the columns of the first input, where the file does not say them. */
  featureNames: Type.Optional(Type.Array(Type.String({ maxLength: 256 }), { maxItems: 4096 })),
  classes: Type.Optional(Type.Array(Type.String({ maxLength: 256 }), { maxItems: 1000 })),
});
export type PrepareRequest = Static<typeof PrepareRequest>;

/** `payload`: the exact bytes to sign, in base64. */
export const PrepareResponse = Type.Object({
  payloadType: Type.String(),
  payload: Type.String(),
  version: Count,
  alreadyRegistered: Type.Boolean(),
  warnings: Type.Array(Type.String()),
});
export type PrepareResponse = Static<typeof PrepareResponse>;

export const PublishRequest = Type.Object({ envelope: EnvelopeJson });
export type PublishRequest = Static<typeof PublishRequest>;

export const Version = Type.Object({
  model: Name,
  version: Count,
  manifest: Hex64,
  createdAt: Instant,
  source: Type.Union([Type.Literal('trained'), Type.Literal('uploaded')]),
  sizeBytes: Count,
  aliases: Type.Array(Name),
  run: Type.Union([Id, Type.Null()]),
  metrics: Type.Record(Type.String(), Type.Number()),
  runningOn: Count,
});
export type Version = Static<typeof Version>;

/** The manifest document itself, as signed, beside the row. */
export const VersionDetail = Type.Object({
  ...Version.properties,
  document: Type.Unknown(),
  keyids: Type.Array(Hex64),
});
export type VersionDetail = Static<typeof VersionDetail>;

export const Model = Type.Object({
  name: Name,
  project: Name,
  createdAt: Instant,
  latest: Count,
  aliases: Type.Record(Name, Count),
});
export type Model = Static<typeof Model>;

export const AliasRequest = Type.Object({ version: Type.Integer({ minimum: 1 }) });
