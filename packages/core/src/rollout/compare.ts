// Decides how much worse the devices that have a version became than those that do not, with limits that hold however often one
// looks or at the looks that were planned. The device is the unit: more answers of the same devices are not more devices.
//
// Each device gives one number: its mean since the stage began less its mean before (difference in differences), so that a
// night, a lot or a site that moves everyone moves nobody. Anytime limits: the two-sided normal mixture boundary (Howard et
// al., Annals of Statistics 2021; as confseq `TwoSidedNormalMixture::bound`, `best_rho`) on the Welch t mapped to
// a normal deviate; their validity over such paths is by simulation, which ships as a test. Planned looks: Welch's t with
// Bonferroni (design: statistics §4).
import { normalQuantile, normalSf, studentCdf } from '@drover/sketch/special';

export interface CompareOptions {
  /** Chance that limits which are looked at as said leave the truth out on one side. */
  readonly alpha: number;
  /** A difference that should be found soon, above 0, in the unit of the numbers: anytime limits are narrowest for it. */
  readonly detect: number;
  /** Planned looks; null: any number at any time. */
  readonly looks: number | null;
  /** Least variance of one device's number: what its counts alone would have. 0 where that is not known. */
  readonly least?: number;
}

export interface Compared {
  /** How much more the numbers of the first are: above 0 is worse. */
  readonly effect: number;
  readonly low: number;
  readonly high: number;
}

/** Devices that are needed on each side (design: statistics §4, step 0): below they say too little. */
export const LEAST_ARM = 8;

function meanAndVariance(values: readonly number[], least: number): { mean: number; ofMean: number } {
  const n = values.length;
  const mean = values.reduce((sum, x) => sum + x, 0) / n;
  const variance = values.reduce((sum, x) => sum + (x - mean) ** 2, 0) / (n - 1);
  return { mean, ofMean: Math.max(variance, least) / n };
}

/** Half the width of the anytime interval, in standard errors of a normal; `information` is 1 ÷ variance. */
function mixtureFactor(information: number, { alpha, detect }: CompareOptions): number {
  const half = 2 * Math.log(1 / (2 * alpha));
  // Narrowest where a test with one look would find that difference nine times in ten.
  const best = ((normalQuantile(1 - alpha) + normalQuantile(0.9)) / detect) ** 2;
  const rho = best / (half + Math.log(1 + half));
  return Math.sqrt(((information + rho) * (Math.log((information + rho) / rho) + half)) / information);
}

/** t with P(T > t) = tail, by bisection; limits are computed once a look. */
export function studentLimit(tail: number, df: number): number {
  let [low, high] = [0, 1e6];
  for (let i = 0; i < 80; i++) {
    const middle = (low + high) / 2;
    if (studentCdf(-middle, df) > tail) low = middle;
    else high = middle;
  }
  return high;
}

/** Undefined with fewer than two devices on a side. */
export function compareArms(
  treated: readonly number[],
  control: readonly number[],
  options: CompareOptions,
): Compared | undefined {
  if (treated.length < 2 || control.length < 2) return undefined;
  const { alpha, looks, least = 0 } = options;
  const [a, b] = [meanAndVariance(treated, least), meanAndVariance(control, least)];
  const effect = a.mean - b.mean;
  const variance = a.ofMean + b.ofMean;
  if (variance === 0) return { effect, low: effect, high: effect };
  const df = variance ** 2 / (a.ofMean ** 2 / (treated.length - 1) + b.ofMean ** 2 / (control.length - 1));
  // A t of few degrees of freedom goes further than a normal: the limit is the t that is as rare.
  const tail = looks === null ? normalSf(mixtureFactor(1 / variance, options)) : alpha / looks;
  const half = studentLimit(tail, df) * Math.sqrt(variance);
  return { effect, low: effect - half, high: effect + half };
}
