// Owns the signed index of what a hub gives to devices without a network: its fields, limits and parsing. Never verifies a
// signature. Every part of an export is signed on its own too; the index says what belongs together, and until when.
import { type Result, refuse } from '@drover/core/reasons';
import { EXPORT_BLOBS, EXPORT_DEVICES, EXPORT_METADATA } from '@drover/wire/carrier';
import { PAYLOAD_BYTES } from '@drover/wire/limits';
import type { Static } from 'typebox';
import * as Type from 'typebox';
import { METADATA_BYTES } from '../tuf/metadata.ts';
import { parseMetadataFile } from '../tuf/names.ts';
import { CarriedFile, parseAs } from './report.ts';

const Hex64 = Type.String({ pattern: '^[0-9a-f]{64}$' });
const Id = Type.String({ pattern: '^[0-9a-f]{32}$' });
const Instant = Type.String({ pattern: '^\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d(\\.\\d{1,3})?Z$' });
const Size = Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER });

export const ExportIndex = Type.Object({
  type: Type.Literal('drover.export/1'),
  hubId: Id,
  exportId: Id,
  /** Grows with each export of a hub: a device takes none that is older than the one it took last. */
  number: Type.Integer({ minimum: 1, maximum: Number.MAX_SAFE_INTEGER }),
  issuedAt: Instant,
  /** The first moment at which something in it is not good any more. */
  expiresAt: Instant,
  /** Files of the release metadata, by the names under which a TUF client asks for them. */
  metadata: Type.Array(CarriedFile, { minItems: 1, maxItems: EXPORT_METADATA }),
  /** One desired message a device, with the bytes of the wire. */
  desired: Type.Array(
    Type.Object({ device: Type.String({ pattern: '^[a-z0-9][a-z0-9_-]{0,62}$' }), size: Size, sha256: Hex64 }),
    { minItems: 1, maxItems: EXPORT_DEVICES },
  ),
  blobs: Type.Array(Type.Object({ sha256: Hex64, size: Size }), { maxItems: EXPORT_BLOBS }),
});
export type ExportIndex = Static<typeof ExportIndex>;

export const EXPORT_PAYLOAD_TYPE = 'application/vnd.drover.export+json';

const hasTwice = (names: readonly string[]): boolean => new Set(names).size !== names.length;

export function parseExportIndex(payload: Uint8Array): Result<ExportIndex> {
  const parsed = parseAs(ExportIndex, payload, 'export_invalid');
  if (!parsed.ok) return parsed;
  const { metadata, desired, blobs } = parsed.value;
  for (const { name, size } of metadata) {
    if (!parseMetadataFile(name).ok) return refuse('export_invalid', `"${name.slice(0, 80)}" is no metadata file.`);
    if (size > METADATA_BYTES)
      return refuse('export_invalid', `"${name}" has ${size} bytes; at most ${METADATA_BYTES}.`);
  }
  const large = desired.find(({ size }) => size > PAYLOAD_BYTES.desired);
  if (large) return refuse('export_invalid', `The message for "${large.device}" has ${large.size} bytes.`);
  const isMixed =
    hasTwice(metadata.map(({ name }) => name)) ||
    hasTwice(desired.map(({ device }) => device)) ||
    hasTwice(blobs.map(({ sha256 }) => sha256));
  return isMixed ? refuse('export_invalid', 'It names something twice.') : parsed;
}

/** Exact bytes to sign: nothing ever re-serialises them. */
export const encodeExportIndex = (index: ExportIndex): Uint8Array => Buffer.from(JSON.stringify(index));
