// Writes a table as Apache Parquet, a group of rows at a time, so that memory does not grow with the table. Never reads one.
import { ByteWriter, type ColumnSource, ParquetWriter, schemaFromColumnData } from 'hyparquet-writer';
import { type Cell, type CellKind, type Column, isInstant, type Row } from './table.ts';

/** Rows of a group: a reader may skip what it does not look for, and some MB are held while it fills. */
const GROUP_ROWS = 10_000;

const TYPES: Readonly<Record<CellKind, NonNullable<ColumnSource['type']>>> = {
  text: 'STRING',
  count: 'INT64',
  number: 'DOUBLE',
  instant: 'TIMESTAMP',
};

function valueOf(cell: Cell, kind: CellKind): string | number | bigint | Date | null {
  if (cell === null || (typeof cell === 'number' && !Number.isFinite(cell))) return null;
  if (kind === 'text') return String(cell);
  if (typeof cell === 'string') throw new TypeError(`text in a column of kind ${kind}`);
  if (kind === 'number') return cell;
  if (kind === 'count') return BigInt(Math.round(cell));
  return isInstant(cell) ? new Date(cell) : null;
}

export interface ParquetTable {
  /** Takes rows in; the bytes that are ready, which may be none. */
  add(rows: Iterable<Row>): Uint8Array;
  /** The last bytes. A file without them is no Parquet file: what was interrupted cannot be taken for whole. */
  finish(): Uint8Array;
}

export function openParquet(columns: readonly Column[], groupRows = GROUP_ROWS): ParquetTable {
  const sink = new ByteWriter();
  const empty = columns.map(({ name, kind }): ColumnSource => ({ name, data: [], type: TYPES[kind], nullable: true }));
  const writer = new ParquetWriter({
    writer: sink,
    schema: schemaFromColumnData({ columnData: empty }),
    createdBy: 'drover',
  });
  let waiting: Row[] = [];
  const take = (): Uint8Array => {
    const bytes = sink.getBytes().slice();
    sink.index = 0;
    return bytes;
  };
  const writeGroup = (): void => {
    if (waiting.length === 0) return;
    const columnData = columns.map(
      ({ name, kind }, i): ColumnSource => ({ name, data: waiting.map((row) => valueOf(row[i] ?? null, kind)) }),
    );
    void writer.write({ columnData, rowGroupSize: waiting.length });
    waiting = [];
  };
  return {
    add(rows) {
      for (const row of rows) {
        waiting.push(row);
        if (waiting.length >= groupRows) writeGroup();
      }
      return take();
    },
    finish() {
      writeGroup();
      void writer.finish();
      return take();
    },
  };
}
