// Checks that a header is split where its author meant it to be.
import { describe, expect, it } from 'vitest';
import { guessSeparator } from './csv.ts';

describe('guessSeparator', () => {
  it.each([
    ['a,b,c', ','],
    ['a;b;c', ';'],
    ['a\tb', '\t'],
    ['unit time s1 s2', ' '],
    ['single', ','],
    ['Air temperature [K],Process temperature [K],failure', ','],
    ['"torque, in Nm";"speed, in rpm"', ';'],
  ])('splits %j at %j', (header, separator) => {
    expect(guessSeparator(header)).toBe(separator);
  });
});
