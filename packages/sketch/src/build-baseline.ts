// Decides cut points, dictionaries and score bins from training columns. Never reads or writes bytes of files.

import {
  BASELINE_TYPE,
  type Baseline,
  type BaselineFeature,
  type BaselineOutput,
  type CategoricalFeature,
  encodeBaseline,
  MAX_BASELINE_BYTES,
  MAX_DICTIONARY,
  MAX_FEATURES,
  MAX_MAGNITUDE,
  MAX_NAME,
  MIN_SCALE,
  type NoveltyCuts,
  type NumericDistribution,
  type TogetherMoments,
  TRUTHS,
} from './baseline-document.ts';
import {
  type CategoricalColumn,
  type CountedColumn,
  deriveColumns,
  isNumeric,
  type NumericColumn,
  seedOf,
  type TrainingColumn,
} from './derive-columns.ts';
import { MAX_FLOAT32, nextDown, nextUp } from './float32.ts';
import { findNoveltyCuts, Novelty } from './novelty.ts';
import { MAX_REF_BINS, RefEdges, RefHist } from './ref-hist.ts';
import { accept, refuse, type SketchResult } from './result.ts';
import { MAX_CLASSES, SCORE_BINS, Scores, scoreBinOf } from './scores.ts';
import { BLOCK_ROWS, MOST_MULTIPLIED, prepareTogether, STEPS, Together } from './together.ts';
import { prepareNumbers } from './window-sketch.ts';

/** Quantiles that end the reference range. */
const REF_TAIL = 0.0005;
/** Tail cuts in interquartile ranges beyond the reference range. */
const TAIL_STEPS = [0.5, 2, 8] as const;
/** At most this many values get a bin of their own. */
const MAX_ATOMS = 24;

/** Outputs of the finished model on the training (better: on held-out) rows. Probabilities are row by row, one for each class. */
export type TrainingOutputs =
  | {
      readonly kind: 'classification';
      readonly classes: readonly string[];
      readonly probabilities: Float64Array | Float32Array;
      /** Class number of each row. */
      readonly labels?: ArrayLike<number>;
    }
  | { readonly kind: 'regression'; readonly predictions: Float64Array | Float32Array };

/**
 * Builds the baseline, or says which column cannot have one. All values are taken as float32, as the model gets them.
 * @param influence by field, see FeatureHead.
 */
export function buildBaseline(
  given: readonly TrainingColumn[],
  outputs?: TrainingOutputs,
  influence?: ReadonlyMap<string, number>,
): SketchResult<Baseline> {
  const derived = deriveColumns(given);
  if (!derived.ok) return derived;
  const { columns, sources } = derived.value;
  if (columns.length > MAX_FEATURES)
    return refuse('baseline_invalid', `${columns.length} features, limit ${MAX_FEATURES}`);
  const rows = columns[0]?.values.length ?? 0;
  const features: BaselineFeature[] = [];
  const names = new Set<string>();
  for (const column of columns) {
    const { name, values } = column;
    if (name === '' || name.length > MAX_NAME) return refuse('baseline_invalid', 'a feature name is empty or too long');
    if (names.has(name)) return refuse('baseline_invalid', `the name ${name} occurs twice`);
    names.add(name);
    if (values.length !== rows) return refuse('baseline_invalid', `${name} has ${values.length} rows and not ${rows}`);
    const isField = column.from === undefined || column.from.take === 'truth';
    const used = isField ? influence?.get(name) : undefined;
    const head = {
      name,
      ...(column.from && { from: column.from }),
      ...(used === undefined ? {} : { influence: Number(used.toPrecision(3)) }),
    };
    if (!isNumeric(column)) {
      features.push({ ...head, kind: 'categorical', ...describeCategories(column) });
      continue;
    }
    const distribution = describeNumbers(name, column.values, column.hardLow, column.hardHigh);
    if (!distribution.ok) return distribution;
    features.push({ ...head, kind: 'numeric', ...distribution.value });
  }
  const output = outputs === undefined ? accept(undefined) : describeOutputs(outputs);
  if (!output.ok) return output;
  const baseline: Baseline = {
    type: BASELINE_TYPE,
    rows,
    features,
    ...(sources.length === 0 ? {} : { sources }),
    ...(output.value === undefined ? {} : { output: output.value }),
    ...(rows === 0 ? {} : calibrateNovelty(given, features, rows)),
    ...describeTogether(columns, features, rows),
  };
  const size = encodeBaseline(baseline).length;
  return size <= MAX_BASELINE_BYTES
    ? accept(baseline)
    : refuse('baseline_invalid', `${size} bytes, limit ${MAX_BASELINE_BYTES}`);
}

/** Rows that novelty is calibrated on, spread over all: the tail that matters is then known well enough. */
const NOVELTY_ROWS = 50_000;

