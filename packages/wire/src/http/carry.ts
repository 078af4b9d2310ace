// Owns the HTTP schemas of what is carried by hand between a hub and devices without a network. Never knows fastify.
import type { Static } from 'typebox';
import * as Type from 'typebox';
import { Count, DeviceId, EnvelopeJson } from './common.ts';

/** For which devices, and how long what is exported may be good. */
export const ExportRequest = Type.Object({
  devices: Type.Optional(Type.Array(DeviceId, { minItems: 1, maxItems: 1000 })),
  query: Type.Optional(Type.String({ minLength: 1, maxLength: 1024 })),
  validForMs: Type.Integer({ minimum: 1000, maximum: 10 * 366 * 86_400_000 }),
});
export type ExportRequest = Static<typeof ExportRequest>;

/** What became of one carried report, and the acknowledgement to carry back. */
export const ReportImport = Type.Object({
  device: DeviceId,
  number: Count,
  entries: Type.Integer({ minimum: 0, description: 'New in the database' }),
  repeated: Type.Integer({ minimum: 0, description: 'Known before, counted once' }),
  lost: Type.Integer({ minimum: 0, description: 'Dropped by the device before they could be carried' }),
  refused: Type.Integer({ minimum: 0, description: 'In quarantine' }),
  lastSeq: Type.Integer({ minimum: 0, description: 'Everything up to here is in the database' }),
  isState: Type.Boolean({ description: 'The report said how the device stands; false when something newer was known' }),
  ack: EnvelopeJson,
});
export type ReportImport = Static<typeof ReportImport>;
