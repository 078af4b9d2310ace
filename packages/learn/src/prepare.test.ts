import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Prepared, type PrepareOptions, prepareTable } from './prepare.ts';
import { type SplitSpec, splitRows } from './split.ts';
import { parseTable, type Table } from './table.ts';

function parse(text: string): Table {
  const parsed = parseTable(text);
  if (!parsed.ok) throw new Error(parsed.detail);
  return parsed.value;
}

function prepare(table: Table, options: PrepareOptions): Prepared {
  const prepared = prepareTable(table, options);
  if (!prepared.ok) throw new Error(`${prepared.code} ${prepared.detail}`);
  return prepared.value;
}

const machines = parse(
  `row,serial,type,fixed,empty,t,temp,rpm,fail\n${Array.from({ length: 40 }, (_, i) =>
    [
      i + 1,
      `S${i}`,
      i % 2 ? 'L' : 'M',
      5,
      '',
      100 - i,
      290 + (i % 7),
      ((i * 7919) % 1000) + 0.5,
      i % 4 === 0 ? 1 : 0,
    ].join(','),
  ).join('\n')}\n`,
);

describe('choosing columns', () => {
  it('drops what names, counts, never varies or holds nothing, and says why', () => {
    const prepared = prepare(machines, { label: 'fail', exclude: ['t'] });
    expect(prepared.numeric.map(({ name }) => name)).toEqual(['temp', 'rpm']);
    expect(prepared.categorical.map(({ name }) => name)).toEqual(['type']);
    expect(prepared.dropped.map(({ name, reason }) => [name, reason])).toEqual([
      ['row', 'counter'],
      ['serial', 'identifier'],
      ['fixed', 'constant'],
      ['empty', 'all_missing'],
      ['t', 'excluded'],
    ]);
    expect(prepared.label).toMatchObject({ task: 'binary', classes: ['0', '1'], indexClasses: true });
  });

  it('keeps a column that was asked for by name, but nothing that cannot be learned from', () => {
    const prepared = prepare(machines, { label: 'fail', features: ['row', 'fixed', 'temp'] });
    expect(prepared.numeric.map(({ name }) => name)).toEqual(['row', 'temp']);
  });

  it('puts rows in the order of the time column and leaves unlabelled ones out', () => {
    const prepared = prepare(parse('t,x,y\n3,30,1\n1,10,0\n2,20,\n5,50,0\n4,40,1\n'), { label: 'y', timeColumn: 't' });
    expect(Array.from(prepared.numeric[0]?.values ?? [])).toEqual([10, 30, 40, 50]);
    expect(Array.from(prepared.label.target)).toEqual([0, 1, 1, 0]);
    expect(prepared.unlabelled).toBe(1);
  });

  it('derives "fails within N rows" from where each device ends', () => {
    const prepared = prepare(parse('unit,x\n7,1\n7,2\n8,3\n7,4\n8,5\n8,6\n9,7\n'), {
      label: { kind: 'endsWithin', rows: 2, deviceColumn: 'unit' },
    });
    expect(Array.from(prepared.label.target)).toEqual([0, 1, 0, 1, 1, 1, 1]);
    expect(prepared.devices?.names).toEqual(['7', '8', '9']);
    expect(prepared.numeric.map(({ name }) => name)).toEqual(['x']);
  });

  it.each([
    ['y\n1.5\n2.25\n3\n', 'regression', []],
    ['y\n1\n2\n3\n1\n', 'multiclass', ['1', '2', '3']],
    ['y\n10\n2\n10\n', 'binary', ['2', '10']],
    ['y\nok\nok\nworn\n', 'binary', ['ok', 'worn']],
    ['y\nwarm\nwarm\ncold\n', 'binary', ['warm', 'cold']],
    ['y\nb\na\nc\n', 'multiclass', ['a', 'b', 'c']],
    ['y\n0.5\n1\n0.5\n', 'binary', ['0.5', '1']],
  ])('infers the task of %j', (text, task, classes) => {
    const lines = text.trim().split('\n');
    const table = parse(
      `${lines[0]},x\n${lines
        .slice(1)
        .map((line, i) => `${line},${i % 2}.5`)
        .join('\n')}\n`,
    );
    expect(prepare(table, { label: 'y' }).label).toMatchObject({ task, classes });
  });

  it.each([
    ['x,y\n1,0\n2,0\n', { label: 'y' }, 'data_one_class'],
    ['x,y\n1,0.5\n2,0.5\n', { label: 'y', task: 'regression' }, 'data_label_invalid'],
    ['x,y\n1,\n2,\n', { label: 'y' }, 'data_label_invalid'],
    ['x,y\n1,a\n2,b\n', { label: 'y', task: 'regression' }, 'data_label_invalid'],
    ['x,y\n1,0\n1,1\n', { label: 'y' }, 'data_no_features'],
    ['x,y\n1,0\n2,1\n', { label: 'z' }, 'data_column_missing'],
    ['x,y\n1,0\n2,1\n', { label: 'y', exclude: ['q'] }, 'data_column_missing'],
    ['x,y\n1,0\n2,1\n', { label: { kind: 'endsWithin', rows: 5, deviceColumn: 'y' } }, 'data_one_class'],
    ['x,y\n1,0\n2,1\n', { label: { kind: 'endsWithin', rows: 0, deviceColumn: 'y' } }, 'params_invalid'],
  ] as [string, PrepareOptions, string][])('refuses %j %j', (text, options, code) => {
    expect(prepareTable(parse(text), options)).toMatchObject({ ok: false, code });
  });
});

describe('splitting', () => {
  const byTime: SplitSpec = { by: 'time', validationShare: 0.2, testShare: 0.2 };

  it('judges on the last rows', () => {
    const parts = splitRows(10, undefined, byTime, 1);
    expect(parts.ok && [parts.value.fit, parts.value.validation, parts.value.test].map((rows) => [...rows])).toEqual([
      [0, 1, 2, 3, 4, 5],
      [6, 7],
      [8, 9],
    ]);
  });

  it('puts each row in exactly one part, whole devices together, for any data', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 0, max: 9 }), { minLength: 1, maxLength: 80 }),
        fc.constantFrom('time', 'device', 'random'),
        fc.integer(),
        (devices, by, seed) => {
          const codes = Int32Array.from(devices);
          const split = splitRows(codes.length, codes, { by, validationShare: 0.15, testShare: 0.2 }, seed);
          const units = by === 'device' ? new Set(devices).size : devices.length;
          expect(split.ok).toBe(units >= 3);
          if (!split.ok) return;
          const parts = [split.value.fit, split.value.validation, split.value.test];
          expect(parts.flatMap((rows) => [...rows]).sort((a, b) => a - b)).toEqual(devices.map((_, row) => row));
          expect(parts.every((rows) => rows.length > 0)).toBe(true);
          if (by !== 'device') return;
          const owners = parts.map((rows) => new Set(Array.from(rows, (row) => codes[row])));
          expect(owners.reduce((sum, set) => sum + set.size, 0)).toBe(units);
        },
      ),
    );
  });

  it('refuses shares that leave nothing to fit, and devices that are not there', () => {
    expect(splitRows(100, undefined, { ...byTime, testShare: 0.8 }, 1)).toMatchObject({
      ok: false,
      code: 'params_invalid',
    });
    expect(splitRows(100, undefined, { ...byTime, by: 'device' }, 1)).toMatchObject({
      ok: false,
      code: 'params_invalid',
    });
  });
});
