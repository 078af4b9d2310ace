// Owns the shape of one regression tree and how a row falls through it. It never trains and never exports.

/**
 * A binary tree as arrays over its inner nodes. `left`/`right` >= 0 is an inner node, otherwise `~leaf`.
 * A row goes left when `x[feature] <= threshold` in float32, or when x is missing and `missingLeft` is 1.
 */
export interface Tree {
  readonly feature: Int32Array;
  readonly threshold: Float32Array;
  /** The same split in bin codes: code <= splitBin goes left. */
  readonly splitBin: Uint8Array;
  readonly missingLeft: Uint8Array;
  readonly left: Int32Array;
  readonly right: Int32Array;
  /** Gain in loss of each split; with `rows` it feeds importance and explanation. */
  readonly gain: Float64Array;
  /** Training rows that reached each inner node and each leaf. */
  readonly nodeRows: Uint32Array;
  readonly leafRows: Uint32Array;
  /** What a leaf adds, shrinkage included, rounded to float32 so that the exported file holds the same numbers. */
  readonly leafValue: Float32Array;
}

/** The leaf that row `row` of `columns` (one float32 column per feature) falls into. */
export function findLeaf(tree: Tree, columns: readonly Float32Array[], row: number): number {
  let node = 0;
  while (node >= 0) {
    const value = (columns[tree.feature[node] as number] as Float32Array)[row] as number;
    const goesLeft = value !== value ? tree.missingLeft[node] === 1 : value <= (tree.threshold[node] as number);
    node = (goesLeft ? tree.left[node] : tree.right[node]) as number;
  }
  return ~node;
}

/** Adds the tree's value for rows `from`..`to`-1 to `raw` at `offset + row * stride`. */
export function addTree(
  tree: Tree,
  columns: readonly Float32Array[],
  rows: number,
  raw: Float64Array,
  offset: number,
  stride: number,
): void {
  for (let row = 0; row < rows; row++) {
    const at = offset + row * stride;
    raw[at] = (raw[at] as number) + (tree.leafValue[findLeaf(tree, columns, row)] as number);
  }
}
