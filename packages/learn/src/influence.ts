// Measures how much the answers of a model move when one of its features is another row's: whether its drift can matter. Never runs a model.
// Permutation, as Breiman (Random Forests, 2001, section 10), of the answers and not of their errors: it needs no labels.

/** Rows that it is measured on, spread over all: answers that move by a thousandth are told from none. */
export const INFLUENCE_ROWS = 256;

export const chooseRows = (rows: number): Int32Array => {
  const count = Math.min(rows, INFLUENCE_ROWS);
  return Int32Array.from({ length: count }, (_, i) => Math.floor((i * rows) / count));
};

/** The row whose value stands in: far from the own one in files that are sorted, and never the own one where there are two. */
export const standIn = (at: number, rows: number): number => (at + Math.max(1, Math.floor(rows * 0.382))) % rows;

function rangeOf(values: ArrayLike<number>): number {
  const sorted = Float64Array.from(values).sort();
  const at = (q: number): number => sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))] ?? 0;
  return at(0.75) - at(0.25) || at(1) - at(0);
}

/**
 * @param own answers row by row, `width` numbers each: probabilities of classes, or one value.
 * @param moved the same rows with the feature replaced.
 * @returns of a classifier the mean distance in total variation, 0 to 1; of a regression the mean change in interquartile ranges of its answers.
 */
export function influenceOf(own: ArrayLike<number>, moved: ArrayLike<number>, width: number): number {
  const rows = own.length / width;
  if (rows === 0) return 0;
  let sum = 0;
  for (let i = 0; i < own.length; i++) sum += Math.abs((own[i] as number) - (moved[i] as number));
  if (width > 1) return sum / rows / 2;
  const range = rangeOf(own);
  return range > 0 ? sum / rows / range : 0;
}
