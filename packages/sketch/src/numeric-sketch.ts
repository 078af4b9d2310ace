// Owns everything that is counted of one numeric value of a window. Never decides whether that is drift.

import { BatchMeans } from './batch-means.ts';
import type { ByteReader, ByteWriter } from './codec.ts';
import { Moments } from './moments.ts';
import { type RefEdges, RefHist } from './ref-hist.ts';
import type { Sketch } from './sketch.ts';
import { Validity } from './validity.ts';

/** What a numeric sketch needs of the baseline. Hard limits are the float32 limits where the baseline states none. */
export interface NumericReference {
  readonly edges: RefEdges;
  readonly median: number;
  readonly iqr: number;
  readonly hardLow: number;
  readonly hardHigh: number;
}

/** Histogram, moments, validity and batch means of one numeric feature or of a regression output. */
export class NumericSketch implements Sketch<NumericSketch> {
  readonly hist: RefHist;
  readonly moments: Moments;
  readonly validity = new Validity();
  readonly batchMeans = new BatchMeans();
  private readonly hardLow: number;
  private readonly hardHigh: number;

  constructor(reference: NumericReference) {
    this.hist = new RefHist(reference.edges);
    this.moments = new Moments(reference.median, reference.iqr);
    this.hardLow = reference.hardLow;
    this.hardHigh = reference.hardHigh;
  }

  /** @param x a float32 value; NaN is not usable, for the reason in `cause`. Values outside the hard range are counted and left out of the rest. */
  add(x: number, cause: number): void {
    if (x >= this.hardLow && x <= this.hardHigh) {
      this.hist.add(x);
      this.batchMeans.add(this.moments.add(x));
      this.validity.follow(x);
    } else if (x < this.hardLow) this.validity.addBeyond(x, true);
    else if (x > this.hardHigh) this.validity.addBeyond(x, false);
    else this.validity.addNotANumber(cause);
  }

  /** All values, usable or not. */
  get seen(): number {
    return this.hist.total + this.validity.unusable;
  }

  /** Variance inflation of the mean from autocorrelation; NaN where it cannot be told. */
  get inflation(): number {
    return this.batchMeans.inflation(this.moments);
  }

  merge(other: NumericSketch): void {
    this.hist.merge(other.hist);
    this.moments.merge(other.moments);
    this.validity.merge(other.validity);
    this.batchMeans.merge(other.batchMeans);
  }

  subtract(other: NumericSketch): void {
    this.hist.subtract(other.hist);
    this.moments.subtract(other.moments);
    this.validity.subtract(other.validity);
    this.validity.capRun(this.moments.count);
    this.batchMeans.subtract(other.batchMeans);
  }

  reset(): void {
    this.hist.reset();
    this.moments.reset();
    this.validity.reset();
    this.batchMeans.reset();
  }

  write(writer: ByteWriter): void {
    writer.counts(this.hist.counts);
    this.moments.write(writer);
    this.batchMeans.write(writer, this.moments.count);
    this.validity.write(writer);
  }

  /** Fills an empty instance. */
  read(reader: ByteReader): void {
    const total = reader.counts(this.hist.counts);
    this.moments.read(reader, total);
    this.batchMeans.read(reader, total, this.moments.squaresLimit);
    this.validity.read(reader);
    if (this.validity.longestRun > total) reader.fail();
  }
}
