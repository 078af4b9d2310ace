// Decides which training columns are counted as they are, and which by what is measured of them: texts, truth values, tensors.
// Never counts.

import {
  type BaselineSource,
  type Derivation,
  type Take,
  type TensorSource,
  type TextSource,
  TRUTHS,
} from './baseline-document.ts';
import { accept, refuse, type SketchResult } from './result.ts';
import { IMAGE_MEASURES, MAX_TENSOR, TENSOR_PROJECTIONS, TensorMeasures } from './tensor-measures.ts';
import { MAX_VOCABULARY, SCRIPTS, TextMeasures } from './text-measures.ts';
import { encodeUtf8 } from './utf8.ts';

/** NaN is missing in numbers, undefined in text. Hard limits are in the unit of the column. */
export interface NumericColumn {
  readonly name: string;
  readonly values: Float64Array | Float32Array;
  readonly hardLow?: number;
  readonly hardHigh?: number;
}
export interface CategoricalColumn {
  readonly name: string;
  readonly values: readonly (string | undefined)[];
}
/** One input of a model, row by row. `image` says how its values lie, where it is one. */
export interface TensorColumn {
  readonly name: string;
  readonly tensor: ArrayLike<number>;
  /** Values in a row. */
  readonly size: number;
  readonly image?: {
    readonly height: number;
    readonly width: number;
    readonly channels: number;
    readonly isChannelsLast: boolean;
  };
}
export type TrainingColumn = NumericColumn | CategoricalColumn | TensorColumn;

export type CountedColumn = (NumericColumn | CategoricalColumn) & { readonly from?: Derivation };

export const isNumeric = (column: TrainingColumn): column is NumericColumn =>
  !('tensor' in column) && !Array.isArray(column.values);

export interface Derived {
  readonly columns: readonly CountedColumn[];
  readonly sources: readonly BaselineSource[];
}

/** FNV-1a: other names give other projections, and the same one always the same. */
export function seedOf(text: string): number {
  let hash = 0x811c9dc5;
  for (const byte of encodeUtf8(text)) hash = Math.imul(hash ^ byte, 0x01000193) >>> 0;
  return hash;
}

export function deriveColumns(given: readonly TrainingColumn[]): SketchResult<Derived> {
  const columns: CountedColumn[] = [];
  const sources: BaselineSource[] = [];
  const take = (column: { columns: readonly CountedColumn[]; source: BaselineSource }): void => {
    columns.push(...column.columns);
    sources.push(column.source);
  };
  for (const column of given) {
    if ('tensor' in column) {
      const problem = findTensorProblem(column);
      if (problem !== undefined) return refuse('baseline_invalid', problem);
      take(measureTensor(column));
    } else if (isNumeric(column)) columns.push(isTruth(column) ? asTruth(column) : column);
    else if (isProse(column.values)) take(measureTexts(column));
    else columns.push(column);
  }
  return accept({ columns, sources });
}

/** Of 0 and 1 alone, both of them, without limits. */
function isTruth({ values, hardLow, hardHigh }: NumericColumn): boolean {
  if (hardLow !== undefined || hardHigh !== undefined) return false;
  let ones = 0;
  let zeros = 0;
  for (const value of values) {
    if (value === 1) ones++;
    else if (value === 0) zeros++;
    else if (!Number.isNaN(value)) return false;
  }
  return ones > 0 && zeros > 0;
}

/** A truth value as a category: a number that is neither 0 nor 1 is a category that training has not met; NaN is missing. */
export const truthOf = (value: number): string | undefined =>
  value === 1 ? TRUTHS[1] : value === 0 ? TRUTHS[0] : Number.isFinite(value) ? String(value) : undefined;

const asTruth = ({ name, values }: NumericColumn): CountedColumn => ({
  name,
  values: Array.from(values, truthOf),
  from: { source: name, take: 'truth', index: 0 },
});

/** More distinct values than a dictionary takes, most of them once, and of more than one word on average. */
function isProse(values: CategoricalColumn['values']): boolean {
  const tally = new Map<string, number>();
  let present = 0;
  for (const text of values) {
    if (text === undefined || text === '') continue;
    present++;
    tally.set(text, (tally.get(text) ?? 0) + 1);
  }
  if (tally.size <= LEAST_DISTINCT) return false;
  const measures = new TextMeasures([]);
  let once = 0;
  let words = 0;
  for (const [text, count] of tally) {
    if (count === 1) once++;
    measures.read(text);
    words += measures.words * count;
  }
  return 2 * once > present && words > 1.5 * present;
}
const LEAST_DISTINCT = 256;

