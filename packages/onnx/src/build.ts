// Writes ONNX files: tensors, nodes, graphs and the model around them. The same input gives the same bytes. It decides
// nothing about what a model computes and does not check operators: `check.ts` does.
import { DTYPES, type DType } from './dtype.ts';
import { onnx } from './gen/onnx.js';

export type OnnxTensor = onnx.TensorProto.$Properties;
export type OnnxNode = onnx.NodeProto.$Properties;
export type OnnxGraph = onnx.GraphProto.$Properties;
/** An attribute without its name, which `node` adds. */
export type Attribute = Omit<onnx.AttributeProto.$Properties, 'name'>;

/** A graph input or output. A dimension is a size, or a name for one that is only known at run time. */
export interface ValueSpec {
  readonly name: string;
  readonly dtype: DType;
  readonly shape: readonly (number | string)[];
}

export interface GraphSpec {
  readonly name: string;
  readonly nodes: readonly OnnxNode[];
  readonly inputs: readonly ValueSpec[];
  readonly outputs: readonly ValueSpec[];
  readonly initializers?: readonly OnnxTensor[];
}

export interface ModelSpec extends GraphSpec {
  /** ai.onnx operator set; 18 unless told. */
  readonly opset?: number;
  /** ai.onnx.ml operator set; 5 unless told, and only written when a node needs it. */
  readonly mlOpset?: number;
  /** File format version; by default the oldest that carries the operator sets. */
  readonly irVersion?: number;
  readonly producerName?: string;
  /** Written in the order of their keys. */
  readonly metadata?: Readonly<Record<string, string>>;
}

export const ML_DOMAIN = 'ai.onnx.ml';

const { AttributeType } = onnx.AttributeProto;
const utf8 = new TextEncoder();

const checkInteger = (value: number): number => {
  if (!Number.isSafeInteger(value)) throw new RangeError(`${value} is not an integer that a number holds exactly`);
  return value;
};

const countValues = (dims: readonly number[]): number => dims.reduce((product, dim) => product * checkInteger(dim), 1);

type NumericData =
  | Float32Array
  | Float64Array
  | Int8Array
  | Uint8Array
  | Int16Array
  | Uint16Array
  | Int32Array
  | Uint32Array
  | BigInt64Array
  | BigUint64Array;

/**
 * A tensor of any fixed-size type from values already laid out as that type (row-major, little-endian; bool as bytes
 * 0 and 1, float16 as its 16 bits). Throws RangeError when the bytes are not those that `dims` needs.
 */
export function rawTensor(name: string, dtype: DType, dims: readonly number[], data: NumericData): OnnxTensor {
  const { code, bits } = DTYPES[dtype];
  const needed = Math.ceil((countValues(dims) * bits) / 8);
  if (bits === 0 || data.byteLength !== needed) {
    throw new RangeError(`tensor ${name}: ${data.byteLength} bytes do not fill ${dtype}[${dims.join(',')}]`);
  }
  const raw = new Uint8Array(data.buffer, data.byteOffset, data.byteLength).slice();
  return { name, dims: [...dims], data_type: code, raw_data: raw };
}

/** float32 tensor; `number` values are rounded to float32. */
export const floats = (name: string, dims: readonly number[], data: Float32Array | readonly number[]): OnnxTensor =>
  rawTensor(name, 'float32', dims, data instanceof Float32Array ? data : Float32Array.from(data));

export const doubles = (name: string, dims: readonly number[], data: Float64Array | readonly number[]): OnnxTensor =>
  rawTensor(name, 'float64', dims, data instanceof Float64Array ? data : Float64Array.from(data));

export const ints64 = (name: string, dims: readonly number[], data: BigInt64Array | readonly number[]): OnnxTensor =>
  rawTensor(
    name,
    'int64',
    dims,
    data instanceof BigInt64Array ? data : BigInt64Array.from(data, (value) => BigInt(value)),
  );

export function strings(name: string, dims: readonly number[], data: readonly string[]): OnnxTensor {
  if (countValues(dims) !== data.length) {
    throw new RangeError(`tensor ${name}: ${data.length} strings do not fill string[${dims.join(',')}]`);
  }
  const encoded = data.map((value) => utf8.encode(value));
  return { name, dims: [...dims], data_type: DTYPES.string.code, string_data: encoded };
}

