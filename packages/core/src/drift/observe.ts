// Measures one window of one feature against the baseline of its model: where the values lie, how, and which cannot be used.
// Never compares windows and never decides what a number means.
import type { CategoricalFeature, NumericDistribution } from '@drover/sketch/baseline-document';
import type { Categories } from '@drover/sketch/categories';
import { shiftBetween, stabilityIndex } from '@drover/sketch/count-tests';
import type { NumericSketch } from '@drover/sketch/numeric-sketch';
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
    spread: SPREAD_OF_INDEX * Math.sqrt(stabilityIndex(known, refCounts.slice(0, -1)).unbiased),
    tail: share(categories.other, present),
    unusable: share(categories.missing, seen),
    rows: seen,
    effectiveRows: present,
    unchanged: 0,
  };
}
