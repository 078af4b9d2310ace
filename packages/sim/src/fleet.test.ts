// Proves what is promised of the simulated fleet: same seed same rows, honest labels, ranges, independence of devices.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { COLUMNS, toCsv } from './csv.ts';
import { type FleetOptions, generateFleet, type MachineRow, siteOf } from './fleet.ts';
import { MACHINE_KINDS } from './machine.ts';
import { FEATURES, type FeatureName, featureRange } from './sensors.ts';
import { SITES } from './site.ts';

const generate = (options: FleetOptions): MachineRow[] => {
  const result = generateFleet(options);
  if (!result.ok) throw new Error(result.detail);
  return result.value;
};
const share = (rows: readonly MachineRow[]): number => rows.filter((row) => row.failure === 1).length / rows.length;
const known = (rows: readonly MachineRow[], name: FeatureName): number[] =>
  rows.map((row) => row[name]).filter((value) => value !== null);
const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;

const anySeed = fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER });
const small = fc.record({
  seed: anySeed,
  devices: fc.integer({ min: 1, max: 9 }),
  rowsPerDevice: fc.integer({ min: 1, max: 60 }),
});

describe('generateFleet', () => {
  it('gives the same bytes for the same options and others for another seed', () => {
    fc.assert(
      fc.property(small, (options) => {
        const csv = toCsv(generate(options));
        expect(toCsv(generate(options))).toBe(csv);
        expect(toCsv(generate({ ...options, seed: (options.seed + 1) % Number.MAX_SAFE_INTEGER }))).not.toBe(csv);
      }),
      { numRuns: 25 },
    );
  });

  it('keeps its numbers from release to release', () => {
    const [first] = generate({ seed: 1, devices: 2, rowsPerDevice: 2 });
    expect(first).toMatchInlineSnapshot(`
      {
        "acousticDb": 60.7,
        "ambientC": 16.8,
        "currentA": 7.4,
        "device": "machine-01",
        "failure": 0,
        "failureKind": undefined,
        "hoursSinceService": 137.6,
        "load": 0.542,
        "machine": "lathe",
        "site": "north",
        "speedRpm": 1242,
        "temperatureC": 41.3,
        "timestampMs": 1767571200000,
        "toolWearMin": 161,
        "torqueNm": 21.9,
        "vibrationMmS": 1.72,
      }
    `);
  });

  it('gives every device all its rows, in time order, with readings within the range of their sensors', () => {
    fc.assert(
      fc.property(small, (options) => {
        const rows = generate(options);
        expect(rows.length).toBe(options.devices * options.rowsPerDevice);
        const counts = new Map<string, number>();
        let last = 0;
        for (const row of rows) {
          expect(row.timestampMs).toBeGreaterThanOrEqual(last);
          last = row.timestampMs;
          counts.set(row.device, (counts.get(row.device) ?? 0) + 1);
          expect(SITES).toContain(row.site);
          expect(MACHINE_KINDS).toContain(row.machine);
          expect(row.failure === 1).toBe(row.failureKind !== undefined);
          for (const name of FEATURES) {
            const value = row[name];
            if (value === null) continue;
            expect(value).toBeGreaterThanOrEqual(featureRange(name).low);
            expect(value).toBeLessThanOrEqual(featureRange(name).high);
          }
        }
        expect([...counts.values()]).toEqual(Array.from({ length: options.devices }, () => options.rowsPerDevice));
      }),
      { numRuns: 25 },
    );
  });

  it('leaves the rows of a device as they were when the fleet grows', () => {
    fc.assert(
      fc.property(small, (options) => {
        const before = generate(options);
        const after = generate({ ...options, devices: options.devices + 3 });
        expect(after.filter((row) => Number(row.device.slice(8)) <= options.devices)).toEqual(before);
      }),
      { numRuns: 15 },
    );
  });

  it('labels 4 to 6 % of a fleet by default, from every kind of fault', () => {
    const rows = generate({ seed: 11, devices: 100, rowsPerDevice: 1000 });
    expect(share(rows)).toBeGreaterThan(0.04);
    expect(share(rows)).toBeLessThan(0.06);
    for (const kind of ['bearing', 'overheating', 'tool', 'imbalance'] as const) {
      const part = rows.filter((row) => row.failureKind === kind).length / rows.length;
      expect(part, kind).toBeGreaterThan(0.005);
    }
  });

  it('follows the fault rate, down to none at all', () => {
    const at = (faultRate: number) => share(generate({ seed: 5, devices: 60, rowsPerDevice: 1000, faultRate }));
    expect(at(0)).toBe(0);
    expect(at(0.01)).toBeGreaterThan(0.006);
    expect(at(0.01)).toBeLessThan(0.014);
    expect(at(0.1)).toBeGreaterThan(0.08);
    expect(at(0.1)).toBeLessThan(0.12);
  });

  it('labels runs of at most horizonRows rows that a longer horizon only lengthens', () => {
    const options = { seed: 3, devices: 8, rowsPerDevice: 400 };
    const short = generate({ ...options, horizonRows: 6 });
    const long = generate({ ...options, horizonRows: 20 });
    expect(short.some((row) => row.failure === 1)).toBe(true);
    expect(long.map((row) => row.temperatureC)).toEqual(short.map((row) => row.temperatureC));
    for (const [i, row] of short.entries()) if (row.failure === 1) expect(long[i]?.failure).toBe(1);
    expect(share(long)).toBeGreaterThan(2 * share(short));
  });

  it('labels the last rows by breakdowns that come after them', () => {
    // What a longer simulation knows, the shorter one must have looked up beyond its end.
    const options = { seed: 9, devices: 30 };
    const short = generate({ ...options, rowsPerDevice: 150 });
    const long = generate({ ...options, rowsPerDevice: 200 });
    expect(long.slice(0, short.length)).toEqual(short);
  });

  it('loses a reading now and then and never a label', () => {
    const rows = generate({ seed: 2, devices: 20, rowsPerDevice: 1000 });
    for (const name of FEATURES) {
      const lost = 1 - known(rows, name).length / rows.length;
      expect(lost, name).toBeGreaterThan(0.002);
      expect(lost, name).toBeLessThan(0.015);
    }
  });

  it('lets a failure show: failing machines are hotter, louder and shake more', () => {
    const rows = generate({ seed: 4, devices: 60, rowsPerDevice: 600 });
    const failing = (kind: MachineRow['failureKind']) => rows.filter((row) => row.failureKind === kind);
    const healthy = failing(undefined);
    expect(mean(known(failing('overheating'), 'temperatureC'))).toBeGreaterThan(
      mean(known(healthy, 'temperatureC')) + 15,
    );
    expect(mean(known(failing('bearing'), 'acousticDb'))).toBeGreaterThan(mean(known(healthy, 'acousticDb')) + 4);
    expect(mean(known(failing('imbalance'), 'vibrationMmS'))).toBeGreaterThan(mean(known(healthy, 'vibrationMmS')) + 1);
    expect(mean(known(failing('tool'), 'toolWearMin'))).toBeGreaterThan(1.5 * mean(known(healthy, 'toolWearMin')));
  });

  it.each<Partial<FleetOptions>>([
    { seed: 0.5 },
    { devices: 0 },
    { devices: 100_001 },
    { rowsPerDevice: 0 },
    { devices: 10_000, rowsPerDevice: 501 },
    { faultRate: Number.NaN },
    { faultRate: 0.3 },
    { intervalMs: 10 },
    { horizonRows: 0 },
    { startAt: -1 },
    { sensorFault: [{ device: 4, feature: 'load', kind: 'stuck', fromRow: 0 }] },
    { drift: [{ site: 'coast', fromRow: 0, fragility: 0 }] },
    { drift: [{ site: 'coast', fromRow: Number.NaN }] },
  ])('refuses %j', (wrong) => {
    const result = generateFleet({ seed: 1, devices: 4, rowsPerDevice: 10, ...wrong });
    expect(result).toMatchObject({ ok: false, code: 'simulation_invalid' });
  });
});

