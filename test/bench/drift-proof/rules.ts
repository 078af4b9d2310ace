// Decides when each rule of the field, and three that know nothing, would raise an alarm on a window. Ours is among them by its
// verdict alone. Written from what their documentation and code say; never runs theirs.
import type { FeatureVerdict, Observation } from '@drover/core/drift/verdict';
import type { NumericFeature } from '@drover/sketch/baseline-document';
import { kolmogorovTest, shiftBetween, stabilityIndex } from '@drover/sketch/count-tests';
import type { NumericSketch } from '@drover/sketch/numeric-sketch';
import { kolmogorovSf } from '@drover/sketch/special';

/** What the rows of training left behind: counts for those that count, all values for those that need them. */
export interface Training {
  readonly feature: NumericFeature;
  readonly sorted: Float32Array;
  readonly sd: number;
  /** For each bin of the baseline the tenth of the training rows that it belongs to. */
  readonly tenths: Uint8Array;
}

/** One window of one feature. */
export interface Look {
  readonly at: number;
  readonly sketch: NumericSketch;
  readonly seen: Observation;
  readonly training: Training;
  readonly verdict: FeatureVerdict;
  /** Usable values by size. */
  readonly sorted: Float32Array;
}

export interface Rule {
  readonly name: string;
  /** One feature of one device. */
  open(): (look: Look) => boolean;
}

const plain = (name: string, judge: (look: Look) => boolean): Rule => ({ name, open: () => judge });

const DROVER = plain('drover: material', ({ verdict }) => verdict.verdict === 'material');
export const SURE = plain(
  'drover: moved, matter or not',
  ({ verdict }) => verdict.verdict === 'material' || verdict.verdict === 'immaterial',
);

/** Two-sample Kolmogorov–Smirnov on values, asymptotic with Stephens' correction as ours on counts. */
export function testValues(current: Float32Array, reference: Float32Array): number {
  const [n, m] = [current.length, reference.length];
  if (n === 0 || m === 0) return 1;
  let [i, j, most] = [0, 0, 0];
  while (i < n && j < m) {
    const x = Math.min(current[i] as number, reference[j] as number);
    while (i < n && (current[i] as number) <= x) i++;
    while (j < m && (reference[j] as number) <= x) j++;
    const gap = Math.abs(i / n - j / m);
    if (gap > most) most = gap;
  }
  const root = Math.sqrt((n * m) / (n + m));
  return kolmogorovSf((root + 0.12 + 0.11 / root) * most);
}

const [current10, reference10] = [new Float64Array(10), new Float64Array(10)];

/** Stability index on ten bins of equal mass in training, as it is used in banking. */
function indexOf({ sketch, training }: Look): number {
  current10.fill(0);
  reference10.fill(0);
  const { counts } = sketch.hist;
  for (let i = 0; i < counts.length; i++) {
    const tenth = training.tenths[i] as number;
    current10[tenth] = (current10[tenth] as number) + (counts[i] as number);
    reference10[tenth] = (reference10[tenth] as number) + (training.feature.refCounts[i] as number);
  }
  return stabilityIndex(current10, reference10).psi;
}

/** evidently: KS up to 1,000 reference rows, from there on Wasserstein-1 over the standard deviation of the reference. */
function isEvidently(look: Look): boolean {
  const { training, sketch, sorted } = look;
  if (training.sorted.length <= 1000) return testValues(sorted, training.sorted) < 0.05;
  const { edges, refCounts, iqr } = training.feature;
  const { distance } = shiftBetween(sketch.hist.counts, refCounts, edges, iqr);
  return (distance * iqr) / training.sd >= 0.1;
}

/** NannyML's idea: three standard deviations of the first windows, here of the level of the same device. */
const threeSigma: Rule = {
  name: '3 SD of its first 30 windows',
  open() {
    const first: number[] = [];
    let [mean, sd] = [0, 0];
    return ({ seen: { level } }) => {
      if (first.length < 30) {
        first.push(level);
        mean = first.reduce((a, b) => a + b, 0) / first.length;
        sd = Math.sqrt(first.reduce((sum, each) => sum + (each - mean) ** 2, 0) / Math.max(1, first.length - 1));
        return false;
      }
      return Math.abs(level - mean) > 3 * sd;
    };
  },
};

export const PERIOD = 100;

/** Ours first. */
export const RULES: readonly Rule[] = [
  DROVER,
  SURE,
  plain('always', () => true),
  plain('never', () => false),
  plain(`every ${PERIOD} windows`, ({ at }) => at % PERIOD === PERIOD / 2),
  plain('PSI > 0.2', (look) => indexOf(look) > 0.2),
  plain(
    'KS p < .05 on counts',
    ({ sketch, training }) => kolmogorovTest(sketch.hist.counts, training.feature.refCounts).p < 0.05,
  ),
  plain("whylogs' default: KS p < .05 on values", ({ sorted, training }) => testValues(sorted, training.sorted) < 0.05),
  plain("evidently's default", isEvidently),
  threeSigma,
];
