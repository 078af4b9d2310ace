// Writes a trained model as one ONNX graph with its preprocessing inside: raw features in, labels and probabilities (or
// values) out. The same model and metadata give the same bytes.
//
//   x float32 [N, numeric] (NaN = missing), c string [N, categorical] ('' = missing); an input without columns is left out
//   label int64 [N] when the classes are 0..K-1, else string [N] (also for other integers); probabilities float32 [N, K] in class order
//   regression: y float32 [N, 1]
import {
  buildModel,
  doubles,
  floats,
  i,
  ints64,
  is,
  ML_DOMAIN,
  node,
  type OnnxNode,
  type OnnxTensor,
  ss,
  strings,
  type ValueSpec,
} from '@drover/onnx/build';
import type { LinearModel } from '../linear/model.ts';
import type { TrainedModel } from '../model.ts';
import { writeTrees } from './tree-nodes.ts';

/** What the file asks of a runtime at most. String Equal came with opset 19, TreeEnsemble with ai.onnx.ml 5. */
export const ONNX_VERSIONS = { opset: 19, ml: 5, ir: 10 } as const;
const FLOAT = 1;
const INT64 = 7;
const DOUBLE = 11;

/** A graph in the making: nodes in order and their constants. */
interface Draft {
  readonly nodes: OnnxNode[];
  readonly constants: OnnxTensor[];
}

/** One-hot columns of all categories at once: the column of each level side by side, compared with the level's text. */
function addOneHot(draft: Draft, model: TrainedModel): string | undefined {
  const owner = model.layout.categorical.flatMap(({ levels }, column) => levels.map(() => column));
  if (owner.length === 0) return undefined;
  const levels = model.layout.categorical.flatMap((category) => category.levels);
  draft.constants.push(ints64('level_column', [owner.length], owner), strings('levels', [levels.length], levels));
  draft.nodes.push(
    node('Gather', ['c', 'level_column'], ['c_by_level'], { axis: i(1) }),
    node('Equal', ['c_by_level', 'levels'], ['c_is_level']),
    node('Cast', ['c_is_level'], ['one_hot'], { to: i(FLOAT) }),
  );
  return 'one_hot';
}

/** The design matrix: numbers beside one-hot columns. */
function addDesign(draft: Draft, model: TrainedModel): string {
  const oneHot = addOneHot(draft, model);
  if (oneHot === undefined) return 'x';
  if (model.layout.numeric.length === 0) return oneHot;
  draft.nodes.push(node('Concat', ['x', oneHot], ['design'], { axis: i(1) }));
  return 'design';
}

/** Mean for missing, standardise in float32 as in training, then multiply in float64 so that no cancellation shows. */
function addLinear(draft: Draft, estimator: LinearModel, design: string): string {
  const { mean, inverse } = estimator.standardisation;
  const width = mean.length;
  draft.constants.push(
    floats('mean', [width], mean),
    floats('inverse', [width], inverse),
    doubles('weights', [width, estimator.outputs], estimator.weights),
    doubles('intercepts', [estimator.outputs], estimator.intercepts),
  );
  draft.nodes.push(
    node('IsNaN', [design], ['is_missing']),
    node('Where', ['is_missing', 'mean', design], ['filled']),
    node('Sub', ['filled', 'mean'], ['centered']),
    node('Mul', ['centered', 'inverse'], ['standard']),
    node('Cast', ['standard'], ['standard64'], { to: i(DOUBLE) }),
    node('MatMul', ['standard64', 'weights'], ['weighted']),
    node('Add', ['weighted', 'intercepts'], ['raw64']),
    node('Cast', ['raw64'], ['raw'], { to: i(FLOAT) }),
  );
  return 'raw';
}

function addScores(draft: Draft, model: TrainedModel, design: string): string {
  const { estimator } = model;
  if (estimator.kind === 'linear') return addLinear(draft, estimator, design);
  draft.constants.push(floats('base', [estimator.outputs], estimator.base));
  draft.nodes.push(writeTrees(estimator, design, 'leaf_sums'), node('Add', ['leaf_sums', 'base'], ['raw']));
  return 'raw';
}

/** Class index to the class's own name, or the index as it is. */
function addLabel(draft: Draft, model: TrainedModel, index: string): void {
  const names = { keys_int64s: is(model.classes.keys()), values_strings: ss(model.classes) };
  draft.nodes.push(
    model.indexClasses
      ? node('Identity', [index], ['label'])
      : node('LabelEncoder', [index], ['label'], names, ML_DOMAIN),
  );
}

function addBinaryHead(draft: Draft, model: TrainedModel, raw: string): void {
  draft.constants.push(
    floats('one', [1], [1]),
    floats('threshold', [1], [model.threshold ?? 0.5]),
    ints64('class_axis', [1], [1]),
  );
  draft.nodes.push(
    node('Sigmoid', [raw], ['p1']),
    node('Sub', ['one', 'p1'], ['p0']),
    node('Concat', ['p0', 'p1'], ['probabilities'], { axis: i(1) }),
    node('Greater', ['p1', 'threshold'], ['is_positive']),
    node('Squeeze', ['is_positive', 'class_axis'], ['is_positive_row']),
    node('Cast', ['is_positive_row'], ['class_index'], { to: i(INT64) }),
  );
  addLabel(draft, model, 'class_index');
}

function addMulticlassHead(draft: Draft, model: TrainedModel, raw: string): void {
  draft.nodes.push(
    node('Softmax', [raw], ['probabilities'], { axis: i(1) }),
    node('ArgMax', ['probabilities'], ['class_index'], { axis: i(1), keepdims: i(0) }),
  );
  addLabel(draft, model, 'class_index');
}

function describeOutputs(model: TrainedModel): ValueSpec[] {
  if (model.estimator.task === 'regression') return [{ name: 'y', dtype: 'float32', shape: ['N', 1] }];
  return [
    { name: 'label', dtype: model.indexClasses ? 'int64' : 'string', shape: ['N'] },
    { name: 'probabilities', dtype: 'float32', shape: ['N', model.classes.length] },
  ];
}

/** The bytes of the ONNX file. */
export function exportModel(model: TrainedModel, metadata: Readonly<Record<string, string>>): Uint8Array {
  const draft: Draft = { nodes: [], constants: [] };
  const { layout } = model;
  const raw = addScores(draft, model, addDesign(draft, model));
  const { task } = model.estimator;
  if (task === 'binary') addBinaryHead(draft, model, raw);
  else if (task === 'multiclass') addMulticlassHead(draft, model, raw);
  else draft.nodes.push(node('Identity', [raw], ['y']));
  const inputs: ValueSpec[] = [];
  if (layout.numeric.length > 0) inputs.push({ name: 'x', dtype: 'float32', shape: ['N', layout.numeric.length] });
  if (layout.categorical.length > 0)
    inputs.push({ name: 'c', dtype: 'string', shape: ['N', layout.categorical.length] });
  return buildModel({
    name: 'drover',
    opset: ONNX_VERSIONS.opset,
    nodes: draft.nodes,
    inputs,
    outputs: describeOutputs(model),
    initializers: draft.constants,
    metadata,
  });
}
