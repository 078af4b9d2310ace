// Decides how unusual one number of a window is among the earlier healthy windows of the same device, and how much evidence has
// gathered that the device has moved. Never reads a clock, draws no random number, and never says whether the change matters.
import { newPast, type Past, PLACES, quantileOf, remember, tailsOf } from './places.ts';
import { learnHour, newSeason, type Season, usualAt } from './season.ts';

/** Windows that a device shows before it is judged (design: at least 30). */
export const LEAST_WINDOWS = 30;
/** Windows that a number waits before it becomes part of the past: a change is seen before it becomes usual. */
const WAITING_WINDOWS = 16;
const RECENT = 32;
/** 1/Φ⁻¹(3/4): turns a median absolute deviation into a standard deviation of a normal. */
const MAD_TO_SD = 1.4826;
/** Correlation of neighbours below this is what chance makes of 30 windows; above the other a window says next to nothing new. */
const LEAST_KEPT = 0.35;
const MOST_KEPT = 0.8;
/** No window is believed more than this: one odd window is no drift. */
const LEAST_P = 1e-6;
const MOST_EVIDENCE = 1e15;
/** So many windows in a row that are not at all odd (p above this) end an alarm. */
const CALM_WINDOWS = 8;
const CALM_P = 0.05;
/** A change is the mean of at most so many windows. */
const MEANT_WINDOWS = 8;

/** What kind of number a series is of. */
export interface SeriesKind {
  /** Of the tails beyond all that was seen (see tailsOf). */
  readonly power: 1 | 2;
  /** Only more of it is odd. */
  readonly isUpward: boolean;
  /** It may follow the hours of a day. */
  readonly hasSeason: boolean;
}

/** One number per window of one feature of one device: its level, its spread, a rate. */
export interface Series {
  /** Of what is new in a window, given the one before. */
  readonly past: Past;
  readonly season: Season | undefined;
  /** The last windows less what is usual at their hour, and these hours; at first all windows. */
  readonly recent: Float32Array;
  readonly hours: Uint8Array;
  /** Windows that were taken in, healthy or not. */
  windows: number;
  /** So many of the last ones wait to become part of the past. */
  waiting: number;
  /** What a window keeps of the one before (autoregression of order 1), fixed by the first ones. */
  kept: number;
  /** Shiryaev–Roberts statistic R = (1 + R)·e; its mean is the number of windows where nothing changes. */
  evidence: number;
  /** Windows since evidence began to gather, and calm ones in a row. */
  gathering: number;
  calm: number;
  /** Of what became part of the past: products of neighbouring ranks, how many, and the last rank. */
  products: number;
  pairs: number;
  lastRank: number;
}

const NO_HOURS = new Uint8Array(0);
const COUNT_BYTES = 2 * PLACES;

export function newSeries({ hasSeason }: SeriesKind): Series {
  // One buffer for all numbers of a series: a hub holds a million of them.
  const numbers = new ArrayBuffer(COUNT_BYTES + 4 * RECENT + (hasSeason ? RECENT : 0));
  return {
    past: newPast(new Uint16Array(numbers, 0, PLACES)),
    season: hasSeason ? newSeason() : undefined,
    recent: new Float32Array(numbers, COUNT_BYTES, RECENT),
    hours: hasSeason ? new Uint8Array(numbers, COUNT_BYTES + 4 * RECENT, RECENT) : NO_HOURS,
    windows: 0,
    waiting: 0,
    kept: 0,
    evidence: 0,
    gathering: 0,
    calm: 0,
    products: 0,
    pairs: 0,
    lastRank: 0,
  };
}

/** Where in the ring a window is; 0 back is the newest. */
const placeBack = (series: Series, back: number): number => (series.windows - 1 - back + RECENT) % RECENT;
const valueBack = (series: Series, back: number): number => series.recent[placeBack(series, back)] as number;
const newsBack = (series: Series, back: number): number =>
  valueBack(series, back) - series.kept * valueBack(series, back + 1);

/** What the numbers themselves are usual around. */
const usualOf = ({ past, kept }: Series, news: number = past.centre): number => news / (1 - kept);

function becomePast(series: Series, back: number): void {
  const rank = remember(series.past, newsBack(series, back));
  if (series.past.counted > 1) {
    series.products += rank * series.lastRank;
    series.pairs += 1;
  }
  series.lastRank = rank;
}

/** Correlation of neighbours, 0 where chance alone may make as much. */
function correlate(first: Float32Array): number {
  let sum = 0;
  for (const x of first) sum += x;
  const mean = sum / first.length;
  let [variance, covariance, before] = [0, 0, 0];
  for (const x of first) {
    const d = x - mean;
    variance += d * d;
    covariance += d * before;
    before = d;
  }
  const rho = variance > 0 ? covariance / variance : 0;
  return rho < LEAST_KEPT ? 0 : Math.min(MOST_KEPT, rho);
}

const medianOf = (sorted: Float32Array): number =>
  ((sorted[(sorted.length - 1) >> 1] as number) + (sorted[sorted.length >> 1] as number)) / 2;

/** Fixes from the first windows what is compared, and takes them into the past. */
function learn(series: Series, floor: number): void {
  const { past } = series;
  series.kept = correlate(series.recent.subarray(0, LEAST_WINDOWS));
  const news = Float32Array.from({ length: LEAST_WINDOWS - 1 }, (_, back) => newsBack(series, back));
  past.centre = medianOf(news.toSorted());
  const spread = MAD_TO_SD * medianOf(news.map((x) => Math.abs(x - past.centre)).toSorted());
  // A device that never varied is compared with what chance makes, and at least with what a float can tell apart.
  past.scale = Math.max(floor, spread, 1e-6 * Math.abs(past.centre), 1e-12);
  for (let back = news.length - 1; back >= 0; back--) becomePast(series, back);
}

