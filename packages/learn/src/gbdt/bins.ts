// Decides the bin edges of each feature and turns float32 columns into bytes. It knows nothing of trees or labels.

/** Bins of values; one more code stands for missing. A code is a byte. */
export const MAX_BINS = 255;
/** Rows looked at to place the edges: beyond this many an even stride of rows is taken. */
const EDGE_ROWS = 200_000;
const FLOAT32_MAX = 3.4028234663852886e38;

export interface Binning {
  /** Per feature, ascending: bin b holds the values with edges[b-1] < x <= edges[b] in float32; the last bin is open. */
  readonly edges: readonly Float32Array[];
  /** Per feature the number of value bins, 1..255. The code of a missing value is that number. */
  readonly counts: Uint16Array;
}

/**
 * A float32 t with a <= t < b, near the middle: `x <= t` then parts a from b in float32 exactly as in training.
 * a < b must be float32 values.
 */
export function cutBetween(a: number, b: number): number {
  const middle = Math.fround(a / 2 + b / 2);
  return middle >= a && middle < b ? middle : a;
}

/** The value to compare with where a split parts every present value from the missing ones. */
export const ABOVE_ALL = FLOAT32_MAX;

function placeEdges(column: Float32Array): Float32Array {
  const stride = Math.max(1, Math.ceil(column.length / EDGE_ROWS));
  const sorted = new Float32Array(Math.ceil(column.length / stride));
  let n = 0;
  for (let i = 0; i < column.length; i += stride) {
    const value = column[i] as number;
    if (value === value) sorted[n++] = value;
  }
  const values = sorted.subarray(0, n).sort();
  const edges: number[] = [];
  let distinct = n > 0 ? 1 : 0;
  for (let i = 1; i < n; i++) if (values[i] !== values[i - 1]) distinct++;
  if (distinct <= MAX_BINS) {
    for (let i = 1; i < n; i++) {
      const below = values[i - 1] as number;
      const value = values[i] as number;
      if (value !== below) edges.push(cutBetween(below, value));
    }
    return Float32Array.from(edges);
  }
  let last = -1;
  for (let q = 1; q < MAX_BINS; q++) {
    // The edge belongs behind a run of equal values, or equal values would stand on both sides of it.
    let at = Math.max(last + 1, Math.floor((q * n) / MAX_BINS) - 1);
    while (at + 1 < n && values[at + 1] === values[at]) at++;
    if (at + 1 >= n) break;
    edges.push(cutBetween(values[at] as number, values[at + 1] as number));
    last = at;
  }
  return Float32Array.from(edges);
}

export function planBins(columns: readonly Float32Array[]): Binning {
  const edges = columns.map(placeEdges);
  return { edges, counts: Uint16Array.from(edges, (e) => e.length + 1) };
}

/** Writes the code of every value of `column` to `out`: the number of edges below it, or `edges.length + 1` for NaN. */
export function writeCodes(column: Float32Array, edges: Float32Array, out: Uint8Array): void {
  const missing = edges.length + 1;
  for (let i = 0; i < column.length; i++) {
    const value = column[i] as number;
    if (value !== value) {
      out[i] = missing;
      continue;
    }
    let low = 0;
    let high = edges.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (value <= (edges[middle] as number)) high = middle;
      else low = middle + 1;
    }
    out[i] = low;
  }
}
