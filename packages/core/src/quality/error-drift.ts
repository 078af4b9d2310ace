// Decides whether and when the errors of a model became more or fewer, from the counts of its windows in the order of time. The
// detector says that; where and how large is then found between the windows. Never reads a clock.
import { studentCdf } from '@drover/sketch/special';
import { ADWIN_DELTA, foldAdwin, newAdwin } from '../detect/adwin.ts';
import { foldDdm, newDdm } from '../detect/error-rate.ts';
import type { Finding } from '../detect/finding.ts';
import { foldHddmA, foldHddmW, HDDM_SETTINGS, newHddmA, newHddmW } from '../detect/hoeffding.ts';
import { foldPageHinkley, newPageHinkley, PAGE_HINKLEY } from '../detect/page-hinkley.ts';
import { aroundNumber, type Interval } from './interval.ts';

/** Labelled rows that share a time. */
export interface Step {
  /** Start of their window, ms. */
  readonly at: number;
  readonly n: number;
  /** Wrong ones, or Σ |error| of a regression. */
  readonly sum: number;
}

export const DETECTOR_NAMES = ['adwin', 'ddm', 'hddm_a', 'hddm_w', 'page_hinkley'] as const;
export type DetectorName = (typeof DETECTOR_NAMES)[number];

export interface Change {
  /** Start of the first window of the new level, and of the window in which it was found. */
  readonly at: number;
  readonly foundAt: number;
  /** Error rate or mean absolute error before and after. */
  readonly before: number;
  readonly after: number;
  readonly difference: Interval;
  readonly rowsBefore: number;
  readonly rowsAfter: number;
}

/** Windows on each side of a change: one odd window is none. */
const LEAST_STEPS = 5;
/** Windows after a detector spoke in which windows may bear it out. */
const PATIENCE = 12;
/** Chance of a split as clear as this where windows are exchangeable, over all places where it could be. */
const SPLIT_CHANCE = 0.0002;
/** Rows of one step, and of all, that a detector is shown: a look stays short, and windows with all their rows bear it out. */
const MOST_ROWS = 100;
const MOST_ROWS_OF_ALL = 400_000;

function openDetector(name: DetectorName): (value: number) => Finding {
  const bind = <S>(state: S, fold: (state: S, value: number) => Finding) => fold.bind(undefined, state);
  switch (name) {
    case 'adwin':
      return bind(newAdwin(), (state, value) => foldAdwin(state, value, ADWIN_DELTA));
    case 'ddm':
      return bind(newDdm(), foldDdm);
    case 'hddm_a':
      return bind(newHddmA(), (state, value) => foldHddmA(state, value, HDDM_SETTINGS));
    case 'hddm_w':
      return bind(newHddmW(), (state, value) => foldHddmW(state, value, HDDM_SETTINGS));
    case 'page_hinkley':
      return bind(newPageHinkley(), (state, value) => foldPageHinkley(state, value, PAGE_HINKLEY));
  }
}

/**
 * Rows of one step as a detector takes them. In which order the wrong ones came is not known: they are spread evenly, which can
 * take evidence away within a window and never adds any.
 */
function* rowsOf({ n, sum }: Step, scale: number | undefined, most: number): Generator<number> {
  const rows = Math.min(n, most);
  if (scale !== undefined) {
    const value = Math.min(1, sum / n / scale);
    for (let i = 0; i < rows; i++) yield value;
    return;
  }
  const wrong = Math.round((sum * rows) / n);
  for (let i = 0; i < rows; i++) yield Math.floor(((i + 1) * wrong) / rows) - Math.floor((i * wrong) / rows);
}

interface Totals {
  readonly n: number;
  readonly mean: number;
}
function totalsOf(steps: readonly Step[]): Totals {
  let [n, sum] = [0, 0];
  for (const step of steps) {
    n += step.n;
    sum += step.sum;
  }
  return { n, mean: sum / n };
}

/** Σ n·(mean − mean of its part)² of steps around the mean of their part. */
const scatterOf = (steps: readonly Step[], mean: number): number =>
  steps.reduce((sum, step) => sum + step.n * (step.sum / step.n - mean) ** 2, 0);

interface Split {
  readonly place: number;
  readonly before: Totals;
  readonly after: Totals;
  readonly difference: number;
  readonly deviation: number;
}

