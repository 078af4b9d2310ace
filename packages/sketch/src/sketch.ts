// Owns the laws that every statistic here obeys, and the first bytes of everything encoded. Never counts anything itself.

import type { ByteReader, ByteWriter } from './codec.ts';
import { refuse, type SketchRefusal } from './result.ts';

/**
 * A summary of a multiset of observations. With `zero` a fresh or `reset` instance of the same shape:
 *  - `zero.merge(a)` equals `a`; merge is commutative and associative;
 *  - counts of `merge(a, b)` equal the counts of all observations of `a` and `b` together;
 *  - `subtract` undoes `merge` for everything that is a sum.
 * Counts are whole numbers in doubles and obey the laws exactly up to 2^53. Sums of real numbers obey them up to rounding,
 * so roll-ups add in one fixed order. Extremes (minimum, maximum, longest run) cannot be subtracted: they stay as bounds. What a sample dropped stays dropped.
 * Only sketches of one shape may meet; another shape is a broken invariant (RangeError) that the window checks before.
 */
export interface Sketch<Self> {
  merge(other: Self): void;
  subtract(other: Self): void;
  reset(): void;
}

/** What each encoded thing starts with: a letter for its kind, its version, and 8 bytes of the SHA-256 of its baseline. */
export type SketchKind = 'window' | 'labelled';

const KIND_BYTE: Record<SketchKind, number> = { window: 0x57, labelled: 0x4c };
/** Of a window with what features are together, of one that also tells unknown categories apart, and of everything else: readers of an earlier version know no such part. */
export const UNSEEN_VERSION = 3;
export const TOGETHER_VERSION = 2;
export const SKETCH_VERSION = 1;
const PREFIX_BYTES = 8;

/** The first 8 bytes of a baseline's SHA-256 as 16 lower-case hex digits; zeros stand for "no baseline". */
export type BaselinePrefix = string;
export const NO_BASELINE: BaselinePrefix = '0'.repeat(2 * PREFIX_BYTES);

/** @param digest SHA-256 of the baseline bytes, 64 hex digits. @throws RangeError if it is anything else. */
export function takeBaselinePrefix(digest: string): BaselinePrefix {
  if (!/^[0-9a-f]{64}$/.test(digest)) throw new RangeError('a baseline digest is 64 lower-case hex digits');
  return digest.slice(0, 2 * PREFIX_BYTES);
}

export function writeHeader(
  writer: ByteWriter,
  kind: SketchKind,
  prefix: BaselinePrefix,
  version = SKETCH_VERSION,
): void {
  writer.byte(KIND_BYTE[kind]);
  writer.byte(version);
  for (let i = 0; i < PREFIX_BYTES; i++) writer.byte(Number.parseInt(prefix.slice(2 * i, 2 * i + 2), 16));
}

/** Reads kind and version; the answer is the version with the baseline prefix, or the refusal. */
export function readHeader(
  reader: ByteReader,
  kind: SketchKind,
): { readonly ok: true; readonly prefix: BaselinePrefix; readonly version: number } | SketchRefusal {
  if (reader.byte() !== KIND_BYTE[kind] || reader.failed) return refuse('sketch_malformed', `not a ${kind} sketch`);
  const version = reader.byte();
  if (reader.failed) return refuse('sketch_malformed', 'no version');
  const newest = kind === 'window' ? UNSEEN_VERSION : SKETCH_VERSION;
  if (version < SKETCH_VERSION || version > newest)
    return refuse('sketch_version', `version ${version}, known is ${newest}`);
  let prefix = '';
  for (let i = 0; i < PREFIX_BYTES; i++) prefix += reader.byte().toString(16).padStart(2, '0');
  if (reader.failed) return refuse('sketch_malformed', 'header cut short');
  return { ok: true, prefix, version };
}
