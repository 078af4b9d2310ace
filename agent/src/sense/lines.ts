// Reads readings from lines: JSON objects, or delimited text under a header line. Bounded in line length.
import type { Readable } from 'node:stream';
import { accept, type Refusal, type Result, refuse } from '@drover/core/reasons';
import { parse } from 'csv-parse/sync';
import { guessSeparator } from './csv.ts';

export const LINE_CHARS = 1024 * 1024;

/** One JSON object or a refusal. */
export function parseJsonReading(text: string): Result<Record<string, unknown>> {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    // Not JSON is an expected outcome here.
    json = undefined;
  }
  if (typeof json !== 'object' || json === null || Array.isArray(json))
    return refuse('reading_unreadable', 'It is not a JSON object.');
  return accept(json as Record<string, unknown>);
}

/** Remembers the header of delimited lines. */
export function makeLineParser(): (line: string) => Result<Record<string, unknown>> | undefined {
  let header: string[] | undefined;
  let separator = ',';
  const split = (line: string): string[] => {
    try {
      return (
        (
          parse(line, { delimiter: separator, trim: true, relax_column_count: true, relax_quotes: true }) as string[][]
        )[0] ?? []
      );
    } catch {
      // A line that cannot be split has no columns and is refused by their number.
      return [];
    }
  };
  return (line) => {
    const text = line.trim();
    if (text === '') return undefined;
    if (text.startsWith('{')) return parseJsonReading(text);
    if (!header) {
      separator = guessSeparator(text);
      header = split(text);
      return undefined;
    }
    const cells = split(text);
    if (cells.length !== header.length) {
      return refuse('reading_unreadable', `A line has ${cells.length} columns and the header ${header.length}.`);
    }
    return accept(Object.fromEntries(header.map((name, i) => [name, cells[i]])));
  };
}

export interface LinesDeps {
  readonly input: Readable;
  readonly take: (reading: Record<string, unknown>) => Promise<unknown>;
  readonly onBad: (refusal: Refusal) => void;
  readonly signal: AbortSignal;
}

/** Resolves when the input ends or the signal aborts. */
export async function readLines({ input, take, onBad, signal }: LinesDeps): Promise<void> {
  const parseLine = makeLineParser();
  const stop = (): void => void input.destroy();
  signal.addEventListener('abort', stop, { once: true });
  let rest = '';
  let isTooLong = false;
  const takeLine = async (line: string): Promise<void> => {
    const reading = parseLine(line);
    if (reading?.ok) await take(reading.value);
    else if (reading) onBad(reading);
  };
  try {
    for await (const chunk of input.setEncoding('utf8') as AsyncIterable<string>) {
      const lines = (rest + chunk).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) {
        if (!isTooLong) await takeLine(line);
        isTooLong = false;
      }
      if (rest.length <= LINE_CHARS) continue;
      // The rest of this line is thrown away up to its end.
      if (!isTooLong) onBad(refuse('reading_unreadable', `A line has more than ${LINE_CHARS} characters.`));
      isTooLong = true;
      rest = '';
    }
    if (!isTooLong) await takeLine(rest);
  } catch (error) {
    if (!signal.aborted) throw error;
  } finally {
    signal.removeEventListener('abort', stop);
  }
}
