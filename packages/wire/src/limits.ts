// Owns every size limit of the wire, in bytes or counts. Never enforces them: readers and the byte guard do.

/** MQTT packet limits: before authentication and after (DESIGN.md §5). */
export const CONNECT_BYTES = 4 * 1024;
export const PUBLISH_BYTES = 512 * 1024;

/** Largest payload by message kind. */
export const PAYLOAD_BYTES = {
  hello: 64 * 1024,
  state: 64 * 1024,
  up: 256 * 1024,
  gone: 1024,
  req: 1024,
  desired: 384 * 1024,
  ack: 64 * 1024,
  cmd: 64 * 1024,
  beat: 1024,
  metadataReq: 1024,
  metadata: 513 * 1024,
} as const;

/** Largest file of release metadata; each role has its own, smaller limit (packages/trust, tuf). */
export const METADATA_BYTES = 512 * 1024;
/** A file name of release metadata: version, role, `.json`. */
export const METADATA_NAME_CHARS = 160;

/** An artifact travels in chunks of this many bytes; the last one may be shorter. */
export const CHUNK_BYTES = 256 * 1024;
/** Over a slow link a chunk travels in pieces of this many bytes, so that a command never waits for a whole one. */
export const PIECE_BYTES = 32 * 1024;
/** Chunks that one `req` without a bitmap may ask for. */
export const CHUNKS_PER_REQ = 16;
/** Chunks that the bitmap of one `req` may tell of. */
export const BITMAP_BYTES = 896;

/** One encoded outbox entry. */
export const ENTRY_BYTES = 64 * 1024;
export const ENTRIES_PER_UP = 1024;
export const SLOTS_PER_DEVICE = 16;
export const FEATURES = 16;
/** Captured rows in one entry, and values of one kind in a row. */
export const SAMPLES_PER_ENTRY = 256;
export const VALUES_PER_SAMPLE = 4096;
/** Reasons that one health report counts. */
export const REASON_COUNTS = 32;
/** Other readings in a report of health. */
export const READINGS = 32;
export const TEXT_CHARS = 1024;
export const LABELS_PER_CMD = 256;
export const SIGNATURES = 8;
export const SIGNED_PAYLOAD_BYTES = 128 * 1024;
/** Artifacts that one desired message has ways for, and ways to one of them. */
export const OFFERS = 64;
export const SOURCES_PER_OFFER = 8;
export const URL_CHARS = 2048;
/** All manifests that one desired message carries, as encoded envelopes; the rest is for the document itself. */
export const MANIFESTS_BYTES = PAYLOAD_BYTES.desired - 64 * 1024;
