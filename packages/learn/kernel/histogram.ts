// The inner loops of the tree trainer in AssemblyScript: histograms, subtraction and row partition over linear memory.
// `src/gbdt/kernel-plain.ts` holds the same loops in JavaScript; both must stay equal bit for bit.

/**
 * Adds (gradient, packed count and hessian) of `n` rows into one histogram per listed feature.
 * `table`: per feature three u32: column number, byte offset of its cells in `out`, number of cells.
 * `rows` = 0 means rows 0..n-1. `pairs` holds one f64x2 per position (already gathered into the order of `rows`).
 */
export function histograms(
  bins: usize,
  stride: usize,
  table: usize,
  features: i32,
  rows: usize,
  n: i32,
  pairs: usize,
  out: usize,
): void {
  for (let f = 0; f < features; f++) {
    const entry = table + <usize>f * 12;
    const column = bins + <usize>load<u32>(entry) * stride;
    const cells = out + <usize>load<u32>(entry, 4);
    memory.fill(cells, 0, (<usize>load<u32>(entry, 8)) << 4);
    let pair = pairs;
    if (rows === 0) {
      for (let i = 0; i < n; i++) {
        const cell = cells + ((<usize>load<u8>(column + <usize>i)) << 4);
        v128.store(cell, f64x2.add(v128.load(cell), v128.load(pair)));
        pair += 16;
      }
    } else {
      let row = rows;
      for (let i = 0; i < n; i++) {
        const cell = cells + ((<usize>load<u8>(column + <usize>load<u32>(row))) << 4);
        v128.store(cell, f64x2.add(v128.load(cell), v128.load(pair)));
        pair += 16;
        row += 4;
      }
    }
  }
}

/** Copies the f64x2 of each listed row to consecutive places. */
export function gather(rows: usize, n: i32, pairs: usize, out: usize): void {
  for (let i = 0; i < n; i++) {
    v128.store(out + ((<usize>i) << 4), v128.load(pairs + ((<usize>load<u32>(rows + ((<usize>i) << 2))) << 4)));
  }
}

/** target -= other, over `cells` f64x2 cells. */
export function subtract(target: usize, other: usize, cells: i32): void {
  for (let i = 0; i < cells; i++) {
    const at = (<usize>i) << 4;
    v128.store(target + at, f64x2.sub(v128.load(target + at), v128.load(other + at)));
  }
}

/** Stable partition of `rows` in place: bins <= split (or missing, when it goes left) first. Returns how many went left. */
export function partition(
  column: usize,
  rows: usize,
  n: i32,
  split: i32,
  missing: i32,
  missingLeft: i32,
  scratch: usize,
): i32 {
  let left = 0;
  let right = 0;
  for (let i = 0; i < n; i++) {
    const row = load<u32>(rows + ((<usize>i) << 2));
    const bin = <i32>load<u8>(column + <usize>row);
    const goesLeft = select<i32>(missingLeft, <i32>(bin <= split), bin === missing);
    store<u32>(rows + ((<usize>left) << 2), row);
    store<u32>(scratch + ((<usize>right) << 2), row);
    left += goesLeft;
    right += 1 - goesLeft;
  }
  memory.copy(rows + ((<usize>left) << 2), scratch, (<usize>right) << 2);
  return left;
}
