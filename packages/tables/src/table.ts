// Owns what an exported table is, columns with a kind and rows of cells, and its form as CSV. Never knows whose numbers it holds.
import { csvLine, csvNumber, csvText } from '@drover/core/csv';

/** `count`: a whole number. `instant`: ms since epoch, UTC. */
export type CellKind = 'text' | 'count' | 'number' | 'instant';

export interface Column {
  readonly name: string;
  readonly kind: CellKind;
}

/** null is not known. */
export type Cell = string | number | null;
/** A cell for each column. */
export type Row = readonly Cell[];

/** The latest moment that a date can name. */
const LATEST_MS = 8.64e15;

export const isInstant = (ms: number): boolean => Math.abs(ms) <= LATEST_MS;

function writeCell(cell: Cell, { kind }: Column): string {
  if (typeof cell === 'string') return csvText(cell);
  if (cell === null || kind !== 'instant') return csvNumber(cell);
  return isInstant(cell) ? new Date(cell).toISOString() : '';
}

export const csvHead = (columns: readonly Column[]): string => csvLine(columns.map(({ name }) => csvText(name)));

/** RFC 4180. */
export function csvRows(columns: readonly Column[], rows: Iterable<Row>): string {
  let text = '';
  for (const row of rows) text += csvLine(columns.map((column, i) => writeCell(row[i] ?? null, column)));
  return text;
}
