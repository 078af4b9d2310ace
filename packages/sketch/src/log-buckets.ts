// Owns latency: counts in buckets of constant relative width. Never used for features (an offset hides everything).

import type { ByteReader, ByteWriter } from './codec.ts';
import { addCounts, subtractCounts, sumCounts } from './counts.ts';
import type { Sketch } from './sketch.ts';

/** Relative error of a quantile's value. */
export const LATENCY_ALPHA = 0.02;
const GAMMA = (1 + LATENCY_ALPHA) / (1 - LATENCY_ALPHA);
const LOG_GAMMA = Math.log(GAMMA);
const PER_LOG = 1 / LOG_GAMMA;
/** 100 s in microseconds. */
const LONGEST_US = 1e8;
/** Keys ⌈ln x/ln γ⌉ of 1 µs to 100 s are 0 to this. */
const LAST_KEY = Math.ceil(Math.log(LONGEST_US) * PER_LOG);
/** Bucket 0 is below 1 µs, then one a key, then one above 100 s. */
const BUCKETS = LAST_KEY + 3;

/**
 * DDSketch mapping (Masson, Rim, Lee; VLDB 2019, §2) on a fixed range: value of key k is 2γ^k/(γ+1). Ranks at bucket edges are exact.
 * Times are microseconds.
 */
export class LogBuckets implements Sketch<LogBuckets> {
  readonly counts = new Float64Array(BUCKETS);

  /** @param us any number; NaN is not counted. */
  add(us: number): void {
    let bucket = 0;
    if (us >= 1) bucket = us <= LONGEST_US ? Math.ceil(Math.log(us) * PER_LOG) + 1 : BUCKETS - 1;
    else if (!(us < 1)) return;
    this.counts[bucket] = (this.counts[bucket] as number) + 1;
  }

  get total(): number {
    return sumCounts(this.counts);
  }

  /** Below 1 µs. */
  get clampedBelow(): number {
    return this.counts[0] as number;
  }

  /** Above 100 s. */
  get clampedAbove(): number {
    return this.counts[BUCKETS - 1] as number;
  }

  /** The q-quantile in µs (rank ⌊q(n−1)⌋), within 2 % unless it is clamped to 1 µs or 100 s; undefined when empty. @param q 0 to 1. */
  quantile(q: number): number | undefined {
    const { total } = this;
    if (total === 0) return undefined;
    const rank = Math.floor(Math.min(1, Math.max(0, q)) * (total - 1));
    let below = 0;
    for (let bucket = 0; bucket < BUCKETS; bucket++) {
      below += this.counts[bucket] as number;
      if (below > rank) return representBucket(bucket);
    }
    return LONGEST_US;
  }

  merge(other: LogBuckets): void {
    addCounts(this.counts, other.counts);
  }

  subtract(other: LogBuckets): void {
    subtractCounts(this.counts, other.counts);
  }

  reset(): void {
    this.counts.fill(0);
  }

  write(writer: ByteWriter): void {
    writer.counts(this.counts);
  }

  /** Fills an empty instance. */
  read(reader: ByteReader): void {
    reader.counts(this.counts);
  }
}

function representBucket(bucket: number): number {
  if (bucket === 0) return 1;
  if (bucket === BUCKETS - 1) return LONGEST_US;
  return (2 * GAMMA ** (bucket - 1)) / (GAMMA + 1);
}

/** Upper edge of a bucket in µs: its values are at most this. */
export function upperEdgeOf(bucket: number): number {
  if (bucket === 0) return 1;
  return bucket >= BUCKETS - 1 ? Number.POSITIVE_INFINITY : GAMMA ** (bucket - 1);
}
