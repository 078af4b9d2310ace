// Computes what late labels say about a model: accuracy beside the majority baseline, precision, recall, F1, AUC, errors.
// Pure; a number that the counts do not define is left out, never guessed.
import type { LabelledCounts } from '@drover/sketch/labelled';
import type { QualityView } from '@drover/wire/http/monitoring';

type Part = 'accuracy' | 'majorityBaseline' | 'precision' | 'recall' | 'f1';

const ratio = (part: number, whole: number): number | undefined => (whole > 0 ? part / whole : undefined);

interface ClassScores {
  readonly precision: number | undefined;
  readonly recall: number | undefined;
}

function scoreClass(confusion: Float64Array, k: number, at: number): ClassScores {
  let actual = 0;
  let answered = 0;
  for (let other = 0; other < k; other++) {
    actual += confusion[at * k + other] ?? 0;
    answered += confusion[other * k + at] ?? 0;
  }
  const hits = confusion[at * k + at] ?? 0;
  return { precision: ratio(hits, answered), recall: ratio(hits, actual) };
}

const mean = (values: readonly number[]): number | undefined =>
  values.length === 0 ? undefined : values.reduce((a, b) => a + b, 0) / values.length;

const isNumber = (value: number | undefined): value is number => value !== undefined && Number.isFinite(value);

/** Two classes: of the last class, which is the positive one. More: the mean over classes that occur. */
function scoreClasses(confusion: Float64Array, k: number): { [P in Part]?: number | undefined } {
  const totals = Array.from({ length: k }, (_, t) => confusion.subarray(t * k, (t + 1) * k).reduce((a, b) => a + b, 0));
  const labelled = totals.reduce((a, b) => a + b, 0);
  let hits = 0;
  for (let t = 0; t < k; t++) hits += confusion[t * k + t] ?? 0;
  const shared = { accuracy: ratio(hits, labelled), majorityBaseline: ratio(Math.max(...totals), labelled) };
  const places = k === 2 ? [1] : totals.flatMap((total, t) => (total > 0 ? [t] : []));
  const scores = places.map((t) => scoreClass(confusion, k, t));
  const precision = mean(scores.map((s) => s.precision).filter(isNumber));
  const recall = mean(scores.map((s) => s.recall).filter(isNumber));
  const f1s = scores.flatMap((s) => {
    if (s.precision === undefined && s.recall === undefined) return [];
    const [p, r] = [s.precision ?? 0, s.recall ?? 0];
    return [p + r === 0 ? 0 : (2 * p * r) / (p + r)];
  });
  return { ...shared, precision, recall, f1: mean(f1s) };
}

/** @param predictions in the same windows, labelled or not. */
export function viewQuality(counts: LabelledCounts, predictions: number): QualityView | null {
  const labelled = counts.count;
  if (labelled === 0) return null;
  const { shape } = counts;
  const numbers: Record<string, number | undefined> =
    shape.kind === 'regression'
      ? { mae: counts.errors.mae, rmse: counts.errors.rmse }
      : { ...scoreClasses(counts.confusion, shape.classCount), auc: counts.auc?.auc };
  const defined = Object.fromEntries(
    Object.entries(numbers).filter((entry): entry is [string, number] => isNumber(entry[1])),
  );
  return { labelled, coverage: predictions > 0 ? Math.min(1, labelled / predictions) : 0, ...defined };
}
