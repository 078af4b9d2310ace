// Owns the signed documents of carried reports: the index that a device writes, the acknowledgement that the hub gives for
// it. Their fields, limits and parsing; never verifies who wrote them.
import { accept, type ReasonCode, type Result, refuse } from '@drover/core/reasons';
import { REPORT_BYTES, REPORT_FILES, reportFileKind } from '@drover/wire/carrier';
import { PAYLOAD_BYTES } from '@drover/wire/limits';
import type { Static, TSchema } from 'typebox';
import * as Type from 'typebox';
import * as Value from 'typebox/value';

const Hex64 = Type.String({ pattern: '^[0-9a-f]{64}$' });
const Id = Type.String({ pattern: '^[0-9a-f]{32}$' });
const DeviceId = Type.String({ pattern: '^[a-z0-9][a-z0-9_-]{0,62}$' });
const Instant = Type.String({ pattern: '^\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d(\\.\\d{1,3})?Z$' });
const Count = Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER });

export const CarriedFile = Type.Object({
  name: Type.String({ maxLength: 128 }),
  size: Count,
  sha256: Hex64,
});
export type CarriedFile = Static<typeof CarriedFile>;

/** Everything that one device had to say when it was written, in files with the bytes of the wire. */
export const ReportIndex = Type.Object({
  type: Type.Literal('drover.report/1'),
  device: DeviceId,
  hubId: Id,
  reportId: Id,
  /** Grows by one with each report of this installation: an older one never comes after a newer one. */
  number: Type.Integer({ minimum: 1, maximum: Number.MAX_SAFE_INTEGER }),
  outboxId: Id,
  bootId: Id,
  /** What the outbox held: everything below `oldestSeq` is gone for good, `nextSeq` was not given yet. */
  oldestSeq: Count,
  nextSeq: Count,
  exportedAt: Instant,
  files: Type.Array(CarriedFile, { minItems: 1, maxItems: REPORT_FILES }),
});
export type ReportIndex = Static<typeof ReportIndex>;

/** Entries that one acknowledgement names as refused; more stand in the hub's quarantine only. */
export const ACK_REFUSED = 256;

/** The hub has everything up to `lastSeq` of this outbox in its database. */
export const ReportAck = Type.Object({
  type: Type.Literal('drover.report-ack/1'),
  device: DeviceId,
  hubId: Id,
  outboxId: Id,
  lastSeq: Count,
  refused: Type.Array(
    Type.Object({ seq: Count, code: Type.String({ maxLength: 64 }), detail: Type.String({ maxLength: 160 }) }),
    { maxItems: ACK_REFUSED },
  ),
  issuedAt: Instant,
});
export type ReportAck = Static<typeof ReportAck>;

export const CARRIED_PAYLOAD_TYPES = {
  report: 'application/vnd.drover.report+json',
  ack: 'application/vnd.drover.report-ack+json',
} as const;

const decoder = new TextDecoder('utf-8', { fatal: true });

export function parseAs<T extends TSchema>(schema: T, bytes: Uint8Array, code: ReasonCode): Result<Static<T>> {
  let json: unknown;
  try {
    json = JSON.parse(decoder.decode(bytes));
  } catch {
    // JSON and UTF-8 errors are one outcome here: not a document.
    return refuse(code, 'It is not JSON in UTF-8.');
  }
  if (Value.Check(schema, json)) return accept(json as Static<T>);
  const [first] = Value.Errors(schema, json);
  return refuse(code, `At "${first?.instancePath ?? '/'}" it ${first?.message ?? 'does not match'}.`);
}

/** Checks names, order and sizes too: whoever reads the files afterwards opens nothing else and allocates no more. */
export function parseReportIndex(payload: Uint8Array): Result<ReportIndex> {
  const parsed = parseAs(ReportIndex, payload, 'report_invalid');
  if (!parsed.ok) return parsed;
  const { files, oldestSeq, nextSeq } = parsed.value;
  let total = 0;
  for (const [at, { name, size }] of files.entries()) {
    const kind = reportFileKind(name);
    if (!kind || Number(name.slice(0, 4)) !== at)
      return refuse('report_invalid', `File ${at} is named "${name.slice(0, 60)}".`);
    const wanted = at === 0 ? 'hello' : at === 1 ? kind !== 'hello' && kind : 'up';
    if (kind !== wanted)
      return refuse('report_invalid', `File ${at} holds a "${kind}"; a report is hello, state, ups.`);
    if (size > PAYLOAD_BYTES[kind])
      return refuse('report_too_large', `"${name}" has ${size} bytes; at most ${PAYLOAD_BYTES[kind]} are allowed.`);
    total += size;
  }
  if (total > REPORT_BYTES)
    return refuse('report_too_large', `It has ${total} bytes; at most ${REPORT_BYTES} are allowed.`);
  if (oldestSeq > nextSeq) return refuse('report_invalid', 'Its oldest entry comes after its newest.');
  return parsed;
}

export const parseReportAck = (payload: Uint8Array): Result<ReportAck> =>
  parseAs(ReportAck, payload, 'document_invalid');

/** Exact bytes to sign: nothing ever re-serialises them. */
export const encodeCarried = (document: ReportIndex | ReportAck): Uint8Array => Buffer.from(JSON.stringify(document));
