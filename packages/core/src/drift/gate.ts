// Decides which of many features of many devices are believed to have moved at once, so that few of those that are named moved by
// chance. Never looks at how large a change is.

/**
 * e-BH (Wang and Ramdas 2022, §4): the least e-value among those that are believed, Infinity where none is. Of what is believed at
 * one look at most this share is by chance on average, however the features depend on each other: of N e-values the k largest are
 * believed for the largest k with e₍ₖ₎ ≥ N/(k·share).
 * @param eValues each at most 1 on average where nothing moved. @param share in (0, 1).
 */
export function leastBelieved(eValues: Iterable<number>, share: number): number {
  const ascending = Float64Array.from(eValues).sort();
  const all = ascending.length;
  let least = Number.POSITIVE_INFINITY;
  for (let k = 1; k <= all; k++) {
    const e = ascending[all - k] as number;
    // The largest k counts: also one that comes after some that do not reach their own threshold.
    if (e * k * share >= all) least = e;
  }
  return least;
}
