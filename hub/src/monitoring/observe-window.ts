// Decides what one window says of each feature of its model, and of what the model answers. Folds nothing.
import { createHash } from 'node:crypto';
import { observeCategories, observeClasses, observeConfidence, observeNumeric } from '@drover/core/drift/observe';
import { observeTogether, type PreparedTogether, prepareTogether } from '@drover/core/drift/together';
import type { Observation } from '@drover/core/drift/verdict';
import type { NumericDistribution, TogetherMoments } from '@drover/sketch/baseline-document';
import type { Categories } from '@drover/sketch/categories';
import type { NumericSketch } from '@drover/sketch/numeric-sketch';
import type { WindowSketch } from '@drover/sketch/window-sketch';
import type { ModelFacts } from './model-facts.ts';

/** What a model answers, and how sure a classifier is, are followed like features. No feature of a baseline is called so. */
export const OUTPUT = '(output)';
export const CONFIDENCE = '(confidence)';
/** How the numeric features lie together. */
export const TOGETHER = '(together)';
export type FeatureKind = 'numeric' | 'categorical' | 'answers' | 'together';

/** Tells a series from all others. */
export const seedOf = (...names: readonly string[]): number =>
  createHash('sha256').update(JSON.stringify(names)).digest().readUInt32LE(0);

/** What one window says of one feature, and where it is numeric its values. */
export interface Seen {
  readonly feature: string;
  readonly kind: FeatureKind;
  readonly observation: Observation;
  readonly numeric: { readonly sketch: NumericSketch; readonly reference: NumericDistribution } | undefined;
  /** Of all together: the two features whose relation differs most. */
  readonly between?: readonly [string, string] | undefined;
  /** Of categories: different ones that training never met, and the share of the most frequent among them. */
  readonly unseen?: { readonly distinct: number; readonly most: number } | undefined;
  /** How much the answers hang on it; undefined where that is not known. */
  readonly influence?: number | undefined;
}

const seeNumeric = (
  feature: string,
  kind: FeatureKind,
  sketch: NumericSketch,
  reference: NumericDistribution,
): Seen => ({
  feature,
  kind,
  observation: observeNumeric(sketch, reference),
  numeric: { sketch, reference },
});

/** By the moments of a baseline: made once for a model. */
const prepared = new WeakMap<TogetherMoments, PreparedTogether>();

function seeTogether(window: WindowSketch, moments: TogetherMoments): Seen | undefined {
  const { together, numeric, reference } = window;
  // An agent that does not count it, or no row that was complete.
  if (!together || together.rows === 0) return undefined;
  const known = prepared.get(moments) ?? prepareTogether(moments);
  prepared.set(moments, known);
  const inflation = numeric.reduce((most, sketch) => Math.max(most, sketch.inflation || 1), 1);
  const { observation, pair } = observeTogether(together, known, inflation);
  const names = moments.seed === undefined ? pair?.map((at) => reference.numericNames[at] ?? '') : undefined;
  const between = names && ([names[0] ?? '', names[1] ?? ''] as const);
  return { feature: TOGETHER, kind: 'together', observation, numeric: undefined, between };
}

/** Undefined where there are none, or where the agent does not tell them apart. */
function seeUnseen({ unseen, other }: Categories): Seen['unseen'] {
  return unseen.isEmpty || other === 0 ? undefined : { distinct: unseen.distinct, most: unseen.most / other };
}

export function* observe(window: WindowSketch, { baseline }: ModelFacts): Generator<Seen> {
  let [numeric, categorical] = [0, 0];
  for (const feature of baseline?.features ?? []) {
    if (feature.kind === 'numeric') {
      const sketch = window.numeric[numeric++];
      if (sketch) yield { ...seeNumeric(feature.name, 'numeric', sketch, feature), influence: feature.influence };
    } else {
      const sketch = window.categorical[categorical++];
      if (sketch)
        yield {
          feature: feature.name,
          kind: 'categorical',
          observation: observeCategories(sketch, feature),
          numeric: undefined,
          unseen: seeUnseen(sketch),
          influence: feature.influence,
        };
    }
  }
  const together = baseline?.together && seeTogether(window, baseline.together);
  if (together) yield together;
  const output = baseline?.output;
  if (output?.kind === 'regression' && window.regression)
    yield seeNumeric(OUTPUT, 'answers', window.regression, output);
  if (output?.kind === 'classification' && window.scores && window.scores.total + window.scores.invalid > 0) {
    yield { feature: OUTPUT, kind: 'answers', observation: observeClasses(window.scores, output), numeric: undefined };
    yield {
      feature: CONFIDENCE,
      kind: 'answers',
      observation: observeConfidence(window.scores, output),
      numeric: undefined,
    };
  }
}