/**
 * What an e-value is worth where ranks still resemble their neighbours: 1/(1 + 2ρ + 2ρ² + …) = (1 − ρ)/(1 + ρ), the share that
 * is left of independent windows.
 */
function independenceOf({ products, pairs }: Series): number {
  if (pairs === 0) return 1;
  // Ranks are uniform: their variance is a twelfth.
  const rho = Math.min(0.95, Math.max(0, (12 * products) / pairs));
  return (1 - rho) / (1 + rho);
}

/** e = (1 − p + p·ln p)/(p·ln² p): the mean of κ·p^(κ−1) over all κ in (0, 1), 1 on average (Vovk and Wang 2021, §2). */
function eValueOf(p: number): number {
  // Near 1 the quotient loses its digits; its series is ½ + (1 − p)/6 + … there.
  if (p > 0.999) return 0.5 + (1 - p) / 6;
  const log = Math.log(p);
  return (1 - p + p * log) / (p * log * log);
}

/** Uniform in (0, 1), another one for each window of each series (a finaliser of splitmix): the same windows give the same verdict again. */
function drawOf(seed: number, window: number): number {
  let x = (seed + Math.imul(window, 0x9e3779b9)) | 0;
  x = Math.imul(x ^ (x >>> 16), 0x21f0aaad);
  x = Math.imul(x ^ (x >>> 15), 0x735a2d97);
  return (((x ^ (x >>> 15)) >>> 0) + 0.5) / 2 ** 32;
}

/** Takes the oldest window that waited into its hour; where the day is believed from now on, that holds for the others too. */
function followDay(series: Series, season: Season): void {
  const hour = series.hours[placeBack(series, WAITING_WINDOWS)] as number;
  const d = valueBack(series, WAITING_WINDOWS) + usualAt(season, hour) - usualOf(series);
  if (!learnHour(season, hour, d)) return;
  for (let i = 0; i < RECENT; i++)
    series.recent[i] = (series.recent[i] as number) - usualAt(season, series.hours[i] as number);
}

export interface FoldOptions {
  readonly kind: SeriesKind;
  /** Spread below which differences mean nothing: what chance alone gives, in the unit of the number. */
  readonly floor: number;
  /** Evidence at which the device has moved: from there on nothing becomes part of the past. */
  readonly alarm: number;
  /** Tells this series from others. */
  readonly seed: number;
  /** Hour of the day of the window. */
  readonly hour: number;
  /** It has not seen a whole day: all becomes part of the past, and nothing is believed yet. */
  readonly isYoung: boolean;
}

/**
 * Takes the next window in, in place. What is new in it, given the one before, is ranked among the past; the rank becomes an e-value
 * and enters a Shiryaev–Roberts e-detector (Shin, Ramdas and Rinaldo 2024): crossing a threshold takes that many windows on average
 * where windows are exchangeable.
 * @returns the probability by chance; 1 while there are too few earlier windows.
 */
export function foldSeries(series: Series, value: number, options: FoldOptions): number {
  const { kind, alarm, hour } = options;
  const { season } = series;
  const at = series.windows % RECENT;
  series.recent[at] = value - (season ? usualAt(season, hour) : 0);
  if (season) series.hours[at] = hour;
  series.windows += 1;
  if (series.windows <= LEAST_WINDOWS) {
    if (series.windows === LEAST_WINDOWS) learn(series, options.floor);
    return 1;
  }
  const draw = drawOf(options.seed, series.windows);
  const [upper, lower] = tailsOf(series.past, newsBack(series, 0), draw, kind.power);
  const p = Math.max(LEAST_P, kind.isUpward ? upper : 2 * Math.min(upper, lower));
  // To a power below 1 an e-value stays one (Jensen).
  const gathered = (1 + series.evidence) * eValueOf(p) ** independenceOf(series);
  series.gathering = series.evidence < 1 ? 1 : series.gathering + 1;
  series.calm = p > CALM_P ? series.calm + 1 : 0;
  const isOver = gathered >= alarm && series.calm >= CALM_WINDOWS;
  series.evidence = isOver || options.isYoung ? 0 : Math.min(gathered, MOST_EVIDENCE);
  if (series.evidence >= alarm) series.waiting = 0;
  else if (series.waiting < WAITING_WINDOWS) series.waiting += 1;
  else {
    becomePast(series, WAITING_WINDOWS);
    if (season) followDay(series, season);
  }
  return p;
}

export interface Change {
  /** What is usual, and how far the windows since evidence began to gather (at most 8) lie from it on average. */
  readonly usual: number;
  readonly change: number;
  /** The change less two standard deviations of it, towards 0. */
  readonly leastChange: number;
}

export function changeOf(series: Series): Change {
  const { past, kept } = series;
  const n = Math.max(1, Math.min(series.gathering, MEANT_WINDOWS));
  let sum = 0;
  for (let back = 0; back < n; back++) sum += valueBack(series, back);
  const usual = usualOf(series, quantileOf(past, 0.5));
  const change = sum / n - usual;
  // Of a normal the quartiles are 1.349 standard deviations apart; of a median the variance is π/2 times that of a mean.
  const ofNews = Math.max(past.scale, (quantileOf(past, 0.75) - quantileOf(past, 0.25)) / 1.349);
  const sd = ofNews / Math.sqrt(1 - kept * kept);
  const independent = Math.max(1, (n * (1 - kept)) / (1 + kept));
  const error = 2 * sd * Math.sqrt(1 / independent + Math.PI / 2 / past.counted);
  return { usual, change, leastChange: Math.sign(change) * Math.max(0, Math.abs(change) - error) };
}
