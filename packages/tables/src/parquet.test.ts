// Checks that a table is read back by a Parquet reader, cell by cell, whatever it holds and in whatever groups it was written.
import fc from 'fast-check';
import { parquetMetadata, parquetReadObjects } from 'hyparquet';
import { describe, expect, it } from 'vitest';
import { openParquet } from './parquet.ts';
import { type Column, csvHead, csvRows, type Row } from './table.ts';

const COLUMNS: readonly Column[] = [
  { name: 'device', kind: 'text' },
  { name: 'rows', kind: 'count' },
  { name: 'level', kind: 'number' },
  { name: 'start', kind: 'instant' },
];

function write(rows: readonly Row[], groupRows: number, portion: number): ArrayBuffer {
  const table = openParquet(COLUMNS, groupRows);
  const parts: Uint8Array[] = [];
  for (let from = 0; from < rows.length; from += portion) parts.push(table.add(rows.slice(from, from + portion)));
  parts.push(table.finish());
  return Uint8Array.from(Buffer.concat(parts)).buffer;
}

const cell = fc.tuple(
  fc.option(fc.string({ unit: 'binary', maxLength: 30 }).filter((text) => text.isWellFormed())),
  fc.option(fc.nat({ max: Number.MAX_SAFE_INTEGER })),
  fc.option(fc.double({ noNaN: true, noDefaultInfinity: true })),
  fc.option(fc.integer({ min: -1e12, max: 4e12 })),
);

describe('a Parquet table', () => {
  it('is read back as it was, in any groups', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(cell, { maxLength: 60 }), fc.integer({ min: 1, max: 25 }), fc.integer({ min: 1, max: 30 }),
        async (rows, groupRows, portion) => {
          const file = write(rows, groupRows, portion);
          expect(Number(parquetMetadata(file).num_rows)).toBe(rows.length);
          if (rows.length === 0) return;
          expect(await parquetReadObjects({ file })).toEqual(
            rows.map(([device, count, level, start]) => ({
              device, rows: count === null ? null : BigInt(count), level, start: start === null ? null : new Date(start),
            })),
          );
        },
      ),
      { numRuns: 60 },
    ); // biome-ignore format: one property
  });

  it('tells its types, and what is not finite or no date is not known', async () => {
    const file = write([['a', 1, Number.NaN, 1e300], [null, Number.POSITIVE_INFINITY, -0.5, 0]], 10, 10); // biome-ignore format: two rows
    const [, ...elements] = parquetMetadata(file).schema;
    expect(elements.map(({ name, type, converted_type: as }) => [name, type, as])).toEqual([
      ['device', 'BYTE_ARRAY', 'UTF8'], ['rows', 'INT64', undefined], ['level', 'DOUBLE', undefined], ['start', 'INT64', 'TIMESTAMP_MILLIS'],
    ]); // biome-ignore format: one a column
    expect(await parquetReadObjects({ file })).toEqual([
      { device: 'a', rows: 1n, level: null, start: null },
      { device: null, rows: null, level: -0.5, start: new Date(0) },
    ]);
  });

  it('that was interrupted is no Parquet file', () => {
    const table = openParquet(COLUMNS, 2);
    const part = table.add([['a', 1, 1, 1], ['b', 1, 1, 1], ['c', 1, 1, 1]]); // biome-ignore format: three rows
    expect(part.length).toBeGreaterThan(0);
    expect(() => parquetMetadata(Uint8Array.from(part).buffer)).toThrow('parquet file invalid');
  });

  it('is the same as CSV', () => {
    expect(csvHead(COLUMNS) + csvRows(COLUMNS, [['=1', 3, 0.5, 0], [null, null, null, 1e300]])).toBe(
      "device,rows,level,start\r\n'=1,3,0.5,1970-01-01T00:00:00.000Z\r\n,,,\r\n",
    ); // biome-ignore format: two rows
  });
});
