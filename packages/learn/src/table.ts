// Turns delimited text into typed columns, within limits. It decides number or text per column; what a column is for is
// decided in `prepare.ts`.
import { accept, type Result, refuse } from '@drover/core/reasons';
import { type Delimiter, detectLayout, looksNumeric, readRecords, type TextLayout } from './delimited.ts';

export interface NumberColumn {
  readonly kind: 'number';
  readonly name: string;
  /** NaN = missing. */
  readonly values: Float64Array;
}

/** Text by dictionary: `codes[row]` indexes `levels` in order of first appearance, -1 = missing. */
export interface TextColumn {
  readonly kind: 'text';
  readonly name: string;
  readonly codes: Int32Array;
  readonly levels: readonly string[];
}

export type Column = NumberColumn | TextColumn;

export interface Table {
  readonly rows: number;
  readonly columns: readonly Column[];
  readonly layout: TextLayout;
}

export interface TableLimits {
  readonly bytes: number;
  readonly rows: number;
  readonly columns: number;
}

export const TABLE_LIMITS: TableLimits = { bytes: 512 * 2 ** 20 - 64, rows: 5_000_000, columns: 2000 };

export interface TableOptions {
  readonly delimiter?: Delimiter | undefined;
  /** Without it: a first line without any number is a header. Without a header columns are named c1, c2, … */
  readonly hasHeader?: boolean | undefined;
  readonly limits?: TableLimits | undefined;
}

/** Characters of a column name: the baseline takes no longer ones. */
const MAX_NAME = 256;

/** What stands for "no value"; infinities count as missing too, since no statistic can hold them. */
const MISSING = new Set([
  '',
  '?',
  'NA',
  'N/A',
  'NaN',
  'nan',
  'NAN',
  'null',
  'NULL',
  'inf',
  '-inf',
  'Inf',
  '-Inf',
  'Infinity',
  '-Infinity',
]);

export const isMissing = (field: string): boolean => MISSING.has(field);

/** The number that `field` spells in decimal, NaN when it is missing, undefined when it is text. */
function readNumber(field: string, decimalComma: boolean): number | undefined {
  const spelled = decimalComma ? field.replace(',', '.') : field;
  if (!looksNumeric(spelled)) return isMissing(field) ? Number.NaN : undefined;
  const value = Number(spelled);
  return Number.isFinite(value) ? value : Number.NaN;
}

class NumberBuilder {
  values = new Float64Array(1024);
  rows = 0;
  isText = false;
  push(value: number): void {
    if (this.rows === this.values.length) {
      const wider = new Float64Array(this.values.length * 2);
      wider.set(this.values);
      this.values = wider;
    }
    this.values[this.rows++] = value;
  }
}

function nameColumns(fields: readonly string[], hasHeader: boolean): Result<string[]> {
  const names = hasHeader ? fields.map((f) => f.trim()) : fields.map((_, i) => `c${i + 1}`);
  const seen = new Set<string>();
  for (const [i, name] of names.entries()) {
    if (name === '') names[i] = `c${i + 1}`;
    if (name.length > MAX_NAME)
      return refuse('data_unreadable', `The name of column ${i + 1} is longer than ${MAX_NAME} characters.`);
    if (seen.has(names[i] as string)) return refuse('data_unreadable', `Two columns are named "${names[i]}".`);
    seen.add(names[i] as string);
  }
  return accept(names);
}

/**
 * Parses UTF-8 text. A column is numeric when every present field is a decimal number. Refuses what is not delimited text,
 * rows of another length than the first, and more than `limits` (nothing beyond them is held in memory).
 */
