// Pairs of an old and a new model as fleets meet them, made from a seed: for tests and benchmarks of deltas. The forests
// are really grown from data; the weights of the others are Gaussian, which is the hardest case for a packer.

import { buildModel, fs, i, is, ML_DOMAIN, node, rawTensor, s, ss } from '@drover/onnx/build';
import { type DType } from '@drover/onnx/dtype';
import { placeTensors } from '@drover/onnx/places';

export interface ModelPair {
  readonly name: string;
  readonly base: Uint8Array;
  readonly target: Uint8Array;
}

/** xorshift32; the same seed gives the same numbers. */
export function makeRandom(seed: number): () => number {
  let state = (seed * 2_654_435_769 + 1) >>> 0 || 1;
  return () => {
    state ^= state << 13;
    state >>>= 0;
    state ^= state >>> 17;
    state ^= state << 5;
    state >>>= 0;
    return (state + 0.5) / 2 ** 32;
  };
}

function gauss(count: number, scale: number, random: () => number): Float32Array {
  const out = new Float32Array(count);
  for (let at = 0; at < count; at += 2) {
    const radius = scale * Math.sqrt(-2 * Math.log(random()));
    const angle = 2 * Math.PI * random();
    out[at] = radius * Math.cos(angle);
    if (at + 1 < count) out[at + 1] = radius * Math.sin(angle);
  }
  return out;
}

type Data = Float32Array | Float64Array | Int8Array | Uint16Array | Int32Array | BigInt64Array;
export interface Layer {
  readonly weights: Data;
  readonly bias: Float32Array;
  readonly rows: number;
  readonly columns: number;
}

/** A multi-layer perceptron whose weights have any type; types other than float32 are cast before they are used. */
export function buildWeights(layers: readonly Layer[], dtype: DType): Uint8Array {
  const nodes = layers.flatMap((_, at) => {
    const from = at === 0 ? 'x' : `h${at - 1}`;
    const isFloat = dtype === 'float32';
    return [
      ...(isFloat ? [] : [node('Cast', [`w${at}`], [`f${at}`], { to: i(1) })]),
      node('Gemm', [from, isFloat ? `w${at}` : `f${at}`, `b${at}`], [`h${at}`]),
    ];
  });
  return buildModel({
    name: 'weights',
    nodes,
    inputs: [{ name: 'x', dtype: 'float32', shape: ['N', layers[0]?.rows ?? 1] }],
    outputs: [{ name: `h${layers.length - 1}`, dtype: 'float32', shape: ['N', layers.at(-1)?.columns ?? 1] }],
    initializers: layers.flatMap(({ weights, bias, rows, columns }, at) => [
      rawTensor(`w${at}`, dtype, [rows, columns], weights),
      rawTensor(`b${at}`, 'float32', [columns], bias),
    ]),
  });
}

/** `widths`: of the input, of the layers, of the output. */
function makeLayers(widths: readonly number[], random: () => number): Layer[] {
  return widths.slice(1).map((columns, at) => {
    const rows = widths[at] ?? 1;
    const scale = 1 / Math.sqrt(rows);
    return { rows, columns, weights: gauss(rows * columns, scale, random), bias: gauss(columns, 0.1, random) };
  });
}

const mapLayers = (layers: readonly Layer[], change: (value: number, at: number, layer: number) => number): Layer[] =>
  layers.map((layer, index) => ({
    ...layer,
    weights: (layer.weights as Float32Array).map((value, at) => change(value, at, index)),
  }));

/** The nearest value of seven mantissa bits, still stored as float32. */
function roundToBf16(value: number): number {
  const bits = new Uint32Array(Float32Array.of(value).buffer);
  const old = bits[0] ?? 0;
  bits[0] = (old + 0x7fff + ((old >>> 16) & 1)) & 0xffff_0000;
  return new Float32Array(bits.buffer)[0] ?? 0;
}

const toHalf = (values: Data): Uint16Array => new Uint16Array(Float16Array.from(values as Float32Array).buffer);
const toBf16 = (values: Data): Uint16Array =>
  Uint16Array.from(values as Float32Array, (value) => {
    const bits = new Uint32Array(Float32Array.of(roundToBf16(value)).buffer);
    return (bits[0] ?? 0) >>> 16;
  });
function toInt8(values: Data): Int8Array {
  const most = (values as Float32Array).reduce((sum, value) => Math.max(sum, Math.abs(value)), 1e-9);
  return Int8Array.from(values as Float32Array, (value) => Math.round((value / most) * 127));
}

const retype = (layers: readonly Layer[], change: (values: Data) => Data): Layer[] =>
  layers.map((layer) => ({ ...layer, weights: change(layer.weights) }));

