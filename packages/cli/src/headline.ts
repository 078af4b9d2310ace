// Decides which metrics of a model a person sees first, and how they are written. Never computes one.

const FIRST = ['auc', 'accuracy', 'recall', 'precision', 'f1', 'rmse', 'mae', 'r2'];
const MOST = 3;

/** Counts as they are, measures with `digits` decimals. */
export const formatMetric = (value: number, digits = 4): string =>
  Number.isInteger(value) && Math.abs(value) > 1 ? value.toLocaleString('en-US') : value.toFixed(digits);

/** Up to three metrics by importance: `auc 0.981, accuracy 0.956, recall 0.836`. Names may carry a split: `test.auc`. */
export function writeHeadline(metrics: Readonly<Record<string, number>>): string {
  const found = FIRST.flatMap((name) => {
    const value = metrics[name] ?? metrics[`test.${name}`];
    return value === undefined ? [] : [`${name} ${formatMetric(value, 3)}`];
  });
  return found.slice(0, MOST).join(', ');
}
