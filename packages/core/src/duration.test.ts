import fc from 'fast-check';
import { expect, it } from 'vitest';
import { DURATION_PATTERN, formatDuration, readDuration } from './duration.ts';

it('is read in every unit, and in nothing else', () => {
  expect(['0', '90', '250ms', '1.5s', '5m', '2h', '7d', ' 3s '].map(readDuration)).toEqual([
    0, 90_000, 250, 1500, 300_000, 7_200_000, 604_800_000, 3000,
  ]); // biome-ignore format: one list
  for (const text of ['', '-1s', '5 minutes', 'm', '1e3s', '1:30', '9'.repeat(400)])
    expect(readDuration(text), text).toBeUndefined();
});

it('is written so that it reads back the same', () => {
  expect([0, 1, 999, 1000, 90_000, 3_600_000, 86_400_000 * 7].map(formatDuration)).toEqual([
    '0',
    '1ms',
    '999ms',
    '1s',
    '90s',
    '1h',
    '7d',
  ]);
  fc.assert(
    fc.property(fc.nat(2 ** 40), (ms) => {
      const text = formatDuration(ms);
      expect(text).toMatch(new RegExp(DURATION_PATTERN));
      expect(readDuration(text)).toBe(ms);
    }),
  );
});