export const nameOf = (source: string, take: Take, index = 0): string => {
  const what = take === 'projection' ? `${take} ${index + 1}` : take.replace('_', ' ');
  return `${source} (${what})`;
};

function measureTexts({ name, values }: CategoricalColumn): {
  columns: readonly CountedColumn[];
  source: TextSource;
} {
  const rowsWith = new Map<number, number>();
  const reader = new TextMeasures([]);
  for (const text of values) {
    if (!text) continue;
    const words = new Set<number>();
    reader.read(text, (hash) => words.add(hash));
    for (const hash of words) rowsWith.set(hash, (rowsWith.get(hash) ?? 0) + 1);
  }
  const least = findLeast([...rowsWith.values()]);
  const inAtLeast = (rows: number): number[] => [...rowsWith].filter(([, n]) => n >= rows).map(([hash]) => hash);
  // A word of a training row is known if the other rows would have made it known: as it is for a row that is new.
  const measures = new TextMeasures(inAtLeast(least + 1));
  const length = new Float32Array(values.length).fill(Number.NaN);
  const unknown = new Float32Array(values.length).fill(Number.NaN);
  const script: (string | undefined)[] = values.map(() => undefined);
  for (const [row, text] of values.entries()) {
    if (!text) continue;
    measures.read(text);
    length[row] = measures.length;
    unknown[row] = measures.unknownShare;
    script[row] = SCRIPTS[measures.script];
  }
  const counted = (take: Take) => ({ name: nameOf(name, take), from: { source: name, take, index: 0 } });
  return {
    columns: [
      { ...counted('length'), values: length },
      ...(unknown.some((share) => !Number.isNaN(share)) ? [{ ...counted('unknown_words'), values: unknown }] : []),
      { ...counted('script'), values: script },
    ],
    source: { name, kind: 'text', vocabulary: inAtLeast(least).sort((a, b) => a - b) },
  };
}

/** In how many rows a word must be, so that the vocabulary is full but not more. */
function findLeast(counts: number[]): number {
  const descending = counts.sort((a, b) => b - a);
  const beyond = descending[MAX_VOCABULARY];
  return beyond === undefined ? 1 : beyond + 1;
}

function findTensorProblem({ name, tensor, size, image }: TensorColumn): string | undefined {
  if (!Number.isInteger(size) || size < 1 || size > MAX_TENSOR)
    return `${name} has ${size} values a row, limits 1 and ${MAX_TENSOR}`;
  if (tensor.length % size !== 0) return `${name} has ${tensor.length} values, which are no rows of ${size}`;
  if (image && image.height * image.width * image.channels !== size)
    return `${name} has ${size} values a row and not those of ${image.height}×${image.width}×${image.channels}`;
  return undefined;
}

function measureTensor({ name, tensor, size, image }: TensorColumn): {
  columns: readonly CountedColumn[];
  source: TensorSource;
} {
  const [low, high] = image ? rangeOf(tensor) : [0, 0];
  const seed = seedOf(name);
  const source: TensorSource = {
    name,
    kind: 'tensor',
    size,
    seed,
    ...(image && low < high ? { image: { ...image, low, high } } : {}),
  };
  const measures = new TensorMeasures(source);
  const rows = tensor.length / size;
  const values = Array.from(measures.values, () => new Float32Array(rows));
  for (let row = 0; row < rows; row++) {
    measures.read(tensor, row * size);
    for (const [at, column] of values.entries()) column[row] = measures.values[at] as number;
  }
  const columns = values.map((column, at) => {
    const take = at < TENSOR_PROJECTIONS ? 'projection' : (IMAGE_MEASURES[at - TENSOR_PROJECTIONS] as Take);
    const index = at < TENSOR_PROJECTIONS ? at : 0;
    return { name: nameOf(name, take, index), values: column, from: { source: name, take, index } };
  });
  // A vector of fewer values than projections leaves some of them empty.
  return { columns: columns.filter((column) => column.values.some((x) => x !== 0 || image)), source };
}

function rangeOf(values: ArrayLike<number>): [number, number] {
  let low = Number.POSITIVE_INFINITY;
  let high = Number.NEGATIVE_INFINITY;
  for (let i = 0; i < values.length; i++) {
    const x = values[i] as number;
    if (x < low) low = x;
    if (x > high) high = x;
  }
  return [Math.fround(low), Math.fround(high)];
}
