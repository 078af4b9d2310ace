// The loops of `kernel/histogram.ts` in JavaScript, for engines without WebAssembly SIMD. Same order of additions, same bits.

/** The four loops of `kernel/histogram.ts`; all places are byte offsets into `buffer`. */
export interface Loops {
  histograms(
    bins: number,
    stride: number,
    table: number,
    features: number,
    rows: number,
    n: number,
    pairs: number,
    out: number,
  ): void;
  gather(rows: number, n: number, pairs: number, out: number): void;
  subtract(target: number, other: number, cells: number): void;
  partition(
    column: number,
    rows: number,
    n: number,
    split: number,
    missing: number,
    missingLeft: number,
    scratch: number,
  ): number;
}

export function createPlainLoops(buffer: ArrayBuffer): Loops {
  const u8 = new Uint8Array(buffer);
  const u32 = new Uint32Array(buffer);
  const f64 = new Float64Array(buffer);
  return {
    histograms(bins, stride, table, features, rows, n, pairs, out) {
      for (let f = 0; f < features; f++) {
        const entry = (table >> 2) + f * 3;
        const column = bins + (u32[entry] as number) * stride;
        const cells = (out + (u32[entry + 1] as number)) / 8;
        f64.fill(0, cells, cells + (u32[entry + 2] as number) * 2);
        let pair = pairs / 8;
        const row = rows / 4;
        for (let i = 0; i < n; i++) {
          const code = u8[column + (rows === 0 ? i : (u32[row + i] as number))] as number;
          const cell = cells + code * 2;
          f64[cell] = (f64[cell] as number) + (f64[pair] as number);
          f64[cell + 1] = (f64[cell + 1] as number) + (f64[pair + 1] as number);
          pair += 2;
        }
      }
    },
    gather(rows, n, pairs, out) {
      const row = rows / 4;
      const from = pairs / 8;
      let to = out / 8;
      for (let i = 0; i < n; i++) {
        const at = from + (u32[row + i] as number) * 2;
        f64[to] = f64[at] as number;
        f64[to + 1] = f64[at + 1] as number;
        to += 2;
      }
    },
    subtract(target, other, cells) {
      const a = target / 8;
      const b = other / 8;
      for (let i = 0; i < cells * 2; i++) f64[a + i] = (f64[a + i] as number) - (f64[b + i] as number);
    },
    partition(column, rows, n, split, missing, missingLeft, scratch) {
      const first = rows / 4;
      const aside = scratch / 4;
      let left = 0;
      let right = 0;
      for (let i = 0; i < n; i++) {
        const row = u32[first + i] as number;
        const code = u8[column + row] as number;
        const goesLeft = code === missing ? missingLeft : code <= split ? 1 : 0;
        u32[first + left] = row;
        u32[aside + right] = row;
        left += goesLeft;
        right += 1 - goesLeft;
      }
      u32.copyWithin(first + left, aside, aside + right);
      return left;
    },
  };
}
