// Decides how unusual one number of a window is among the earlier healthy windows of the same device, and how much evidence has
// gathered that the device has moved. Never reads a clock or a random number, and never says whether the change matters.
import { studentCdf } from '@drover/sketch/special';

/** Healthy windows that are remembered: the null of a device is its own past. The oldest go; 1 KB for each number that is followed. */
export const KEPT_WINDOWS = 64;
/** Fewer say too little of what is usual for a device (design: at least 30). */
export const LEAST_WINDOWS = 30;
/** 1/Φ⁻¹(3/4): turns a median absolute deviation into a standard deviation of a normal. */
const MAD_TO_SD = 1.4826;
/**
 * Against the mean and the standard deviation of a normal, median and median absolute deviation are worth π/2 times and 2.7 times
 * fewer values (Rousseeuw and Croux 1993): odd windows cannot hide themselves in them, at the price of wider tails.
 */
const MEDIAN_VARIANCE = Math.PI / 2;
const MAD_EFFICIENCY = 0.368;
/** No single window is believed more than this: one odd window is no drift. */
const LEAST_P = 1e-8;
/** At most this probability of chance still lets a window into the history. */
const HEALTHY_P = 0.01;

/** One number per window of one feature of one device: its level, its spread, a rate. */
export interface Series {
  /** Of the last healthy windows, in the order in which they came, and by size. */
  readonly history: readonly number[];
  readonly sorted: readonly number[];
  /** Shiryaev–Roberts statistic R = (1 + R)·e; its mean is the number of windows where nothing changes. */
  readonly evidence: number;
}

export const EMPTY_SERIES: Series = { history: [], sorted: [], evidence: 0 };

export interface Judged {
  readonly series: Series;
  /** Probability by chance; 1 while there are too few earlier windows. */
  readonly p: number;
  /** From the median of the history, with its sign, in the unit of the number. */
  readonly change: number;
  /** The change less two standard deviations of the history, towards 0. */
  readonly leastChange: number;
}

/** The first place whose value is not below `value`. */
function placeOf(sorted: readonly number[], value: number): number {
  let [low, high] = [0, sorted.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((sorted[middle] as number) < value) low = middle + 1;
    else high = middle;
  }
  return low;
}

function medianOf(sorted: readonly number[]): number {
  const middle = sorted.length >> 1;
  const high = sorted[middle] as number;
  return sorted.length % 2 === 1 ? high : ((sorted[middle - 1] as number) + high) / 2;
}

/** The median distance from `centre`: the values nearest to it are taken one by one, from both sides. */
function spreadOf(sorted: readonly number[], centre: number): number {
  const n = sorted.length;
  let right = placeOf(sorted, centre);
  let left = right - 1;
  let [last, before] = [0, 0];
  for (let taken = 0; taken <= n >> 1; taken++) {
    const below = left >= 0 ? centre - (sorted[left] as number) : Number.POSITIVE_INFINITY;
    const above = right < n ? (sorted[right] as number) - centre : Number.POSITIVE_INFINITY;
    before = last;
    if (below <= above) {
      last = below;
      left -= 1;
    } else {
      last = above;
      right += 1;
    }
  }
  return n % 2 === 1 ? last : (last + before) / 2;
}

/** Takes a value in; the oldest goes when there is no more room. */
function remember({ history, sorted }: Series, value: number): Pick<Series, 'history' | 'sorted'> {
  const bySize = sorted.slice();
  const oldest = history[0];
  if (history.length === KEPT_WINDOWS && oldest !== undefined) bySize.splice(placeOf(bySize, oldest), 1);
  bySize.splice(placeOf(bySize, value), 0, value);
  const inOrder = history.length === KEPT_WINDOWS ? history.slice(1) : history.slice();
  inOrder.push(value);
  return { history: inOrder, sorted: bySize };
}

/** Autocorrelation of neighbours, at least 0: a device that wanders says the same thing several times. */
function autocorrelationOf(history: readonly number[]): number {
  let sum = 0;
  for (const each of history) sum += each;
  const mean = sum / history.length;
  let [variance, covariance, before] = [0, 0, Number.NaN];
  for (const each of history) {
    const d = each - mean;
    variance += d * d;
    if (!Number.isNaN(before)) covariance += d * before;
    before = d;
  }
  // Rounding alone would make a constant look like one that wanders.
  const isConstant = variance <= 1e-20 * history.length * (1 + mean * mean);
  return isConstant ? 0 : Math.min(0.95, Math.max(0, covariance / variance));
}

/**
 * Takes the next window. The distance from the median, in standard deviations by the median absolute deviation, is compared with
 * Student's t with the degrees of freedom that these are worth; p becomes the e-value ½·p^(−½) (Vovk and Wang 2021, §2), weaker where the device wanders, and enters a
 * Shiryaev–Roberts e-detector (Shin, Ramdas and Rinaldo 2024): crossing a threshold takes that many windows on average where p is exact (it is not: docs/drift.md, limits).
 * @param floor spread below which differences mean nothing: what chance alone gives, in the unit of the number.
 * @param alarm evidence at which the device has moved: from there on nothing enters the history.
 */
export function foldSeries(series: Series, value: number, floor: number, alarm: number): Judged {
  const { history, sorted, evidence } = series;
  if (history.length < LEAST_WINDOWS) {
    return { series: { ...remember(series, value), evidence: 0 }, p: 1, change: 0, leastChange: 0 };
  }
  const median = medianOf(sorted);
  const sd = Math.max(floor, MAD_TO_SD * spreadOf(sorted, median));
  const change = value - median;
  const size = Math.abs(change);
  // What differs by no more than rounding is no difference, also where the history never varied.
  const t =
    size <= 1e-12
      ? 0
      : sd === 0
        ? Number.POSITIVE_INFINITY
        : size / (sd * Math.sqrt(1 + MEDIAN_VARIANCE / history.length));
  const p = t === Number.POSITIVE_INFINITY ? 0 : Math.min(1, 2 * studentCdf(-t, MAD_EFFICIENCY * history.length));
  const believed = Math.max(LEAST_P, p);
  // To a power below 1 an e-value stays one (Jensen).
  const gathered = (1 + evidence) * (0.5 * believed ** -0.5) ** (1 - autocorrelationOf(history));
  const isHealthy = p > HEALTHY_P && gathered < alarm;
  return {
    series: {
      ...(isHealthy ? remember(series, value) : { history, sorted }),
      // Bounded, so that a device that comes back is believed again within hours and not months.
      evidence: Math.min(gathered, alarm * 1000),
    },
    p,
    change,
    leastChange: Math.sign(change) * Math.max(0, size - 2 * sd),
  };
}
