import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { findOpening, isTimeZone, type MaintenanceWindow } from './maintenance.ts';

const night: MaintenanceWindow = { days: [], startMinute: 22 * 60, minutes: 240, timeZone: 'Europe/Berlin' };
const at = (text: string): number => Date.parse(text);
const view = (windows: readonly MaintenanceWindow[], text: string): string => {
  const found = findOpening(windows, at(text));
  return 'since' in found
    ? `since ${new Date(found.since).toISOString()}`
    : `opens ${new Date(found.opensAt).toISOString()}`;
};

describe('a maintenance window', () => {
  it.each([
    ['2026-01-15T20:59:59Z', 'opens 2026-01-15T21:00:00.000Z'],
    ['2026-01-15T21:00:00Z', 'since 2026-01-15T21:00:00.000Z'],
    ['2026-01-16T00:59:59Z', 'since 2026-01-15T21:00:00.000Z'],
    ['2026-01-16T01:00:00Z', 'opens 2026-01-16T21:00:00.000Z'],
    // In summer ten in the evening is an hour earlier in UTC.
    ['2026-07-15T19:30:00Z', 'opens 2026-07-15T20:00:00.000Z'],
    // The night in which the clock goes forward.
    ['2026-03-28T20:00:00Z', 'opens 2026-03-28T21:00:00.000Z'],
    ['2026-03-29T19:30:00Z', 'opens 2026-03-29T20:00:00.000Z'],
  ])('by the clock of its place at %s: %s', (text, expected) => {
    expect(view([night], text)).toBe(expected);
  });

  it('opens on its days only, and the first of several counts', () => {
    const sunday = { ...night, days: [0], startMinute: 0, minutes: 60, timeZone: 'UTC' };
    expect(view([sunday], '2026-01-15T12:00:00Z')).toBe('opens 2026-01-18T00:00:00.000Z');
    expect(view([sunday, { ...sunday, days: [5] }], '2026-01-15T12:00:00Z')).toBe('opens 2026-01-16T00:00:00.000Z');
    expect(view([], '2026-01-15T12:00:00Z')).toBe('since 1970-01-01T00:00:00.000Z');
  });

  it('that the clock leaves out opens an hour later', () => {
    const gap = { ...night, startMinute: 150, minutes: 30 };
    expect(view([gap], '2026-03-28T23:30:00Z')).toBe('opens 2026-03-29T01:30:00.000Z');
  });

  it('is always either open or opens within nine days, in every zone', () => {
    const window = fc.record({
      days: fc.uniqueArray(fc.integer({ min: 0, max: 6 }), { maxLength: 7 }),
      startMinute: fc.nat(1439),
      minutes: fc.integer({ min: 1, max: 1440 }),
      timeZone: fc.constantFrom(
        'UTC',
        'Europe/Berlin',
        'America/St_Johns',
        'Pacific/Kiritimati',
        'Australia/Lord_Howe',
      ),
    });
    fc.assert(
      fc.property(
        fc.array(window, { minLength: 1, maxLength: 3 }),
        fc.integer({ min: at('2024-01-01'), max: at('2030-01-01') }),
        (windows, now) => {
          const found = findOpening(windows, now);
          if ('since' in found) {
            expect(found.since).toBeLessThanOrEqual(now);
            return;
          }
          expect(found.opensAt).toBeGreaterThan(now);
          expect(found.opensAt - now).toBeLessThan(9 * 86_400_000);
          expect(findOpening(windows, found.opensAt)).toEqual({ since: found.opensAt });
        },
      ),
    );
  });

  it('knows zones', () => {
    expect(['UTC', 'Asia/Kolkata', 'Mars/Olympus', ''].map(isTimeZone)).toEqual([true, true, false, false]);
  });
});
