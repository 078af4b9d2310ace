// Checks what the demo makes of files: roles, order in time, derived labels, and that written rows read back the same.
import { parseTable } from '@drover/learn/table';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { writeRows } from './rows-csv.ts';
import { fieldText, loadSource, readSource, type Source, type SourceOptions } from './source.ts';

const options: SourceOptions = { data: 'x', label: 'y', agents: 4, trainShare: 0.6, seed: 1 };

function read(text: string, changes: Partial<SourceOptions> = {}): Source {
  const source = readSource(Buffer.from(text), { ...options, ...changes }, 'test');
  if (!source.ok) throw new Error(source.detail);
  return source.value;
}

/** 30 rows of 3 units in blanks, as C-MAPSS has them: times fall within the file, the header is longer than the rows. */
const units = `unit time s1 spare\n${Array.from({ length: 30 }, (_, i) => `${(i % 3) + 1} ${30 - i} ${i / 7}`).join('\n')}\n`;

describe('readSource', () => {
  it('orders rows by the time column and numbers devices', () => {
    const source = read(units, { label: 's1', deviceColumn: 'unit', timeColumn: 'time' });
    expect([...source.order]).toEqual(Array.from({ length: 30 }, (_, i) => 29 - i));
    expect(source.devices?.names).toEqual(['1', '2', '3']);
  });

  it('derives the label from the end of each device in time', () => {
    const source = read(units, {
      label: undefined,
      deriveLabel: { kind: 'endsWithin', rows: 4 },
      deviceColumn: 'unit',
      timeColumn: 'time',
    });
    expect(source.label).toBe('ends_within_4');
    const label = source.columns.find((c) => c.name === source.label);
    const marked = Array.from({ length: 30 }, (_, row) => row).filter((row) => label && fieldText(label, row) === '1');
    expect(marked).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]);
  });

  it('names the columns that exist when one does not, and refuses what cannot be played', () => {
    const refused = (changes: Partial<SourceOptions>, text = units) =>
      readSource(Buffer.from(text), { ...options, label: 's1', ...changes }, 'x');
    expect(refused({ label: 'nope' })).toMatchObject({ ok: false, code: 'data_column_missing' });
    expect(refused({ exclude: ['nope'] })).toMatchObject({ ok: false, code: 'data_column_missing' });
    expect(refused({ deriveLabel: { kind: 'endsWithin', rows: 3 } })).toMatchObject({
      ok: false,
      code: 'argument_invalid',
    });
    expect(refused({}, 's1,b\n1,2\n')).toMatchObject({ ok: false, code: 'data_empty' });
    expect(refused({ deviceColumn: 'one' }, `s1,one\n${'1,a\n'.repeat(30)}`)).toMatchObject({
      ok: false,
      code: 'data_one_class',
    });
  });

  it('has a machine to play for every agent from the built-in generator, and the same data for the same seed', () => {
    const built = { ...options, data: undefined, label: undefined };
    const first = loadSource({ ...built, agents: 3 });
    const second = loadSource({ ...built, agents: 3 });
    if (!first.ok || !second.ok) throw new Error('refused');
    expect(first.value).toEqual(second.value);
    expect(first.value.devices?.names.length).toBe(8);
    expect(first.value.label).toBe('failure');
  });
});

describe('writeRows', () => {
  it('writes what a parser reads back: numbers exactly, texts with quotes and separators', () => {
    const cell = fc.stringMatching(/^[a-z][a-z",; ]{0,8}[a-z]$/);
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.double({ noNaN: true, noDefaultInfinity: true }), cell), { minLength: 1, maxLength: 20 }),
        (rows) => {
          const texts = rows.map(([, text]) => text);
          const levels = [...new Set(texts)];
          const columns = [
            { kind: 'number' as const, name: 'a [K]', values: Float64Array.from(rows, ([value]) => value) },
            {
              kind: 'text' as const,
              name: 'b "x", y',
              codes: Int32Array.from(texts, (t) => levels.indexOf(t)),
              levels,
            },
          ];
          const back = parseTable(
            writeRows(
              columns,
              Int32Array.from(rows, (_, i) => i),
            ),
            { delimiter: ',', hasHeader: true },
          );
          if (!back.ok) throw new Error(back.detail);
          const [a, b] = back.value.columns;
          if (a?.kind !== 'number' || b?.kind !== 'text') throw new Error('kinds');
          expect([a.name, b.name]).toEqual(['a [K]', 'b "x", y']);
          expect([...a.values].map((v) => v + 0)).toEqual(rows.map(([value]) => value + 0));
          expect([...b.codes].map((code) => b.levels[code])).toEqual(texts);
        },
      ),
    );
  });
});
