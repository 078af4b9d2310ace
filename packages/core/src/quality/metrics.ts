// Decides what labels say of a model: every number of quality that their counts define, with how many rows it rests on and, where
// counts of rows give one, its interval. Never guesses a number that is not defined.
import { AUC_BINS, type LabelledCounts } from '@drover/sketch/labelled';
import { SCORE_BINS } from '@drover/sketch/scores';
import { aroundNumber, aroundShare, type Interval, wilson } from './interval.ts';

export type MetricName =
  | 'accuracy'
  | 'balancedAccuracy'
  | 'precision'
  | 'recall'
  | 'f1'
  | 'auc'
  | 'ece'
  | 'brier'
  | 'mae'
  | 'rmse'
  | 'bias';

export interface Measured {
  readonly metric: MetricName;
  /** Number of the class; undefined of all: for precision, recall and F1 the mean over classes that occur. */
  readonly of: number | undefined;
  /** NaN where the counts do not define it. */
  readonly value: number;
  /** Rows that it rests on: the fewest of those that it divides by. */
  readonly n: number;
  /** Taking rows for independent; undefined where counts do not tell. */
  readonly rows: Interval | undefined;
  /** What a perfect model would show by chance. */
  readonly byChance?: number;
  /** It lies within 0 and 1. */
  readonly isShare: boolean;
}

const sum = (values: Iterable<number>): number => {
  let total = 0;
  for (const value of values) total += value;
  return total;
};
const mean = (values: readonly number[]): number => sum(values) / values.length;
const share = (of: Omit<Measured, 'isShare'>): Measured => ({ ...of, isShare: true });

/** Hits of n, with Wilson's interval. */
const portion = (metric: MetricName, of: number | undefined, hits: number, n: number): Measured =>
  share({ metric, of, value: hits / n, n, rows: n > 0 ? wilson(hits, n) : undefined });

/** F1 = 2J/(1 + J) of J = TP/(TP + FP + FN), a share of the rows that are or were called so. */
function f1Of(of: number, hits: number, actual: number, answered: number): Measured {
  const either = actual + answered - hits;
  const limits = either > 0 ? wilson(hits, either) : undefined;
  const turn = (j: number): number => (2 * j) / (1 + j);
  return share({
    metric: 'f1',
    of,
    value: turn(hits / either),
    n: actual,
    rows: limits && { low: turn(limits.low), high: turn(limits.high) },
  });
}

/** The mean over classes; their rows are others, so that variances add up. A class with none wrong keeps a variance (Agresti and Coull 1998). */
function meanOf(metric: MetricName, parts: readonly Measured[], areDisjoint = true): Measured {
  const value = mean(parts.map((part) => part.value));
  const variance = sum(
    parts.map(({ value: p, n }) => {
      const near = (p * n + 2) / (n + 4);
      return (near * (1 - near)) / n;
    }),
  );
  return share({
    metric,
    of: undefined,
    value,
    n: Math.min(...parts.map(({ n }) => n)),
    rows: areDisjoint ? aroundShare(value, Math.sqrt(variance) / parts.length) : undefined,
  });
}

/** Variance of an area under the ROC curve from its placements (DeLong et al. 1988), with equal bins at half. */
function aucOf({ scoreByLabel, auc }: LabelledCounts): Measured {
  const negatives = sum(scoreByLabel.subarray(0, AUC_BINS));
  const positives = sum(scoreByLabel.subarray(AUC_BINS));
  const value = auc?.auc ?? Number.NaN;
  const n = Math.min(negatives, positives);
  if (auc === undefined || n < 2) return share({ metric: 'auc', of: undefined, value, n, rows: undefined });
  let [below, above, ofPositives, ofNegatives] = [0, positives, 0, 0];
  for (let bin = 0; bin < AUC_BINS; bin++) {
    const [negative, positive] = [scoreByLabel[bin] as number, scoreByLabel[AUC_BINS + bin] as number];
    above -= positive;
    ofPositives += positive * ((below + negative / 2) / negatives - value) ** 2;
    ofNegatives += negative * ((above + positive / 2) / positives - value) ** 2;
    below += negative;
  }
  const variance = ofPositives / (positives - 1) / positives + ofNegatives / (negatives - 1) / negatives;
  return share({ metric: 'auc', of: undefined, value, n, rows: aroundShare(value, Math.sqrt(variance)) });
}

