// Owns what is counted where the true label became known, with its own bytes because labels come late. Never joins labels.

import { ByteReader, ByteWriter } from './codec.ts';
import { addCounts, subtractCounts, sumCounts } from './counts.ts';
import { accept, refuse, type SketchResult } from './result.ts';
import { MAX_CLASSES, SCORE_BINS, scoreBinOf } from './scores.ts';
import { type BaselinePrefix, NO_BASELINE, readHeader, type Sketch, writeHeader } from './sketch.ts';

/** Bins of the score per true class of a binary model. */
export const AUC_BINS = 1024;
/** Bins per unit of ln(p / (1 − p)), so that they reach from −16 to 16 and each spans 3.2 % of the odds. */
const BINS_PER_LOGIT = 32;

/**
 * The bin of a probability, equally wide in the logarithm of the odds: where failures are rare nearly all scores lie close to 0,
 * and bins of equal width in p would take most pairs for ties (measured on AI4I: AUC .961 for 512 of those, .956 exact).
 */
export function oddsBinOf(p: number): number {
  const bin = Math.floor((Math.log(p / (1 - p)) + AUC_BINS / (2 * BINS_PER_LOGIT)) * BINS_PER_LOGIT);
  return bin < 0 ? 0 : bin >= AUC_BINS ? AUC_BINS - 1 : bin;
}
/** Probabilities are kept this far from 0 and 1 in the logarithm: one certain mistake costs 34.5 and not infinity. */
const LOG_FLOOR = 1e-15;

export type LabelledShape =
  | { readonly kind: 'classification'; readonly classCount: number }
  | { readonly kind: 'regression' };

const CLASS_SUMS = 2;
const REGRESSION_SUMS = 4;

/** Amounts by true label. Sums of reals in `sums`, counts in the rest; the arrays of the other kind are empty. */
export class LabelledCounts implements Sketch<LabelledCounts> {
  readonly shape: LabelledShape;
  readonly prefix: BaselinePrefix;
  /** True class t, predicted class p at t·K + p. */
  readonly confusion: Float64Array;
  /** Two classes only: score of class 1 in 1024 bins of its log odds, rows of true class 0 first, then of true class 1. */
  readonly scoreByLabel: Float64Array;
  /** 64 bins of the probability of the predicted class: rows, and of them the right ones. */
  readonly confidence: Float64Array;
  readonly correct: Float64Array;
  /** Classification: log loss, Brier score. Regression: n, Σ error, Σ |error|, Σ error². */
  private readonly sums: Float64Array;

  /** @param prefix of the baseline that names the classes. @throws RangeError outside 2..256 classes. */
  constructor(shape: LabelledShape, prefix: BaselinePrefix = NO_BASELINE) {
    this.shape = shape;
    this.prefix = prefix;
    const k = shape.kind === 'classification' ? shape.classCount : 0;
    if (shape.kind === 'classification' && !(Number.isInteger(k) && k >= 2 && k <= MAX_CLASSES)) {
      throw new RangeError('number of classes');
    }
    this.confusion = new Float64Array(k * k);
    this.scoreByLabel = new Float64Array(k === 2 ? 2 * AUC_BINS : 0);
    this.confidence = new Float64Array(k === 0 ? 0 : SCORE_BINS);
    this.correct = new Float64Array(k === 0 ? 0 : SCORE_BINS);
    this.sums = new Float64Array(k === 0 ? REGRESSION_SUMS : CLASS_SUMS);
  }