export const WEIGHT_PAIRS = [
  'head only', 'noise 1e-3', 'noise 1e-5', '10 % of weights', 'bf16-valued', 'int8', 'float16', 'bfloat16', 'float64', 'int32', 'int64',
] as const; // biome-ignore format: one list
export type WeightPair = (typeof WEIGHT_PAIRS)[number];

/** A pair of perceptrons of the given widths. Noise has the given standard deviation on weights of 1 / sqrt(inputs). */
export function makeWeightPair(name: WeightPair, widths: readonly number[], seed = 1): ModelPair {
  const random = makeRandom(seed);
  const old = makeLayers(widths, random);
  const noise = (sd: number): Layer[] => {
    const added = old.map(({ weights }) => gauss(weights.length, sd, random));
    return mapLayers(old, (value, at, layer) => value + (added[layer]?.[at] ?? 0));
  };
  const pair = (base: readonly Layer[], target: readonly Layer[], dtype: DType = 'float32'): ModelPair => ({
    name,
    base: buildWeights(base, dtype),
    target: buildWeights(target, dtype),
  });
  const typed = (change: (values: Data) => Data, dtype: DType): ModelPair =>
    pair(retype(old, change), retype(noise(1e-3), change), dtype);
  switch (name) {
    case 'head only': {
      const head = old.at(-1);
      if (!head) throw new RangeError('a model has layers');
      const fresh = { ...head, weights: gauss(head.weights.length, 0.1, random) };
      return pair(old, [...old.slice(0, -1), fresh]);
    }
    case 'noise 1e-3':
      return pair(old, noise(1e-3));
    case 'noise 1e-5':
      return pair(old, noise(1e-5));
    case '10 % of weights': {
      const changed = noise(1e-3).map(({ weights }) => weights as Float32Array);
      const pick = (value: number, at: number, layer: number): number =>
        random() < 0.1 ? (changed[layer]?.[at] ?? 0) : value;
      return pair(old, mapLayers(old, pick));
    }
    case 'bf16-valued':
      return pair(mapLayers(old, roundToBf16), mapLayers(noise(1e-3), roundToBf16));
    case 'int8':
      return typed(toInt8, 'int8');
    case 'float16':
      return typed(toHalf, 'float16');
    case 'bfloat16':
      return typed(toBf16, 'bfloat16');
    case 'float64':
      return typed((values) => Float64Array.from(values as Float32Array), 'float64');
    case 'int32':
      return typed((values) => Int32Array.from(values as Float32Array, (value) => Math.round(value * 1e6)), 'int32');
    case 'int64':
      return typed(
        (values) => BigInt64Array.from(values as Float32Array, (value) => BigInt(Math.round(value * 1e9))),
        'int64',
      );
    default:
      return name satisfies never;
  }
}

interface Tree {
  readonly feature: number[];
  readonly value: number[];
  readonly yes: number[];
  readonly no: number[];
}

interface Rows {
  readonly x: Float32Array[];
  readonly y: Float32Array;
}

function makeRows(count: number, features: number, random: () => number): Rows {
  const x = Array.from({ length: count }, () => gauss(features, 1, random));
  const y = Float32Array.from(x, (row) => {
    const [a = 0, b = 0, c = 0, d = 0] = row;
    return a * b + Math.sin(2 * c) + (d > 0.3 ? 1 : 0) + 0.3 * (random() - 0.5);
  });
  return { x, y };
}

/** One regression tree on the residuals: at each node the best of some random cuts, as in extremely random trees. */
function growTree(rows: Rows, residual: Float32Array, depth: number, random: () => number): Tree {
  const tree: Tree = { feature: [], value: [], yes: [], no: [] };
  const features = rows.x[0]?.length ?? 1;
  const grow = (members: number[], level: number): number => {
    const at = tree.feature.length;
    const mean = members.reduce((sum, row) => sum + (residual[row] ?? 0), 0) / Math.max(1, members.length);
    tree.feature.push(-1);
    tree.value.push(0.1 * mean);
    tree.yes.push(0);
    tree.no.push(0);
    if (level === 0 || members.length < 8) return at;
    let best = { gain: 0, feature: 0, cut: 0 };
    for (let trial = 0; trial < 8; trial += 1) {
      const feature = Math.floor(random() * features);
      const cut = rows.x[members[Math.floor(random() * members.length)] ?? 0]?.[feature] ?? 0;
      let [sum, count, all] = [0, 0, 0];
      for (const row of members) {
        const value = residual[row] ?? 0;
        all += value;
        if ((rows.x[row]?.[feature] ?? 0) > cut) continue;
        sum += value;
        count += 1;
      }
      if (count === 0 || count === members.length) continue;
      const gain = sum ** 2 / count + (all - sum) ** 2 / (members.length - count);
      if (gain > best.gain) best = { gain, feature, cut };
    }
    if (best.gain === 0) return at;
    const isYes = (row: number): boolean => (rows.x[row]?.[best.feature] ?? 0) <= best.cut;
    tree.feature[at] = best.feature;
    tree.value[at] = best.cut;
    tree.yes[at] = grow(members.filter(isYes), level - 1);
    tree.no[at] = grow(
      members.filter((row) => !isYes(row)),
      level - 1,
    );
    return at;
  };
  grow([...rows.x.keys()], depth);
  return tree;
}

