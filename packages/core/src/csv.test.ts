import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { csvLine, csvNumber, csvText } from './csv.ts';

/** One line as RFC 4180 §2 reads it. */
function readLine(text: string): string[] {
  const cells: string[] = [];
  const cell = /("(?:[^"]|"")*"|[^",\r\n]*)(,|\r\n)/y;
  for (let found = cell.exec(text); found; found = cell.exec(text)) {
    const [, raw = '', end] = found;
    cells.push(raw.startsWith('"') ? raw.slice(1, -1).replaceAll('""', '"') : raw);
    if (end === '\r\n') return cell.lastIndex === text.length ? cells : [];
  }
  return [];
}

describe('CSV', () => {
  it('reads back as it was, but for the apostrophe before what could be a formula', () => {
    const cells = fc.array(fc.string({ unit: fc.constantFrom('a', '"', ',', '\n', '\r', "'", '=', '-', ' ', 'ü') }), {
      minLength: 2,
      maxLength: 5,
    });
    fc.assert(
      fc.property(cells, (texts) => {
        const line = csvLine(texts.map(csvText));
        expect(readLine(line)).toEqual(texts.map((text) => (/^[=+\-@\t\r]/.test(text) ? `'${text}` : text)));
      }),
    );
    expect(csvText('=cmd|calc')).toBe("'=cmd|calc");
    expect([csvNumber(-1.5), csvNumber(0.1 + 0.2), csvNumber(null), csvNumber(Number.NaN)]).toEqual([
      '-1.5',
      '0.30000000000000004',
      '',
      '',
    ]);
  });
});