  /**
   * One classified row. Brier is Σ over classes of (p − [true])², 0 to 2. Probabilities outside [0, 1] and classes that do not exist
   * are refused with false and count nothing.
   */
  addClass(label: number, predicted: number, probabilities: ArrayLike<number>, offset: number): boolean {
    const k = this.shape.kind === 'classification' ? this.shape.classCount : 0;
    if (
      !(
        Number.isInteger(label) &&
        Number.isInteger(predicted) &&
        label >= 0 &&
        label < k &&
        predicted >= 0 &&
        predicted < k
      )
    ) {
      return false;
    }
    let brier = 0;
    for (let c = 0; c < k; c++) {
      const p = probabilities[offset + c] as number;
      if (!(p >= 0 && p <= 1)) return false;
      brier += (p - (c === label ? 1 : 0)) ** 2;
    }
    increment(this.confusion, label * k + predicted);
    const bin = scoreBinOf(probabilities[offset + predicted] as number, SCORE_BINS);
    increment(this.confidence, bin);
    if (label === predicted) increment(this.correct, bin);
    if (k === 2) increment(this.scoreByLabel, label * AUC_BINS + oddsBinOf(probabilities[offset + 1] as number));
    const certain = Math.max(LOG_FLOOR, probabilities[offset + label] as number);
    this.sums[0] = (this.sums[0] as number) - Math.log(certain);
    this.sums[1] = (this.sums[1] as number) + brier;
    return true;
  }

  /** One regression row; error is predicted − label. Anything not finite is refused with false. */
  addValue(label: number, predicted: number): boolean {
    const error = predicted - label;
    if (this.shape.kind !== 'regression' || !(Math.abs(error) <= MAX_ERROR)) return false;
    increment(this.sums, 0);
    this.sums[1] = (this.sums[1] as number) + error;
    this.sums[2] = (this.sums[2] as number) + Math.abs(error);
    this.sums[3] = (this.sums[3] as number) + error * error;
    return true;
  }

  /** Labelled rows. */
  get count(): number {
    return this.shape.kind === 'regression' ? (this.sums[0] as number) : sumCounts(this.confusion);
  }

  /** NaN when empty or not a classification, here and below. Mean −ln(probability of the true class). */
  get logLoss(): number {
    return this.shape.kind === 'classification' ? (this.sums[0] as number) / this.count : Number.NaN;
  }

  get brier(): number {
    return this.shape.kind === 'classification' ? (this.sums[1] as number) / this.count : Number.NaN;
  }

  get accuracy(): number {
    if (this.shape.kind !== 'classification') return Number.NaN;
    return sumCounts(this.correct) / this.count;
  }

  /** Mean error, mean absolute error, root mean square error; NaN when empty or not a regression. */
  get errors(): { readonly bias: number; readonly mae: number; readonly rmse: number } {
    if (this.shape.kind !== 'regression') return { bias: Number.NaN, mae: Number.NaN, rmse: Number.NaN };
    const [n = 0, sum = 0, absolute = 0, squares = 0] = this.sums;
    return { bias: sum / n, mae: absolute / n, rmse: Math.sqrt(squares / n) };
  }

  /**
   * Area under the ROC curve, ties (equal bins) at half. The AUC of the unbinned scores differs by at most `bound`: half of the
   * share of pairs that meet in one bin. Undefined unless both of two classes occur.
   */
  get auc(): { readonly auc: number; readonly bound: number } | undefined {
    if (this.scoreByLabel.length === 0) return undefined;
    const negatives = sumCounts(this.scoreByLabel, 0, AUC_BINS);
    const positives = sumCounts(this.scoreByLabel, AUC_BINS);
    if (negatives === 0 || positives === 0) return undefined;
    let below = 0;
    let wins = 0;
    let ties = 0;
    for (let bin = 0; bin < AUC_BINS; bin++) {
      const negative = (this.scoreByLabel[bin] as number) / negatives;
      const positive = (this.scoreByLabel[AUC_BINS + bin] as number) / positives;
      wins += positive * below;
      ties += positive * negative;
      below += negative;
    }
    return { auc: wins + ties / 2, bound: ties / 2 };
  }

  fits(other: LabelledCounts): boolean {
    return this.prefix === other.prefix && this.confusion.length === other.confusion.length;
  }

  /** @throws RangeError unless `fits`. */
  merge(other: LabelledCounts): void {
    this.requireFit(other);
    for (const [mine, theirs] of this.pairs(other)) addCounts(mine, theirs);
  }

