// Owns what a bench says: rows, references, budgets, and how they are judged and printed. Never measures anything.

/** The same job done by plain means, measured in the same run. */
export interface Reference {
  readonly name: string;
  readonly value: number;
}

/** A bound on the value itself or on value / reference. It is printed, never enforced. */
export interface Budget {
  readonly of: 'value' | 'ratio';
  readonly is: '<=' | '<' | '>=';
  readonly limit: number;
}

export interface BenchRow {
  readonly name: string;
  readonly value: number;
  readonly unit: string;
  readonly reference?: Reference;
  readonly budget?: Budget;
  readonly note?: string;
}

export interface BenchReport {
  readonly title: string;
  readonly rows: readonly BenchRow[];
  /** What a reader must know to read the numbers: what was left out, what stood in for what. */
  readonly notes?: readonly string[];
}

export const atMost = (limit: number): Budget => ({ of: 'value', is: '<=', limit });
export const below = (limit: number): Budget => ({ of: 'value', is: '<', limit });
export const atLeast = (limit: number): Budget => ({ of: 'value', is: '>=', limit });
export const ratioAtMost = (limit: number): Budget => ({ of: 'ratio', is: '<=', limit });
export const ratioAtLeast = (limit: number): Budget => ({ of: 'ratio', is: '>=', limit });

export type Verdict = 'met' | 'missed' | 'not judged' | '';

/** Value over reference; undefined without one. */
export const ratioOf = ({ value, reference }: BenchRow): number | undefined =>
  reference === undefined ? undefined : value / reference.value;

/** A ratio without its reference is not judged, and neither is what could not be measured (NaN). */
export function judge(row: BenchRow): Verdict {
  const { budget } = row;
  if (!budget) return '';
  const measured = budget.of === 'ratio' ? ratioOf(row) : row.value;
  if (measured === undefined || Number.isNaN(measured)) return 'not judged';
  const isMet =
    budget.is === '<='
      ? measured <= budget.limit
      : budget.is === '<'
        ? measured < budget.limit
        : measured >= budget.limit;
  return isMet ? 'met' : 'missed';
}

/** Four digits are more than any of these measurements can promise. */
const show = (value: number): string =>
  Math.abs(value) >= 1000 ? Math.round(value).toLocaleString('en-US') : String(Number(value.toPrecision(4)));

const showBudget = ({ of, is, limit }: Budget, unit: string): string =>
  of === 'ratio' ? `${is} ${limit} x` : `${is} ${show(limit)} ${unit}`.trimEnd();

const HEADS = ['what', 'measured', 'reference', 'ratio', 'budget', ''] as const;

const cellsOf = (row: BenchRow): string[] => {
  const { name, value, unit, reference, budget, note } = row;
  const ratio = ratioOf(row);
  const measured = `${show(value)} ${unit}`.trimEnd();
  const beside = reference ? `${reference.name} ${show(reference.value)}` : (note ?? '');
  return [
    name,
    measured,
    beside,
    ratio === undefined ? '' : ratio.toFixed(2),
    budget ? showBudget(budget, unit) : '',
    judge(row),
  ];
};

/** A table for a terminal. */
export function renderText({ title, rows, notes = [] }: BenchReport): string {
  const lines = [[...HEADS], ...rows.map(cellsOf)];
  const widths = HEADS.map((_, column) => Math.max(...lines.map((line) => (line[column] ?? '').length)));
  const isNumber = (column: number): boolean => column === 1 || column === 3;
  const layOut = (line: readonly string[]): string =>
    line
      .map((cell, column) => (isNumber(column) ? cell.padStart(widths[column] ?? 0) : cell.padEnd(widths[column] ?? 0)))
      .join('  ')
      .trimEnd();
  return [title, ...lines.map((line) => `  ${layOut(line)}`), ...notes.map((note) => `  ${note}`)].join('\n');
}

/** The same as Markdown. */
export function renderMarkdown({ title, rows, notes = [] }: BenchReport): string {
  const escape = (cell: string): string => cell.replaceAll('|', '\\|');
  const line = (cells: readonly string[]): string => `| ${cells.map(escape).join(' | ')} |`;
  const table = [line(HEADS), '|---|--:|---|--:|---|---|', ...rows.map((row) => line(cellsOf(row)))];
  return [`### ${title}`, '', ...table, ...notes.flatMap((note) => ['', note])].join('\n');
}
