// Owns what is counted of class probabilities: bins per class, predicted classes, confidence. Never sees a label.

import type { ByteReader, ByteWriter } from './codec.ts';
import { addCounts, subtractCounts, sumCounts } from './counts.ts';
import type { Sketch } from './sketch.ts';

/** Equal bins on [0, 1]; they are also the calibration bins. Bin 63 holds 1. */
export const SCORE_BINS = 64;
export const MAX_CLASSES = 256;

/** @param p 0 to 1. */
export const scoreBinOf = (p: number, bins: number): number => (p >= 1 ? bins - 1 : Math.floor(p * bins));

/** Score statistics of a classifier with a fixed number of classes. */
export class Scores implements Sketch<Scores> {
  readonly classCount: number;
  /** Class c, bin b at c·64 + b: how often the probability of c fell into b. */
  readonly counts: Float64Array;
  /** Predicted class c, bin b at c·64 + b: probability of the predicted class, for estimates of performance without labels. */
  readonly confidence: Float64Array;
  /** Rows whose probabilities were not all within [0, 1]. */
  private readonly refused = new Float64Array(1);

  /** @throws RangeError outside 2..256 classes. */
  constructor(classCount: number) {
    if (!Number.isInteger(classCount) || classCount < 2 || classCount > MAX_CLASSES)
      throw new RangeError('number of classes');
    this.classCount = classCount;
    this.counts = new Float64Array(classCount * SCORE_BINS);
    this.confidence = new Float64Array(classCount * SCORE_BINS);
  }

  /**
   * Adds one row. @param k how many numbers: one for each class, or 1 for two classes (probability of the second).
   * @param predicted class that was answered; the most probable one, the first of equals, if it is not given.
   */
  add(probabilities: ArrayLike<number>, offset: number, k: number, predicted = -1): void {
    const classes = this.classCount;
    const single = k === 1 && classes === 2;
    if (!single && k !== classes) throw new RangeError(`${k} probabilities for ${classes} classes`);
    let best = 0;
    let highest = -1;
    for (let c = 0; c < classes; c++) {
      const p = single ? probabilityOf(probabilities[offset] as number, c) : (probabilities[offset + c] as number);
      if (!(p >= 0 && p <= 1)) {
        this.refused[0] = this.invalid + 1;
        return;
      }
      if (p > highest) {
        highest = p;
        best = c;
      }
    }
    for (let c = 0; c < classes; c++) {
      const p = single ? probabilityOf(probabilities[offset] as number, c) : (probabilities[offset + c] as number);
      const place = c * SCORE_BINS + scoreBinOf(p, SCORE_BINS);
      this.counts[place] = (this.counts[place] as number) + 1;
      if (c === predicted) highest = p;
    }
    const answered = predicted >= 0 && predicted < classes ? predicted : best;
    const place = answered * SCORE_BINS + scoreBinOf(highest, SCORE_BINS);
    this.confidence[place] = (this.confidence[place] as number) + 1;
  }

  /** Rows counted. */
  get total(): number {
    return sumCounts(this.confidence);
  }

  get invalid(): number {
    return this.refused[0] as number;
  }

  /** How often class c was answered. */
  predictedCount(c: number): number {
    return sumCounts(this.confidence, c * SCORE_BINS, (c + 1) * SCORE_BINS);
  }

  merge(other: Scores): void {
    addCounts(this.counts, other.counts);
    addCounts(this.confidence, other.confidence);
    addCounts(this.refused, other.refused);
  }

  subtract(other: Scores): void {
    subtractCounts(this.counts, other.counts);
    subtractCounts(this.confidence, other.confidence);
    subtractCounts(this.refused, other.refused);
  }

  reset(): void {
    this.counts.fill(0);
    this.confidence.fill(0);
    this.refused.fill(0);
  }

  /** Class by class, because the bins of one class are alike in size. */
  write(writer: ByteWriter): void {
    writer.varint(this.invalid);
    for (let c = 0; c < this.classCount; c++) {
      writer.counts(this.counts.subarray(c * SCORE_BINS, (c + 1) * SCORE_BINS));
      writer.counts(this.confidence.subarray(c * SCORE_BINS, (c + 1) * SCORE_BINS));
    }
  }

  /** Fills an empty instance. */
  read(reader: ByteReader): void {
    this.refused[0] = reader.varint();
    let rows = -1;
    let answered = 0;
    for (let c = 0; c < this.classCount && !reader.failed; c++) {
      const inClass = reader.counts(this.counts.subarray(c * SCORE_BINS, (c + 1) * SCORE_BINS));
      answered += reader.counts(this.confidence.subarray(c * SCORE_BINS, (c + 1) * SCORE_BINS));
      if (rows >= 0 && inClass !== rows) reader.fail();
      rows = inClass;
    }
    // Every row has one probability for each class and one answer.
    if (answered !== rows) reader.fail();
  }
}

const probabilityOf = (second: number, c: number): number => (c === 1 ? second : 1 - second);
