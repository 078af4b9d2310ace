// Measures one window of one feature against the baseline of its model: where the values lie, how, and which cannot be used.
// Never compares windows and never decides what a number means.
import type { CategoricalFeature, ClassificationOutput, NumericDistribution } from '@drover/sketch/baseline-document';
import type { Categories } from '@drover/sketch/categories';
import { shiftBetween, stabilityIndex } from '@drover/sketch/count-tests';
import type { NumericSketch } from '@drover/sketch/numeric-sketch';
import { SCORE_BINS, type Scores } from '@drover/sketch/scores';
import type { Observation } from './verdict.ts';

const share = (part: number, whole: number): number => (whole > 0 ? part / whole : 0);

/** A numeric feature, or what a regression answered. */
export function observeNumeric(sketch: NumericSketch, { edges, refCounts, iqr }: NumericDistribution): Observation {
  const { hist, validity } = sketch;
  const usable = hist.total;
  const { distance, signed } = shiftBetween(hist.counts, refCounts, edges, iqr);
  return {
    level: signed,
    spread: distance - Math.abs(signed),
    shape: SPREAD_OF_INDEX * Math.sqrt(stabilityIndex(hist.counts, refCounts).unbiased),
    tail: share(hist.belowReference + hist.aboveReference, usable),
    unusable: share(validity.unusable, sketch.seen),
    rows: sketch.seen,
    effectiveRows: usable / Math.max(1, sketch.inflation || 1),
    unchanged: share(validity.longestRun, usable),
  };
}

/** A stability index of 0.05 matters as much as a shift of 0.15 interquartile ranges (design): one scale for both. */
const SPREAD_OF_INDEX = 0.15 / Math.sqrt(0.05);

/** A categorical feature: how its mix differs, the share of unknown categories, the share of missing values. */
export function observeCategories(categories: Categories, { refCounts }: CategoricalFeature): Observation {
  const seen = categories.seen;
  const present = seen - categories.missing;
  // The last place counts missing values: they are a rate of their own.
  const known = categories.counts.subarray(0, categories.counts.length - 1);
  return {
    level: 0,
    shape: 0,
    spread: SPREAD_OF_INDEX * Math.sqrt(stabilityIndex(known, refCounts.slice(0, -1)).unbiased),
    tail: share(categories.other, present),
    unusable: share(categories.missing, seen),
    rows: seen,
    effectiveRows: present,
    unchanged: 0,
  };
}

const sumOf = (counts: ArrayLike<number>): number => {
  let sum = 0;
  for (let i = 0; i < counts.length; i++) sum += counts[i] as number;
  return sum;
};

/** What a classifier answers: how the mix of its classes differs, and the share of probabilities that are none. */
export function observeClasses(scores: Scores, { confidenceCounts }: ClassificationOutput): Observation {
  const now = Float64Array.from({ length: scores.classCount }, (_, c) => scores.predictedCount(c));
  const seen = scores.total + scores.invalid;
  return {
    level: 0,
    shape: 0,
    spread: SPREAD_OF_INDEX * Math.sqrt(stabilityIndex(now, confidenceCounts.map(sumOf)).unbiased),
    tail: 0,
    unusable: share(scores.invalid, seen),
    rows: seen,
    effectiveRows: scores.total,
    unchanged: 0,
  };
}

const SCORE_EDGES = Array.from({ length: SCORE_BINS - 1 }, (_, i) => (i + 1) / SCORE_BINS);

/** Interquartile range of counts on the score bins, at least one bin. */
function scoreIqr(counts: readonly number[]): number {
  const total = sumOf(counts);
  const quantile = (q: number): number => {
    let rest = q * total;
    for (const [bin, count] of counts.entries()) {
      if (count > 0 && rest <= count) return (bin + rest / count) / SCORE_BINS;
      rest -= count;
    }
    return 1;
  };
  return Math.max(1 / SCORE_BINS, quantile(0.75) - quantile(0.25));
}

/** How sure a classifier is of what it answers: where the probability of the answered class lies, in interquartile ranges of training. */
export function observeConfidence(scores: Scores, { confidenceCounts }: ClassificationOutput): Observation {
  const now = new Float64Array(SCORE_BINS);
  const trained = new Array<number>(SCORE_BINS).fill(0);
  for (let c = 0; c < scores.classCount; c++)
    for (let bin = 0; bin < SCORE_BINS; bin++) {
      now[bin] = (now[bin] as number) + (scores.confidence[c * SCORE_BINS + bin] as number);
      trained[bin] = (trained[bin] as number) + (confidenceCounts[c]?.[bin] ?? 0);
    }
  const { distance, signed } = shiftBetween(now, trained, SCORE_EDGES, scoreIqr(trained));
  return {
    level: signed,
    spread: distance - Math.abs(signed),
    shape: SPREAD_OF_INDEX * Math.sqrt(stabilityIndex(now, trained).unbiased),
    tail: 0,
    unusable: 0,
    rows: scores.total,
    effectiveRows: scores.total,
    unchanged: 0,
  };
}
