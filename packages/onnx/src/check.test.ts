import { buildMlpModel, buildPipelineModel, buildSoftmaxModel, buildTreeModel } from '@drover/testkit/models';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type Attribute,
  buildGraph,
  buildModel,
  doubles,
  floats,
  g,
  i,
  ints64,
  type ModelSpec,
  node,
  type OnnxTensor,
  strings,
  t,
} from './build.ts';
import { checkModel } from './check.ts';
import { onnx } from './gen/onnx.js';

const BASE: ModelSpec = {
  name: 'm',
  nodes: [node('Add', ['x', 'w'], ['y'])],
  inputs: [{ name: 'x', dtype: 'float32', shape: ['N', 2] }],
  outputs: [{ name: 'y', dtype: 'float32', shape: ['N', 2] }],
  initializers: [floats('w', [2], [1, 2])],
};
type Model = onnx.ModelProto.$Properties;
/** A valid model with one thing changed. */
const build = (change: Partial<ModelSpec>): Uint8Array => buildModel({ ...BASE, ...change });
const edit = (change: (model: Model) => Model): Uint8Array =>
  onnx.ModelProto.encode(change(onnx.ModelProto.decode(build({})))).finish();
const withTensor = (tensor: Partial<OnnxTensor>): Uint8Array =>
  build({ initializers: [{ ...floats('w', [2], [1, 2]), ...tensor }] });
const withAttribute = (attribute: Attribute): Uint8Array =>
  build({ nodes: [node('Add', ['x', 'w'], ['y'], { extra: attribute })] });
const codeOf = (bytes: Uint8Array): string => {
  const result = checkModel(bytes);
  return result.ok ? 'accepted' : result.code;
};

describe('checkModel accepts', () => {
  it('a model and says what is in it', () => {
    const result = checkModel(buildPipelineModel());
    expect(result).toEqual({
      ok: true,
      value: {
        irVersion: 10,
        opsets: { 'ai.onnx': 18, 'ai.onnx.ml': 5 },
        inputs: [
          { name: 'x', dtype: 'float32', shape: ['N', 2] },
          { name: 'c', dtype: 'string', shape: ['N', 1] },
        ],
        outputs: [
          { name: 'label', dtype: 'string', shape: ['N'] },
          { name: 'probabilities', dtype: 'float32', shape: ['N', 2] },
        ],
        operators: [
          'ArgMax',
          'Concat',
          'Gather',
          'MatMul',
          'Reshape',
          'Sigmoid',
          'Sub',
          'ai.onnx.ml.Imputer',
          'ai.onnx.ml.OneHotEncoder',
        ],
        metadata: {},
        parameterBytes: 8 + 16 + 4 + 'lowhigh'.length,
      },
    });
  });

  it('metadata, trees and layers', () => {
    expect(checkModel(buildSoftmaxModel({ b: '2', a: '1' }))).toMatchObject({
      value: { metadata: { a: '1', b: '2' } },
    });
    expect(checkModel(buildTreeModel())).toMatchObject({ value: { opsets: { 'ai.onnx.ml': 3 }, parameterBytes: 0 } });
    expect(checkModel(buildMlpModel([3, 4, 2], () => 0.5))).toMatchObject({ value: { parameterBytes: 4 * (16 + 10) } });
  });

  it('every version at the ends of the ranges', () => {
    for (const opset of [7, 26]) expect(codeOf(build({ opset }))).toBe('accepted');
    for (const mlOpset of [1, 5]) expect(codeOf(build({ mlOpset }))).toBe('accepted');
    for (const irVersion of [3, 13]) expect(codeOf(build({ irVersion }))).toBe('accepted');
  });

  it('values in typed lists, as other writers store them', () => {
    const typed: [number, Partial<OnnxTensor>][] = [
      [1, { float_data: [1, 2] }],
      [6, { int32_data: [1, 2] }],
      [10, { int32_data: [15360, 16384] }],
      [22, { int32_data: [0x21] }],
      [7, { int64_data: [1, 2] }],
      [11, { double_data: [1, 2] }],
      [13, { uint64_data: [1, 2] }],
      [14, { float_data: [1, 2, 3, 4] }],
    ];
    for (const [type, data] of typed) {
      expect([type, codeOf(withTensor({ data_type: type, raw_data: null, ...data }))]).toEqual([type, 'accepted']);
    }
  });

  it('an input that an initializer fills is not an input to feed', () => {
    const bytes = build({ inputs: [...BASE.inputs, { name: 'w', dtype: 'float32', shape: [2] }] });
    expect(checkModel(bytes)).toMatchObject({ value: { inputs: [{ name: 'x' }] } });
  });

  it('local functions whose operators are known', () => {
    const bytes = edit((model) => ({
      ...model,
      graph: { ...model.graph, node: [node('Twice', ['x'], ['y'], {}, 'own')] },
      functions: [
        {
          name: 'Twice',
          domain: 'own',
          input: ['a'],
          output: ['b'],
          node: [node('Add', ['a', 'a'], ['b'])],
          opset_import: [{ domain: '', version: 18 }],
        },
      ],
    }));
    expect(checkModel(bytes)).toMatchObject({ value: { operators: ['Add'] } });
  });

  it('com.microsoft only when asked to', () => {
    const bytes = edit((model) => ({
      ...model,
      opset_import: [...(model.opset_import ?? []), { domain: 'com.microsoft', version: 1 }],
      graph: { ...model.graph, node: [node('Gelu', ['x'], ['y'], {}, 'com.microsoft')] },
    }));
    expect(codeOf(bytes)).toBe('onnx_unknown_domain');
    expect(checkModel(bytes, { allowMicrosoft: true })).toMatchObject({ value: { operators: ['com.microsoft.Gelu'] } });
  });
});

