import type { Alert } from '@drover/core/alerts/alert';
import { describe, expect, it } from 'vitest';
import { findSpans, suspectOf } from './suspect.ts';

const HOUR = 3_600_000;
const alert: Alert = {
  rule: 'drift', subject: 'press-7/default/load/kN', group: 'g', device: 'press-7', state: 'firing', held: 'firing', enteredAt: 100 * HOUR,
  badSince: 100 * HOUR, goodSince: null, what: '', summary: '', incident: 'i1',
}; // biome-ignore format: one record
const devices = () => 'devices' as const;

describe('rows of a sensor that is at fault', () => {
  it('are those from some windows before its alert until that is over, of that device and slot', () => {
    const open = findSpans([alert], devices);
    const at = (hours: number, slot = 'default', device = 'press-7') =>
      suspectOf(open, { device, slot, at: hours * HOUR });
    expect(at(97)).toEqual([]);
    expect(at(99)).toEqual(['load/kN']);
    expect(at(1e6)).toEqual(['load/kN']);
    expect([at(101, 'other'), at(101, 'default', 'press-8')]).toEqual([[], []]);
    const over = findSpans([{ ...alert, state: 'resolved', enteredAt: 120 * HOUR, goodSince: 119 * HOUR }], devices);
    expect(suspectOf(over, { device: 'press-7', slot: 'default', at: 119 * HOUR })).toEqual(['load/kN']);
    expect(suspectOf(over, { device: 'press-7', slot: 'default', at: 119.5 * HOUR })).toEqual([]);
  });

  it('are not those of a change that many share, of what the model answers, or of what was never said', () => {
    expect(findSpans([alert], () => 'fleet')).toEqual([]);
    expect(findSpans([alert], () => 'group')).toEqual([]);
    expect(findSpans([{ ...alert, subject: 'press-7/default/(output)' }], devices)).toEqual([]);
    expect(findSpans([{ ...alert, state: 'pending', incident: null }], devices)).toEqual([]);
    // An incident that is not kept any more was of single devices for all that is known.
    expect(findSpans([alert], () => undefined)).toHaveLength(1);
  });
});
