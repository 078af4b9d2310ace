// Decides the best split of one node from its histograms. Pure arithmetic over the kernel's cells; moves no row.

/** How (count, hessian) share one float64: count * 2^shift + round(hessian * scale), an exact integer below 2^53. */
export interface Packing {
  readonly shift: number;
  readonly scale: number;
}

/**
 * The finest hessian resolution at which sums over `rows` rows with hessians up to `largest` stay exact: the lower part
 * must hold rows * largest * scale + rows / 2, the upper part `rows`.
 */
export function choosePacking(rows: number, largest: number): Packing {
  const countBits = Math.ceil(Math.log2(rows + 1));
  const shift = 52 - countBits;
  const scale = 2 ** (shift - 1 - countBits - Math.max(-20, Math.ceil(Math.log2(Math.max(largest, 1e-6)))));
  return { shift: 2 ** shift, scale };
}

/** Sums over the rows of one node. */
export interface NodeSums {
  readonly gradient: number;
  readonly hessian: number;
  readonly rows: number;
}

export interface Split {
  readonly feature: number;
  /** Codes up to this one go left; the number of value bins - 1 parts all present values from the missing ones. */
  readonly bin: number;
  readonly missingLeft: boolean;
  readonly gain: number;
  readonly left: NodeSums;
  readonly right: NodeSums;
}

export interface SplitRules {
  readonly minLeafRows: number;
  readonly minHessian: number;
  readonly l2: number;
  readonly minGain: number;
}

/** One usable column: its number, the first float64 of its cells relative to the histogram, and its value bins. */
export interface HistogramColumn {
  readonly feature: number;
  readonly offset: number;
  readonly bins: number;
}

/**
 * Scans every column at `base` (index into `cells`), missing values once on each side. Gain is
 * GL²/(HL+l2) + GR²/(HR+l2) - G²/(H+l2) (Chen and Guestrin 2016, eq. 7, twice). Ties keep the first column and bin.
 */
export function findSplit(
  cells: Float64Array,
  base: number,
  columns: readonly HistogramColumn[],
  node: NodeSums,
  packing: Packing,
  rules: SplitRules,
): Split | undefined {
  const { minLeafRows, minHessian, l2 } = rules;
  const { shift, scale } = packing;
  const own = (node.gradient * node.gradient) / (node.hessian + l2);
  let bestGain = rules.minGain;
  let bestColumn: HistogramColumn | undefined;
  let bestBin = 0;
  let bestMissingLeft = false;
  let bestGradient = 0;
  let bestHessian = 0;
  let bestRows = 0;
  for (const column of columns) {
    const first = base + column.offset;
    const missingAt = first + column.bins * 2;
    const missingGradient = cells[missingAt] as number;
    const missingPacked = cells[missingAt + 1] as number;
    const missingRows = Math.floor(missingPacked / shift);
    const sides = missingRows > 0 ? 2 : 1;
    for (let side = 0; side < sides; side++) {
      let gradient = side === 1 ? missingGradient : 0;
      let packed = side === 1 ? missingPacked : 0;
      const last = side === 0 && missingRows > 0 ? column.bins : column.bins - 1;
      for (let bin = 0; bin < last; bin++) {
        gradient += cells[first + bin * 2] as number;
        packed += cells[first + bin * 2 + 1] as number;
        const rows = Math.floor(packed / shift);
        if (rows < minLeafRows) continue;
        if (node.rows - rows < minLeafRows) break;
        const hessian = (packed - rows * shift) / scale;
        const restHessian = node.hessian - hessian;
        if (hessian < minHessian) continue;
        if (restHessian < minHessian) break;
        const rest = node.gradient - gradient;
        const gain = (gradient * gradient) / (hessian + l2) + (rest * rest) / (restHessian + l2) - own;
        if (gain > bestGain) {
          bestGain = gain;
          bestColumn = column;
          bestBin = bin;
          bestMissingLeft = side === 1;
          bestGradient = gradient;
          bestHessian = hessian;
          bestRows = rows;
          // Nothing was missing here: at prediction a missing value follows the larger part.
          if (missingRows === 0) bestMissingLeft = rows * 2 > node.rows;
        }
      }
    }
  }
  if (!bestColumn) return undefined;
  return {
    feature: bestColumn.feature,
    bin: bestBin,
    missingLeft: bestMissingLeft,
    gain: bestGain,
    left: { gradient: bestGradient, hessian: bestHessian, rows: bestRows },
    right: { gradient: node.gradient - bestGradient, hessian: node.hessian - bestHessian, rows: node.rows - bestRows },
  };
}
