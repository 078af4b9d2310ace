// Decides how a window looks once something is wrong with it: one change each, put into healthy rows. Never decides when.
import type { Random } from '../random.ts';

/** What a change must know of the healthy rows of the device. */
export interface Healthy {
  readonly mean: number;
  readonly sd: number;
  /** 0.98 quantile. */
  readonly high: number;
}

export interface Change {
  readonly name: string;
  /** Changes rows in place; NaN is missing. */
  apply(values: Float64Array, healthy: Healthy, random: Random): void;
}

const mapEach = (values: Float64Array, map: (x: number) => number): void => {
  for (let i = 0; i < values.length; i++) values[i] = map(values[i] as number);
};

export const shiftMean = (sds: number): Change => ({
  name: `mean +${sds}σ`,
  apply: (values, { sd }) => mapEach(values, (x) => x + sds * sd),
});

export const stretch = (factor: number): Change => ({
  name: `scale ×${factor}`,
  apply: (values, { mean }) => mapEach(values, (x) => mean + factor * (x - mean)),
});

export const outliers = (share: number, sds: number): Change => ({
  name: `${100 * share} % at +${sds}σ`,
  apply: (values, { mean, sd }, random) => mapEach(values, (x) => (random.chance(share) ? mean + sds * sd : x)),
});

/** A share of the rows reads one value. */
export const stickAt = (share: number): Change => ({
  name: `${100 * share} % stuck value`,
  apply: (values, { mean, sd }, random) => mapEach(values, (x) => (random.chance(share) ? mean + 0.3 * sd : x)),
});

/** What lies above the 0.98 quantile lies `factor` times as far from the mean. */
export const liftTop = (factor: number): Change => ({
  name: `top 2 % ×${factor}`,
  apply: (values, { mean, high }) => mapEach(values, (x) => (x > high ? mean + factor * (x - mean) : x)),
});

export const spikes = (share: number, sds: number): Change => ({
  name: `${100 * share} % spikes ±${sds}σ`,
  apply: (values, { mean, sd }, random) =>
    mapEach(values, (x) => (random.chance(share) ? mean + (random.chance(0.5) ? sds : -sds) * sd : x)),
});

export const lose = (share: number): Change => ({
  name: `${100 * share} % missing`,
  apply: (values, _, random) => mapEach(values, (x) => (random.chance(share) ? Number.NaN : x)),
});

/** Those of the power table in docs/statistics.md, and what a sensor does when it breaks. */
export const CHANGES: readonly Change[] = [
  shiftMean(0.15),
  shiftMean(0.1),
  shiftMean(0.5),
  stretch(1.15),
  stretch(1.5),
  outliers(0.05, 4),
  stickAt(0.05),
  stickAt(1),
  liftTop(3),
  spikes(0.01, 8),
  lose(0.05),
];
