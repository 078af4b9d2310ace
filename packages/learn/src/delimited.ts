// Owns how bytes become records of text fields: delimiter, header, quotes, BOM. It gives no field a meaning.
import { accept, type Refusal, type Result, refuse } from '@drover/core/reasons';
import { parse } from 'csv-parse/sync';

export type Delimiter = ',' | ';' | '\t' | '|' | 'whitespace';

export interface TextLayout {
  readonly delimiter: Delimiter;
  readonly hasHeader: boolean;
  /** Numbers are written 1,5: only where the delimiter is not a comma. */
  readonly decimalComma: boolean;
}

const SAMPLE_CHARACTERS = 65_536;
const SAMPLE_LINES = 50;
const NUMBER = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i;
const COMMA_NUMBER = /^[+-]?\d+,\d+$/;

export const looksNumeric = (field: string): boolean => NUMBER.test(field);

/** Fields of a line as the delimiter alone parts them, quoted parts kept whole. Good enough to count with. */
function countFields(line: string, delimiter: string): number {
  let count = 1;
  let quoted = false;
  for (const c of line) {
    if (c === '"') quoted = !quoted;
    else if (c === delimiter && !quoted) count++;
  }
  return count;
}

/** The delimiter that parts the sampled lines into one number of fields, the most if several do; else an uneven one, else blanks. */
function chooseDelimiter(lines: readonly string[]): Delimiter {
  let best: Delimiter = 'whitespace';
  let most = 1;
  let ragged: Delimiter | undefined;
  for (const delimiter of [',', ';', '\t', '|'] as const) {
    const counts = lines.map((line) => countFields(line, delimiter));
    const first = counts[0] ?? 1;
    // A quoted line break splits a record in the sample, so a few odd lines are allowed.
    const same = counts.filter((n) => n === first).length;
    // Parts most lines, if unevenly: the row of another length is then refused by its number.
    if (first > 1 && counts.filter((n) => n > 1).length > counts.length / 2) ragged ??= delimiter;
    if (first > most && same >= 0.9 * counts.length) {
      best = delimiter;
      most = first;
    }
  }
  if (best !== 'whitespace') return best;
  // The first line may be a header that names more columns than there are.
  const words = lines.slice(lines.length > 1 ? 1 : 0).map((line) => line.trim().split(/\s+/).length);
  return ragged ?? (words.every((n) => n === words[0]) ? 'whitespace' : ',');
}

/** Reads the layout off the first lines. `text` has no BOM. */
export function detectLayout(
  text: string,
  given: { delimiter?: Delimiter | undefined; hasHeader?: boolean | undefined },
): TextLayout {
  const lines = text
    .slice(0, SAMPLE_CHARACTERS)
    .split(/\r\n|\n|\r/)
    .filter((line) => line.trim() !== '');
  if (text.length > SAMPLE_CHARACTERS && lines.length > 1) lines.pop();
  const sample = lines.slice(0, SAMPLE_LINES);
  const delimiter = given.delimiter ?? chooseDelimiter(sample);
  const fieldsOf = (line: string): string[] =>
    (delimiter === 'whitespace' ? line.trim().split(/\s+/) : line.split(delimiter)).map((f) =>
      f.trim().replace(/^"|"$/g, ''),
    );
  const first = sample[0] === undefined ? [] : fieldsOf(sample[0]);
  const hasHeader = given.hasHeader ?? (first.every((f) => !looksNumeric(f)) && first.some((f) => f !== ''));
  const fields = sample.slice(hasHeader ? 1 : 0).flatMap(fieldsOf);
  const decimalComma =
    delimiter !== ',' && fields.some((f) => COMMA_NUMBER.test(f)) && !fields.some((f) => /^[+-]?\d+\.\d+$/.test(f));
  return { delimiter, hasHeader, decimalComma };
}

/** Calls `each` with every record in order (record 0 is the header, if there is one); a Refusal from it ends the reading. */
export function readRecords(
  text: string,
  layout: TextLayout,
  each: (fields: readonly string[], record: number) => Refusal | undefined,
): Result<number> {
  let records = 0;
  let refusal: Refusal | undefined;
  if (layout.delimiter === 'whitespace') {
    for (const line of eachLine(text)) {
      const trimmed = line.trim();
      if (trimmed === '') continue;
      refusal = each(trimmed.split(/\s+/), records++);
      if (refusal) return refusal;
    }
    return accept(records);
  }
  const stop = new Error('stop');
  try {
    parse(text, {
      delimiter: layout.delimiter,
      bom: true,
      trim: true,
      relax_column_count: true,
      relax_quotes: true,
      skip_empty_lines: true,
      max_record_size: 16 * 2 ** 20,
      on_record: (fields: string[]) => {
        refusal = each(fields, records++);
        if (refusal) throw stop;
        return null;
      },
    });
  } catch (error) {
    if (refusal) return refusal;
    return refuse('data_unreadable', error instanceof Error ? `${error.message}.` : 'The parser failed.');
  }
  return accept(records);
}

function* eachLine(text: string): Generator<string> {
  let from = 0;
  while (from <= text.length) {
    let to = text.indexOf('\n', from);
    if (to < 0) to = text.length;
    yield text.slice(from, to);
    from = to + 1;
  }
}
