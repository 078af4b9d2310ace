// Owns the HTTP schemas of device identity: the doors that a device comes in by, and what people do about them. Never
// knows fastify.
import type { Static } from 'typebox';
import * as Type from 'typebox';
import { Count, DeviceId, EnvelopeJson, Hex64, Id, Instant, Labels } from './common.ts';

const Pem = Type.String({ maxLength: 16_384, pattern: '^-----BEGIN CERTIFICATE-----' });
const Base64 = (bytes: number) =>
  Type.String({ maxLength: Math.ceil((bytes * 4) / 3) + 4, pattern: '^[A-Za-z0-9+/]+={0,2}$' });
/** 16 random bytes in base64url: 128 bits, so that a code that cannot be guessed is still short enough to carry. */
export const CODE_PATTERN = '^[A-Za-z0-9_-]{22}$';
const Code = Type.String({ pattern: CODE_PATTERN });
/** What the maker calls a piece of hardware: printed on its label. */
export const Hardware = Type.String({ pattern: '^[A-Za-z0-9][A-Za-z0-9._:/-]{0,63}$' });
const OrNull = <T extends Type.TSchema>(schema: T) => Type.Union([schema, Type.Null()]);

export const DeviceCa = Type.Object({ ca: Pem, fingerprint: Hex64 });

/** The three doors. `csr`: PKCS#10 in DER, base64; of it only the key counts. */
export const EnrolRequest = Type.Object({
  csr: Base64(4096),
  id: Type.Optional(DeviceId),
  hardware: Type.Optional(Hardware),
  door: Type.Union([
    Type.Object({ kind: Type.Literal('claim'), code: Code }),
    Type.Object({ kind: Type.Literal('batch'), token: Code }),
    Type.Object({
      kind: Type.Literal('factory'),
      /** The device's factory certificate first, then intermediates. */
      chain: Type.Array(Pem, { minItems: 1, maxItems: 4 }),
      /** Of the factory key over the request (`factoryProof`). */
      signature: Base64(1024),
    }),
  ]),
});
export type EnrolRequest = Static<typeof EnrolRequest>;

/** What an enrolled device gets. */
export const Enrolled = Type.Object({
  state: Type.Literal('issued'),
  enrolment: Id,
  device: DeviceId,
  certificate: Pem,
  ca: Pem,
  mqttUrl: Type.String({ maxLength: 512 }),
  devicesUrl: Type.String({ maxLength: 512 }),
  /** The claim says so: the device installs only what a release key held off the hub signed. */
  release: Type.Optional(Type.Literal('person')),
  hubId: Id,
  root: EnvelopeJson,
  /** The newest TUF root, its bytes in base64; absent on a hub that has none yet. */
  tufRoot: Type.Optional(Type.String({ maxLength: 1_048_576 })),
});
export type Enrolled = Static<typeof Enrolled>;

export const EnrolPending = Type.Object({
  state: Type.Literal('pending'),
  enrolment: Id,
  device: DeviceId,
  why: Type.String(),
  hubId: Id,
});
export type EnrolPending = Static<typeof EnrolPending>;
export const EnrolAnswer = Type.Union([Enrolled, EnrolPending]);

export const RenewAnswer = Type.Object({ certificate: Pem });
export const NonceAnswer = Type.Object({ nonce: Type.String({ maxLength: 256 }), hubId: Id });
/** Without `signature`: asks for a nonce. */
export const RenewLapsedRequest = Type.Object({
  device: DeviceId,
  nonce: Type.Optional(Type.String({ maxLength: 256, pattern: '^[A-Za-z0-9._-]+$' })),
  signature: Type.Optional(Base64(128)),
});

// What people send and see.

const TtlSeconds = (most: number) => Type.Integer({ minimum: 60, maximum: most });
const DAY = 86_400;

export const ClaimRequest = Type.Object({
  id: Type.Optional(DeviceId),
  labels: Type.Optional(Labels),
  release: Type.Optional(Type.Literal('person')),
  ttlSeconds: Type.Optional(TtlSeconds(30 * DAY)),
});
/** `claim` is shown once. */
export const ClaimMade = Type.Object({ id: Id, claim: Type.String(), expiresAt: Instant });

export const BatchTokenRequest = Type.Object({
  labels: Type.Optional(Labels),
  uses: Type.Integer({ minimum: 1, maximum: 10_000 }),
  ttlSeconds: Type.Optional(TtlSeconds(366 * DAY)),
});
/** `token` is shown once. */
export const BatchTokenMade = Type.Object({
  id: Id,
  token: Type.String(),
  uses: Count,
  expiresAt: Instant,
  devicesUrl: Type.String(),
  caFingerprint: Hex64,
});

export const PreauthorizeRequest = Type.Object({
  hardware: Hardware,
  keyFingerprint: Hex64,
  id: Type.Optional(DeviceId),
  labels: Type.Optional(Labels),
});
export const Preauthorized = Type.Object({ hardware: Hardware, keyFingerprint: Hex64 });

export const FactoryCaRequest = Type.Object({
  name: Type.String({ minLength: 1, maxLength: 128 }),
  certificate: Pem,
  labels: Type.Optional(Labels),
});
export const FactoryCa = Type.Object({
  fingerprint: Hex64,
  name: Type.String(),
  subject: Type.String(),
  notAfter: Instant,
});
export type FactoryCa = Static<typeof FactoryCa>;

export const PendingEnrolment = Type.Object({
  id: Id,
  device: DeviceId,
  door: Type.String(),
  why: Type.String({ description: 'approval, or a device that looks copied: known_id, known_hardware' }),
  hardware: OrNull(Type.String()),
  keyFingerprint: Hex64,
  knownKeyFingerprint: OrNull(Hex64),
  labels: Labels,
  fromAddress: Type.String(),
  createdAt: Instant,
});
export type PendingEnrolment = Static<typeof PendingEnrolment>;

/** What became of a device that waited. */
export const EnrolmentDecided = Type.Object({ id: Id, device: DeviceId, state: Type.String() });

/** The key and certificate of one device. `secret`: it has none (development). */
export const IdentityView = Type.Object({
  state: Type.Union([Type.Literal('secret'), Type.Literal('valid'), Type.Literal('expired'), Type.Literal('revoked')]),
  door: OrNull(Type.String()),
  serial: OrNull(Type.String()),
  notAfter: OrNull(Instant),
  keyFingerprint: OrNull(Hex64),
  hardware: OrNull(Type.String()),
  release: OrNull(Type.Literal('person')),
  enrolledAt: OrNull(Instant),
  revokedAt: OrNull(Instant),
});
export type IdentityView = Static<typeof IdentityView>;
export const IdentityItem = Type.Object({ device: DeviceId, ...IdentityView.properties });
