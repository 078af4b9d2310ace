// Measures how the numeric features of one window lie together, beside how they did in training: what no feature shows for itself.
// Never compares windows and never decides what a number means.
import type { TogetherMoments } from '@drover/sketch/baseline-document';
import { STEPS, type Together } from '@drover/sketch/together';
import type { Observation } from './verdict.ts';

/**
 * Added to the variances of training: a tenth of an interquartile range. Features that determine each other would otherwise make
 * anything infinitely unlikely.
 */
const RIDGE = 0.01;

export interface PreparedTogether {
  readonly means: readonly number[];
  /** Of the covariance of training with the ridge: the whole matrix, row by row. */
  readonly inverse: Float64Array;
  /** Of training: lower triangle, row by row; NaN where one of the two did not vary. */
  readonly correlations: Float64Array;
}

/** Variances below are of values that do not vary: a hundredth of a step. */
const LEAST_VARIANCE = 1e-8;

function correlationsOf(covariance: (place: number) => number, size: number): Float64Array {
  const found = new Float64Array((size * (size + 1)) / 2);
  const varianceOf = (i: number): number => covariance((i * (i + 1)) / 2 + i);
  for (let i = 0, place = 0; i < size; i++)
    for (let j = 0; j <= i; j++, place++) {
      const [a, b] = [varianceOf(i), varianceOf(j)];
      found[place] = a < LEAST_VARIANCE || b < LEAST_VARIANCE ? Number.NaN : covariance(place) / Math.sqrt(a * b);
    }
  return found;
}

/** Inverse of a symmetric positive definite matrix given as its lower triangle (Gauss and Jordan; at most 32 by 32). */
function invert(lower: readonly number[], size: number): Float64Array {
  const width = 2 * size;
  const m = new Float64Array(size * width);
  for (let i = 0, place = 0; i < size; i++) {
    m[i * width + size + i] = 1;
    for (let j = 0; j <= i; j++, place++) {
      const value = (lower[place] as number) + (i === j ? RIDGE : 0);
      m[i * width + j] = value;
      m[j * width + i] = value;
    }
  }
  for (let i = 0; i < size; i++) {
    // Positive wherever the numbers are those of a covariance; untrusted ones must not make infinities.
    const pivot = Math.max(RIDGE / 2, m[i * width + i] as number);
    for (let k = 0; k < width; k++) m[i * width + k] = (m[i * width + k] as number) / pivot;
    for (let j = 0; j < size; j++) {
      const factor = j === i ? 0 : (m[j * width + i] as number);
      if (factor === 0) continue;
      for (let k = 0; k < width; k++)
        m[j * width + k] = (m[j * width + k] as number) - factor * (m[i * width + k] as number);
    }
  }
  const inverse = new Float64Array(size * size);
  for (let i = 0; i < size; i++)
    for (let j = 0; j < size; j++) inverse[i * size + j] = m[i * width + size + j] as number;
  return inverse;
}

export function prepareTogether({ means, covariance }: TogetherMoments): PreparedTogether {
  const size = means.length;
  return {
    means,
    inverse: invert(covariance, size),
    correlations: correlationsOf((place) => covariance[place] as number, size),
  };
}

export interface TogetherSeen {
  readonly observation: Observation;
  /** Numbers whose correlation differs most from that of training; undefined where none can be told. */
  readonly pair: readonly [number, number] | undefined;
}

/**
 * `level`: how far the mean of the window lies from that of training, in the standard deviations of training along its own directions (root of
 * Hotelling's T² by features; Mahalanobis 1936). `spread`: the same of the values around the mean of the window, less the 1 that training has.
 * `shape`: the largest difference of a correlation from that of training.
 * @param inflation by how much autocorrelation inflates the variance of a mean.
 */
export function observeTogether(sketch: Together, prepared: PreparedTogether, inflation: number): TogetherSeen {
  const { means, inverse, correlations } = prepared;
  const size = means.length;
  const n = sketch.rows;
  const mean = Float64Array.from(sketch.sums, (sum) => sum / Math.max(1, n) / STEPS);
  const covariance = new Float64Array(sketch.products.length);
  let [off, scatter] = [0, 0];
  for (let i = 0, place = 0; i < size; i++)
    for (let j = 0; j <= i; j++, place++) {
      const [a, b] = [mean[i] as number, mean[j] as number];
      const c = (sketch.products[place] as number) / Math.max(1, n) / STEPS ** 2 - a * b;
      covariance[place] = c;
      const weight = (inverse[i * size + j] as number) * (i === j ? 1 : 2);
      off += weight * (a - (means[i] as number)) * (b - (means[j] as number));
      scatter += weight * c;
    }
  const seen = correlationsOf((place) => covariance[place] as number, size);
  let largest = 0;
  let pair: readonly [number, number] | undefined;
  for (let i = 0, place = 0; i < size; i++)
    for (let j = 0; j <= i; j++, place++) {
      const difference = Math.abs((seen[place] as number) - (correlations[place] as number));
      // NaN is no difference: a feature that does not vary is not correlated with anything.
      if (j < i && difference > largest) [largest, pair] = [difference, [j, i]];
    }
  return {
    observation: {
      level: Math.sqrt(Math.max(0, off) / size),
      spread: Math.sqrt(Math.max(0, scatter) / size) - 1,
      shape: largest,
      tail: 0,
      unusable: 0,
      rows: n,
      effectiveRows: n / Math.max(1, inflation || 1),
      unchanged: 0,
    },
    pair,
  };
}