/** Cuts where the two parts differ the most (least squares); undefined where there is nothing to cut. */
function splitOf(steps: readonly Step[], isShare: boolean): Split | undefined {
  const all = totalsOf(steps);
  let [n, sum, most, place] = [0, 0, -1, 0];
  for (let i = 1; i <= steps.length - LEAST_STEPS; i++) {
    n += (steps[i - 1] as Step).n;
    sum += (steps[i - 1] as Step).sum;
    const rest = all.n - n;
    const between = ((n * rest) / all.n) * (sum / n - (all.n * all.mean - sum) / rest) ** 2;
    if (i >= LEAST_STEPS && between > most) [most, place] = [between, i];
  }
  return place === 0 ? undefined : compare(steps, place, isShare);
}

/**
 * How far two parts lie apart. Rows of a device and of a time resemble each other: what windows scatter around the mean of their part
 * counts where it is more than independent rows would.
 */
function compare(steps: readonly Step[], place: number, isShare: boolean): Split {
  const [older, newer] = [steps.slice(0, place), steps.slice(place)];
  const [before, after] = [totalsOf(older), totalsOf(newer)];
  const scatter = scatterOf(older, before.mean) + scatterOf(newer, after.mean);
  const ofWindows = steps.length > 3 ? scatter / (steps.length - 2) : 0;
  const near = ({ n, mean }: Totals): number => {
    const p = (mean * n + 1) / (n + 2);
    return p * (1 - p);
  };
  const varianceOf = (part: Totals): number => Math.max(ofWindows, isShare ? near(part) : 0) / part.n;
  const deviation = Math.sqrt(varianceOf(before) + varianceOf(after));
  return { place, before, after, difference: after.mean - before.mean, deviation };
}

/**
 * Whether windows bear out what a detector said of rows: it takes rows for independent, and fires on a burst. By Student, for every
 * place where the split could have been.
 */
const isClear = ({ difference, deviation }: Split, steps: number): boolean =>
  2 * (1 - studentCdf(Math.abs(difference) / deviation, steps - 2)) * (steps - 2 * LEAST_STEPS + 1) <= SPLIT_CHANCE;

/** @param steps in the order of time, one for each time. @param kind `share`: `sum` counts wrong rows. `amount`: it is Σ |error|. */
export function findChanges(steps: readonly Step[], kind: 'share' | 'amount', detector: DetectorName): Change[] {
  const isShare = kind === 'share';
  const filled = steps.filter(({ n }) => n > 0);
  const sorted = filled.map(({ n, sum }) => sum / n).sort((a, b) => a - b);
  // Detectors take values in [0, 1]: four times the usual error is as wrong as can be.
  const scale = isShare ? undefined : 4 * (sorted[sorted.length >> 1] ?? 0) || 1;
  const most = Math.max(1, Math.min(MOST_ROWS, Math.floor(MOST_ROWS_OF_ALL / filled.length)));
  const fold = openDetector(detector);
  const found: { place: number; foundAt: number }[] = [];
  let [from, watchedUntil] = [0, -1];
  for (const [index, step] of filled.entries()) {
    for (const value of rowsOf(step, scale, most)) if (fold(value) === 'drift') watchedUntil = index + PATIENCE;
    if (index > watchedUntil) continue;
    const split = splitOf(filled.slice(from, index + 1), isShare);
    if (split === undefined || !isClear(split, index + 1 - from)) continue;
    watchedUntil = -1;
    from += split.place;
    found.push({ place: from, foundAt: step.at });
  }
  // It was found with few windows behind it: with all that came until the next one its place is better known.
  for (const [i, one] of found.entries()) {
    const [start, end] = [found[i - 1]?.place ?? 0, found[i + 1]?.place ?? filled.length];
    one.place = start + (splitOf(filled.slice(start, end), isShare)?.place ?? one.place - start);
  }
  return found.map(({ place, foundAt }, i): Change => {
    const [start, end] = [found[i - 1]?.place ?? 0, found[i + 1]?.place ?? filled.length];
    const { before, after, difference, deviation } = compare(filled.slice(start, end), place - start, isShare);
    const limits = aroundNumber(difference, deviation) ?? { low: difference, high: difference };
    return {
      at: (filled[place] as Step).at,
      foundAt: Math.max(foundAt, (filled[place] as Step).at),
      before: before.mean,
      after: after.mean,
      difference: limits,
      rowsBefore: before.n,
      rowsAfter: after.n,
    };
  });
}