function calibrateNovelty(
  given: readonly TrainingColumn[],
  features: readonly BaselineFeature[],
  rows: number,
): { readonly noveltyCuts?: NoveltyCuts } {
  const numbers = given.filter(isNumeric);
  const texts = given.filter((column): column is CategoricalColumn => !('tensor' in column) && !isNumeric(column));
  const novelty = new Novelty({ features }, ({ kind, name }) =>
    (kind === 'numeric' ? numbers : texts).findIndex((column) => column.name === name),
  );
  if (novelty.size === 0) return {};
  const step = Math.max(1, rows / NOVELTY_ROWS);
  const x = new Float32Array(numbers.length);
  const scores = Float64Array.from({ length: Math.floor(rows / step) }, (_, i) => {
    const row = Math.floor(i * step);
    for (let j = 0; j < x.length; j++) x[j] = (numbers[j] as NumericColumn).values[row] as number;
    return novelty.score(
      x,
      texts.map((column) => column.values[row] as string | undefined),
    );
  });
  return { noveltyCuts: findNoveltyCuts(scores) };
}

/** Rows that are measured together, spread over all, and how many for each number a covariance takes. */
const TOGETHER_ROWS = 50_000;
const ROWS_EACH = 10;

function describeTogether(
  columns: readonly CountedColumn[],
  features: readonly BaselineFeature[],
  rows: number,
): { readonly together?: TogetherMoments } {
  const numbers = columns.filter(isNumeric);
  if (numbers.length < 2) return {};
  const described = features.filter((feature) => feature.kind === 'numeric');
  const names = numbers.map(({ name }) => name).join('\n');
  const seed = numbers.length > MOST_MULTIPLIED ? seedOf(names) : undefined;
  const sum = new Together(prepareTogether(described.map(prepareNumbers), seed));
  const step = Math.max(1, rows / TOGETHER_ROWS);
  const count = Math.floor(rows / step);
  const block = new Float32Array(numbers.length * BLOCK_ROWS);
  for (let from = 0; from < count; from += BLOCK_ROWS) {
    const some = Math.min(BLOCK_ROWS, count - from);
    for (let i = 0; i < numbers.length; i++)
      for (let r = 0; r < some; r++)
        block[i * BLOCK_ROWS + r] = (numbers[i] as NumericColumn).values[Math.floor((from + r) * step)] as number;
    sum.addBlock(block, some);
  }
  const size = sum.sums.length;
  const n = sum.rows;
  if (n < ROWS_EACH * size) return {};
  const means = Array.from(sum.sums, (s) => s / n / STEPS);
  const covariance: number[] = [];
  for (let i = 0; i < size; i++)
    for (let j = 0; j <= i; j++)
      covariance.push(
        (sum.products[covariance.length] as number) / n / STEPS ** 2 - (means[i] as number) * (means[j] as number),
      );
  const short = (x: number): number => Number(x.toPrecision(7)) + 0;
  return {
    together: { ...(seed === undefined ? {} : { seed }), means: means.map(short), covariance: covariance.map(short) },
  };
}

function describeCategories(
  column: CountedColumn & CategoricalColumn,
): Pick<CategoricalFeature, 'dictionary' | 'refCounts'> {
  const tally = new Map<string, number>();
  let missing = 0;
  for (const value of column.values) {
    if (value === undefined) missing++;
    else tally.set(value, (tally.get(value) ?? 0) + 1);
  }
  if (column.from?.take === 'truth')
    return { dictionary: TRUTHS, refCounts: [...TRUTHS.map((text) => tally.get(text) ?? 0), 0, missing] };
  const known = [...tally]
    .filter(([text]) => text.length <= MAX_NAME && text.isWellFormed())
    .sort(([a, m], [b, n]) => n - m || (a < b ? -1 : 1))
    .slice(0, MAX_DICTIONARY);
  const counted = known.reduce((sum, [, n]) => sum + n, 0);
  return {
    dictionary: known.map(([text]) => text),
    refCounts: [...known.map(([, n]) => n), column.values.length - missing - counted, missing],
  };
}

function describeNumbers(
  name: string,
  values: Float64Array | Float32Array,
  low?: number,
  high?: number,
): SketchResult<NumericDistribution> {
  const hardLow = low === undefined ? -MAX_FLOAT32 : Math.fround(low) + 0;
  const hardHigh = high === undefined ? MAX_FLOAT32 : Math.fround(high) + 0;
  if (!(hardLow < hardHigh && hardLow >= -MAX_FLOAT32 && hardHigh <= MAX_FLOAT32)) {
    return refuse('baseline_invalid', `the hard range of ${name} is empty or not finite`);
  }
  // Adding 0 makes -0 a 0, here and in the cuts: JSON has only one of them.
  const sorted = Float32Array.from(values, (x) => Math.fround(x) + 0)
    .filter((x) => x >= hardLow && x <= hardHigh)
    .sort();
  if (sorted.length === 0) return refuse('baseline_invalid', `${name} has no usable value`);
  const at = (q: number): number => sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))] as number;
  const refLow = at(REF_TAIL);
  const refHigh = at(1 - REF_TAIL);
  if (Math.max(Math.abs(refLow), Math.abs(refHigh)) > MAX_MAGNITUDE / 10) {
    return refuse('baseline_invalid', `${name} has values that are too large`);
  }
  const median = at(0.5);
  const iqr = [at(0.75) - at(0.25), refHigh - refLow, Math.abs(median) / 1000].find((s) => s >= MIN_SCALE) ?? 1;
  const edges = chooseEdges(sorted, refLow, refHigh, iqr);
  const hist = new RefHist(new RefEdges(edges));
  for (const x of sorted) hist.add(x);
  return accept({
    edges,
    refCounts: [...hist.counts],
    median,
    iqr,
    refLow,
    refHigh,
    ...(low === undefined ? {} : { hardLow }),
    ...(high === undefined ? {} : { hardHigh }),
    missing: values.length - sorted.length,
  });
}

