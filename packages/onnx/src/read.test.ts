import { readFileSync } from 'node:fs';
import { buildPipelineModel, buildSoftmaxModel } from '@drover/testkit/models';
import fc from 'fast-check';
import protobuf from 'protobufjs';
import { describe, expect, it } from 'vitest';
import { buildModel, f, floats, fs, i, ints64, is, node, rawTensor, s, ss, strings } from './build.ts';
import { nameDType } from './dtype.ts';
import { onnx } from './gen/onnx.js';
import { readModel } from './read.ts';
import { MESSAGE_LAYOUTS } from './survey.ts';

const { Writer } = protobuf;

const proto = protobuf.parse(readFileSync(new URL('../proto/onnx.proto', import.meta.url), 'utf8'), {
  keepCase: true,
}).root;

/** Every message of onnx.proto by the name that survey.ts gives it. */
const SURVEY_NAMES: Readonly<Record<string, string>> = {
  'TypeProto.Tensor': 'TensorType',
  'TypeProto.Sequence': 'SequenceType',
  'TypeProto.Map': 'MapType',
  'TypeProto.Optional': 'OptionalType',
  'TypeProto.SparseTensor': 'SparseTensorType',
  'TensorShapeProto.Dimension': 'Dimension',
  'TensorProto.Segment': 'Segment',
  TensorAnnotation: 'TensorAnnotation',
};
const surveyName = (type: protobuf.Type): string => {
  const name = type.fullName.replace('.onnx.', '');
  return SURVEY_NAMES[name] ?? name.replace(/Proto$/, '');
};
const SCALARS: Readonly<Record<string, string>> = {
  float: 'float',
  double: 'double',
  string: 'text',
  bytes: 'text',
  int64: 'varint',
  int32: 'varint',
  uint64: 'varint',
};

function listTypes(namespace: protobuf.NamespaceBase): protobuf.Type[] {
  return namespace.nestedArray.flatMap((each) => {
    if (each instanceof protobuf.Type) return [each, ...listTypes(each)];
    return each instanceof protobuf.Namespace ? listTypes(each) : [];
  });
}

describe('the survey', () => {
  it('has the layout of onnx.proto', () => {
    const types = listTypes(proto);
    expect(types.length).toBe(MESSAGE_LAYOUTS.size);
    for (const type of types) {
      const expected: unknown[] = [];
      for (const field of type.fieldsArray.map((each) => each.resolve())) {
        const { resolvedType } = field;
        const kind =
          resolvedType instanceof protobuf.Type ? surveyName(resolvedType) : (SCALARS[field.type] ?? 'varint');
        expected[field.id] = { kind, many: field.repeated };
      }
      const layout = [...MESSAGE_LAYOUTS].find(([name]) => name === surveyName(type))?.[1];
      expect([surveyName(type), layout]).toEqual([surveyName(type), expected]);
      expect(expected.length).toBeLessThanOrEqual(32);
    }
  });

  it('refuses what two readers could take differently', () => {
    const model = buildSoftmaxModel();
    const twice = new Uint8Array([...model, ...onnx.ModelProto.encode({ graph: { name: 'second' } }).finish()]);
    expect(readModel(twice)).toMatchObject({ code: 'onnx_malformed', detail: expect.stringContaining('twice') });
    const group = new Uint8Array([...model, ((30 << 3) % 128) | 0x80 | 3, 1, ((30 << 3) % 128) | 0x80 | 4, 1]);
    expect(readModel(group)).toMatchObject({ code: 'onnx_malformed' });
    const asNumber = Writer.create()
      .uint32((7 << 3) | 0)
      .uint32(5)
      .finish();
    expect(readModel(asNumber)).toMatchObject({ code: 'onnx_malformed', detail: expect.stringContaining('form') });
  });

  it('refuses nesting, parts and numbers above the limits', () => {
    let graph: onnx.GraphProto.$Properties = {};
    for (let depth = 0; depth < 30; depth += 1) graph = { node: [{ attribute: [{ g: graph }] }] };
    const deep = onnx.ModelProto.encode({ graph }).finish();
    expect(readModel(deep)).toMatchObject({ code: 'onnx_malformed', detail: expect.stringContaining('deep') });
    const many = onnx.ModelProto.encode({ graph: { node: Array.from({ length: 2000 }, () => ({})) } }).finish();
    expect(readModel(many).ok).toBe(true);
    expect(readModel(many, { maxObjects: 1000 })).toMatchObject({ code: 'onnx_too_large' });
    const numbers = buildModel({
      name: 'n',
      nodes: [node('Abs', ['x'], ['y'], { values: is(Array.from({ length: 2000 }, (_, at) => at)) })],
      inputs: [],
      outputs: [],
    });
    expect(readModel(numbers).ok).toBe(true);
    expect(readModel(numbers, { maxScalars: 1000 })).toMatchObject({ code: 'onnx_too_large' });
  });

  it('refuses two million empty parts without decoding them', () => {
    const bomb = new Uint8Array(4_000_006);
    bomb.set([(7 << 3) | 2, ...Writer.create().uint32(4_000_000).finish()]);
    const head = 1 + Writer.create().uint32(4_000_000).finish().length;
    for (let at = head; at + 1 < bomb.length; at += 2) bomb.set([(1 << 3) | 2, 0], at);
    expect(readModel(bomb.subarray(0, head + 4_000_000))).toMatchObject({ code: 'onnx_too_large' });
  });
});

