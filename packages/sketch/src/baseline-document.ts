// Owns the words of the baseline document, its limits and its bytes. Never computes it from data (build) or trusts it (parse).

import { shorten } from './float32.ts';
import { encodeUtf8 } from './utf8.ts';

export const BASELINE_TYPE = 'drover.baseline/1';
export const MAX_BASELINE_BYTES = 1024 * 1024;
export const MAX_FEATURES = 4096;
export const MAX_DICTIONARY = 256;
/** Characters of a feature, category or class name. */
export const MAX_NAME = 256;
/** Largest magnitude of a cut point, and bounds of the scale: squares and steps stay finite. */
export const MAX_MAGNITUDE = 1e30;
export const MIN_SCALE = 1e-30;

/** Distribution of a numeric value in training. All limits and cut points are float32 values in the unit of the feature. */
export interface NumericDistribution {
  /** 8 to 71 cut points: 3 low tail cuts, refLow, cuts inside, the float32 above refHigh, 3 high tail cuts. */
  readonly edges: readonly number[];
  /** One more than edges; bin i holds edges[i-1] <= x < edges[i]. */
  readonly refCounts: readonly number[];
  readonly median: number;
  /** Above 0; where the interquartile range is 0 the reference range, or else a thousandth of the median, or 1. */
  readonly iqr: number;
  /** The 0.0005 and 0.9995 quantiles; both belong to the reference range. */
  readonly refLow: number;
  readonly refHigh: number;
  /** Values beyond are physically impossible: counted, and left out of the histogram. */
  readonly hardLow?: number;
  readonly hardHigh?: number;
  /** Training rows without a usable value. */
  readonly missing: number;
}

export interface NumericFeature extends NumericDistribution {
  readonly name: string;
  readonly kind: 'numeric';
}

export interface CategoricalFeature {
  readonly name: string;
  readonly kind: 'categorical';
  /** Up to 256 categories, the most frequent first. */
  readonly dictionary: readonly string[];
  /** One for each category, then other, then missing. */
  readonly refCounts: readonly number[];
}

export type BaselineFeature = NumericFeature | CategoricalFeature;

/** Per class 64 counts on equal bins of [0, 1]. */
export type ClassBins = readonly (readonly number[])[];

export interface ClassificationOutput {
  readonly kind: 'classification';
  readonly classes: readonly string[];
  /** Bins of the probability of each class. */
  readonly scoreCounts: ClassBins;
  /** By predicted class: bins of its probability. */
  readonly confidenceCounts: ClassBins;
  /** Of confidenceCounts, how many were right; absent without labels. */
  readonly correctCounts?: ClassBins;
}

export interface RegressionOutput extends NumericDistribution {
  readonly kind: 'regression';
}

export type BaselineOutput = ClassificationOutput | RegressionOutput;

/** Novelty scores that 1 %, 0.1 % and none of the training rows lie above (novelty.ts); they do not descend. */
export type NoveltyCuts = readonly [number, number, number];

/** How the numeric features of complete training rows lay together, in interquartile ranges from the medians (together.ts). */
export interface TogetherMoments {
  /** Of the projection; absent where the features were multiplied themselves, which is up to 32. */
  readonly seed?: number;
  /** One for each feature, or for each of 16 projections. */
  readonly means: readonly number[];
  /** Lower triangle, row by row. */
  readonly covariance: readonly number[];
}

/** Training-time reference of one model version, shipped in its bundle. */
export interface Baseline {
  readonly type: typeof BASELINE_TYPE;
  /** Training rows that it was made of. */
  readonly rows: number;
  readonly features: readonly BaselineFeature[];
  readonly output?: BaselineOutput;
  /** Absent in baselines of 0.1. */
  readonly noveltyCuts?: NoveltyCuts;
  /** Absent in baselines of 0.1, and where there are fewer than two numeric features or too few rows. */
  readonly together?: TogetherMoments;
}

/** The document as UTF-8 JSON; cut points in the shortest decimal form of their float32. Equal baselines give equal bytes. */
export function encodeBaseline(baseline: Baseline): Uint8Array {
  const { type, rows, features, output, noveltyCuts, together } = baseline;
  const document = {
    type,
    rows,
    features: features.map((f) =>
      f.kind === 'numeric'
        ? { name: f.name, kind: f.kind, ...orderDistribution(f) }
        : { name: f.name, kind: f.kind, dictionary: f.dictionary, refCounts: f.refCounts },
    ),
    ...(output === undefined ? {} : { output: orderOutput(output) }),
    ...(noveltyCuts === undefined ? {} : { noveltyCuts }),
    ...(together === undefined ? {} : { together }),
  };
  return encodeUtf8(JSON.stringify(document));
}

function orderOutput(output: BaselineOutput): object {
  if (output.kind === 'regression') return { kind: output.kind, ...orderDistribution(output) };
  const { kind, classes, scoreCounts, confidenceCounts, correctCounts } = output;
  return { kind, classes, scoreCounts, confidenceCounts, ...(correctCounts === undefined ? {} : { correctCounts }) };
}

function orderDistribution(d: NumericDistribution): object {
  return {
    edges: d.edges.map(shorten),
    refCounts: d.refCounts,
    median: d.median,
    iqr: d.iqr,
    refLow: shorten(d.refLow),
    refHigh: shorten(d.refHigh),
    ...(d.hardLow === undefined ? {} : { hardLow: shorten(d.hardLow) }),
    ...(d.hardHigh === undefined ? {} : { hardHigh: shorten(d.hardHigh) }),
    missing: d.missing,
  };
}
