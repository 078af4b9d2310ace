// Owns the step from prepared columns to what a model sees: the tensors `x` and `c`, and the one-hot design matrix behind
// them. The exporter writes the same step into the graph.
import type { NumberColumn, TextColumn } from './table.ts';

export interface CategoryLayout {
  readonly name: string;
  /** Texts with a one-hot column each, most frequent first. Any other text, and missing, is all zeros. */
  readonly levels: readonly string[];
}

/** What goes into the model, in tensor order: `x` float32 [N, numeric] (missing = NaN), `c` string [N, categorical] (missing = ''). */
export interface FeatureLayout {
  readonly numeric: readonly string[];
  readonly categorical: readonly CategoryLayout[];
}

/** Columns of the design matrix: numeric ones first, then one per level of each category. */
export function nameDesign(layout: FeatureLayout): string[] {
  return [
    ...layout.numeric,
    ...layout.categorical.flatMap(({ name, levels }) => levels.map((level) => `${name}=${level}`)),
  ];
}

/** Raw feature columns: numbers as float32 (as the model reads them), texts by dictionary. */
export interface FeatureRows {
  readonly rows: number;
  readonly numeric: readonly Float32Array[];
  readonly categorical: readonly { readonly codes: Int32Array; readonly levels: readonly string[] }[];
}

export const MAX_LEVELS = 32;

/** Chooses one-hot levels from the fitted rows only: the `MAX_LEVELS` most frequent, of equals the first in code-unit order. */
export function planLayout(
  numeric: readonly NumberColumn[],
  categorical: readonly TextColumn[],
  fit: ArrayLike<number>,
): FeatureLayout {
  return {
    numeric: numeric.map((column) => column.name),
    categorical: categorical.map((column) => {
      const counts = new Float64Array(column.levels.length);
      for (let i = 0; i < fit.length; i++) {
        const code = column.codes[fit[i] as number] as number;
        if (code >= 0) counts[code] = (counts[code] as number) + 1;
      }
      const ranked = column.levels
        .map((level, code) => ({ level, count: counts[code] as number }))
        .filter(({ count }) => count > 0)
        .sort((a, b) => b.count - a.count || (a.level < b.level ? -1 : 1));
      return { name: column.name, levels: ranked.slice(0, MAX_LEVELS).map(({ level }) => level) };
    }),
  };
}

export function takeFeatures(
  numeric: readonly NumberColumn[],
  categorical: readonly TextColumn[],
  rows: ArrayLike<number>,
): FeatureRows {
  return {
    rows: rows.length,
    numeric: numeric.map((column) => Float32Array.from(rows, (row) => column.values[row] as number)),
    categorical: categorical.map((column) => ({
      levels: column.levels,
      codes: Int32Array.from(rows, (row) => column.codes[row] as number),
    })),
  };
}

/** The design matrix, one float32 column each: numbers as they are (NaN = missing), levels as 0 and 1. */
export function expandFeatures(layout: FeatureLayout, features: FeatureRows): Float32Array[] {
  const out = [...features.numeric];
  features.categorical.forEach(({ codes, levels }, i) => {
    const known = new Map((layout.categorical[i] as CategoryLayout).levels.map((level, place) => [level, place]));
    const places = levels.map((level) => known.get(level) ?? -1);
    const columns = Array.from({ length: known.size }, () => new Float32Array(features.rows));
    for (let row = 0; row < features.rows; row++) {
      const column = columns[places[codes[row] as number] ?? -1];
      if (column) column[row] = 1;
    }
    out.push(...columns);
  });
  return out;
}

/** The model's input tensors, row-major. An input without columns is absent from the model too. */
export interface ModelInputs {
  readonly rows: number;
  readonly x: Float32Array;
  readonly c: string[];
}

export function toInputs(features: FeatureRows): ModelInputs {
  const { rows, numeric, categorical } = features;
  const x = new Float32Array(rows * numeric.length);
  numeric.forEach((column, j) => {
    for (let row = 0; row < rows; row++) x[row * numeric.length + j] = column[row] as number;
  });
  const c: string[] = [];
  for (let row = 0; row < rows; row++)
    for (const { codes, levels } of categorical) c.push(levels[codes[row] as number] ?? '');
  return { rows, x, c };
}