describe('drift', () => {
  const options = { seed: 21, devices: 40, rowsPerDevice: 400 };
  const calm = generate(options);

  it('warms one site from its row on and touches no other site and no earlier row', () => {
    const warm = generate({ ...options, drift: [{ site: 'coast', fromRow: 200, ambientC: 8 }] });
    const boundary = 200 * options.devices;
    expect(warm.slice(0, boundary)).toMatchObject(calm.slice(0, boundary).map(({ ambientC }) => ({ ambientC })));
    for (const [i, row] of warm.entries()) {
      if (row.site !== 'coast') expect(row).toEqual(calm[i]);
    }
    const late = (rows: MachineRow[]) => rows.slice(boundary).filter((row) => row.site === 'coast');
    expect(mean(known(late(warm), 'ambientC')) - mean(known(late(calm), 'ambientC'))).toBeCloseTo(8, 1);
    expect(mean(known(late(warm), 'temperatureC')) - mean(known(late(calm), 'temperatureC'))).toBeGreaterThan(5);
  });

  it('reaches its size along the ramp', () => {
    const ramp = generate({ ...options, drift: [{ site: 'south', fromRow: 0, rampRows: 400, ambientC: 10 }] });
    const moved = (from: number, to: number) => {
      const at = (rows: MachineRow[]) =>
        mean(
          known(
            rows.slice(from * options.devices, to * options.devices).filter((row) => row.site === 'south'),
            'ambientC',
          ),
        );
      return at(ramp) - at(calm);
    };
    expect(moved(0, 40)).toBeLessThan(1);
    expect(moved(190, 210)).toBeCloseTo(5, 0);
    expect(moved(360, 400)).toBeGreaterThan(9);
  });

  it('changes what readings mean when machines become fragile: they break at lower readings', () => {
    const many = { ...options, devices: 120 };
    const fragile = generate({ ...many, drift: [{ site: 'inland', fromRow: 0, fragility: 3 }] });
    const of = (rows: MachineRow[]) => rows.filter((row) => row.site === 'inland');
    const sound = (rows: MachineRow[]) =>
      mean(
        known(
          of(rows).filter((row) => row.failureKind === 'bearing'),
          'acousticDb',
        ),
      );
    expect(sound(fragile)).toBeLessThan(sound(generate(many)) - 2);
    expect(Math.abs(mean(known(of(fragile), 'load')) - mean(known(of(generate(many)), 'load')))).toBeLessThan(0.02);
  });
});

