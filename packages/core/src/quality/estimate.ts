// Estimates the quality of answers that have no label, from how sure the model was of them and how often it was right when it was as
// sure: confidence-based performance estimation on the bins of the calibration, exact from counts. Cannot see concept drift.
import type { LabelledCounts } from '@drover/sketch/labelled';
import { SCORE_BINS } from '@drover/sketch/scores';
import { aroundShare, type Interval, wilson } from './interval.ts';
import { LEAST_ROWS } from './judge.ts';

/** By answered class and bin of its probability, at class·64 + bin: labelled rows, and of them the right ones. */
export interface Calibration {
  readonly classCount: number;
  readonly rows: Float64Array;
  readonly right: Float64Array;
}

export interface EstimatedMetric {
  readonly metric: 'accuracy' | 'precision' | 'recall' | 'f1' | 'auc';
  readonly of: number | undefined;
  readonly value: number;
  readonly interval: Interval | undefined;
}

export interface Estimate {
  readonly metrics: readonly EstimatedMetric[];
  readonly rows: number;
  readonly calibrationRows: number;
  /** How far scores lie from those of the calibration: PSI less what chance makes of so many rows. */
  readonly scorePsi: number;
  /** Share of rows in bins in which nothing was calibrated: they count as right half of the time. */
  readonly uncalibrated: number;
  /** Scores moved so far that the table is used where it was hardly measured; the intervals are widened. */
  readonly isExtrapolated: boolean;
}

/** PSI above this is a large shift by the usual reading, and here it is free of what chance makes. */
const LARGE_PSI = 0.25;
const LARGE_UNCALIBRATED = 0.05;

const total = (counts: Iterable<number>): number => {
  let sum = 0;
  for (const n of counts) sum += n;
  return sum;
};

/**
 * With two classes the probability of one tells that of the other: one table by the probability of class 1, so that a decision
 * threshold that is not one half needs no calibration of its own.
 */
function fold({ classCount, rows, right }: Calibration): Calibration {
  if (classCount !== 2) return { classCount, rows, right };
  const folded = { classCount, rows: new Float64Array(rows.length), right: new Float64Array(right.length) };
  for (let bin = 0; bin < SCORE_BINS; bin++) {
    const [one, other] = [SCORE_BINS + bin, SCORE_BINS - 1 - bin];
    const n = (rows[one] as number) + (rows[other] as number);
    const ones = (right[one] as number) + (rows[other] as number) - (right[other] as number);
    folded.rows[one] = folded.rows[other] = n;
    folded.right[one] = ones;
    folded.right[other] = n - ones;
  }
  return folded;
}

interface Part {
  readonly n: number;
  /** Expected right ones, and the variance of how many are. */
  readonly right: number;
  readonly variance: number;
}

/** Chance of a right answer in a bin, and its variance from so few calibration rows; Jeffreys' prior keeps both away from certainty. */
function chanceIn(m: number, right: number): { p: number; variance: number } {
  if (m === 0) return { p: 0.5, variance: 1 / 8 };
  const near = (right + 0.5) / (m + 1);
  return { p: right / m, variance: (near * (1 - near)) / m };
}

/** Expected right answers of one class. */
function partOf(table: Calibration, confidence: Float64Array, c: number): Part {
  let [n, right, variance] = [0, 0, 0];
  for (let at = c * SCORE_BINS; at < (c + 1) * SCORE_BINS; at++) {
    const here = confidence[at] as number;
    if (here === 0) continue;
    const chance = chanceIn(table.rows[at] as number, table.right[at] as number);
    n += here;
    right += here * chance.p;
    variance += here * here * chance.variance + here * chance.p * (1 - chance.p);
  }
  return { n, right, variance };
}

/** PSI of two histograms with ½ added to each bin, less its mean where both come from one distribution, (1/n + 1/m)(B − 1). */
function shiftOf(now: Float64Array, then: Float64Array): number {
  const bins = [...now.keys()].filter((bin) => (now[bin] as number) + (then[bin] as number) > 0);
  const [n, m] = [total(now), total(then)];
  let psi = 0;
  for (const bin of bins) {
    const p = ((now[bin] as number) + 0.5) / (n + bins.length / 2);
    const q = ((then[bin] as number) + 0.5) / (m + bins.length / 2);
    psi += (p - q) * Math.log(p / q);
  }
  return Math.max(0, psi - (1 / n + 1 / m) * (bins.length - 1));
}

/** Area under the ROC curve of what is expected in each bin of the probability of class 1, equal bins at half. */
function aucOf(table: Calibration, confidence: Float64Array): number {
  let [below, wins, positives, negatives] = [0, 0, 0, 0];
  for (let bin = 0; bin < SCORE_BINS; bin++) {
    const [one, other] = [SCORE_BINS + bin, SCORE_BINS - 1 - bin];
    const n = (confidence[one] as number) + (confidence[other] as number);
    const { p } = chanceIn(table.rows[one] as number, table.right[one] as number);
    wins += n * p * (below + (n * (1 - p)) / 2);
    below += n * (1 - p);
    positives += n * p;
    negatives += n * (1 - p);
  }
  return wins / (positives * negatives);
}

