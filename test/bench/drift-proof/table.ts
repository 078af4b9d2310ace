// Owns how the proof is printed: Markdown tables with notes. Never measures.

export interface Table {
  readonly title: string;
  readonly heads: readonly string[];
  readonly rows: readonly (readonly string[])[];
  readonly notes?: readonly string[];
}

/** Three digits; nothing here is known better. */
export function show(value: number): string {
  if (Number.isNaN(value)) return '–';
  if (Math.abs(value) >= 1000) return Math.round(value).toLocaleString('en-US');
  return value === 0 ? '0' : String(Number(value.toPrecision(3)));
}
export const showShare = (share: number): string => (Number.isNaN(share) ? '–' : `${show(100 * share)} %`);

export function renderTable({ title, heads, rows, notes = [] }: Table): string {
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  const rule = `|${heads.map((_, i) => (i === 0 ? '---' : '--:')).join('|')}|`;
  return [`### ${title}`, '', line(heads), rule, ...rows.map(line), ...notes.flatMap((note) => ['', note])].join('\n');
}

export function medianOf(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  if (sorted.length === 0) return Number.NaN;
  return sorted.length % 2 === 1
    ? (sorted[middle] as number)
    : ((sorted[middle - 1] as number) + (sorted[middle] as number)) / 2;
}

/** One line of progress. */
export const say = (text: string): void =>
  void process.stderr.write(`${new Date().toISOString().slice(11, 19)} ${text}\n`);
