// Measures predictions against truth: classification, ranking, probability and regression metrics, and where to put the
// decision threshold. Pure; a metric that the rows cannot give (AUC of one class) is left out, never guessed.
import { chooseClasses } from './task.ts';

export type Metrics = Readonly<Record<string, number>>;

export interface ClassReport {
  readonly metrics: Metrics;
  /** Rows = truth, columns = prediction, in class order. */
  readonly confusion: readonly (readonly number[])[];
}

/** Area under the ROC curve by ranks, ties counted half (Mann and Whitney); undefined unless both classes occur. */
export function measureAuc(score: Float64Array, positive: ArrayLike<number>): number | undefined {
  const order = Uint32Array.from(score, (_, i) => i).sort((a, b) => (score[a] as number) - (score[b] as number));
  let rankSum = 0;
  let positives = 0;
  for (let i = 0; i < order.length; ) {
    let end = i;
    while (end < order.length && score[order[end] as number] === score[order[i] as number]) end++;
    for (let j = i; j < end; j++) {
      if (positive[order[j] as number] !== 1) continue;
      positives++;
      rankSum += (i + 1 + end) / 2;
    }
    i = end;
  }
  const negatives = order.length - positives;
  if (positives === 0 || negatives === 0) return undefined;
  return (rankSum - (positives * (positives + 1)) / 2) / (positives * negatives);
}

const ratio = (part: number, whole: number): number => (whole === 0 ? 0 : part / whole);

/**
 * `probabilities` is row-major [rows, classes], `truth` the class index per row, at least one row. Precision, recall and F1
 * are of class 1 for two classes and the mean over the classes that occur otherwise; "majority" is what always saying the most
 * frequent true class would score. Log loss keeps probabilities 1e-15 from 0; Brier is the mean squared error of class 1
 * (two classes) or summed over classes.
 */
export function evaluateClasses(
  probabilities: Float64Array,
  truth: Float64Array,
  classes: number,
  threshold: number | undefined,
): ClassReport {
  const chosen = chooseClasses(probabilities, classes, threshold);
  const confusion = Array.from({ length: classes }, () => Array.from({ length: classes }, () => 0));
  let logLoss = 0;
  let brier = 0;
  for (let row = 0; row < truth.length; row++) {
    const k = truth[row] as number;
    const line = confusion[k] as number[];
    line[chosen[row] as number] = (line[chosen[row] as number] as number) + 1;
    logLoss -= Math.log(Math.max(1e-15, probabilities[row * classes + k] as number));
    if (classes === 2) brier += ((probabilities[row * 2 + 1] as number) - k) ** 2;
    else
      for (let c = 0; c < classes; c++)
        brier += ((probabilities[row * classes + c] as number) - (c === k ? 1 : 0)) ** 2;
  }
  const rows = truth.length;
  const actual = confusion.map((line) => line.reduce((a, b) => a + b, 0));
  const scores = actual.map((count, k) => {
    const hits = confusion[k]?.[k] ?? 0;
    const said = confusion.reduce((sum, line) => sum + (line[k] ?? 0), 0);
    return {
      occurs: count > 0,
      precision: ratio(hits, said),
      recall: ratio(hits, count),
      f1: ratio(2 * hits, said + count),
    };
  });
  const judged = classes === 2 ? scores.slice(1) : scores.filter((score) => score.occurs);
  const mean = (pick: (score: (typeof scores)[number]) => number): number =>
    ratio(
      judged.reduce((a, b) => a + pick(b), 0),
      judged.length,
    );
  const auc =
    classes === 2
      ? measureAuc(
          Float64Array.from({ length: rows }, (_, i) => probabilities[2 * i + 1] as number),
          truth,
        )
      : undefined;
  return {
    confusion,
    metrics: {
      rows,
      accuracy: ratio(
        confusion.reduce((sum, line, k) => sum + (line[k] ?? 0), 0),
        rows,
      ),
      majorityAccuracy: ratio(Math.max(...actual), rows),
      precision: mean((s) => s.precision),
      recall: mean((s) => s.recall),
      f1: mean((s) => s.f1),
      ...(auc === undefined ? {} : { auc }),
      ...(classes === 2 ? { positiveShare: ratio(actual[1] ?? 0, rows) } : {}),
      logLoss: logLoss / rows,
      brier: brier / rows,
    },
  };
}

/** Mean absolute and root mean squared error, R² (left out when truth never varies), and the errors of always saying `reference`. */
export function evaluateValues(predicted: Float64Array, truth: Float64Array, reference: number): Metrics {
  const rows = truth.length;
  const mean = truth.reduce((a, b) => a + b, 0) / rows;
  let absolute = 0;
  let squared = 0;
  let spread = 0;
  let referenceSquared = 0;
  for (let i = 0; i < rows; i++) {
    const y = truth[i] as number;
    const error = (predicted[i] as number) - y;
    absolute += Math.abs(error);
    squared += error * error;
    spread += (y - mean) ** 2;
    referenceSquared += (y - reference) ** 2;
  }
  return {
    rows,
    mae: absolute / rows,
    rmse: Math.sqrt(squared / rows),
    meanRmse: Math.sqrt(referenceSquared / rows),
    ...(spread > 0 ? { r2: 1 - squared / spread } : {}),
  };
}

/**
 * The threshold with the best F1 of class 1 on these rows: midway between two neighbouring scores and rounded to float32, so
 * that no row seen stands on it. 0.5 when class 1 does not occur. Of equals the lowest.
 */
export function chooseThreshold(score: Float64Array, truth: Float64Array): number {
  const order = Uint32Array.from(score, (_, i) => i).sort((a, b) => (score[b] as number) - (score[a] as number));
  const positives = truth.reduce((a, b) => a + b, 0);
  if (positives === 0) return 0.5;
  let hits = 0;
  let best = 0;
  let threshold = 0.5;
  for (let i = 0; i < order.length; i++) {
    hits += truth[order[i] as number] as number;
    const here = score[order[i] as number] as number;
    const below = i + 1 < order.length ? (score[order[i + 1] as number] as number) : 0;
    // Scores closer than float32 can part in the exported graph are one place.
    if (here - below < 1e-6) continue;
    const f1 = (2 * hits) / (i + 1 + positives);
    if (f1 < best) continue;
    best = f1;
    threshold = Math.fround((here + below) / 2);
  }
  return threshold;
}
