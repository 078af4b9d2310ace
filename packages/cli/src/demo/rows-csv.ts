// Decides how chosen rows become CSV (RFC 4180, LF, header line). Never chooses rows and never writes a file.
import type { Column } from '@drover/learn/table';
import { fieldText } from './source.ts';

const quote = (text: string): string => (/[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);

/** Header and one line a row, in the order of `rows`. */
export function writeRows(columns: readonly Column[], rows: ArrayLike<number>): string {
  const lines = [columns.map((column) => quote(column.name)).join(',')];
  for (let i = 0; i < rows.length; i++) {
    const row = rows[i] ?? -1;
    lines.push(columns.map((column) => quote(fieldText(column, row))).join(','));
  }
  return `${lines.join('\n')}\n`;
}
