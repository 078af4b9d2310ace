// Decides the rows of a simulated machine fleet: who, where, when, what was read and whether a failure followed.
// Same options, same rows; no clock and no other randomness. Never reads files and never trains.
import { accept, type Result, refuse } from '@drover/core/reasons';
import { buildMachine, type FaultKind, type MachineKind } from './machine.ts';
import { buildSensors, FEATURES, type Readings, type SensorFault } from './sensors.ts';
import { type Drift, planSurroundings, SITES, type SiteName, type Surroundings } from './site.ts';

export interface FleetOptions {
  /** Any whole number up to 2^53; the same seed gives the same fleet. */
  readonly seed: number;
  /** 1 to 100,000. */
  readonly devices: number;
  /** Readings of each device; devices × rowsPerDevice is at most 5 million. */
  readonly rowsPerDevice: number;
  /** Aimed share of rows with failure = 1, 0 to 0.2 (default 0.05). Single devices differ widely, fleets little. */
  readonly faultRate?: number;
  /** Time of row 0, ms since epoch (default 2026-01-05T00:00:00Z, a Monday). */
  readonly startAt?: number;
  /** Time between two readings of one device, 1 s to 1 h (default 10 min). Physics follow it. */
  readonly intervalMs?: number;
  /** A row is labelled 1 when the machine breaks down within this many rows, itself included; 1 to 200 (default 12). */
  readonly horizonRows?: number;
  readonly drift?: readonly Drift[];
  readonly sensorFault?: readonly SensorFault[];
}

/** One reading of one machine with the label that is known `horizonRows` later. */
export interface MachineRow extends Readonly<Readings> {
  readonly timestampMs: number;
  readonly device: string;
  readonly site: SiteName;
  readonly machine: MachineKind;
  readonly failure: 0 | 1;
  /** Why the coming breakdown happens. It leaks the label: for analysis, never a feature. */
  readonly failureKind: FaultKind | undefined;
}

const SETTLE_ROWS = 300;
const MAX_ROWS = 5_000_000;
const FAULT_RATE = 0.05;
const START_AT = Date.UTC(2026, 0, 5);
const INTERVAL_MS = 600_000;
const HORIZON_ROWS = 12;
/** Share of failure rows at fault scale 1 and a horizon of 12 rows of 10 min; measured, see docs/generator.md. */
const RATE_AT_SCALE_1 = 0.05;

/** `machine-07` of 12, `machine-0007` of 5,000. */
export const nameDevice = (index: number, devices: number): string =>
  `machine-${String(index + 1).padStart(Math.max(2, String(devices).length), '0')}`;

/** The site of a device: dealt in turn. */
export const siteOf = (index: number): SiteName => SITES[index % SITES.length] ?? SITES[0];

/**
 * Simulates the fleet. Rows come in time order; devices report at their own moment within each interval.
 * A device's rows depend on seed and index only: a larger fleet holds the smaller one unchanged.
 * Refuses options out of range with `simulation_invalid`.
 */
export function generateFleet(options: FleetOptions): Result<MachineRow[]> {
  const wrong = findWrongOption(options);
  if (wrong) return refuse('simulation_invalid', wrong);
  const { devices, rowsPerDevice } = options;
  const columns: MachineRow[][] = [];
  const surroundings = planAllSites(options);
  for (let index = 0; index < devices; index++)
    columns.push(simulateDevice(options, index, surroundings[siteOf(index)]));
  // Each device keeps its phase within the interval, so the order of one interval is the order of all.
  columns.sort((a, b) => (a[0]?.timestampMs ?? 0) - (b[0]?.timestampMs ?? 0));
  const rows: MachineRow[] = [];
  for (let row = 0; row < rowsPerDevice; row++) {
    for (const column of columns) {
      const one = column[row];
      if (one) rows.push(one);
    }
  }
  return accept(rows);
}

function planAllSites(options: FleetOptions): Record<SiteName, Surroundings[]> {
  const plan = {
    seed: options.seed,
    startAt: options.startAt ?? START_AT,
    intervalMs: options.intervalMs ?? INTERVAL_MS,
    rows: options.rowsPerDevice + (options.horizonRows ?? HORIZON_ROWS),
    settleRows: SETTLE_ROWS,
    drift: options.drift ?? [],
  };
  return {
    north: planSurroundings('north', plan),
    south: planSurroundings('south', plan),
    coast: planSurroundings('coast', plan),
    inland: planSurroundings('inland', plan),
  };
}

