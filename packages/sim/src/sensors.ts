// Decides what sensors report of the truth: bias, noise, resolution, dropouts and planned defects. Never changes the machine.
import type { MachineTruth } from './machine.ts';
import { openStream } from './random.ts';

interface Sensor {
  /** Standard deviation of the constant error of one device's sensor. */
  readonly bias: number;
  /** Standard deviation of the error of one reading. */
  readonly noise: number;
  /** Decimals that the sensor reports. */
  readonly decimals: number;
  readonly low: number;
  readonly high: number;
}

/** Every numeric feature in the order of the columns, with the quality and the range of its sensor. */
const SENSORS = {
  ambientC: { bias: 0.4, noise: 0.3, decimals: 1, low: -40, high: 80 },
  load: { bias: 0, noise: 0.02, decimals: 3, low: 0, high: 1.5 },
  speedRpm: { bias: 0, noise: 12, decimals: 0, low: 0, high: 6000 },
  torqueNm: { bias: 0.4, noise: 1.2, decimals: 1, low: 0, high: 250 },
  currentA: { bias: 0.1, noise: 0.35, decimals: 2, low: 0, high: 80 },
  temperatureC: { bias: 1, noise: 0.8, decimals: 1, low: -40, high: 200 },
  vibrationMmS: { bias: 0.06, noise: 0.2, decimals: 2, low: 0, high: 45 },
  acousticDb: { bias: 0.6, noise: 1.2, decimals: 1, low: 20, high: 130 },
  toolWearMin: { bias: 0, noise: 0, decimals: 0, low: 0, high: 10_000 },
  hoursSinceService: { bias: 0, noise: 0, decimals: 1, low: 0, high: 10_000 },
} as const satisfies Partial<Record<keyof MachineTruth, Sensor>>;

export type FeatureName = keyof typeof SENSORS;
const NAMES = Object.keys(SENSORS) as FeatureName[];
/** The numeric features of a row, in column order. */
export const FEATURES: readonly FeatureName[] = NAMES;

/** The lowest and highest value that a feature can report, also when its sensor is broken. */
export const featureRange = (name: FeatureName): { readonly low: number; readonly high: number } => SENSORS[name];

/** Readings of one row; null is a reading that did not arrive. */
export type Readings = Record<FeatureName, number | null>;

/** A sensor of one device that is broken from `fromRow` on, for `rows` rows (to the end when absent). */
export interface SensorFault {
  /** Index of the device, 0 first. */
  readonly device: number;
  readonly feature: FeatureName;
  /** stuck: repeats its last value. offset: adds `magnitude`. noise: adds normal noise of `magnitude`. dropout: reports nothing. */
  readonly kind: 'stuck' | 'offset' | 'noise' | 'dropout';
  readonly fromRow: number;
  readonly rows?: number;
  /** In the unit of the feature; used by offset and noise. */
  readonly magnitude?: number;
}

/** Chance that one reading is lost alone, and that a cable works loose for 3 to 10 rows. */
const LOST_READING = 0.003;
const LOOSE_CABLE = 0.0004;

/**
 * The sensors of device `index`. Call once per row in order; the returned object belongs to the caller.
 * Planned defects draw from their own stream, so that every other reading stays as it was without them.
 */
export function buildSensors(seed: number, index: number, faults: readonly SensorFault[]) {
  const random = openStream(seed, `sensors/${index}`);
  const defects = openStream(seed, `defects/${index}`);
  const own = faults.filter((fault) => fault.device === index);
  const bias = new Map(NAMES.map((name) => [name, SENSORS[name].bias * random.normal()]));
  const looseUntil = new Map<FeatureName, number>();
  const lastSeen = new Map<FeatureName, number>();

  const report = (name: FeatureName, value: number): number => {
    const { decimals, low, high } = SENSORS[name];
    const scale = 10 ** decimals;
    return Math.round(Math.min(high, Math.max(low, value)) * scale) / scale;
  };

  return (truth: MachineTruth, row: number): Readings => {
    const readings: Partial<Readings> = {};
    for (const name of NAMES) {
      let value: number | null = truth[name] + (bias.get(name) ?? 0) + SENSORS[name].noise * random.normal();
      if (random.chance(LOOSE_CABLE)) looseUntil.set(name, row + Math.floor(3 + 8 * random.uniform()));
      const lost = random.chance(LOST_READING) || row < (looseUntil.get(name) ?? -Infinity);
      const fault = own.find(
        (one) => one.feature === name && row >= one.fromRow && row < one.fromRow + (one.rows ?? Infinity),
      );
      if (fault?.kind === 'offset') value += fault.magnitude ?? 0;
      else if (fault?.kind === 'noise') value += (fault.magnitude ?? 0) * defects.normal();
      else if (fault?.kind === 'stuck') value = lastSeen.get(name) ?? value;
      else if (fault?.kind === 'dropout') value = null;
      if (value !== null) {
        value = report(name, value);
        lastSeen.set(name, value);
      }
      readings[name] = lost ? null : value;
    }
    return readings as Readings;
  };
}