  /** @throws RangeError unless `fits`. */
  subtract(other: LabelledCounts): void {
    this.requireFit(other);
    for (const [mine, theirs] of this.pairs(other)) subtractCounts(mine, theirs);
    // Rounding leaves no residue where there is nothing, and no negative sum of what is never negative.
    if (this.count === 0) this.sums.fill(0);
    for (let i = this.shape.kind === 'regression' ? 2 : 0; i < this.sums.length; i++) {
      this.sums[i] = Math.max(0, this.sums[i] as number);
    }
  }

  reset(): void {
    for (const [mine] of this.pairs(this)) mine.fill(0);
  }

  encode(): Uint8Array {
    const writer = new ByteWriter();
    writeHeader(writer, 'labelled', this.prefix);
    const { shape } = this;
    writer.varint(shape.kind === 'regression' ? 0 : shape.classCount);
    if (shape.kind === 'regression') {
      writer.varint(this.count);
      for (let i = 1; i < REGRESSION_SUMS; i++) writer.float64(this.sums[i] as number);
      return writer.finish();
    }
    for (const counts of [this.confusion, this.scoreByLabel, this.confidence, this.correct]) writer.counts(counts);
    for (const sum of this.sums) writer.float64(sum);
    return writer.finish();
  }

  /** Fills an empty instance from what follows the shape; the caller looks at `reader.failed`. */
  read(reader: ByteReader): void {
    if (this.shape.kind === 'regression') {
      const n = reader.varint();
      this.sums[0] = n;
      this.sums[1] = readSum(reader, -n * MAX_ERROR, n * MAX_ERROR);
      this.sums[2] = readSum(reader, 0, n * MAX_ERROR);
      this.sums[3] = readSum(reader, 0, n * MAX_ERROR * MAX_ERROR);
      return;
    }
    const k = this.shape.classCount;
    const count = reader.counts(this.confusion);
    const scored = reader.counts(this.scoreByLabel);
    if (this.scoreByLabel.length > 0 && scored !== count) reader.fail();
    if (reader.counts(this.confidence) !== count) reader.fail();
    reader.counts(this.correct);
    if (this.correct.some((right, bin) => right > (this.confidence[bin] as number))) reader.fail();
    this.sums[0] = readSum(reader, 0, -count * Math.log(LOG_FLOOR));
    this.sums[1] = readSum(reader, 0, count * k);
  }

  private requireFit(other: LabelledCounts): void {
    if (!this.fits(other)) throw new RangeError('labelled counts of two models met');
  }

  private pairs(other: LabelledCounts): readonly (readonly [Float64Array, Float64Array])[] {
    return [
      [this.confusion, other.confusion],
      [this.scoreByLabel, other.scoreByLabel],
      [this.confidence, other.confidence],
      [this.correct, other.correct],
      [this.sums, other.sums],
    ];
  }
}

/** Any bytes are answered, never thrown on; at most 256 classes are allocated. */
export function decodeLabelled(bytes: Uint8Array): SketchResult<LabelledCounts> {
  const reader = new ByteReader(bytes);
  const header = readHeader(reader, 'labelled');
  if (!header.ok) return header;
  const k = reader.varint(MAX_CLASSES);
  if (reader.failed || k === 1) return refuse('sketch_malformed', 'number of classes');
  const shape: LabelledShape = k === 0 ? { kind: 'regression' } : { kind: 'classification', classCount: k };
  const labelled = new LabelledCounts(shape, header.prefix);
  labelled.read(reader);
  if (reader.failed) return refuse('sketch_malformed', 'labelled counts cut short or damaged');
  return reader.atEnd ? accept(labelled) : refuse('sketch_malformed', 'bytes follow the labelled counts');
}

/** Errors beyond this are not summed: their square is not finite. */
const MAX_ERROR = 1e100;

/** A sum of reals within what its count allows, with room for rounding. */
function readSum(reader: ByteReader, low: number, high: number): number {
  const sum = reader.float64();
  return sum >= low - 1e-9 * high && sum <= high + 1e-9 * high ? sum : reader.fail();
}

function increment(counts: Float64Array, place: number): void {
  counts[place] = (counts[place] as number) + 1;
}