describe('checkModel refuses', () => {
  const subgraph = (nodes: ReturnType<typeof node>[], initializers: OnnxTensor[] = []) =>
    g(buildGraph({ name: 'body', nodes, inputs: [], outputs: [], initializers }));
  const external = {
    ...floats('far', [2], [1, 2]),
    data_location: 1,
    external_data: [{ key: 'location', value: '/etc/x' }],
  };
  const doubling = (depth: number) => (model: Model) => ({
    ...model,
    graph: { ...model.graph, node: [node('F0', ['x'], ['y'], {}, 'own')] },
    functions: Array.from({ length: depth }, (_, at) => ({
      name: `F${at}`,
      domain: 'own',
      node:
        at === depth - 1
          ? [node('Abs', ['a'], ['b'])]
          : [node(`F${at + 1}`, ['a'], ['c'], {}, 'own'), node(`F${at + 1}`, ['c'], ['b'], {}, 'own')],
      opset_import: [{ domain: '', version: 18 }],
    })),
  });

  it.each<[string, string, Uint8Array]>([
    ['nothing', 'onnx_malformed', new Uint8Array()],
    ['an opset too old', 'onnx_unsupported_opset', build({ opset: 6 })],
    ['an opset too new', 'onnx_unsupported_opset', build({ opset: 27 })],
    ['an ai.onnx.ml opset too new', 'onnx_unsupported_opset', build({ mlOpset: 6 })],
    ['an operator whose opset is not named', 'onnx_unsupported_opset', edit((m) => ({ ...m, opset_import: [] }))],
    [
      'the same domain twice',
      'onnx_unsupported_opset',
      edit((m) => ({
        ...m,
        opset_import: [
          { domain: '', version: 18 },
          { domain: 'ai.onnx', version: 17 },
        ],
      })),
    ],
    ['a file format too new', 'onnx_unsupported_ir', build({ irVersion: 14 })],
    ['no file format', 'onnx_unsupported_ir', edit((m) => ({ ...m, ir_version: null }))],
    ['no graph', 'onnx_malformed', edit((m) => ({ ...m, graph: null }))],
    ['an unknown operator', 'onnx_unknown_operator', build({ nodes: [node('Explode', ['x'], ['y'])] })],
    [
      'an ai.onnx operator in ai.onnx.ml',
      'onnx_unknown_operator',
      build({ nodes: [node('Add', ['x', 'w'], ['y'], {}, 'ai.onnx.ml')] }),
    ],
    ['an unknown domain', 'onnx_unknown_domain', build({ nodes: [node('Add', ['x', 'w'], ['y'], {}, 'evil')] })],
    [
      'an unknown operator in a subgraph',
      'onnx_unknown_operator',
      withAttribute(subgraph([node('Explode', [], ['z'])])),
    ],
    ['external data', 'onnx_external_data', build({ initializers: [floats('w', [2], [1, 2]), external] })],
    [
      'external data without the flag',
      'onnx_external_data',
      build({ initializers: [{ ...external, data_location: null }] }),
    ],
    ['external data in an attribute', 'onnx_external_data', withAttribute(t(external))],
    ['external data in a subgraph', 'onnx_external_data', withAttribute(subgraph([], [external]))],
    [
      'external data in a training graph',
      'onnx_external_data',
      edit((m) => ({ ...m, training_info: [{ algorithm: { initializer: [external] } }] })),
    ],
    [
      'external data in a sparse tensor',
      'onnx_external_data',
      edit((m) => ({
        ...m,
        graph: {
          ...m.graph,
          sparse_initializer: [{ values: external, indices: ints64('at', [2], [0, 1]), dims: [4] }],
        },
      })),
    ],
    ['too few bytes', 'onnx_size_mismatch', withTensor({ raw_data: new Uint8Array(7) })],
    ['too many bytes', 'onnx_size_mismatch', withTensor({ raw_data: new Uint8Array(12) })],
    ['another shape', 'onnx_size_mismatch', withTensor({ dims: [3] })],
    ['another type', 'onnx_size_mismatch', withTensor({ data_type: 11 })],
    ['values twice', 'onnx_size_mismatch', withTensor({ float_data: [1, 2] })],
    ['values in the list of another type', 'onnx_size_mismatch', withTensor({ raw_data: null, int64_data: [1, 2] })],
    ['too few texts', 'onnx_size_mismatch', build({ initializers: [{ ...strings('w', [2], ['a', 'b']), dims: [3] }] })],
    ['an unknown element type', 'onnx_malformed', withTensor({ data_type: 99 })],
    ['a shape above the limit', 'onnx_too_large', withTensor({ dims: [2 ** 20, 2 ** 20], raw_data: null })],
    ['a negative dimension', 'onnx_too_large', withTensor({ dims: [-2] })],
    ['segments', 'onnx_malformed', withTensor({ segment: { begin: 0, end: 1 } })],
    [
      'an input of a declared size above the limit',
      'onnx_too_large',
      build({ inputs: [{ name: 'x', dtype: 'float32', shape: [2 ** 20, 2 ** 20] }] }),
    ],
    ['a float16 input', 'onnx_unsupported_type', build({ inputs: [{ name: 'x', dtype: 'float16', shape: [2] }] })],
    [
      'an output that is no tensor',
      'onnx_unsupported_type',
      edit((m) => ({
        ...m,
        graph: {
          ...m.graph,
          output: [{ name: 'y', type: { sequence_type: { elem_type: { tensor_type: { elem_type: 1 } } } } }],
        },
      })),
    ],
    ['two inputs of one name', 'onnx_malformed', build({ inputs: [...BASE.inputs, ...BASE.inputs] })],
    ['no output', 'onnx_malformed', build({ outputs: [] })],
    ['functions that double 30 times', 'onnx_too_large', edit(doubling(30))],
    [
      'functions that call each other',
      'onnx_too_large',
      edit((m) => ({
        ...doubling(1)(m),
        functions: [{ name: 'F0', domain: 'own', node: [node('F0', ['a'], ['b'], {}, 'own')] }],
      })),
    ],
    [
      'a function in the place of an operator',
      'onnx_unknown_operator',
      edit((m) => ({ ...m, functions: [{ name: 'Add', domain: 'ai.onnx', node: [] }] })),
    ],
    [
      'an unknown operator in a function that nobody calls',
      'onnx_unknown_operator',
      edit((m) => ({ ...m, functions: [{ name: 'F', domain: 'own', node: [node('Explode', [], ['b'])] }] })),
    ],
  ])('%s (%s)', (_what, code, bytes) => {
    expect(codeOf(bytes)).toBe(code);
  });

  it('naming what is at fault, without what could harm a terminal', () => {
    const name = `w\u001b[31m\n"${'x'.repeat(200)}`;
    const result = checkModel(build({ initializers: [{ ...doubles(name, [2], [1, 2]), dims: [5] }] }));
    expect(result).toMatchObject({ code: 'onnx_size_mismatch' });
    if (result.ok) throw new Error('accepted');
    expect(result.detail).toMatch(/^Tensor "w\?\[31m\?\?x{70,}" has 16 bytes; float64\[5\] needs 40\.$/);
  });

  it('files above the limit before looking at them', () => {
    expect(checkModel(build({}), { maxBytes: 10 })).toMatchObject({ code: 'onnx_too_large' });
  });
});

describe('checkModel on damaged files', () => {
  const models = [buildSoftmaxModel({ k: 'v' }), buildTreeModel(), buildPipelineModel(), withAttribute(i(1))];

  it('answers for any bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        expect(typeof checkModel(bytes).ok).toBe('boolean');
      }),
      { numRuns: 500 },
    );
  });

  it('answers for valid models with bytes changed, cut out or put in', () => {
    const change = fc.record({ at: fc.nat(2000), cut: fc.nat(4), put: fc.uint8Array({ maxLength: 4 }) });
    fc.assert(
      fc.property(fc.constantFrom(...models), fc.array(change, { minLength: 1, maxLength: 4 }), (model, changes) => {
        let bytes = [...model];
        for (const { at, cut, put } of changes) bytes = bytes.toSpliced(at % bytes.length, cut, ...put);
        const result = checkModel(Uint8Array.from(bytes));
        if (!result.ok) expect(result.detail.length).toBeLessThan(400);
      }),
      { numRuns: 2000 },
    );
  });

  it('refuses every cut inside the graph', () => {
    const model = build({});
    for (let length = 0; length < model.length; length += 1) {
      const result = checkModel(model.subarray(0, length));
      expect(result.ok ? length : -1).toBe(-1);
    }
  });
});
