// Decides which tensor of the base a tensor of the target is told from, and what lies between tensors. Never reads values.
import type { TensorPlace } from '@drover/onnx/places';

/** What is smaller is packed together with what lies between tensors: alone it would cost more than it saves. */
export const LEAST_TENSOR_BYTES = 512;

export interface Span {
  readonly offset: number;
  readonly length: number;
}

export interface MatchedTensor {
  readonly target: TensorPlace;
  readonly base?: TensorPlace;
}

/** Everything in a file of `size` bytes that is in none of `places`, which are in order and apart. */
export function listGaps(places: readonly Span[], size: number): Span[] {
  const gaps: Span[] = [];
  let at = 0;
  for (const { offset, length } of places) {
    if (offset > at) gaps.push({ offset: at, length: offset - at });
    at = offset + length;
  }
  if (size > at) gaps.push({ offset: at, length: size - at });
  return gaps;
}

export const largeOnes = (places: readonly TensorPlace[]): TensorPlace[] =>
  places.filter(({ length }) => length >= LEAST_TENSOR_BYTES);

const takeFirst = (
  free: Map<string, TensorPlace[]>,
  key: string,
  used: ReadonlySet<TensorPlace>,
): TensorPlace | undefined => {
  const list = free.get(key) ?? [];
  while (list.length > 0) {
    const place = list.shift();
    if (place && !used.has(place)) return place;
  }
  return undefined;
};

/**
 * The tensor of the same name, type and size; else of the same name and type; else, for files whose names were made
 * anew, the next one of the same type and size. A wrong guess costs bytes and never correctness.
 */
export function matchTensors(target: readonly TensorPlace[], base: readonly TensorPlace[]): MatchedTensor[] {
  const found = new Map<TensorPlace, TensorPlace>();
  const used = new Set<TensorPlace>();
  const keys: ((place: TensorPlace) => string)[] = [
    ({ name, dtype, length }) => `${dtype} ${length} ${name}`,
    ({ name, dtype }) => `${dtype} ${name}`,
    ({ dtype, length }) => `${dtype} ${length}`,
  ];
  for (const keyOf of keys) {
    const free = new Map<string, TensorPlace[]>();
    for (const place of base) {
      if (used.has(place)) continue;
      const list = free.get(keyOf(place));
      if (list) list.push(place);
      else free.set(keyOf(place), [place]);
    }
    for (const place of target) {
      if (found.has(place)) continue;
      const partner = takeFirst(free, keyOf(place), used);
      if (!partner) continue;
      found.set(place, partner);
      used.add(partner);
    }
  }
  return target.map((place) => {
    const partner = found.get(place);
    return partner ? { target: place, base: partner } : { target: place };
  });
}