function predictTree(tree: Tree, row: Float32Array): number {
  let at = 0;
  while ((tree.feature[at] ?? -1) >= 0)
    at = (row[tree.feature[at] ?? 0] ?? 0) <= (tree.value[at] ?? 0) ? (tree.yes[at] ?? 0) : (tree.no[at] ?? 0);
  return tree.value[at] ?? 0;
}

function boost(rows: Rows, from: readonly Tree[], count: number, depth: number, random: () => number): Tree[] {
  const residual = rows.y.map((y, row) =>
    from.reduce((left, tree) => left - predictTree(tree, rows.x[row] as Float32Array), y),
  );
  const trees = [...from];
  while (trees.length < count) {
    const tree = growTree(rows, residual, depth, random);
    for (const [row, x] of rows.x.entries()) residual[row] = (residual[row] ?? 0) - predictTree(tree, x);
    trees.push(tree);
  }
  return trees;
}

function buildForest(trees: readonly Tree[], features: number): Uint8Array {
  const all = trees.flatMap((tree, id) => tree.feature.map((feature, at) => ({ tree, id, at, feature })));
  const leaves = all.filter(({ feature }) => feature < 0);
  return buildModel({
    name: 'forest',
    mlOpset: 3,
    nodes: [
      node(
        'TreeEnsembleRegressor',
        ['x'],
        ['y'],
        {
          n_targets: i(1),
          nodes_treeids: is(all.map(({ id }) => id)),
          nodes_nodeids: is(all.map(({ at }) => at)),
          nodes_featureids: is(all.map(({ feature }) => Math.max(0, feature))),
          nodes_modes: ss(all.map(({ feature }) => (feature < 0 ? 'LEAF' : 'BRANCH_LEQ'))),
          nodes_values: fs(all.map(({ tree, at, feature }) => (feature < 0 ? 0 : (tree.value[at] ?? 0)))),
          nodes_truenodeids: is(all.map(({ tree, at }) => tree.yes[at] ?? 0)),
          nodes_falsenodeids: is(all.map(({ tree, at }) => tree.no[at] ?? 0)),
          nodes_missing_value_tracks_true: is(all.map(() => 0)),
          target_treeids: is(leaves.map(({ id }) => id)),
          target_nodeids: is(leaves.map(({ at }) => at)),
          target_ids: is(leaves.map(() => 0)),
          target_weights: fs(leaves.map(({ tree, at }) => tree.value[at] ?? 0)),
          aggregate_function: s('SUM'),
        },
        ML_DOMAIN,
      ),
    ],
    inputs: [{ name: 'x', dtype: 'float32', shape: ['N', features] }],
    outputs: [{ name: 'y', dtype: 'float32', shape: ['N', 1] }],
  });
}

/** A forest beside one that was trained anew on half new rows, and beside itself with a tenth more trees. */
export function makeForestPairs(trees: number, depth: number, count: number, seed = 1): ModelPair[] {
  const features = 8;
  const random = makeRandom(seed);
  const rows = makeRows(count, features, random);
  const old = boost(rows, [], trees, depth, random);
  const fresh = makeRows(count, features, random);
  const half = Math.floor(count / 2);
  const mixed = {
    x: [...rows.x.slice(half), ...fresh.x.slice(0, half)],
    y: Float32Array.of(...rows.y.slice(half), ...fresh.y.slice(0, half)),
  };
  const base = buildForest(old, features);
  return [
    { name: 'forest retrained', base, target: buildForest(boost(mixed, [], trees, depth, random), features) },
    {
      name: 'forest + 10 % trees',
      base,
      target: buildForest(boost(mixed, old, Math.round(trees * 1.1), depth, random), features),
    },
  ];
}

/** The same file with Gaussian noise on its float32 weights of at least 1,000 values, as training further leaves it. */
export function addNoise(model: Uint8Array, sd: number, seed = 1): Uint8Array {
  const out = new Uint8Array(model);
  const random = makeRandom(seed);
  const view = new DataView(out.buffer);
  const source = { size: out.length, read: (offset: number, length: number) => out.subarray(offset, offset + length) };
  const places = placeTensors(source);
  if (!places.ok) throw new Error(places.detail);
  for (const { dtype, offset, length } of places.value) {
    if (dtype !== 'float32' || length < 4000) continue;
    for (const [at, noise] of gauss(length / 4, sd, random).entries()) {
      const position = offset + 4 * at;
      view.setFloat32(position, view.getFloat32(position, true) + noise, true);
    }
  }
  return out;
}
