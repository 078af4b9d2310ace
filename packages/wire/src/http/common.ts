// Owns what all HTTP routes share: pages, problems, identifiers as schemas. Never knows fastify.
import type { Static, TSchema } from 'typebox';
import * as Type from 'typebox';

export const Hex64 = Type.String({ pattern: '^[0-9a-f]{64}$', description: 'SHA-256 in lower-case hex' });
export const Id = Type.String({ pattern: '^[0-9a-f]{32}$', description: 'UUIDv7 as 32 lower-case hex characters' });
export const Name = Type.String({ pattern: '^[a-z0-9][a-z0-9._-]{0,62}$' });
export const DeviceId = Type.String({ pattern: '^[a-z0-9][a-z0-9_-]{0,62}$' });
export const Instant = Type.String({ description: 'RFC 3339 in UTC' });
export const Count = Type.Integer({ minimum: 0 });
export const Labels = Type.Record(Name, Type.String({ maxLength: 256 }), { maxProperties: 64 });
export type Labels = Static<typeof Labels>;

export const page = <T extends TSchema>(item: T) =>
  Type.Object({ items: Type.Array(item), nextCursor: Type.Union([Type.String(), Type.Null()]) });

export const PageQuery = Type.Object({
  cursor: Type.Optional(Type.String({ maxLength: 256 })),
  limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 1000, default: 100 })),
});

/** RFC 9457 with our `code`. */
export const Problem = Type.Object({
  type: Type.String(),
  title: Type.String(),
  status: Type.Integer(),
  code: Type.String({ description: 'A reason code of docs/errors.md' }),
  detail: Type.String(),
  next: Type.String({ description: 'What to do next' }),
  requestId: Type.Optional(Type.String()),
});
export type Problem = Static<typeof Problem>;

/** A signed envelope in JSON: payload and signatures in base64. */
export const EnvelopeJson = Type.Object({
  payloadType: Type.String({ maxLength: 128 }),
  payload: Type.String({ maxLength: 262_144 }),
  signatures: Type.Array(Type.Object({ keyid: Type.String({ maxLength: 64 }), sig: Type.String({ maxLength: 256 }) }), {
    maxItems: 8,
  }),
});
export type EnvelopeJson = Static<typeof EnvelopeJson>;
