import { ABSENT, GIVEN_NAN, WRONG_TYPE } from '@drover/sketch/validity';
import { describe, expect, it } from 'vitest';
import { makeFieldReader } from './fields.ts';

const reader = makeFieldReader([
  { name: 'load', kind: 'numeric', input: 'x', index: 0 },
  { name: 'shift', kind: 'categorical', input: 'c', index: 0 },
  { name: 'heat', kind: 'numeric', input: 'x', index: 1 },
]);

describe('exact fields', () => {
  it('fill the row; null is a missing value', () => {
    expect(reader.readStrict({ load: 1, shift: 'day', heat: null })).toBeUndefined();
    expect([...reader.row.x]).toEqual([1, Number.NaN]);
    expect(reader.row.c).toEqual(['day']);
  });

  it('are refused by code when missing, extra, text, or not a number', () => {
    const right = { load: 1, shift: 'day', heat: 2 };
    expect(reader.readStrict({ shift: 'day', heat: 2 })).toMatchObject({
      code: 'input_missing',
      detail: 'Field "load".',
    });
    expect(reader.readStrict({ ...right, wind: 3 })).toMatchObject({ code: 'input_extra' });
    expect(reader.readStrict({ ...right, load: '1' })).toMatchObject({ code: 'input_type' });
    expect(reader.readStrict({ ...right, load: Number.NaN })).toMatchObject({ code: 'input_type' });
    expect(reader.readStrict({ ...right, shift: 4 })).toMatchObject({ code: 'input_type' });
  });
});

describe('sensor fields', () => {
  it('that cannot be used are missing, with their cause', () => {
    const causeOf = (load: unknown): [number, number] => {
      reader.readLenient({ load, heat: 2 });
      return [reader.row.x[0] ?? 0, reader.row.causes[0] ?? 0];
    };
    expect(causeOf('1.5')).toEqual([1.5, ABSENT]);
    expect(causeOf(' 2 ')).toEqual([2, ABSENT]);
    expect(causeOf(true)).toEqual([1, ABSENT]);
    for (const value of [undefined, null, '', 'NA', '?']) expect(causeOf(value)).toEqual([Number.NaN, ABSENT]);
    for (const value of [Number.NaN, 'NaN']) expect(causeOf(value)).toEqual([Number.NaN, GIVEN_NAN]);
    for (const value of ['warm', {}, [1]]) expect(causeOf(value)).toEqual([Number.NaN, WRONG_TYPE]);
    reader.readLenient({ unknown: 1, shift: 7 });
    expect(reader.row.c).toEqual(['7']);
  });
});
