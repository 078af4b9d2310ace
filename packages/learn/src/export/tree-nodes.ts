// Writes trees as one ai.onnx.ml TreeEnsemble (version 5) node. Knows nothing of classes or preprocessing.
import { floats, i, is, ML_DOMAIN, node, type OnnxNode, rawTensor, t } from '@drover/onnx/build';
import type { TreeModel } from '../gbdt/model.ts';

/** TreeEnsemble: nodes_modes 0 is BRANCH_LEQ, aggregate_function 1 is SUM, post_transform 0 is NONE. */
const BRANCH_LEQ = 0;
const SUM = 1;
const NONE = 0;

/**
 * One TreeEnsemble from `input` float32 [N, features] to `output` float32 [N, outputs]: the sum of leaves, without the base
 * scores (version 5 has none). Roots are inner nodes, so a model without trees gets one node whose two sides are leaf 0.
 */
export function writeTrees(model: TreeModel, input: string, output: string): OnnxNode {
  const features: number[] = [];
  const splits: number[] = [];
  const missingLeft: number[] = [];
  const trueIds: number[] = [];
  const trueLeafs: number[] = [];
  const falseIds: number[] = [];
  const falseLeafs: number[] = [];
  const roots: number[] = [];
  const leafTargets: number[] = [];
  const leafWeights: number[] = [];
  for (const round of model.rounds) {
    round.forEach((tree, target) => {
      if (!tree) return;
      const firstNode = features.length;
      const firstLeaf = leafWeights.length;
      roots.push(firstNode);
      const point = (to: number, ids: number[], leafs: number[]): void => {
        ids.push(to >= 0 ? firstNode + to : firstLeaf + ~to);
        leafs.push(to >= 0 ? 0 : 1);
      };
      tree.feature.forEach((feature, n) => {
        features.push(feature);
        splits.push(tree.threshold[n] as number);
        missingLeft.push(tree.missingLeft[n] as number);
        point(tree.left[n] as number, trueIds, trueLeafs);
        point(tree.right[n] as number, falseIds, falseLeafs);
      });
      for (const value of tree.leafValue) {
        leafTargets.push(target);
        leafWeights.push(value);
      }
    });
  }
  if (roots.length === 0) {
    roots.push(0);
    features.push(0);
    splits.push(0);
    missingLeft.push(0);
    trueIds.push(0);
    trueLeafs.push(1);
    falseIds.push(0);
    falseLeafs.push(1);
    leafTargets.push(0);
    leafWeights.push(0);
  }
  return node(
    'TreeEnsemble',
    [input],
    [output],
    {
      n_targets: i(model.outputs),
      aggregate_function: i(SUM),
      post_transform: i(NONE),
      tree_roots: is(roots),
      nodes_featureids: is(features),
      nodes_modes: t(rawTensor('modes', 'uint8', [features.length], new Uint8Array(features.length).fill(BRANCH_LEQ))),
      nodes_splits: t(floats('splits', [splits.length], splits)),
      nodes_missing_value_tracks_true: is(missingLeft),
      nodes_truenodeids: is(trueIds),
      nodes_trueleafs: is(trueLeafs),
      nodes_falsenodeids: is(falseIds),
      nodes_falseleafs: is(falseLeafs),
      leaf_targetids: is(leafTargets),
      leaf_weights: t(floats('weights', [leafWeights.length], leafWeights)),
    },
    ML_DOMAIN,
  );
}
