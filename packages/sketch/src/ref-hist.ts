// Owns where a value falls between the cut points of a baseline, and the counts per bin. Never moves a cut point.

import { addCounts, subtractCounts, sumCounts } from './counts.ts';
import type { Sketch } from './sketch.ts';

/** Cut points (and bins) beyond the reference range on each side, not counting the bin that is open to infinity. */
export const TAIL_BINS = 3;
export const MAX_REF_BINS = 64;
/** 3 tail cuts, the reference range with its two ends, 3 tail cuts. */
export const MAX_CUTS = MAX_REF_BINS + 1 + 2 * TAIL_BINS;
export const MIN_CUTS = 2 + 2 * TAIL_BINS;

/** Cells of the lookup table over the reference range, one byte each: sixteen for each bin. */
const CELLS = 1024;
/** Cuts in one cell that are passed one by one. */
const LONGEST_STEP = 3;

/**
 * Cut points ready for lookup; shared by all sketches of one feature. `cuts` ascend strictly and are float32 values. Bin i holds
 * cuts[i-1] <= x < cuts[i]; bin 0 is open below and the last one above, so there is one bin more than cuts.
 */
export class RefEdges {
  readonly cuts: Float64Array;
  readonly binCount: number;
  /** First reference bin, and the one after the last. */
  readonly refFrom = TAIL_BINS + 1;
  readonly refTo: number;
  private readonly low: number;
  private readonly high: number;
  private readonly scale: number;
  private readonly table = new Uint8Array(CELLS + 2);

  /** @throws RangeError if the cuts are not MIN_CUTS..MAX_CUTS finite ascending numbers; parsing a baseline checks that before. */
  constructor(cuts: readonly number[]) {
    if (cuts.length < MIN_CUTS || cuts.length > MAX_CUTS) throw new RangeError('number of cut points');
    for (let i = 0; i < cuts.length; i++) {
      if (!Number.isFinite(cuts[i]) || (i > 0 && !((cuts[i] as number) > (cuts[i - 1] as number)))) {
        throw new RangeError('cut points must be finite and ascend');
      }
    }
    this.cuts = Float64Array.from(cuts);
    this.binCount = cuts.length + 1;
    this.refTo = cuts.length - TAIL_BINS;
    this.low = cuts[TAIL_BINS] as number;
    this.high = cuts[this.refTo - 1] as number;
    this.scale = CELLS / (this.high - this.low);
    // The cell is monotone in x whatever the rounding, so cuts in an earlier cell are below x and cuts in a later one above it.
    for (let cell = 0; cell < this.table.length; cell++) {
      let below = this.refFrom;
      while (below < this.refTo && this.cellOf(this.cuts[below] as number) < cell) below++;
      this.table[cell] = below;
    }
  }

  /** The bin of a finite x. */
  indexOf(x: number): number {
    const { cuts } = this;
    if (x >= this.low && x < this.high) {
      const cell = ((x - this.low) * this.scale) | 0;
      let from = this.table[cell] as number;
      let to = this.table[cell + 1] as number;
      // Few cells hold a cut, so the step below is one foreseeable comparison; only crowded cells of long tails are halved.
      while (to - from > LONGEST_STEP) {
        const middle = (from + to) >> 1;
        if (x >= (cuts[middle] as number)) from = middle + 1;
        else to = middle;
      }
      // Ends at the high cut at the latest, which is above x.
      while (x >= (cuts[from] as number)) from++;
      return from;
    }
    let bin = x < this.low ? 0 : this.refTo;
    const end = bin + TAIL_BINS;
    while (bin < end && x >= (cuts[bin] as number)) bin++;
    return bin;
  }

  private cellOf(x: number): number {
    return ((x - this.low) * this.scale) | 0;
  }
}

/** Counts on the bins of one RefEdges. */
export class RefHist implements Sketch<RefHist> {
  readonly edges: RefEdges;
  readonly counts: Float64Array;

  constructor(edges: RefEdges) {
    this.edges = edges;
    this.counts = new Float64Array(edges.binCount);
  }

  /** @param x finite. */
  add(x: number): void {
    const bin = this.edges.indexOf(x);
    this.counts[bin] = (this.counts[bin] as number) + 1;
  }

  get total(): number {
    return sumCounts(this.counts);
  }

  /** Values below the reference range (the low tail bins with the open one). */
  get belowReference(): number {
    return sumCounts(this.counts, 0, this.edges.refFrom);
  }

  get aboveReference(): number {
    return sumCounts(this.counts, this.edges.refTo);
  }

  merge(other: RefHist): void {
    addCounts(this.counts, other.counts);
  }

  subtract(other: RefHist): void {
    subtractCounts(this.counts, other.counts);
  }

  reset(): void {
    this.counts.fill(0);
  }
}