/** Bins that one bin of the calibration error is made of: 16 of them, because each adds what chance makes. */
const ECE_STEP = 4;

/** Expected calibration error (Naeini et al. 2015): by how much confidence differs from the share that was right, over bins of it. */
function eceOf({ confidence, correct, count }: LabelledCounts): Measured {
  let [error, byChance] = [0, 0];
  for (let from = 0; from < SCORE_BINS; from += ECE_STEP) {
    let [n, right, expected] = [0, 0, 0];
    for (let bin = from; bin < from + ECE_STEP; bin++) {
      n += confidence[bin] as number;
      right += correct[bin] as number;
      expected += ((confidence[bin] as number) * (bin + 0.5)) / SCORE_BINS;
    }
    error += Math.abs(right - expected) / count;
    // E|X| of a normal with the variance of a binomial.
    if (n > 0) byChance += Math.sqrt(((2 / Math.PI) * expected * (1 - expected / n)) / count ** 2);
  }
  return share({ metric: 'ece', of: undefined, value: error, n: count, rows: undefined, byChance });
}

function measureClasses(counts: LabelledCounts, k: number): Measured[] {
  const { confusion, count } = counts;
  const classes = Array.from({ length: k }, (_, c) => c);
  const actual = classes.map((c) => sum(confusion.subarray(c * k, (c + 1) * k)));
  const answered = classes.map((c) => sum(classes.map((t) => confusion[t * k + c] as number)));
  const hits = classes.map((c) => confusion[c * k + c] as number);
  const of = (c: number) => [hits[c] as number, actual[c] as number, answered[c] as number] as const;
  const recalls = classes.map((c) => portion('recall', c, of(c)[0], of(c)[1]));
  const precisions = classes.map((c) => portion('precision', c, of(c)[0], of(c)[2]));
  const f1s = classes.map((c) => f1Of(c, ...of(c)));
  const occur = (parts: readonly Measured[]): Measured[] => parts.filter((_, c) => (actual[c] as number) > 0);
  return [
    portion('accuracy', undefined, sum(hits), count),
    meanOf('balancedAccuracy', occur(recalls)),
    meanOf('precision', occur(precisions)),
    meanOf('f1', occur(f1s), false),
    ...(k === 2 ? [aucOf(counts)] : []),
    eceOf(counts),
    // Of a sum over two classes, 0 to 2.
    { ...share({ metric: 'brier', of: undefined, value: counts.brier, n: count, rows: undefined }), isShare: false },
    ...classes.flatMap((c) => [precisions[c], recalls[c], f1s[c]].filter((part) => part !== undefined)),
  ];
}

function measureErrors({ errors, count }: LabelledCounts): Measured[] {
  const { mae, rmse, bias } = errors;
  const deviation = (ofMean: number): number => Math.sqrt(Math.max(0, rmse * rmse - ofMean * ofMean) / (count - 1));
  const number = (metric: MetricName, value: number, rows?: Interval): Measured => ({
    metric,
    of: undefined,
    value,
    n: count,
    rows,
    isShare: false,
  });
  return [
    number('mae', mae, aroundNumber(mae, deviation(mae))),
    number('rmse', rmse),
    number('bias', bias, aroundNumber(bias, deviation(bias))),
  ];
}

/** In the same order for the same shape. */
export const measure = (counts: LabelledCounts): Measured[] =>
  counts.shape.kind === 'regression' ? measureErrors(counts) : measureClasses(counts, counts.shape.classCount);

/** What always answering the most frequent class would have scored on the same rows; undefined of a regression. */
export function majorityOf({ shape, confusion, count }: LabelledCounts): number | undefined {
  if (shape.kind === 'regression' || count === 0) return undefined;
  const k = shape.classCount;
  const totals = Array.from({ length: k }, (_, t) => sum(confusion.subarray(t * k, (t + 1) * k)));
  return Math.max(...totals) / count;
}
