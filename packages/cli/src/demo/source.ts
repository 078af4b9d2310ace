// Decides what the demo plays: a delimited file or the built-in generator, its label, its devices and its order in time.
// Never writes a file.
import { readFileSync } from 'node:fs';
import { accept, type Result, refuse } from '@drover/core/reasons';
import { type Column, parseTable, type TextColumn } from '@drover/learn/table';
import { toCsv } from '@drover/sim/csv';
import { generateFleet } from '@drover/sim/fleet';
import { deriveEndLabel } from './deal.ts';

export interface SourceOptions {
  readonly data?: string | undefined;
  readonly label?: string | undefined;
  readonly deriveLabel?: { readonly kind: 'endsWithin'; readonly rows: number } | undefined;
  readonly deviceColumn?: string | undefined;
  readonly timeColumn?: string | undefined;
  readonly exclude?: readonly string[] | undefined;
  readonly agents: number;
  readonly trainShare: number;
  readonly seed: number;
}

export interface Source {
  /** What it is, for a person. */
  readonly says: string;
  readonly rows: number;
  readonly columns: readonly Column[];
  /** Row numbers in the order of time. */
  readonly order: Int32Array;
  /** Device number per row and names by that number. */
  readonly devices: { readonly codes: Int32Array; readonly names: readonly string[] } | undefined;
  readonly label: string;
  readonly deviceColumn: string | undefined;
  readonly timeColumn: string | undefined;
  readonly exclude: readonly string[];
}

export const BUILT_IN = { rowsPerDevice: 600, faultRate: 0.08, label: 'failure' } as const;

/** The text of a field; empty when it is missing. */
export function fieldText(column: Column, row: number): string {
  if (column.kind === 'text') return column.levels[column.codes[row] ?? -1] ?? '';
  const value = column.values[row] ?? Number.NaN;
  return Number.isNaN(value) ? '' : String(value);
}

/** The generator's fleet as text, so that both sources are read by the same code. */
function generate(options: SourceOptions): Result<{ text: string; devices: number }> {
  // As many machines stay for playing as there are agents.
  const devices = Math.max(3, Math.ceil(options.agents / (1 - options.trainShare)));
  const rows = generateFleet({
    seed: options.seed,
    devices,
    rowsPerDevice: BUILT_IN.rowsPerDevice,
    faultRate: BUILT_IN.faultRate,
  });
  return rows.ok ? accept({ text: toCsv(rows.value), devices }) : rows;
}

export function loadSource(options: SourceOptions): Result<Source> {
  if (options.data !== undefined) {
    let bytes: Uint8Array;
    try {
      bytes = readFileSync(options.data);
    } catch (error) {
      return refuse(
        'argument_invalid',
        `"${options.data}" cannot be read (${(error as NodeJS.ErrnoException).code ?? 'error'}).`,
      );
    }
    return readSource(bytes, options, options.data);
  }
  const generated = generate(options);
  if (!generated.ok) return generated;
  const roles = { label: BUILT_IN.label, deviceColumn: 'device', timeColumn: 'timestampMs', exclude: ['site'] };
  const says = `built-in generator: ${generated.value.devices} machines, ${BUILT_IN.rowsPerDevice} readings each, seed ${options.seed}`;
  return readSource(Buffer.from(generated.value.text), { ...options, ...roles, deriveLabel: undefined }, says);
}

function orderByTime(rows: number, time: Column | undefined): Int32Array {
  const order = Int32Array.from({ length: rows }, (_, i) => i);
  if (!time) return order;
  if (time.kind === 'number') {
    const { values } = time;
    const key = (row: number): number => (Number.isNaN(values[row]) ? Number.NEGATIVE_INFINITY : (values[row] ?? 0));
    return order.sort((a, b) => key(a) - key(b) || a - b);
  }
  const rank = rankLevels(time);
  return order.sort((a, b) => (rank[a] ?? 0) - (rank[b] ?? 0) || a - b);
}

/** Places of texts in code-unit order: RFC 3339 times in one zone sort as they should. */
function rankLevels(time: TextColumn): Int32Array {
  const places = time.levels
    .map((_, code) => code)
    .sort((a, b) => ((time.levels[a] ?? '') < (time.levels[b] ?? '') ? -1 : 1));
  const rank = new Int32Array(time.levels.length);
  for (const [place, code] of places.entries()) rank[code] = place;
  return Int32Array.from(time.codes, (code) => (code < 0 ? -1 : (rank[code] ?? -1)));
}

function numberDevices(column: Column, rows: number): { codes: Int32Array; names: string[] } {
  const known = new Map<string, number>();
  const codes = Int32Array.from({ length: rows }, (_, row) => {
    const name = fieldText(column, row);
    const code = known.get(name) ?? known.size;
    known.set(name, code);
    return code;
  });
  return { codes, names: [...known.keys()] };
}

/** Reads delimited bytes and gives the columns their roles. */
export function readSource(bytes: Uint8Array, options: SourceOptions, says: string): Result<Source> {
  const table = parseTable(bytes);
  if (!table.ok) return table;
  const { rows, columns } = table.value;
  const byName = new Map(columns.map((column) => [column.name, column]));
  const { deviceColumn, timeColumn, exclude = [] } = options;
  for (const name of [options.label, deviceColumn, timeColumn, ...exclude]) {
    if (name !== undefined && !byName.has(name)) {
      return refuse(
        'data_column_missing',
        `There is no column "${name}"; columns: ${[...byName.keys()].slice(0, 60).join(', ')}.`,
      );
    }
  }
  if (rows < 20) return refuse('data_empty', `${rows} rows are too few to train on some and play others.`);
  const deviceSource = deviceColumn === undefined ? undefined : byName.get(deviceColumn);
  const devices = deviceSource && numberDevices(deviceSource, rows);
  if (devices && devices.names.length < 2) {
    return refuse(
      'data_one_class',
      `The device column "${deviceColumn}" names one device; at least one must train and one play.`,
    );
  }
  const order = orderByTime(rows, timeColumn === undefined ? undefined : byName.get(timeColumn));
  const common = { says, rows, order, devices, deviceColumn, timeColumn, exclude };
  if (!options.deriveLabel) {
    if (options.label === undefined)
      return refuse('argument_invalid', 'Say which column is the label: --label COLUMN.');
    return accept({ ...common, columns, label: options.label });
  }
  if (!devices)
    return refuse('argument_invalid', '--derive-label needs --device-column: the end is the end of a device.');
  const within = options.deriveLabel.rows;
  const name = `ends_within_${within}`;
  if (byName.has(name)) return refuse('argument_invalid', `The file already has a column "${name}".`);
  const values = deriveEndLabel(order, devices.codes, within);
  return accept({ ...common, columns: [...columns, { kind: 'number', name, values }], label: name });
}
