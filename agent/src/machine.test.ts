// Checks what is read of the machine, on this one and on folders as Linux shows its sensors.
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { remove, scratch } from '@drover/testkit/fleet';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { makeMachineReader, readTemperature } from './machine.ts';

let dir: string;
beforeEach(() => {
  dir = scratch('machine');
});
afterEach(() => remove(dir));

describe('the machine', () => {
  it('tells memory and how busy it was, as shares', () => {
    const readings = new Map(makeMachineReader()().map(({ name, value }) => [name, value]));
    expect(readings.get('machine_memory_free')).toBeGreaterThan(0);
    const busy = readings.get('machine_cpu') ?? 0;
    expect(busy).toBeGreaterThanOrEqual(0);
    expect(busy).toBeLessThanOrEqual(1);
  });

  it('is as warm as its warmest sensor, and says nothing without one', () => {
    expect(readTemperature(path.join(dir, 'none'))).toBeUndefined();
    expect(readTemperature(dir)).toBeUndefined();
    const zone = (name: string, text: string | undefined): void => {
      mkdirSync(path.join(dir, name));
      if (text !== undefined) writeFileSync(path.join(dir, name, 'temp'), text);
    };
    zone('thermal_zone0', undefined);
    zone('thermal_zone1', 'off\n');
    zone('thermal_zone2', '-274000\n');
    expect(readTemperature(dir)).toBeUndefined();
    zone('thermal_zone3', '41500\n');
    zone('thermal_zone4', '63250\n');
    zone('cooling_device0', '99000\n');
    expect(readTemperature(dir)).toBe(63.25);
  });
});
