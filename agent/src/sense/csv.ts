// Replays a delimited file as live readings at a given rate. Never loads the file whole and never ends the agent.
import { createReadStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { type Refusal, refuse } from '@drover/core/reasons';
import { parse } from 'csv-parse';

const SEPARATORS = [',', ';', '\t', '|', ' '];

/** Columns of a line when `separator` parts it outside quotes. */
function countColumns(line: string, separator: string): number {
  let columns = 1;
  let isQuoted = false;
  for (const c of line) {
    if (c === '"') isQuoted = !isQuoted;
    else if (c === separator && !isQuoted) columns++;
  }
  return columns;
}

/**
 * The separator that splits the header into the most columns, the first of equals. Blanks only when nothing else splits
 * it: names such as "Air temperature [K]" hold more blanks than a short header has commas.
 */
export function guessSeparator(header: string): string {
  let best = ',';
  let most = 1;
  for (const separator of SEPARATORS) {
    if (separator === ' ' && most > 1) break;
    const columns = countColumns(header, separator);
    if (columns > most) {
      best = separator;
      most = columns;
    }
  }
  return best;
}

async function readHeader(file: string): Promise<string> {
  const handle = await open(file);
  try {
    const buffer = Buffer.alloc(64 * 1024);
    const { bytesRead } = await handle.read(buffer, 0, buffer.length, 0);
    return (
      buffer
        .toString('utf8', 0, bytesRead)
        .replace(/^\uFEFF/, '')
        .split(/\r?\n/, 1)[0] ?? ''
    );
  } finally {
    await handle.close();
  }
}

export interface ReplayDeps {
  readonly file: string;
  /** Rows per second; 0 is as fast as it goes. */
  readonly rate: number;
  readonly take: (reading: Record<string, unknown>) => Promise<unknown>;
  readonly onBad: (refusal: Refusal) => void;
  readonly mono: () => number;
  readonly signal: AbortSignal;
}

const pause = (ms: number, signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    const end = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', end);
      resolve();
    };
    const timer = setTimeout(end, ms);
    signal.addEventListener('abort', end, { once: true });
  });

/** Lets other work run at least this often when rows come faster than timers fire. */
const ROWS_PER_TURN = 64;

/** Resolves with the number of rows when the file has ended or the signal aborted. */
export async function replayCsv({ file, rate, take, onBad, mono, signal }: ReplayDeps): Promise<number> {
  const separator = guessSeparator(await readHeader(file));
  const parser = createReadStream(file).pipe(
    parse({
      bom: true,
      delimiter: separator,
      columns: false,
      trim: true,
      relax_column_count: true,
      relax_quotes: true,
      skip_empty_lines: true,
      skip_records_with_error: true,
      max_record_size: 1024 * 1024,
    }),
  );
  parser.on('skip', () => onBad(refuse('reading_unreadable', `"${file}" has a line that is not delimited text.`)));
  let header: string[] | undefined;
  let rows = 0;
  const start = mono();
  for await (const record of parser as AsyncIterable<string[]>) {
    if (signal.aborted) break;
    // Some tools end each line with a separator.
    while (record.length > (header?.length ?? 1) && record.at(-1) === '') record.pop();
    if (!header) {
      header = record;
      continue;
    }
    if (record.length !== header.length) {
      onBad(refuse('reading_unreadable', `A row has ${record.length} columns and the header ${header.length}.`));
      continue;
    }
    if (rate > 0) {
      const early = start + (rows * 1000) / rate - mono();
      if (early > 1) await pause(early, signal);
    }
    if (signal.aborted) break;
    rows += 1;
    const reading: Record<string, unknown> = {};
    for (let i = 0; i < header.length; i++) reading[header[i] ?? ''] = record[i];
    await take(reading);
    if (rows % ROWS_PER_TURN === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  return rows;
}
