// Owns addition and subtraction of count arrays. Never checks what the places stand for.

export function addCounts(target: Float64Array, other: Float64Array): void {
  if (target.length !== other.length) throw new RangeError('sketches of two shapes met');
  for (let i = 0; i < target.length; i++) target[i] = (target[i] as number) + (other[i] as number);
}

export function subtractCounts(target: Float64Array, other: Float64Array): void {
  if (target.length !== other.length) throw new RangeError('sketches of two shapes met');
  for (let i = 0; i < target.length; i++) target[i] = (target[i] as number) - (other[i] as number);
}

export function sumCounts(counts: Float64Array, from = 0, to = counts.length): number {
  let total = 0;
  for (let i = from; i < to; i++) total += counts[i] as number;
  return total;
}