/** @param confidence as Scores counts it: answered class c, bin b of its probability at c·64 + b. */
export function estimate(calibration: Calibration, confidence: Float64Array): Estimate | undefined {
  const [rows, calibrationRows] = [total(confidence), total(calibration.rows)];
  if (rows < LEAST_ROWS || calibrationRows < LEAST_ROWS) return undefined;
  const table = fold(calibration);
  const scorePsi = shiftOf(confidence, calibration.rows);
  let blind = 0;
  for (const [at, n] of confidence.entries()) if (table.rows[at] === 0) blind += n;
  const uncalibrated = blind / rows;
  const isExtrapolated = scorePsi >= LARGE_PSI || uncalibrated >= LARGE_UNCALIBRATED;
  const wider = isExtrapolated ? Math.sqrt(1 + scorePsi) : 1;
  const metrics: EstimatedMetric[] = [];
  const add = (
    metric: EstimatedMetric['metric'],
    of: number | undefined,
    value: number,
    variance: number,
    n: number,
  ): void => {
    if (!Number.isFinite(value)) return;
    const least = Math.min(n, calibrationRows);
    const interval = aroundShare(value, wider * Math.sqrt(variance)) ?? wilson(value * least, least);
    metrics.push({ metric, of, value, interval });
  };
  const parts = Array.from({ length: table.classCount }, (_, c) => partOf(table, confidence, c));
  add(
    'accuracy',
    undefined,
    total(parts.map((p) => p.right)) / rows,
    total(parts.map((p) => p.variance)) / rows ** 2,
    rows,
  );
  if (table.classCount === 2) {
    const [no, yes] = parts as [Part, Part];
    const [hits, missed] = [yes.right, no.n - no.right];
    const positives = hits + missed;
    add(
      'recall', 1, hits / positives,
      (missed ** 2 * yes.variance + hits ** 2 * no.variance) / positives ** 4, positives,
    ); // biome-ignore format: the delta method on TP and FN
    const all = yes.n + positives;
    add(
      'f1', 1, (2 * hits) / all,
      (4 * ((all - hits) ** 2 * yes.variance + hits ** 2 * no.variance)) / all ** 4, positives,
    ); // biome-ignore format: the delta method on TP and FN
    const auc = aucOf(table, confidence);
    if (Number.isFinite(auc)) metrics.push({ metric: 'auc', of: undefined, value: auc, interval: undefined });
  }
  for (const [c, part] of parts.entries())
    if (table.classCount > 1 && part.n >= LEAST_ROWS)
      add('precision', c, part.right / part.n, part.variance / part.n ** 2, part.n);
  return { metrics, rows, calibrationRows, scorePsi, uncalibrated, isExtrapolated };
}

export interface LabelCheck {
  readonly labelled: number;
  /** Share of labelled rows that were right, and that the calibration expects to be. */
  readonly observed: number;
  readonly expected: number;
  /** In standard deviations, taking rows for independent. */
  readonly z: number;
  readonly isContradicted: boolean;
}

/** So far apart by chance is once in 16,000 where rows are independent; the rows of a device are less so. */
const CONTRADICTED_Z = 4;
const CONTRADICTED_BY = 0.02;

/** Whether labels agree with the calibration: where they do not, the concept has moved and the estimate is wrong. */
export function checkLabels(calibration: Calibration, { confidence, correct }: LabelledCounts): LabelCheck | undefined {
  const table = fold(calibration);
  let [rows, observed, expected, variance] = [0, 0, 0, 0];
  for (let bin = 0; bin < SCORE_BINS; bin++) {
    const here = confidence[bin] as number;
    let [m, right] = [0, 0];
    for (let c = 0; c < table.classCount; c++) {
      m += table.rows[c * SCORE_BINS + bin] as number;
      right += table.right[c * SCORE_BINS + bin] as number;
    }
    if (here === 0 || m === 0) continue;
    const chance = chanceIn(m, right);
    rows += here;
    observed += correct[bin] as number;
    expected += here * chance.p;
    variance += here * chance.p * (1 - chance.p) + here * here * chance.variance;
  }
  if (rows < LEAST_ROWS) return undefined;
  const apart = (observed - expected) / rows;
  const z = variance > 0 ? (observed - expected) / Math.sqrt(variance) : 0;
  const isContradicted = Math.abs(z) >= CONTRADICTED_Z && Math.abs(apart) >= CONTRADICTED_BY;
  return { labelled: rows, observed: observed / rows, expected: expected / rows, z, isContradicted };
}
