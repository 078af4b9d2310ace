import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseTable, type Table, type TableOptions } from './table.ts';

function parse(text: string | Uint8Array, options?: TableOptions): Table {
  const parsed = parseTable(text, options);
  if (!parsed.ok) throw new Error(`${parsed.code} ${parsed.detail}`);
  return parsed.value;
}

/** Columns as plain values, null = missing. */
const spell = (table: Table): Record<string, (number | string | null)[]> =>
  Object.fromEntries(
    table.columns.map((column) => [
      column.name,
      column.kind === 'number'
        ? Array.from(column.values, (v) => (Number.isNaN(v) ? null : v))
        : Array.from(column.codes, (code) => column.levels[code] ?? null),
    ]),
  );

describe('tables', () => {
  it('reads names with blanks and brackets, quotes, a BOM, CRLF and missing values', () => {
    const text =
      '\uFEFFAir temperature [K],"Name, full",Torque\r\n298.1,"a ""b""\r\nc",?\r\nNaN,NA,-1.5e-3\r\n,null,7\r\n';
    const expected = {
      'Air temperature [K]': [298.1, null, null],
      'Name, full': ['a "b"\r\nc', null, null],
      Torque: [null, -0.0015, 7],
    };
    expect(spell(parse(text))).toEqual(expected);
    expect(spell(parse(new TextEncoder().encode(text)))).toEqual(expected);
  });

  it.each([
    [',', 'a,b\n1,x\n2,y\n'],
    [';', 'a;b\n1;x\n2;y\n'],
    ['\t', 'a\tb\n1\tx\n2\ty\n'],
    ['|', 'a|b\n1|x\n2|y'],
    ['whitespace', 'a  b \n 1 x\n2   y  \n\n'],
  ])('finds the delimiter %j by itself', (delimiter, text) => {
    const table = parse(text);
    expect(table.layout.delimiter).toBe(delimiter);
    expect(spell(table)).toEqual({ a: [1, 2], b: ['x', 'y'] });
  });

  it('reads decimal commas where commas do not part fields', () => {
    expect(spell(parse('a;b\n1,5;2\n-0,25;3\n'))).toEqual({ a: [1.5, -0.25], b: [2, 3] });
  });

  it('names columns itself when the first line holds numbers', () => {
    expect(spell(parse('1 2.5\n3 4\n'))).toEqual({ c1: [1, 3], c2: [2.5, 4] });
  });

  it('keeps a column text when one field is text, however late, and spelled as it was', () => {
    const rows = Array.from({ length: 3000 }, (_, i) => `00${i},${i}`);
    const table = spell(parse(`code,n\n${rows.join('\n')}\nx1,5\n`));
    expect(table['code']?.[1]).toBe('001');
    expect(table['code']?.[3000]).toBe('x1');
    expect(table['n']?.[2999]).toBe(2999);
  });

  it('takes hexadecimal for text, and infinities and what overflows for missing', () => {
    expect(spell(parse('h,i\n0x10,1e999\n0x11,-Infinity\n'))).toEqual({ h: ['0x10', '0x11'], i: [null, null] });
  });

  it('lists names of a blank-separated header that have no column (C-MAPSS)', () => {
    expect(spell(parse('unit s1 s22\n1 2\n3 4\n'))).toEqual({ unit: [1, 3], s1: [2, 4], s22: [null, null] });
  });

  it.each([
    ['a,b\n1,2\n3\n', {}, 'data_unreadable'],
    ['a,b\n1,2,3\n', {}, 'data_unreadable'],
    ['a,a\n1,2\n', {}, 'data_unreadable'],
    ['a,b\n', {}, 'data_empty'],
    ['', {}, 'data_empty'],
    ['a,b\n1,"2\n', {}, 'data_unreadable'],
    ['a\0b,c\n1,2\n', {}, 'data_unreadable'],
    [`${'n'.repeat(300)},b\n1,2\n`, {}, 'data_unreadable'],
    ['a,b\n1,2\n3,4\n', { limits: { bytes: 1e6, rows: 1, columns: 9 } }, 'data_too_large'],
    ['a,b\n1,2\n3,4\n', { limits: { bytes: 1e6, rows: 9, columns: 1 } }, 'data_too_large'],
    ['a,b\n1,2\n3,4\n', { limits: { bytes: 5, rows: 9, columns: 9 } }, 'data_too_large'],
  ])('refuses %j %j', (text, options, code) => {
    expect(parseTable(text, options)).toMatchObject({ ok: false, code });
  });

  it('refuses bytes that are not UTF-8', () => {
    expect(parseTable(Uint8Array.of(0x61, 0xff, 0x2c))).toMatchObject({ ok: false, code: 'data_unreadable' });
  });

  it('never throws, whatever the text or bytes', () => {
    const pieces = fc.constantFrom(
      'a',
      '1',
      ',',
      ';',
      '\n',
      '\r\n',
      '"',
      ' ',
      '\t',
      'NaN',
      '-',
      '.5',
      '\uFEFF',
      '\0',
      'é',
    );
    fc.assert(
      fc.property(fc.array(pieces, { maxLength: 60 }), (parts) => {
        const text = parts.join('');
        const parsed = parseTable(text);
        if (parsed.ok)
          for (const column of parsed.value.columns) {
            expect(column.kind === 'number' ? column.values.length : column.codes.length).toBe(parsed.value.rows);
          }
      }),
      { numRuns: 500 },
    );
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 80 }), (bytes) => {
        parseTable(bytes);
      }),
    );
  });

  it('gives back the numbers that were written', () => {
    const cell = fc.double({ noDefaultInfinity: true });
    fc.assert(
      fc.property(fc.array(fc.tuple(cell, cell), { minLength: 1, maxLength: 30 }), (rows) => {
        const table = parse(
          `p,q\n${rows.map((row) => row.map((v) => (Number.isNaN(v) ? '' : String(v))).join(',')).join('\n')}\n`,
          { delimiter: ',' },
        );
        const [p] = table.columns;
        expect(p?.kind === 'number' ? Array.from(p.values) : []).toEqual(rows.map(([v]) => v + 0));
      }),
    );
  });
});