export function parseTable(input: string | Uint8Array, options: TableOptions = {}): Result<Table> {
  const limits = options.limits ?? TABLE_LIMITS;
  const size = typeof input === 'string' ? Buffer.byteLength(input) : input.byteLength;
  if (size > limits.bytes) return refuse('data_too_large', `${size} bytes, the limit is ${limits.bytes}.`);
  const decoded = decodeText(input);
  if (!decoded.ok) return decoded;
  const text = decoded.value;
  const layout = detectLayout(text, options);
  let names: string[] = [];
  let builders: NumberBuilder[] = [];
  let rows = 0;
  let width = 0;
  const read = readRecords(text, layout, (fields, record) => {
    if (record === 0) {
      if (fields.length > limits.columns)
        return refuse('data_too_large', `${fields.length} columns, the limit is ${limits.columns}.`);
      const named = nameColumns(fields, layout.hasHeader);
      if (!named.ok) return named;
      names = named.value;
      builders = names.map(() => new NumberBuilder());
      if (layout.hasHeader) return undefined;
    }
    if (rows === 0) {
      width = fields.length;
      // C-MAPSS is passed on with a header of 31 names over 26 columns: between blanks the names without a column are
      // kept as columns without values, so that they are listed. Elsewhere another length means a shifted row.
      if (width > names.length || (width < names.length && layout.delimiter !== 'whitespace')) {
        return refuse('data_unreadable', `Record ${record + 1} has ${width} fields, the header ${names.length}.`);
      }
    }
    if (fields.length !== width) {
      return refuse('data_unreadable', `Record ${record + 1} has ${fields.length} fields, those before have ${width}.`);
    }
    if (++rows > limits.rows) return refuse('data_too_large', `More than ${limits.rows} rows.`);
    for (let i = 0; i < fields.length; i++) {
      const builder = builders[i] as NumberBuilder;
      if (builder.isText) continue;
      const value = readNumber(fields[i] as string, layout.decimalComma);
      if (value === undefined) builder.isText = true;
      else builder.push(value);
    }
    return undefined;
  });
  if (!read.ok) return read;
  if (rows === 0) return refuse('data_empty', 'The file has no data rows.');
  const texts = readTexts(text, layout, builders, rows);
  const columns = builders.map(
    (builder, i): Column =>
      texts.get(i)?.(names[i] as string) ?? {
        kind: 'number',
        name: names[i] as string,
        values: i < width ? builder.values.slice(0, rows) : new Float64Array(rows).fill(Number.NaN),
      },
  );
  return accept({ rows, columns, layout });
}

/** A second reading, only when there are text columns: holding all fields as text the first time would cost many times the file. */
function readTexts(
  text: string,
  layout: TextLayout,
  builders: readonly NumberBuilder[],
  rows: number,
): Map<number, (name: string) => TextColumn> {
  const wanted = builders.flatMap((builder, i) =>
    builder.isText ? [{ column: i, codes: new Int32Array(rows), levels: new Map<string, number>() }] : [],
  );
  if (wanted.length > 0) {
    readRecords(text, layout, (fields, record) => {
      const row = layout.hasHeader ? record - 1 : record;
      if (row < 0) return undefined;
      for (const { column, codes, levels } of wanted) {
        const field = fields[column] as string;
        if (isMissing(field)) {
          codes[row] = -1;
          continue;
        }
        let code = levels.get(field);
        if (code === undefined) {
          code = levels.size;
          // A copy: a slice would keep the whole text alive.
          levels.set(Buffer.from(field).toString(), code);
        }
        codes[row] = code;
      }
      return undefined;
    });
  }
  return new Map(
    wanted.map(({ column, codes, levels }) => [
      column,
      (name) => ({ kind: 'text', name, codes, levels: [...levels.keys()] }),
    ]),
  );
}

function decodeText(input: string | Uint8Array): Result<string> {
  try {
    const decoded = typeof input === 'string' ? input : new TextDecoder('utf-8', { fatal: true }).decode(input);
    const text = decoded.startsWith('\uFEFF') ? decoded.slice(1) : decoded;
    return text.includes('\0') ? refuse('data_unreadable', 'The file holds zero bytes: it is not text.') : accept(text);
  } catch {
    return refuse('data_unreadable', 'The file is not UTF-8 text.');
  }
}
