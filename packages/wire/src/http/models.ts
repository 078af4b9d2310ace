// Owns the HTTP schemas about models: blobs, preparing, publishing, versions, aliases. Never knows fastify.
import type { Static } from 'typebox';
import * as Type from 'typebox';
import { Count, EnvelopeJson, Hex64, Id, Instant, Name } from './common.ts';
import { PublicationRequest } from './release.ts';
import { Rules } from './rules.ts';

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
  /** What devices do when the model should not be believed; absent from requests to a hub of 0.2. */
  rules: Type.Optional(Rules),
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

/** `release`: the publisher's signed roles that list the version; without them no device installs it until they come. */
export const PublishRequest = Type.Object({ envelope: EnvelopeJson, release: Type.Optional(PublicationRequest) });
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

/** A model signature (OpenSSF Model Signing v1.0) beside a version, without its bytes. */
export const ModelSignature = Type.Object({
  /** SHA-256 of the public key's PEM. */
  key: Hex64,
  publicKey: Type.String(),
  /** Of the bytes of the bundle. */
  sha256: Hex64,
  actor: Type.String(),
  createdAt: Instant,
});

/** `bundle`: the bytes of the file in base64. `publicKey`: SubjectPublicKeyInfo in PEM. */
export const ModelSignatureRequest = Type.Object({
  bundle: Type.String({ maxLength: 1_048_576 }),
  publicKey: Type.String({ maxLength: 4096 }),
});

/** The manifest document itself, as signed, beside the row. */
export const VersionDetail = Type.Object({
  ...Version.properties,
  document: Type.Unknown(),
  /** The exact bytes that were signed, in base64: their SHA-256 is `manifest`. A hub of 0.1 does not say them. */
  payload: Type.Optional(Type.String()),
  /** Where the release metadata lists it; nowhere: no device installs it. */
  released: Type.Optional(Type.Array(Type.String())),
  keyids: Type.Array(Hex64),
  /** Absent from a hub before 0.2. */
  signatures: Type.Optional(Type.Array(ModelSignature)),
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

/** Whether artifacts of the model leave the hub only sealed. */
/** Labels of devices; none: nothing is compared unless a question asks. */
export const ModelSlices = Type.Object({ labels: Type.Array(Name, { maxItems: 8 }) });
export type ModelSlices = Static<typeof ModelSlices>;

export const Confidential = Type.Object({ confidential: Type.Boolean() });

export const AliasRequest = Type.Object({ version: Type.Integer({ minimum: 1 }) });
