// Checks alignment, width and safety of rendered text.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { cutTo, formatAge, formatBytes, renderPairs, renderTable, toPrintable, widthOf } from './table.ts';

interface Row {
  readonly name: string;
  readonly count: number | null;
}
const columns = [
  { title: 'NAME', value: (row: Row) => row.name },
  { title: 'COUNT', value: (row: Row) => row.count, align: 'right' as const },
  { title: 'NOTE', value: () => 'x' },
];

describe('renderTable', () => {
  it('aligns columns, right-aligns numbers, shows absent values as a dash and leaves no trailing blanks', () => {
    const text = renderTable(columns, [
      { name: 'a', count: 5 },
      { name: 'longer', count: 1234 },
      { name: '', count: null },
    ]);
    expect(text).toBe('NAME    COUNT  NOTE\na           5  x\nlonger   1234  x\n-           -  x\n');
  });

  it('cuts only the last column to the width of the terminal', () => {
    const wide = [
      { title: 'A', value: () => 'abcdefgh' },
      { title: 'B', value: () => 'a very long detail that does not fit' },
    ];
    const [, line] = renderTable(wide, [{}], { maxWidth: 24 }).split('\n');
    expect(line).toBe('abcdefgh  a very long d…');
  });

  it('counts wide characters twice and marks not at all', () => {
    expect(widthOf('abc')).toBe(3);
    expect(widthOf('日本')).toBe(4);
    expect(widthOf('é')).toBe(1);
    expect(widthOf('\u001b[1mabc\u001b[0m')).toBe(3);
  });

  it('lets no control character of others through to the terminal', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (name) => {
        const text = renderTable(columns, [{ name, count: 1 }]);
        expect(text.replaceAll('\n', '')).not.toMatch(/\p{Cc}/u);
        expect(text.split('\n')).toHaveLength(3);
      }),
    );
    expect(toPrintable('a\u001b[2Jb')).toBe('a\ufffd[2Jb');
  });

  it('cuts to at most the width asked for', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), fc.integer({ min: 1, max: 40 }), (text, width) => {
        expect(widthOf(cutTo(toPrintable(text), width))).toBeLessThanOrEqual(width);
      }),
    );
  });
});

describe('formats', () => {
  it('renders pairs aligned', () => {
    expect(
      renderPairs([
        ['a', 1],
        ['long', null],
      ]),
    ).toBe('a     1\nlong  -\n');
  });
  it('writes bytes with three digits', () => {
    expect([0, 999, 1000, 1234, 999_600, 12_345_678].map(formatBytes)).toEqual([
      '0 B',
      '999 B',
      '1.00 KB',
      '1.23 KB',
      '1.00 MB',
      '12.3 MB',
    ]);
  });
  it('writes ages in one unit', () => {
    expect([10, 12_000, 300_000, 10_800_000, 864_000_000].map(formatAge)).toEqual([
      'now',
      '12 s',
      '5 min',
      '3 h',
      '10 d',
    ]);
  });
});
