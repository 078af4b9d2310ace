// Owns how a command writes a table for other programs: --format and --out, CSV or Parquet. Never asks a hub.
import { openParquet } from '@drover/tables/parquet';
import { type Column, csvHead, csvRows, type Row } from '@drover/tables/table';
import { Option } from 'commander';
import { failUsage } from './failure.ts';
import type { Shell } from './shell.ts';
import { openSink } from './sink.ts';

export type TableFormat = 'csv' | 'parquet';
const ANYBODY = 0o644;

export const formatOption = (): Option =>
  new Option('--format <format>', 'csv, or parquet into a file').choices(['csv', 'parquet']).default('csv');

/** Of a command that shows a table where no format is named. */
export const exportOption = (): Option =>
  new Option('--format <format>', 'a table for other programs: csv, or parquet into a file').choices([
    'csv',
    'parquet',
  ]);

/** Bytes in a terminal help nobody. */
export function checkFormat(format: TableFormat, out: string | undefined): void {
  if (format === 'parquet' && out === undefined) throw failUsage('--format parquet needs --out FILE.');
}

/** Writes all rows; a file that could not be written whole is taken away. */
export async function writeTable(
  shell: Shell,
  { format, out }: { readonly format: TableFormat; readonly out?: string | undefined },
  columns: readonly Column[],
  rows: readonly Row[],
): Promise<void> {
  checkFormat(format, out);
  const sink = openSink(shell, out, ANYBODY);
  try {
    if (format === 'csv') await sink.write(csvHead(columns) + csvRows(columns, rows));
    else {
      const table = openParquet(columns);
      await sink.write(table.add(rows));
      await sink.write(table.finish());
    }
    sink.end();
  } catch (error) {
    sink.drop();
    throw error;
  }
}