/** FLOAT attribute. */
export const f = (value: number): Attribute => ({ type: AttributeType.FLOAT, f: value });
/** INT attribute; throws RangeError beyond 2^53. */
export const i = (value: number): Attribute => ({ type: AttributeType.INT, i: checkInteger(value) });
/** STRING attribute, as UTF-8. */
export const s = (value: string): Attribute => ({ type: AttributeType.STRING, s: utf8.encode(value) });
/** TENSOR attribute. */
export const t = (value: OnnxTensor): Attribute => ({ type: AttributeType.TENSOR, t: value });
/** GRAPH attribute: the body of Scan, If and Loop. */
export const g = (value: OnnxGraph): Attribute => ({ type: AttributeType.GRAPH, g: value });
/** FLOATS attribute. */
export const fs = (values: Iterable<number>): Attribute => ({ type: AttributeType.FLOATS, floats: [...values] });
/** INTS attribute; throws RangeError beyond 2^53. */
export const is = (values: Iterable<number>): Attribute => ({
  type: AttributeType.INTS,
  ints: Array.from(values, checkInteger),
});
/** STRINGS attribute, as UTF-8. */
export const ss = (values: Iterable<string>): Attribute => ({
  type: AttributeType.STRINGS,
  strings: Array.from(values, (value) => utf8.encode(value)),
});

/**
 * One operator. An empty input name leaves an optional input out. Attributes keep their order; `domain` is '' for
 * ai.onnx.
 */
export const node = (
  opType: string,
  inputs: readonly string[],
  outputs: readonly string[],
  attributes: Readonly<Record<string, Attribute>> = {},
  domain = '',
): OnnxNode => ({
  input: [...inputs],
  output: [...outputs],
  op_type: opType,
  attribute: Object.entries(attributes).map(([name, attribute]) => ({ ...attribute, name })),
  ...(domain === '' ? {} : { domain }),
});

const buildDimension = (dim: number | string): onnx.TensorShapeProto.Dimension.$Properties =>
  typeof dim === 'number' ? { dim_value: checkInteger(dim) } : { dim_param: dim };

const buildValue = ({ name, dtype, shape }: ValueSpec): onnx.ValueInfoProto.$Properties => ({
  name,
  type: { tensor_type: { elem_type: DTYPES[dtype].code, shape: { dim: shape.map(buildDimension) } } },
});

/** The graph of a model, or the body of Scan, If or Loop (see `g`). */
export const buildGraph = (spec: GraphSpec): OnnxGraph => ({
  node: [...spec.nodes],
  name: spec.name,
  initializer: [...(spec.initializers ?? [])],
  input: spec.inputs.map(buildValue),
  output: spec.outputs.map(buildValue),
});

const usesDomain = (nodes: readonly OnnxNode[], domain: string): boolean =>
  nodes.some(
    (each) =>
      each.domain === domain || (each.attribute ?? []).some(({ g: body }) => usesDomain(body?.node ?? [], domain)),
  );

/** Opset 21 and ai.onnx.ml 5 came with IR 10, opset 19 with IR 9, opset 18 reads as IR 8 (ONNX's Versioning table). */
const chooseIr = (opset: number, mlOpset: number | undefined): number =>
  opset >= 21 || (mlOpset ?? 0) >= 5 ? 10 : opset >= 19 ? 9 : 8;

/** The bytes of an ONNX file: deterministic, self-contained, without external data. */
export function buildModel(spec: ModelSpec): Uint8Array {
  const opset = spec.opset ?? 18;
  const mlOpset = spec.mlOpset ?? (usesDomain(spec.nodes, ML_DOMAIN) ? 5 : undefined);
  const model: onnx.ModelProto.$Properties = {
    ir_version: spec.irVersion ?? chooseIr(opset, mlOpset),
    opset_import: [
      { domain: '', version: opset },
      ...(mlOpset === undefined ? [] : [{ domain: ML_DOMAIN, version: mlOpset }]),
    ],
    producer_name: spec.producerName ?? 'drover',
    graph: buildGraph(spec),
    metadata_props: Object.entries(spec.metadata ?? {})
      .toSorted(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, value]) => ({ key, value })),
  };
  return new Uint8Array(onnx.ModelProto.encode(model).finish());
}
