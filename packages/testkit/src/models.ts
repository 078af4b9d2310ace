// Small ONNX models whose answers can be worked out by hand, for tests and benchmarks. Nothing here is trained.
import { buildModel, f, floats, fs, i, ints64, is, ML_DOMAIN, node, s, ss, strings } from '@drover/onnx/build';

const X = (width: number) => ({ name: 'x', dtype: 'float32', shape: ['N', width] }) as const;

/** x [N, 2] → probabilities [N, 3] = softmax(x · w + b) and label, int64 [N]. */
export const buildSoftmaxModel = (metadata: Readonly<Record<string, string>> = {}): Uint8Array =>
  buildModel({
    name: 'softmax',
    nodes: [
      node('Gemm', ['x', 'w', 'b'], ['scores']),
      node('Softmax', ['scores'], ['probabilities'], { axis: i(1) }),
      node('ArgMax', ['probabilities'], ['label'], { axis: i(1), keepdims: i(0) }),
    ],
    inputs: [X(2)],
    outputs: [
      { name: 'label', dtype: 'int64', shape: ['N'] },
      { name: 'probabilities', dtype: 'float32', shape: ['N', 3] },
    ],
    initializers: [floats('w', [2, 3], [1, 0, -1, 0.5, -0.5, 2]), floats('b', [3], [0, 0.25, -0.25])],
    metadata,
  });

/** x [N, 2] → y [N, 1]: 10 where x0 ≤ 0.5 or x0 is missing, else 20 where x1 ≤ −1, else 30. */
export const buildTreeModel = (): Uint8Array =>
  buildModel({
    name: 'tree',
    mlOpset: 3,
    nodes: [
      node(
        'TreeEnsembleRegressor',
        ['x'],
        ['y'],
        {
          n_targets: i(1),
          nodes_treeids: is([0, 0, 0, 0, 0]),
          nodes_nodeids: is([0, 1, 2, 3, 4]),
          nodes_featureids: is([0, 0, 1, 0, 0]),
          nodes_modes: ss(['BRANCH_LEQ', 'LEAF', 'BRANCH_LEQ', 'LEAF', 'LEAF']),
          nodes_values: fs([0.5, 0, -1, 0, 0]),
          nodes_truenodeids: is([1, 0, 3, 0, 0]),
          nodes_falsenodeids: is([2, 0, 4, 0, 0]),
          nodes_missing_value_tracks_true: is([1, 0, 0, 0, 0]),
          target_treeids: is([0, 0, 0]),
          target_nodeids: is([1, 3, 4]),
          target_ids: is([0, 0, 0]),
          target_weights: fs([10, 20, 30]),
          aggregate_function: s('SUM'),
        },
        ML_DOMAIN,
      ),
    ],
    inputs: [X(2)],
    outputs: [{ name: 'y', dtype: 'float32', shape: ['N', 1] }],
  });

/**
 * x [N, 2] with NaN for missing, c [N, 1] text → label, text [N] in {low, high}, and probabilities [N, 2]. Missing x
 * become 1 and −1; c counts +2 for "red", −2 for "blue", 0 for anything else; score = x0 + x1 + c; p(high) = σ(score).
 */
export const buildPipelineModel = (): Uint8Array =>
  buildModel({
    name: 'pipeline',
    nodes: [
      node(
        'Imputer',
        ['x'],
        ['filled'],
        { imputed_value_floats: fs([1, -1]), replaced_value_float: f(Number.NaN) },
        ML_DOMAIN,
      ),
      node('Reshape', ['c', 'flat'], ['texts']),
      node('OneHotEncoder', ['texts'], ['codes'], { cats_strings: ss(['red', 'blue']), zeros: i(1) }, ML_DOMAIN),
      node('Concat', ['filled', 'codes'], ['all'], { axis: i(1) }),
      node('MatMul', ['all', 'weights'], ['score']),
      node('Sigmoid', ['score'], ['high']),
      node('Sub', ['one', 'high'], ['low']),
      node('Concat', ['low', 'high'], ['probabilities'], { axis: i(1) }),
      node('ArgMax', ['probabilities'], ['index'], { axis: i(1), keepdims: i(0) }),
      node('Gather', ['classes', 'index'], ['label']),
    ],
    inputs: [X(2), { name: 'c', dtype: 'string', shape: ['N', 1] }],
    outputs: [
      { name: 'label', dtype: 'string', shape: ['N'] },
      { name: 'probabilities', dtype: 'float32', shape: ['N', 2] },
    ],
    initializers: [
      ints64('flat', [1], [-1]),
      floats('weights', [4, 1], [1, 1, 2, -2]),
      floats('one', [1], [1]),
      strings('classes', [2], ['low', 'high']),
    ],
  });

/** x [N, widths[0]] → label and probabilities, through ReLU layers with weights from `random` (uniform in [0, 1)). */
export function buildMlpModel(widths: readonly number[], random: () => number): Uint8Array {
  const nodes = [];
  const initializers = [];
  let last = 'x';
  for (const [layer, width] of widths.slice(1).entries()) {
    const from = widths[layer] ?? 1;
    const scale = Math.sqrt(6 / from);
    const draw = (): number => (2 * random() - 1) * scale;
    initializers.push(floats(`w${layer}`, [from, width], Array.from({ length: from * width }, draw)));
    initializers.push(floats(`b${layer}`, [width], Array.from({ length: width }, draw)));
    nodes.push(node('Gemm', [last, `w${layer}`, `b${layer}`], [`z${layer}`]));
    const hidden = layer < widths.length - 2;
    last = hidden ? `a${layer}` : 'probabilities';
    nodes.push(hidden ? node('Relu', [`z${layer}`], [last]) : node('Softmax', [`z${layer}`], [last], { axis: i(1) }));
  }
  nodes.push(node('ArgMax', ['probabilities'], ['label'], { axis: i(1), keepdims: i(0) }));
  return buildModel({
    name: 'mlp',
    nodes,
    inputs: [X(widths[0] ?? 1)],
    outputs: [
      { name: 'label', dtype: 'int64', shape: ['N'] },
      { name: 'probabilities', dtype: 'float32', shape: ['N', widths.at(-1) ?? 1] },
    ],
    initializers,
  });
}