describe('sensorFault', () => {
  const options = { seed: 8, devices: 5, rowsPerDevice: 120 };
  const sound = generate(options);
  const at = { device: 2, feature: 'temperatureC', fromRow: 50, rows: 40 } as const;
  const only = (rows: MachineRow[]) => rows.filter((row) => row.device === 'machine-03').map((row) => row.temperatureC);

  it.each([
    { ...at, kind: 'stuck' },
    { ...at, kind: 'offset', magnitude: 30 },
    { ...at, kind: 'noise', magnitude: 20 },
    { ...at, kind: 'dropout' },
  ] as const)('$kind changes that feature of that device in those rows and nothing else', (fault) => {
    const broken = generate({ ...options, sensorFault: [fault] });
    const rowOf = new Map<string, number>();
    let changed = 0;
    for (const [i, row] of broken.entries()) {
      const n = rowOf.get(row.device) ?? 0;
      rowOf.set(row.device, n + 1);
      const before = sound[i];
      if (row.device === 'machine-03' && n >= 50 && n < 90) {
        if (row.temperatureC !== before?.temperatureC) changed++;
        expect({ ...row, temperatureC: 0 }).toEqual({ ...before, temperatureC: 0 });
      } else expect(row).toEqual(before);
    }
    expect(changed).toBeGreaterThan(30);
  });

  it('stuck repeats the last value, offset adds its magnitude, dropout reports nothing', () => {
    const during = (kind: 'stuck' | 'offset' | 'dropout') =>
      only(generate({ ...options, sensorFault: [{ ...at, kind, magnitude: 30 }] })).slice(50, 90);
    expect(new Set(during('stuck').filter((value) => value !== null)).size).toBe(1);
    expect(during('dropout').every((value) => value === null)).toBe(true);
    const truth = only(sound).slice(50, 90);
    for (const [i, value] of during('offset').entries()) {
      const before = truth[i];
      if (value !== null && before !== null && before !== undefined) expect(value).toBeCloseTo(before + 30, 6);
    }
  });
});

describe('toCsv', () => {
  it('writes one field a column and an empty one for a lost reading', () => {
    const rows = generate({ seed: 6, devices: 3, rowsPerDevice: 200 });
    const lines = toCsv(rows).split('\n');
    expect(lines[0]).toBe(COLUMNS.join(','));
    expect(lines.pop()).toBe('');
    expect(lines.length).toBe(rows.length + 1);
    for (const [i, row] of rows.entries()) {
      const fields = lines[i + 1]?.split(',') ?? [];
      expect(fields.length).toBe(COLUMNS.length);
      for (const [c, column] of COLUMNS.entries())
        expect(fields[c]).toBe(row[column] === null ? '' : String(row[column]));
    }
    expect(rows.some((row) => FEATURES.some((name) => row[name] === null))).toBe(true);
  });

  it('names the cause only when asked', () => {
    const rows = generate({ seed: 6, devices: 1, rowsPerDevice: 1 });
    expect(toCsv(rows)).not.toContain('failureKind');
    expect(toCsv(rows, { withFailureKind: true }).split('\n')[0]).toMatch(/,failure,failureKind$/);
  });

  it('deals devices to all sites in turn', () => {
    expect([0, 1, 2, 3, 4].map(siteOf)).toEqual(['north', 'south', 'coast', 'inland', 'north']);
  });
});
