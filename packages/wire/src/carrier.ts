// Owns how a carried directory is laid out: folder and file names, and their limits. Never touches a file.
import { isId } from '@drover/core/ids';

/**
 * `reports/<device>/<report id>/` device → hub, `acks/<device>.ack` hub → device, `models/` hub → devices. Names are lower
 * case and short, so that any file system a stick may have keeps them apart.
 */
export const CARRIER = {
  reports: 'reports',
  acks: 'acks',
  models: 'models',
  /** The signed index of a report. It is written last: a folder without one is torn. */
  reportIndex: 'report.index',
} as const;

/** A file or folder of a carrier: no path, no hidden file, nothing that a shell or a file system reads in its own way. */
const CARRIER_NAME = /^[a-z0-9][a-z0-9._~-]{0,127}$/;
export const isCarrierName = (text: string): boolean => CARRIER_NAME.test(text) && !text.includes('..');

/** Entries that are read of one folder; more is no carrier of ours. */
export const CARRIER_ENTRIES = 4096;

/** Files of one report: an outbox of 64 MiB or 100,000 entries, as uplink messages, is less than half of it. */
export const REPORT_FILES = 900;
/** All files of one report together: a full outbox and what its messages cost. */
export const REPORT_BYTES = 96 * 1024 * 1024;

export const REPORT_KINDS = ['hello', 'state', 'up'] as const;
export type ReportKind = (typeof REPORT_KINDS)[number];

/** `0000.hello`: where it stands in the report, and which message of the wire it holds. */
export const reportFileName = (at: number, kind: ReportKind): string => `${String(at).padStart(4, '0')}.${kind}`;

export function reportFileKind(name: string): ReportKind | undefined {
  const kind = /^[0-9]{4}\.(hello|state|up)$/.exec(name)?.[1];
  return REPORT_KINDS.find((each) => each === kind);
}

export const ackFileName = (device: string): string => `${device}.ack`;

export const isReportFolder = (name: string): boolean => isId(name);

/**
 * `models/exports/<export id>/`: what a hub gives to devices: an index, release metadata, one desired message a device.
 * `models/blobs/<sha256>`: the bytes of all exports of the directory.
 */
export const MODELS = {
  exports: 'exports',
  blobs: 'blobs',
  /** The signed index of an export. It is written last. */
  index: 'export.index',
  metadata: 'metadata',
  desired: 'desired',
} as const;

/** What one export holds at most, so that its index stays one signed document. */
export const EXPORT_DEVICES = 400;
export const EXPORT_METADATA = 160;
export const EXPORT_BLOBS = 256;
/** Exports that are looked through in one directory. */
export const EXPORTS_PER_CARRIER = 64;

export const desiredFileName = (device: string): string => `${device}.desired`;
