// Owns the HTTP schemas of the audit log: entries, filters, checkpoints. Never knows fastify.
import type { Static } from 'typebox';
import * as Type from 'typebox';
import { Count, EnvelopeJson, Hex64, Instant, PageQuery } from './common.ts';

export const AuditRecord = Type.Object({
  seq: Count,
  at: Instant,
  actor: Type.String(),
  action: Type.String(),
  subject: Type.String(),
  /** With `before` and `after` where something changed. */
  detail: Type.Unknown(),
  hash: Hex64,
});
export type AuditRecord = Static<typeof AuditRecord>;

const Time = Type.String({ maxLength: 40, description: 'RFC 3339' });
const Text = Type.String({ minLength: 1, maxLength: 256 });

export const AuditQuery = Type.Object({
  ...PageQuery.properties,
  actor: Type.Optional(Text),
  action: Type.Optional(Text),
  subject: Type.Optional(Text),
  since: Type.Optional(Time),
  until: Type.Optional(Time),
});

export const AuditExportQuery = Type.Object({ since: Type.Optional(Time) });

export const AuditCheckpointView = Type.Object({ seq: Count, hash: Hex64, at: Instant, envelope: EnvelopeJson });

/** The public key as PEM. */
export const AuditKeyView = Type.Object({ keyid: Hex64, publicKey: Type.String() });
