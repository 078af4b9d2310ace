// Owns a set of whole numbers as ranges: small where numbers are consecutive, whatever order they come in. Pure.

/** Ascending, apart by at least one number; both ends belong to a range. */
export type Ranges = readonly (readonly [from: number, to: number])[];

/** Index of the first range that does not end before `number`. */
function placeOf(ranges: Ranges, number: number): number {
  let [low, high] = [0, ranges.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((ranges[middle]?.[1] ?? 0) < number) low = middle + 1;
    else high = middle;
  }
  return low;
}

export function hasNumber(ranges: Ranges, number: number): boolean {
  const range = ranges[placeOf(ranges, number)];
  return range !== undefined && range[0] <= number;
}

/** The set with the number; itself where it has it. */
export function addNumber(ranges: Ranges, number: number): Ranges {
  const at = placeOf(ranges, number);
  const next = ranges[at];
  if (next !== undefined && next[0] <= number) return ranges;
  const before = ranges[at - 1];
  const joinsBefore = before !== undefined && before[1] === number - 1;
  const joinsNext = next !== undefined && next[0] === number + 1;
  const joined = [joinsBefore ? before[0] : number, joinsNext ? next[1] : number] as const;
  return ranges.toSpliced(at - (joinsBefore ? 1 : 0), (joinsBefore ? 1 : 0) + (joinsNext ? 1 : 0), joined);
}
