// Decides how rows of the simulated fleet look as CSV (RFC 4180, LF, header line). Never writes a file.
import type { MachineRow } from './fleet.ts';
import { FEATURES } from './sensors.ts';

/** The columns of `toCsv`, in order; `failureKind` comes last and only when asked for. */
export const COLUMNS = ['timestampMs', 'device', 'site', 'machine', ...FEATURES, 'failure'] as const;

/** One header line and one line a row; a reading that did not arrive is an empty field. No value needs quoting. */
export function toCsv(rows: readonly MachineRow[], options: { readonly withFailureKind?: boolean } = {}): string {
  const withKind = options.withFailureKind ?? false;
  const lines = [withKind ? [...COLUMNS, 'failureKind'].join(',') : COLUMNS.join(',')];
  for (const row of rows) {
    let line = '';
    for (const column of COLUMNS) line += `${line === '' ? '' : ','}${row[column] ?? ''}`;
    lines.push(withKind ? `${line},${row.failureKind ?? ''}` : line);
  }
  return `${lines.join('\n')}\n`;
}