/** Rows of device `index` alone; the options were checked by the caller. */
function simulateDevice(options: FleetOptions, index: number, surroundings: readonly Surroundings[]): MachineRow[] {
  const { seed, devices, rowsPerDevice } = options;
  const horizon = options.horizonRows ?? HORIZON_ROWS;
  const intervalMs = options.intervalMs ?? INTERVAL_MS;
  const startAt = options.startAt ?? START_AT;
  const machine = buildMachine(seed, index, (options.faultRate ?? FAULT_RATE) / RATE_AT_SCALE_1);
  const read = buildSensors(seed, index, options.sensorFault ?? []);
  // The golden ratio spreads the phases of any number of devices evenly, and no two fall together.
  const phaseMs = Math.floor(((index * 0.6180339887498949) % 1) * intervalMs);
  const device = nameDevice(index, devices);

  const truths = surroundings.map((around) => machine.step(around, intervalMs / 60_000));
  // Walk back from the end: what breaks next, and how far away is it? The rows after the last one only serve this.
  const rows: MachineRow[] = [];
  const coming: (FaultKind | undefined)[] = [];
  let kind: FaultKind | undefined;
  let distance = Infinity;
  for (let i = truths.length - 1; i >= SETTLE_ROWS; i--) {
    const breakdown = truths[i]?.breakdown;
    distance = breakdown ? 0 : distance + 1;
    kind = breakdown ?? kind;
    coming[i - SETTLE_ROWS] = distance < horizon ? kind : undefined;
  }
  for (let row = 0; row < rowsPerDevice; row++) {
    const truth = truths[row + SETTLE_ROWS];
    if (!truth) continue;
    const failureKind = coming[row];
    rows.push({
      timestampMs: startAt + row * intervalMs + phaseMs,
      device,
      site: siteOf(index),
      machine: machine.kind,
      ...read(truth, row),
      failure: failureKind ? 1 : 0,
      failureKind,
    });
  }
  return rows;
}

function findWrongOption(options: FleetOptions): string | undefined {
  const { seed, devices, rowsPerDevice, faultRate = FAULT_RATE } = options;
  const { intervalMs = INTERVAL_MS, horizonRows = HORIZON_ROWS, startAt = START_AT } = options;
  const whole = (value: number, low: number, high: number) => Number.isInteger(value) && value >= low && value <= high;
  if (!Number.isSafeInteger(seed)) return `seed ${seed} is not a whole number.`;
  if (!whole(devices, 1, 100_000)) return `devices is ${devices}, not 1 to 100000.`;
  if (!whole(rowsPerDevice, 1, MAX_ROWS) || devices * rowsPerDevice > MAX_ROWS)
    return `${devices} devices × ${rowsPerDevice} rows is not within 1 to ${MAX_ROWS} rows.`;
  if (!(faultRate >= 0 && faultRate <= 0.2)) return `faultRate is ${faultRate}, not 0 to 0.2.`;
  if (!whole(intervalMs, 1000, 3_600_000)) return `intervalMs is ${intervalMs}, not 1000 to 3600000.`;
  if (!whole(horizonRows, 1, 200)) return `horizonRows is ${horizonRows}, not 1 to 200.`;
  if (!whole(startAt, 0, 253_402_300_799_000)) return `startAt is ${startAt}, not a time in ms since 1970.`;
  for (const fault of options.sensorFault ?? []) {
    if (!whole(fault.device, 0, devices - 1)) return `sensorFault names device ${fault.device} of ${devices}.`;
    if (!FEATURES.includes(fault.feature)) return `sensorFault names the unknown feature ${String(fault.feature)}.`;
    if (!Number.isFinite(fault.magnitude ?? 0)) return `sensorFault has the magnitude ${fault.magnitude}.`;
  }
  for (const drift of options.drift ?? []) {
    if (!SITES.includes(drift.site)) return `drift names the unknown site ${String(drift.site)}.`;
    if (!((drift.fragility ?? 1) > 0 && (drift.fragility ?? 1) <= 10))
      return `drift has the fragility ${drift.fragility}.`;
    if (![drift.ambientC ?? 0, drift.loadShift ?? 0, drift.rampRows ?? 0, drift.fromRow].every(Number.isFinite))
      return `drift at ${drift.site} has a value that is not a number.`;
  }
  return undefined;
}