describe('readModel', () => {
  it('gives back every kind of attribute and tensor that the builder writes', () => {
    fc.assert(
      fc.property(
        fc.record({
          f: fc.float(),
          i: fc.maxSafeInteger(),
          s: fc.string({ unit: 'grapheme' }),
          fs: fc.array(fc.float()),
          is: fc.array(fc.maxSafeInteger()),
          ss: fc.array(fc.string({ unit: 'grapheme' })),
          values: fc.array(fc.float(), { maxLength: 20 }),
        }),
        (given) => {
          const attributes = {
            f: f(given.f),
            i: i(given.i),
            s: s(given.s),
            fs: fs(given.fs),
            is: is(given.is),
            ss: ss(given.ss),
          };
          const count = given.values.length;
          const bytes = buildModel({
            name: 'm',
            nodes: [node('Abs', ['x'], ['y'], attributes)],
            inputs: [],
            outputs: [],
            initializers: [floats('a', [count], given.values), strings('b', [given.ss.length], given.ss)],
          });
          const read = readModel(bytes);
          if (!read.ok) throw new Error(read.detail);
          const text = new TextDecoder('utf-8', { ignoreBOM: true });
          const [back] = read.value.graph?.node ?? [];
          const [af, ai, as, afs, ais, ass] = back?.attribute ?? [];
          expect([af?.f, ai?.i, text.decode(as?.s ?? undefined)]).toEqual([given.f, given.i, given.s]);
          expect([afs?.floats, ais?.ints]).toEqual([given.fs, given.is]);
          expect(ass?.strings?.map((each) => text.decode(each))).toEqual(given.ss);
          const [a, b] = read.value.graph?.initializer ?? [];
          expect(new Float32Array((a?.raw_data ?? new Uint8Array()).slice().buffer)).toEqual(
            Float32Array.from(given.values),
          );
          expect(b?.string_data?.map((each) => text.decode(each))).toEqual(given.ss);
        },
      ),
      { numRuns: 200 },
    );
  });

  it('reads 64-bit integers as numbers, rounded beyond 2^53', () => {
    const cases: [bigint, number][] = [
      [0n, 0],
      [-1n, -1],
      [127n, 127],
      [2n ** 32n, 2 ** 32],
      [-(2n ** 53n) + 1n, -(2 ** 53) + 1],
      [2n ** 53n - 1n, 2 ** 53 - 1],
      [2n ** 63n - 1n, 2 ** 63],
      [-(2n ** 63n), -(2 ** 63)],
    ];
    for (const [value, expected] of cases) {
      const varint: number[] = [];
      let rest = BigInt.asUintN(64, value);
      for (; rest > 127n; rest >>= 7n) varint.push(Number(rest & 127n) | 128);
      const attribute = [(3 << 3) | 0, ...varint, Number(rest)];
      const bytes = Writer.create()
        .uint32((7 << 3) | 2)
        .fork()
        .uint32((1 << 3) | 2)
        .fork()
        .uint32((5 << 3) | 2)
        .bytes(Uint8Array.from(attribute))
        .ldelim()
        .ldelim()
        .finish();
      const read = readModel(bytes);
      expect(read.ok && read.value.graph?.node?.[0]?.attribute?.[0]?.i).toBe(expected);
    }
  });

  it('answers for any bytes, also with strict limits', () => {
    const limits = { maxObjects: 50, maxScalars: 50, maxDepth: 6 };
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        expect(typeof readModel(bytes, limits).ok).toBe('boolean');
      }),
      { numRuns: 1000 },
    );
  });
});

describe('the builder', () => {
  it('gives the same bytes for the same input, whatever the order of the metadata', () => {
    expect(buildPipelineModel()).toEqual(buildPipelineModel());
    expect(buildSoftmaxModel({ a: '1', b: '2' })).toEqual(buildSoftmaxModel({ b: '2', a: '1' }));
  });

  it('chooses the oldest file format that carries the operator sets', () => {
    const irOf = (opset: number, mlOpset?: number) => {
      const spec = { name: 'm', nodes: [], inputs: [], outputs: [], opset };
      const read = readModel(buildModel(mlOpset === undefined ? spec : { ...spec, mlOpset }));
      return read.ok ? read.value.ir_version : undefined;
    };
    expect([irOf(18), irOf(18, 3), irOf(19), irOf(21), irOf(18, 5)]).toEqual([8, 8, 9, 10, 10]);
  });

  it('throws on values that do not fill the shape or that a number does not hold', () => {
    expect(() => floats('w', [3], [1, 2])).toThrow(RangeError);
    expect(() => strings('w', [1], [])).toThrow(RangeError);
    expect(() => rawTensor('w', 'string', [1], new Uint8Array(1))).toThrow(RangeError);
    expect(() => ints64('w', [1.5], [1])).toThrow(RangeError);
    expect(() => i(2 ** 53)).toThrow(RangeError);
    expect(() => is([1, 0.5])).toThrow(RangeError);
  });

  it('copies what it is given', () => {
    const data = Float32Array.of(1, 2);
    const tensor = floats('w', [2], data);
    data[0] = 9;
    expect([...(tensor.raw_data ?? [])]).toEqual([0, 0, 128, 63, 0, 0, 0, 64]);
    expect(nameDType(tensor.data_type ?? 0)).toBe('float32');
  });
});
