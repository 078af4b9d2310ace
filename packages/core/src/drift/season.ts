// Owns what is usual for a device at each hour of the day, once that explains much of what it shows. Never judges a window.

const HOURS = 24;
/** Healthy windows of each hour before the day is believed: two days of quarter hours. */
const LEAST_OF_HOUR = 8;
/** Share of the variance that the hours must explain; of numbers without a day 24 hours explain about a tenth after two days. */
const LEAST_EXPLAINED = 0.3;
/** The mean of an hour follows the device no faster than this many windows. */
const MOST_OF_HOUR = 400;
/** Between two looks at whether there is a day: windows. */
const LOOK_EVERY = 24;

export interface Season {
  /** By what windows of an hour differ from the centre on average, and how many there were. */
  readonly means: Float32Array;
  readonly windows: Uint16Array;
  /** Squares of all that was taken in. */
  squares: number;
  taken: number;
  isUsed: boolean;
}

export function newSeason(): Season {
  const numbers = new ArrayBuffer(6 * HOURS);
  const [means, windows] = [new Float32Array(numbers, 0, HOURS), new Uint16Array(numbers, 4 * HOURS, HOURS)];
  return { means, windows, squares: 0, taken: 0, isUsed: false };
}

/** Hour of the day, UTC: where a site is does not matter, as long as its day stays where it is. */
export const hourOf = (at: number): number => Math.floor(at / 3_600_000) % HOURS;

/** What is usual at that hour, from the centre. */
export const usualAt = ({ means, isUsed }: Season, hour: number): number => (isUsed ? (means[hour] as number) : 0);

function explains({ means, windows, squares }: Season): boolean {
  let [all, sum, between] = [0, 0, 0];
  for (let hour = 0; hour < HOURS; hour++) {
    const n = windows[hour] as number;
    if (n < LEAST_OF_HOUR) return false;
    const mean = means[hour] as number;
    all += n;
    sum += n * mean;
    between += n * mean * mean;
  }
  const middle = (sum * sum) / all;
  return between - middle > LEAST_EXPLAINED * (squares - middle);
}

/** Takes a healthy window in. @param d its distance from the centre, the usual of its hour included. @returns whether the day is believed from now on. */
export function learnHour(season: Season, hour: number, d: number): boolean {
  const n = Math.min(MOST_OF_HOUR, (season.windows[hour] as number) + 1);
  season.windows[hour] = n;
  const mean = season.means[hour] as number;
  season.means[hour] = mean + (d - mean) / n;
  if (season.isUsed) return false;
  season.squares += d * d;
  season.taken += 1;
  season.isUsed = season.taken % LOOK_EVERY === 0 && explains(season);
  return season.isUsed;
}
