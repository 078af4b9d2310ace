// Grows one tree leaf-wise from gradients that already lie in kernel memory. Owns that memory's layout; knows no loss.
import { ABOVE_ALL, type Binning, writeCodes } from './bins.ts';
import { createKernel, type Kernel, type KernelName, MAX_KERNEL_BYTES } from './kernel.ts';
import { findSplit, type HistogramColumn, type NodeSums, type Packing, type Split, type SplitRules } from './split.ts';
import type { Tree } from './tree.ts';

const CELL_BYTES = 16;
const align = (bytes: number): number => Math.ceil(bytes / 16) * 16;

export interface GrowRules extends SplitRules {
  readonly maxLeaves: number;
  readonly maxDepth: number;
  readonly learningRate: number;
}

/** Binned rows, gradients and histograms of one training in one kernel memory. */
export interface Forest {
  readonly kernel: Kernel;
  readonly rows: number;
  readonly binning: Binning;
  /** Per row (gradient, packed count and hessian): the trainer fills it before each tree. */
  readonly pairs: Float64Array;
  /** Row numbers; the first `n` are the tree's sample, reordered leaf by leaf while it grows. */
  readonly order: Uint32Array;
  readonly codes: Uint8Array;
  readonly cells: Float64Array;
  readonly table: Uint32Array;
  readonly places: {
    codes: number;
    pairs: number;
    gathered: number;
    order: number;
    scratch: number;
    table: number;
    cells: number;
  };
  readonly histogramCells: number;
  readonly columns: readonly HistogramColumn[];
}

/** Bytes of kernel memory that a training needs; `counts` are the value bins of each column, or bounds of them. */
export function measureForest(rows: number, counts: ArrayLike<number>, maxLeaves: number): number {
  let cells = 0;
  for (let f = 0; f < counts.length; f++) cells += (counts[f] as number) + 1;
  return (
    align(rows * counts.length) + rows * 40 + 64 + counts.length * 12 + (maxLeaves + 2) * cells * CELL_BYTES + 4096
  );
}

/** Lays the memory out and bins all rows. Throws RangeError beyond `MAX_KERNEL_BYTES`: ask `measureForest` first. */
export function plantForest(
  columns: readonly Float32Array[],
  binning: Binning,
  maxLeaves: number,
  name?: KernelName,
): Forest {
  const rows = columns[0]?.length ?? 0;
  const bytes = measureForest(rows, binning.counts, maxLeaves);
  if (bytes > MAX_KERNEL_BYTES) throw new RangeError(`training needs ${bytes} bytes of kernel memory`);
  const kernel = createKernel(bytes, name);
  const table: HistogramColumn[] = [];
  let histogramCells = 0;
  binning.counts.forEach((bins, feature) => {
    table.push({ feature, offset: histogramCells * 2, bins });
    histogramCells += bins + 1;
  });
  let at = 16;
  const take = (size: number): number => {
    const from = at;
    at = align(at + size);
    return from;
  };
  const places = {
    codes: take(rows * columns.length),
    pairs: take(rows * 16),
    gathered: take(rows * 16),
    order: take(rows * 4),
    scratch: take(rows * 4),
    table: take(columns.length * 12),
    cells: take((maxLeaves + 2) * histogramCells * CELL_BYTES),
  };
  const codes = new Uint8Array(kernel.buffer, places.codes, rows * columns.length);
  columns.forEach((column, f) => {
    writeCodes(column, binning.edges[f] as Float32Array, codes.subarray(f * rows, (f + 1) * rows));
  });
  return {
    kernel,
    rows,
    binning,
    codes,
    pairs: new Float64Array(kernel.buffer, places.pairs, rows * 2),
    order: new Uint32Array(kernel.buffer, places.order, rows),
    table: new Uint32Array(kernel.buffer, places.table, columns.length * 3),
    cells: new Float64Array(kernel.buffer, places.cells, (maxLeaves + 2) * histogramCells * 2),
    places,
    histogramCells,
    columns: table,
  };
}

interface OpenLeaf extends NodeSums {
  readonly from: number;
  readonly depth: number;
  /** Inner node and side that point at this leaf; -1 for the root. */
  readonly parent: number;
  readonly isLeft: boolean;
  /** Which histogram buffer holds it, -1 when it is never split. */
  readonly slot: number;
  readonly split: Split | undefined;
}

/** A grown tree and, for each leaf, its range in `forest.order`. */
export interface GrownTree {
  readonly tree: Tree;
  readonly leafFrom: Uint32Array;
}

