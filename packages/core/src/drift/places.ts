// Owns how many healthy windows of a device lay where: the past that a new one is ranked in, and its quantiles. Draws no random
// number, never judges a rank.

/**
 * Where a number lies, in spreads of the first windows from their median: steps of a quarter up to 4, then half as far again with
 * each. Numbers of one place are equal to each other: places decide what can be told apart, and never whether a rank is right.
 */
const STEP = 0.25;
const LINEAR = 16;
const GROWTH = Math.log(1.5);
const SIDE = LINEAR + 20;
export const PLACES = 2 * SIDE;
/** When so many are counted all are halved, so that the old ones matter less and 16 bits are enough. */
export const MOST_COUNTED = 32_768;
/** What was seen is taken to reach at least so many spreads from the centre. */
const LEAST_EDGE = 3;

export interface Past {
  /** Windows at each place. */
  readonly counts: Uint16Array;
  counted: number;
  /** Places are measured from here, in this. */
  centre: number;
  scale: number;
}

/** @param counts PLACES zeros. */
export const newPast = (counts: Uint16Array): Past => ({ counts, counted: 0, centre: 0, scale: 1 });

/** @param z in spreads from the centre. */
function placeOf(z: number): number {
  const a = Math.abs(z);
  const far = a < LINEAR * STEP ? a / STEP : LINEAR + Math.log(a / (LINEAR * STEP)) / GROWTH;
  const k = Math.min(SIDE - 1, Math.floor(far));
  return z < 0 ? SIDE - 1 - k : SIDE + k;
}

/** The distance from the centre at which the place ends that is `k` places away. */
const edgeOf = (k: number): number =>
  k < LINEAR ? (k + 1) * STEP : LINEAR * STEP * Math.exp((k - LINEAR + 1) * GROWTH);

/** Where a place begins and ends, in spreads from the centre. */
function spanOf(place: number): readonly [number, number] {
  const k = place < SIDE ? SIDE - 1 - place : place - SIDE;
  const [inner, outer] = [k === 0 ? 0 : edgeOf(k - 1), edgeOf(k)];
  return place < SIDE ? [-outer, -inner] : [inner, outer];
}

/** Takes a number into the past; returns its rank there, −½ to ½. */
export function remember(past: Past, value: number): number {
  const { counts } = past;
  const place = placeOf((value - past.centre) / past.scale);
  if (past.counted >= MOST_COUNTED) {
    past.counted = 0;
    for (let i = 0; i < PLACES; i++) {
      counts[i] = (counts[i] as number) >> 1;
      past.counted += counts[i] as number;
    }
  }
  let below = 0;
  for (let i = 0; i < place; i++) below += counts[i] as number;
  const rank = (below + (counts[place] as number) / 2 + 0.5) / (past.counted + 1) - 0.5;
  counts[place] = (counts[place] as number) + 1;
  past.counted += 1;
  return rank;
}

/**
 * Probability that as large a number comes from the past (conformal: the randomised rank among all of them, exact wherever windows
 * are exchangeable, whatever their distribution). What lies beyond all that was ever seen is as probable as one more largest
 * one, and rarer by a power of how much farther it is: exact for tails that fall with that power (Pareto), too high for lighter ones.
 * @param draw in (0, 1): breaks ties. @param power 1 for the tails of Cauchy's distribution, 2 where there is a finite mean.
 * @returns of the upper tail and of the lower one.
 */
export function tailsOf(past: Past, value: number, draw: number, power: number): readonly [number, number] {
  const { counts, counted } = past;
  const z = (value - past.centre) / past.scale;
  const place = placeOf(z);
  let [below, lowest, highest] = [0, PLACES, -1];
  for (let i = 0; i < PLACES; i++) {
    const here = counts[i] as number;
    if (here === 0) continue;
    if (highest < 0) lowest = i;
    highest = i;
    if (i < place) below += here;
  }
  const one = 1 / (counted + 1);
  const beyond = (out: number, reach: number): number => one * (out > reach ? (reach / out) ** power : draw);
  if (place > highest) {
    const upper = beyond(z, Math.max(LEAST_EDGE, spanOf(highest)[1]));
    return [upper, 1 - upper];
  }
  if (place < lowest) {
    const lower = beyond(-z, Math.max(LEAST_EDGE, -spanOf(lowest)[0]));
    return [1 - lower, lower];
  }
  const lower = (below + draw * ((counts[place] as number) + 1)) * one;
  return [1 - lower, lower];
}

/** The value below which this share of the past lies, straight within a place. */
export function quantileOf({ counts, counted, centre, scale }: Past, share: number): number {
  let rest = share * counted;
  for (let i = 0; i < PLACES; i++) {
    const here = counts[i] as number;
    if (here > 0 && rest <= here) {
      const [from, to] = spanOf(i);
      return centre + scale * (from + (to - from) * (rest / here));
    }
    rest -= here;
  }
  return centre;
}
