// Finds the newest export for this device in a carried directory and believes its index or does not. Never takes anything.
import { createHash } from 'node:crypto';
import { accept, type Refusal, type Result, refuse } from '@drover/core/reasons';
import { EXPORT_PAYLOAD_TYPE, type ExportIndex, parseExportIndex } from '@drover/trust/carrier/export';
import { type CarrierFolder, readCarried } from '@drover/trust/carrier/files';
import type { VerifyByDirector } from '@drover/trust/trusted-set';
import type { MetadataSource } from '@drover/trust/tuf/metadata-source';
import { CARRIER, desiredFileName, EXPORTS_PER_CARRIER, isReportFolder, MODELS } from '@drover/wire/carrier';
import { PAYLOAD_BYTES, SIGNED_PAYLOAD_BYTES } from '@drover/wire/limits';
import type { Desired } from '@drover/wire/messages';
import { readMessage, readSignedEnvelope } from '@drover/wire/read';

const ENVELOPE_BYTES = SIGNED_PAYLOAD_BYTES + 4096;

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

/** The folders of one export, open until `close`. */
export interface OpenExport {
  readonly folder: CarrierFolder;
  readonly envelope: Uint8Array;
  /** What the index says of itself: to be believed only when `believeIndex` did. */
  readonly claimed: ExportIndex;
}

function openOne(exports: CarrierFolder, name: string): Result<OpenExport | undefined> {
  const folder = exports.folder(name);
  if (!folder.ok || !folder.value) return folder.ok ? accept(undefined) : folder;
  const envelope = readCarried(folder.value, MODELS.index, ENVELOPE_BYTES);
  const signed = envelope.ok && envelope.value ? readSignedEnvelope(envelope.value) : envelope;
  const index = !signed.ok
    ? signed
    : signed.value && 'payload' in signed.value
      ? parseExportIndex(signed.value.payload)
      : refuse('carrier_torn', `Export ${name} has no index: it was not written to its end.`);
  if (index.ok && envelope.ok && envelope.value)
    return accept({ folder: folder.value, envelope: envelope.value, claimed: index.value });
  folder.value.close();
  if (index.ok) return accept(undefined);
  return index.code.startsWith('carrier_') ? index : refuse('export_invalid', index.detail);
}

/**
 * The newest export that names `device`. What cannot be read is passed over while another one is for this device: a stick
 * that went round may hold more than one.
 */
export function findExport(models: CarrierFolder, device: string): Result<OpenExport> {
  const exports = models.folder(MODELS.exports);
  if (!exports.ok) return exports;
  if (!exports.value) return refuse('carrier_empty', 'It holds no export of a hub.');
  try {
    const names = exports.value.list();
    if (!names.ok) return names;
    const folders = names.value.filter(isReportFolder).slice(-EXPORTS_PER_CARRIER);
    let best: OpenExport | undefined;
    let problem: Refusal | undefined;
    for (const name of folders) {
      const opened = openOne(exports.value, name);
      if (!opened.ok) problem ??= opened;
      if (!opened.ok || !opened.value) continue;
      const isFor = opened.value.claimed.desired.some((each) => each.device === device);
      const isBetter = isFor && opened.value.claimed.number > (best?.claimed.number ?? 0);
      if (isBetter) best?.folder.close();
      else opened.value.folder.close();
      if (isBetter) best = opened.value;
    }
    if (best) return accept(best);
    if (problem) return problem;
    return folders.length === 0
      ? refuse('carrier_empty', 'It holds no whole export of a hub.')
      : refuse('export_other_device', `No export in it names "${device}".`);
  } finally {
    exports.value.close();
  }
}

export interface Believing {
  readonly hubId: string;
  readonly trust: { readonly verifyByDirector: VerifyByDirector };
  readonly now: number;
  /** The number of the newest export that was taken, 0 when there was none. */
  readonly lastNumber: number;
}

/** Who signed it, for which hub, whether it is still good and not older than the one before. */
export function believeIndex(
  { envelope }: OpenExport,
  { hubId, trust, now, lastNumber }: Believing,
): Result<ExportIndex> {
  const signed = readSignedEnvelope(envelope);
  if (!signed.ok) return refuse('export_invalid', signed.detail);
  const believed = trust.verifyByDirector(signed.value, EXPORT_PAYLOAD_TYPE, parseExportIndex);
  if (!believed.ok) return believed;
  const index = believed.value.document;
  if (index.hubId !== hubId) return refuse('export_foreign', `It is of hub ${index.hubId}.`);
  if (index.number < lastNumber)
    return refuse('export_stale', `It is number ${index.number}; number ${lastNumber} was taken.`);
  if (Date.parse(index.expiresAt) <= now) return refuse('export_expired', `It was good until ${index.expiresAt}.`);
  return accept(index);
}

function readChecked(
  folder: CarrierFolder,
  { name, size, sha256: wanted }: { readonly name: string; readonly size: number; readonly sha256: string },
): Result<Uint8Array> {
  const bytes = readCarried(folder, name, size);
  if (!bytes.ok) return bytes.code === 'carrier_too_large' ? refuse('carrier_altered', bytes.detail) : bytes;
  if (!bytes.value || bytes.value.length < size)
    return refuse('carrier_torn', `"${name}" is ${bytes.value ? 'cut short' : 'missing'}.`);
  return sha256(bytes.value) === wanted
    ? accept(bytes.value)
    : refuse('carrier_altered', `"${name}" has other bytes than its index says.`);
}

/** The files of the release metadata, by the names that the TUF client asks for; nothing that the index does not name. */
export function carriedSource(folder: CarrierFolder, { metadata }: ExportIndex): MetadataSource {
  return {
    fetch: async (name, mostBytes) => {
      const listed = metadata.find((file) => file.name === name);
      if (!listed) return accept(undefined);
      if (listed.size > mostBytes) return refuse('metadata_too_large', `"${name}" has ${listed.size} bytes.`);
      return readChecked(folder, listed);
    },
  };
}

/** The desired message for this device, with the bytes of the wire. */
export function readDesired(folder: CarrierFolder, { desired }: ExportIndex, device: string): Result<Desired> {
  const listed = desired.find((each) => each.device === device);
  if (!listed || listed.size > PAYLOAD_BYTES.desired)
    return refuse('export_other_device', `It does not name "${device}".`);
  const messages = folder.folder(MODELS.desired);
  if (!messages.ok) return messages;
  if (!messages.value) return refuse('carrier_torn', 'The folder of desired messages is missing.');
  const bytes = readChecked(messages.value, { ...listed, name: desiredFileName(device) });
  messages.value.close();
  if (!bytes.ok) return bytes;
  const arrived = readMessage('desired', bytes.value);
  return arrived.ok ? accept(arrived.value.message) : refuse('export_invalid', arrived.detail);
}

/** Whether the directory holds models at all. */
export const openModels = (carrier: CarrierFolder): Result<CarrierFolder | undefined> => carrier.folder(CARRIER.models);
