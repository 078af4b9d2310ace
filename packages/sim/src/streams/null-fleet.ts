// Decides what the features of a fleet read while nothing is wrong: devices that differ, wander and know the hour of the day. A
// detector that calls anything in here drift is wrong. Never draws but from named streams of its seed.
import { openStream, type Random } from '../random.ts';

export const NULL_FAMILIES = ['calm', 'normal', 'restless', 'lognormal', 't3', 'rare', 'lossy'] as const;
/**
 * `calm`, `normal`, `restless`: normal values whose windows wander by 0.03, 0.08 and 0.15 σ. The others wander by 0.05: `lognormal`;
 * `t3`: Student's t with 3 degrees of freedom; `rare`: normal, and a Poisson number of rows in each window (0.5 % on average) lies
 * 6 σ up; `lossy`: 3 % of the windows lose 5 % of their rows.
 */
export type NullFamily = (typeof NULL_FAMILIES)[number];

const WANDER: Readonly<Record<NullFamily, number>> = {
  calm: 0.03, normal: 0.08, restless: 0.15, lognormal: 0.05, t3: 0.05, rare: 0.05, lossy: 0.05,
}; // biome-ignore format: one table

export interface NullWorld {
  /** Standard deviation of the offsets of devices, in σ of one device's rows. */
  readonly offset: number;
  /** Autocorrelation of neighbouring rows, and of the wandering of neighbouring windows. */
  readonly rowCorrelation: number;
  readonly windowCorrelation: number;
  /** Amplitude of the day, in σ, and windows of a day. */
  readonly season: number;
  readonly windowsPerDay: number;
}

/** Offsets of 0.15 σ as in docs/statistics.md; hourly windows. */
export const NULL_WORLD: NullWorld = {
  offset: 0.15,
  rowCorrelation: 0.3,
  windowCorrelation: 0.5,
  season: 0.05,
  windowsPerDay: 24,
};

export const RARE_SHARE = 0.005;
const RARE_AT = 6;
const LOSSY_WINDOWS = 0.03;
export const LOST_SHARE = 0.05;
/** Shape of the lognormal. */
const LOG_SD = 0.6;
const [MEAN, SD] = [300, 5];

/** Knuth's product of uniforms; the means here are small. */
function poisson(random: Random, mean: number): number {
  const limit = Math.exp(-mean);
  let [count, product] = [0, random.uniform()];
  while (product > limit) {
    count += 1;
    product *= random.uniform();
  }
  return count;
}

/** Value of a latent row that is normal while the device is the average one. */
function valueOf(family: NullFamily, level: number, noise: number, random: Random): number {
  if (family === 'lognormal') return Math.exp(LOG_SD * (level + noise));
  if (family === 't3') {
    // χ² with 3 degrees of freedom is an exponential and a squared normal.
    const chi = -2 * Math.log(1 - random.uniform()) + random.normal() ** 2;
    return MEAN + SD * (level + noise / Math.sqrt(chi / 3));
  }
  return MEAN + SD * (level + noise);
}

/** Standard deviation of the rows of one device, in the unit of the feature; that of `t3` and `lognormal` from their formulas. */
export function spreadOfFamily(family: NullFamily): number {
  if (family === 't3') return SD * Math.sqrt(3);
  if (family === 'lognormal') return Math.sqrt((Math.exp(LOG_SD ** 2) - 1) * Math.exp(LOG_SD ** 2));
  return SD;
}

function disturb(family: NullFamily, values: Float64Array, random: Random): void {
  const n = values.length;
  if (family === 'rare') {
    for (let left = poisson(random, RARE_SHARE * n); left > 0; left--)
      values[Math.floor(n * random.uniform())] = MEAN + SD * (RARE_AT + 0.1 * random.normal());
  } else if (family === 'lossy' && random.chance(LOSSY_WINDOWS)) {
    for (let i = 0; i < n; i++) if (random.chance(LOST_SHARE)) values[i] = Number.NaN;
  }
}

/** Training rows: of as many devices as there are rows, at all hours. */
export function drawReference(seed: number, family: NullFamily, rows: number, world = NULL_WORLD): Float32Array {
  const random = openStream(seed, `reference/${family}`);
  const values = Float64Array.from({ length: rows }, () => {
    const level = world.offset * random.normal() + world.season * Math.sin(2 * Math.PI * random.uniform());
    return valueOf(family, level, random.normal(), random);
  });
  if (family === 'rare') disturb(family, values, random);
  return Float32Array.from(values);
}

export interface NullFeature {
  /** Fills the next window; what was lost is NaN. */
  fill(values: Float64Array): void;
}

/** One feature of one device from its first window on. */
export function openNullFeature(seed: number, name: string, family: NullFamily, world = NULL_WORLD): NullFeature {
  const random = openStream(seed, name);
  const { rowCorrelation, windowCorrelation } = world;
  const offset = world.offset * random.normal();
  const phase = random.uniform();
  const rowStep = Math.sqrt(1 - rowCorrelation ** 2);
  const windowStep = WANDER[family] * Math.sqrt(1 - windowCorrelation ** 2);
  let wander = WANDER[family] * random.normal();
  let noise = random.normal();
  let window = 0;
  return {
    fill(values) {
      wander = windowCorrelation * wander + windowStep * random.normal();
      const day = world.season * Math.sin(2 * Math.PI * (window / world.windowsPerDay + phase));
      const level = offset + wander + day;
      for (let i = 0; i < values.length; i++) {
        noise = rowCorrelation * noise + rowStep * random.normal();
        values[i] = valueOf(family, level, noise, random);
      }
      disturb(family, values, random);
      window += 1;
    },
  };
}
