// Owns the rules by which a canary is judged, ours beside those of others, so that they can be compared on the same fleets.
// Never draws a fleet.
import { compareArms } from '@drover/core/rollout/compare';
import { normalSf } from '@drover/sketch/special';
import type { CanaryFleet, Errors } from './canary-fleet.ts';

export interface Arms {
  readonly treated: readonly Errors[];
  readonly control: readonly Errors[];
}

/** The first hour since the change at which the rule calls the version worse; undefined: not within the hours that there are. */
export type CanaryRule = (arms: Arms, fleet: CanaryFleet, changeAt: number, alpha: number) => number | undefined;

const sumOf = (errors: Errors, from: number, to: number): number => {
  let sum = 0;
  for (let t = from; t < to; t++) sum += errors[t] ?? 0;
  return sum;
};

/** Looks after `step`, 2·`step`, … hours. */
function lookEvery(
  arms: Arms,
  changeAt: number,
  step: number,
  isWorse: (hours: number) => boolean,
): number | undefined {
  const hours = (arms.treated[0]?.length ?? 0) - changeAt;
  for (let look = step; look <= hours; look += step) if (isWorse(look)) return look;
  return undefined;
}

/** Errors and answers of an arm since the change. */
const pooled = (arm: readonly Errors[], { answersPerHour }: CanaryFleet, changeAt: number, hours: number) => ({
  x: arm.reduce((sum, errors) => sum + sumOf(errors, changeAt, changeAt + hours), 0),
  n: arm.length * answersPerHour * hours,
});

/** Two proportions as if each answer were independent, looked at each hour. */
export const pooledPeeking: CanaryRule = (arms, fleet, changeAt, alpha) =>
  lookEvery(arms, changeAt, 1, (hours) => {
    const [a, b] = [pooled(arms.treated, fleet, changeAt, hours), pooled(arms.control, fleet, changeAt, hours)];
    const p = (a.x + b.x) / (a.n + b.n);
    const z = (a.x / a.n - b.x / b.n) / Math.sqrt(p * (1 - p) * (1 / a.n + 1 / b.n));
    return normalSf(z) < alpha;
  });

/** The same with limits that hold at any time, still as if each answer were independent. */
export const pooledAnytime: CanaryRule = (arms, fleet, changeAt, alpha) =>
  lookEvery(arms, changeAt, 1, (hours) => {
    const [a, b] = [pooled(arms.treated, fleet, changeAt, hours), pooled(arms.control, fleet, changeAt, hours)];
    const p = (a.x + b.x) / (a.n + b.n);
    const information = 1 / (p * (1 - p) * (1 / a.n + 1 / b.n));
    const half = 2 * Math.log(1 / (2 * alpha));
    const rho = ((1.645 + 1.282) / 0.01) ** 2 / (half + Math.log(1 + half));
    const bound = Math.sqrt((information + rho) * (Math.log((information + rho) / rho) + half));
    return (a.x / a.n - b.x / b.n) * information > bound;
  });

/** Share of errors since the change less before it, a device each. */
const changesOf = (
  arm: readonly Errors[],
  { answersPerHour }: CanaryFleet,
  changeAt: number,
  hours: number,
): number[] =>
  arm.map(
    (errors) =>
      sumOf(errors, changeAt, changeAt + hours) / (answersPerHour * hours) -
      sumOf(errors, 0, changeAt) / (answersPerHour * changeAt),
  );

const levelsOf = (arm: readonly Errors[], { answersPerHour }: CanaryFleet, changeAt: number, hours: number): number[] =>
  arm.map((errors) => sumOf(errors, changeAt, changeAt + hours) / (answersPerHour * hours));

const byDevices =
  (read: typeof changesOf, step: number, looksOf: (looks: number) => number | null): CanaryRule =>
  (arms, fleet, changeAt, alpha) => {
    const looks = Math.floor(((arms.treated[0]?.length ?? 0) - changeAt) / step);
    return lookEvery(arms, changeAt, step, (hours) => {
      const [a, b] = [read(arms.treated, fleet, changeAt, hours), read(arms.control, fleet, changeAt, hours)];
      const found = compareArms(a, b, { alpha, detect: 0.01, looks: looksOf(looks) });
      return found !== undefined && found.low > 0;
    });
  };

/** Welch's t each hour as if it were the only look. */
export const devicePeeking: CanaryRule = byDevices(changesOf, 1, () => 1);
/** Ours, looked at each hour. */
export const deviceAnytime: CanaryRule = byDevices(changesOf, 1, () => null);
/** Ours with a look a day, which is the default. */
export const deviceDaily: CanaryRule = byDevices(changesOf, 24, (looks) => looks);
/** The same without what was before. */
export const levelDaily: CanaryRule = byDevices(levelsOf, 24, (looks) => looks);

/** As a metric check of Flagger or Argo: each hour the error share of the canary against a fixed limit; five bad hours in a row fail it. */
export const thresholdRule =
  (limit: number, failures: number): CanaryRule =>
  (arms, fleet, changeAt) => {
    let bad = 0;
    return lookEvery(arms, changeAt, 1, (hours) => {
      const { x } = pooled(arms.treated, fleet, changeAt + hours - 1, 1);
      bad = x / (arms.treated.length * fleet.answersPerHour) > limit ? bad + 1 : 0;
      return bad >= failures;
    });
  };