/**
 * Values that are at least 1/64 of all rows become atoms: their bin is [v, next float32), so that a stuck sensor or a new
 * value between two codes shows. The remaining bins have equal mass of the remaining values.
 */
function chooseEdges(sorted: Float32Array, refLow: number, refHigh: number, iqr: number): number[] {
  const end = nextUp(refHigh);
  const atoms = findAtoms(sorted, refLow, refHigh);
  const cuts = new Set<number>([refLow, end]);
  for (const atom of atoms) cuts.add(atom).add(nextUp(atom));
  const rest = sorted.filter((x) => x >= refLow && x <= refHigh && !atoms.has(x));
  const bins = MAX_REF_BINS - 2 * atoms.size;
  for (let i = 1; i < bins && rest.length > 0; i++) cuts.add(rest[Math.floor((i * rest.length) / bins)] as number);
  const edges = [...cuts].sort((a, b) => a - b);
  for (const step of TAIL_STEPS) {
    const below = edges[0] as number;
    const above = edges.at(-1) as number;
    edges.unshift(Math.min(Math.fround(refLow - step * iqr) + 0, nextDown(below)));
    edges.push(Math.max(Math.fround(refHigh + step * iqr), nextUp(above)));
  }
  return edges;
}

function findAtoms(sorted: Float32Array, refLow: number, refHigh: number): Set<number> {
  const found: { value: number; count: number }[] = [];
  const least = Math.max(2, sorted.length / MAX_REF_BINS);
  for (let i = 0; i < sorted.length; ) {
    const value = sorted[i] as number;
    let next = i + 1;
    while (next < sorted.length && sorted[next] === value) next++;
    if (next - i >= least && value >= refLow && value <= refHigh) found.push({ value, count: next - i });
    i = next;
  }
  found.sort((a, b) => b.count - a.count || a.value - b.value);
  return new Set(found.slice(0, MAX_ATOMS).map((atom) => atom.value));
}

function describeOutputs(outputs: TrainingOutputs): SketchResult<BaselineOutput> {
  if (outputs.kind === 'regression') {
    const distribution = describeNumbers('the output', outputs.predictions);
    return distribution.ok ? accept({ kind: 'regression', ...distribution.value }) : distribution;
  }
  const { classes, probabilities, labels } = outputs;
  const k = classes.length;
  if (k < 2 || k > MAX_CLASSES) return refuse('baseline_invalid', `${k} classes, limits 2 and ${MAX_CLASSES}`);
  if (new Set(classes).size !== k || classes.some((c) => c.length > MAX_NAME)) {
    return refuse('baseline_invalid', 'class names are not distinct or too long');
  }
  const rows = probabilities.length / k;
  if (!Number.isInteger(rows) || (labels !== undefined && labels.length !== rows)) {
    return refuse('baseline_invalid', 'probabilities, classes and labels have different numbers of rows');
  }
  const scores = new Scores(k);
  const correct = new Float64Array(k * SCORE_BINS);
  for (let row = 0; row < rows; row++) {
    const before = scores.invalid;
    scores.add(probabilities, row * k, k);
    if (scores.invalid !== before) return refuse('baseline_invalid', 'a training probability is not within 0 and 1');
    const predicted = argmaxOf(probabilities, row * k, k);
    if (labels?.[row] !== predicted) continue;
    const place = predicted * SCORE_BINS + scoreBinOf(probabilities[row * k + predicted] as number, SCORE_BINS);
    correct[place] = (correct[place] as number) + 1;
  }
  const byClass = (counts: Float64Array): number[][] =>
    classes.map((_, c) => [...counts.subarray(c * SCORE_BINS, (c + 1) * SCORE_BINS)]);
  return accept({
    kind: 'classification',
    classes,
    scoreCounts: byClass(scores.counts),
    confidenceCounts: byClass(scores.confidence),
    ...(labels === undefined ? {} : { correctCounts: byClass(correct) }),
  });
}

function argmaxOf(values: ArrayLike<number>, offset: number, k: number): number {
  let best = 0;
  for (let c = 1; c < k; c++) if ((values[offset + c] as number) > (values[offset + best] as number)) best = c;
  return best;
}