/** Grows a tree on the first `sampled` rows of `forest.order`, over `features` (ascending). `undefined`: no split was worth it. */
export function growTree(
  forest: Forest,
  sampled: number,
  features: readonly HistogramColumn[],
  packing: Packing,
  rules: GrowRules,
): GrownTree | undefined {
  const { kernel, places, cells, binning } = forest;
  features.forEach((column, i) => {
    forest.table[i * 3] = column.feature;
    forest.table[i * 3 + 1] = column.offset * 8;
    forest.table[i * 3 + 2] = column.bins + 1;
  });
  const bytesPerHistogram = forest.histogramCells * CELL_BYTES;
  const freeSlots = Array.from({ length: rules.maxLeaves + 2 }, (_, i) => rules.maxLeaves + 1 - i);
  const place = (slot: number): number => places.cells + slot * bytesPerHistogram;
  const count = (from: number, rows: number, slot: number): void => {
    const whole = rows === forest.rows;
    if (!whole) kernel.gather(places.order + from * 4, rows, places.pairs, places.gathered);
    const pairs = whole ? places.pairs : places.gathered;
    const order = whole ? 0 : places.order + from * 4;
    kernel.histograms(places.codes, forest.rows, places.table, features.length, order, rows, pairs, place(slot));
  };
  const search = (slot: number, sums: NodeSums): Split | undefined =>
    findSplit(cells, (slot * bytesPerHistogram) / 8, features, sums, packing, rules);

  const nodes: Split[] = [];
  const left: number[] = [];
  const right: number[] = [];
  const nodeRows: number[] = [];
  const rootSlot = freeSlots.pop() as number;
  count(0, sampled, rootSlot);
  const rootSums = sumColumn(cells, rootSlot * forest.histogramCells * 2, features[0] as HistogramColumn, packing);
  const open: OpenLeaf[] = [
    { ...rootSums, from: 0, depth: 0, parent: -1, isLeft: false, slot: rootSlot, split: search(rootSlot, rootSums) },
  ];
  while (open.length < rules.maxLeaves) {
    let pick = -1;
    for (let i = 0; i < open.length; i++) {
      const gain = open[i]?.split?.gain;
      if (gain !== undefined && (pick < 0 || gain > (open[pick]?.split?.gain as number))) pick = i;
    }
    if (pick < 0) break;
    const leaf = open[pick] as OpenLeaf;
    const split = leaf.split as Split;
    const node = nodes.push(split) - 1;
    left.push(0);
    right.push(0);
    nodeRows.push(leaf.rows);
    if (leaf.parent >= 0) (leaf.isLeft ? left : right)[leaf.parent] = node;
    const missing = binning.counts[split.feature] as number;
    const wentLeft = kernel.partition(
      places.codes + split.feature * forest.rows,
      places.order + leaf.from * 4,
      leaf.rows,
      split.bin,
      missing,
      split.missingLeft ? 1 : 0,
      places.scratch,
    );
    if (wentLeft !== split.left.rows)
      throw new Error(`histogram counts ${split.left.rows} rows, partition ${wentLeft}`);
    const depth = leaf.depth + 1;
    const mayGrow = depth < rules.maxDepth && open.length + 1 < rules.maxLeaves;
    const canSplit = (sums: NodeSums): boolean => mayGrow && sums.rows >= 2 * rules.minLeafRows;
    let leftSlot = -1;
    let rightSlot = -1;
    if (canSplit(split.left) || canSplit(split.right)) {
      // The smaller child is counted; the other one is the parent less it, in the parent's own place.
      const fresh = freeSlots.pop() as number;
      const leftIsSmaller = split.left.rows <= split.right.rows;
      const from = leftIsSmaller ? leaf.from : leaf.from + wentLeft;
      count(from, leftIsSmaller ? split.left.rows : split.right.rows, fresh);
      subtractColumns(forest, features, place(leaf.slot), place(fresh));
      leftSlot = leftIsSmaller ? fresh : leaf.slot;
      rightSlot = leftIsSmaller ? leaf.slot : fresh;
    } else freeSlots.push(leaf.slot);
    const close = (sums: NodeSums, slot: number): { slot: number; split: Split | undefined } => {
      const found = slot >= 0 && canSplit(sums) ? search(slot, sums) : undefined;
      if (slot >= 0 && !found) freeSlots.push(slot);
      return { slot: found ? slot : -1, split: found };
    };
    const rightFrom = leaf.from + wentLeft;
    open[pick] = { ...split.left, from: leaf.from, depth, parent: node, isLeft: true, ...close(split.left, leftSlot) };
    open.push({
      ...split.right,
      from: rightFrom,
      depth,
      parent: node,
      isLeft: false,
      ...close(split.right, rightSlot),
    });
  }
  if (nodes.length === 0) return undefined;
  open.forEach((leaf, i) => {
    (leaf.isLeft ? left : right)[leaf.parent] = ~i;
  });
  const tree: Tree = {
    feature: Int32Array.from(nodes, (s) => s.feature),
    threshold: Float32Array.from(nodes, (s) => (binning.edges[s.feature] as Float32Array)[s.bin] ?? ABOVE_ALL),
    splitBin: Uint8Array.from(nodes, (s) => s.bin),
    missingLeft: Uint8Array.from(nodes, (s) => (s.missingLeft ? 1 : 0)),
    left: Int32Array.from(left),
    right: Int32Array.from(right),
    gain: Float64Array.from(nodes, (s) => s.gain),
    nodeRows: Uint32Array.from(nodeRows),
    leafRows: Uint32Array.from(open, (leaf) => leaf.rows),
    leafValue: Float32Array.from(open, (leaf) => (-rules.learningRate * leaf.gradient) / (leaf.hessian + rules.l2)),
  };
  return { tree, leafFrom: Uint32Array.from(open, (leaf) => leaf.from) };
}

/** Columns that lie side by side are subtracted in one call: with all columns in use that is the whole histogram. */
function subtractColumns(forest: Forest, features: readonly HistogramColumn[], target: number, other: number): void {
  let i = 0;
  while (i < features.length) {
    const first = features[i] as HistogramColumn;
    let end = first.offset;
    while (i < features.length && (features[i] as HistogramColumn).offset === end) {
      end += ((features[i] as HistogramColumn).bins + 1) * 2;
      i++;
    }
    forest.kernel.subtract(target + first.offset * 8, other + first.offset * 8, (end - first.offset) / 2);
  }
}

/** Sums of a node, read from the cells of any one column: every row is in exactly one of them. */
function sumColumn(cells: Float64Array, base: number, column: HistogramColumn, packing: Packing): NodeSums {
  let gradient = 0;
  let packed = 0;
  const first = base + column.offset;
  for (let i = 0; i <= column.bins; i++) {
    gradient += cells[first + i * 2] as number;
    packed += cells[first + i * 2 + 1] as number;
  }
  const rows = Math.floor(packed / packing.shift);
  return { gradient, hessian: (packed - rows * packing.shift) / packing.scale, rows };
}
