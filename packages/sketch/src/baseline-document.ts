// Owns the words of the baseline document, its limits and its bytes. Never computes it from data (build) or trusts it (parse).

import { shorten } from './float32.ts';
import type { ImageShape, TensorShape } from './tensor-measures.ts';
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

/** Input fields that are text, and input tensors: not counted themselves, but by what is measured of each. */
export const MAX_SOURCES = 64;
export interface TextSource {
  readonly name: string;
  readonly kind: 'text';
  /** Hashes of words of training (text-measures.ts), ascending, up to 2,048. */
  readonly vocabulary: readonly number[];
}
export interface TensorSource extends TensorShape {
  readonly name: string;
  readonly kind: 'tensor';
}
export type BaselineSource = TextSource | TensorSource;

/** What is taken of an input, and the kind of feature that it makes. `truth` is a numeric field that is 0 or 1 in training. */
export const TAKES = {
  truth: { of: 'field', makes: 'categorical' },
  length: { of: 'text', makes: 'numeric' },
  unknown_words: { of: 'text', makes: 'numeric' },
  script: { of: 'text', makes: 'categorical' },
  projection: { of: 'tensor', makes: 'numeric' },
  brightness: { of: 'image', makes: 'numeric' },
  contrast: { of: 'image', makes: 'numeric' },
  sharpness: { of: 'image', makes: 'numeric' },
  saturation: { of: 'image', makes: 'numeric' },
} as const satisfies Record<
  string,
  { of: 'field' | BaselineSource['kind'] | 'image'; makes: 'numeric' | 'categorical' }
>;
export type Take = keyof typeof TAKES;
/** Categories of a `truth`, in this order. */
export const TRUTHS = ['false', 'true'] as const;

/** The feature is not the field of its name, but this of another input. */
export interface Derivation {
  /** Name of a source of the baseline; of a `truth` the field. */
  readonly source: string;
  readonly take: Take;
  /** Of a `projection` which, 0 to 15; otherwise 0. */
  readonly index: number;
}

interface FeatureHead {
  readonly name: string;
  readonly from?: Derivation;
  /**
   * How much the answers moved in training when its value was another row's: of a classifier in total variation, 0 to 1, of a
   * regression in interquartile ranges of the answers. Absent where that was not measured.
   */
  readonly influence?: number;
}

export interface NumericFeature extends NumericDistribution, FeatureHead {
  readonly kind: 'numeric';
}

export interface CategoricalFeature extends FeatureHead {
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
  /** Absent where every feature is a field of its own. */
  readonly sources?: readonly BaselineSource[];
  readonly output?: BaselineOutput;
  /** Absent in baselines of 0.1. */
  readonly noveltyCuts?: NoveltyCuts;
  /** Absent in baselines of 0.1, and where there are fewer than two numeric features or too few rows. */
  readonly together?: TogetherMoments;
}

/** The document as UTF-8 JSON; cut points in the shortest decimal form of their float32. Equal baselines give equal bytes. */
export function encodeBaseline(baseline: Baseline): Uint8Array {
  const { type, rows, features, sources, output, noveltyCuts, together } = baseline;
  const document = {
    type,
    rows,
    features: features.map((f) =>
      f.kind === 'numeric'
        ? { ...orderName(f), ...orderDistribution(f) }
        : { ...orderName(f), dictionary: f.dictionary, refCounts: f.refCounts },
    ),
    ...(sources === undefined ? {} : { sources: sources.map(orderSource) }),
    ...(output === undefined ? {} : { output: orderOutput(output) }),
    ...(noveltyCuts === undefined ? {} : { noveltyCuts }),
    ...(together === undefined ? {} : { together }),
  };
  return encodeUtf8(JSON.stringify(document));
}

function orderName({ name, kind, from, influence }: BaselineFeature): object {
  const used = influence === undefined ? {} : { influence };
  if (from === undefined) return { name, kind, ...used };
  const { source, take, index } = from;
  return { name, kind, from: { source, take, ...(take === 'projection' ? { index } : {}) }, ...used };
}

function orderSource(source: BaselineSource): object {
  const { name, kind } = source;
  if (source.kind === 'text') return { name, kind, vocabulary: source.vocabulary };
  const { size, seed, image } = source;
  return { name, kind, size, seed, ...(image === undefined ? {} : { image: orderImage(image) }) };
}

function orderImage({ height, width, channels, isChannelsLast, low, high }: ImageShape): object {
  return { height, width, channels, isChannelsLast, low: shorten(low), high: shorten(high) };
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
