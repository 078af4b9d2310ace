// Translates tensors between the Open Inference Protocol v2 (JSON and its binary extension) and the runtime. Pure over
// bytes; knows no slot and no HTTP.
import { accept, type Result, refuse } from '@drover/core/reasons';
import type { TensorType, TensorValue } from '@drover/infer/runtime';

/** OIP datatype → ours. FP16 and BF16 are not passed by any runtime here. */
const DATATYPES: Readonly<Record<string, TensorType>> = {
  BOOL: 'bool', UINT8: 'uint8', UINT16: 'uint16', UINT32: 'uint32', UINT64: 'uint64', INT8: 'int8', INT16: 'int16',
  INT32: 'int32', INT64: 'int64', FP32: 'float32', FP64: 'float64', BYTES: 'string',
}; // biome-ignore format: one table
const NAMES = new Map(Object.entries(DATATYPES).map(([name, dtype]) => [dtype, name]));
export const datatypeOf = (dtype: string): string => NAMES.get(dtype as TensorType) ?? dtype.toUpperCase();

const BYTES_PER: Readonly<Record<Exclude<TensorType, 'string'>, number>> = {
  bool: 1, uint8: 1, int8: 1, uint16: 2, int16: 2, uint32: 4, int32: 4, float32: 4, uint64: 8, int64: 8, float64: 8,
}; // biome-ignore format: one table

const MAX_RANK = 8;
const MAX_ELEMENTS = 2 ** 24;

const wrong = (detail: string) => refuse('agent_request_invalid', detail);
const misshapen = (detail: string) => refuse('input_shape', detail);

function countElements(name: string, shape: unknown): Result<{ dims: number[]; count: number }> {
  if (!Array.isArray(shape) || shape.length > MAX_RANK) return misshapen(`Input "${name}" has no usable shape.`);
  let count = 1;
  const dims: number[] = [];
  for (const dim of shape as unknown[]) {
    if (typeof dim !== 'number' || !Number.isInteger(dim) || dim < 0)
      return misshapen(`Input "${name}" has the dimension ${String(dim).slice(0, 20)}.`);
    dims.push(dim);
    count *= dim;
    if (count > MAX_ELEMENTS) return misshapen(`Input "${name}" has more than ${MAX_ELEMENTS} elements.`);
  }
  return accept({ dims, count });
}

/** Values in row-major order; nested arrays are flattened. False when they are too many, or nested deeper than any shape. */
function flatten(data: unknown, into: unknown[], most: number, depth = 0): boolean {
  if (!Array.isArray(data)) {
    into.push(data);
    return into.length <= most;
  }
  return depth <= MAX_RANK && data.every((item) => flatten(item, into, most, depth + 1));
}

type Big = 'int64' | 'uint64';
const RANGES: Readonly<Partial<Record<TensorType, readonly [number, number]>>> = {
  uint8: [0, 255], int8: [-128, 127], uint16: [0, 65_535], int16: [-32_768, 32_767],
  uint32: [0, 4_294_967_295], int32: [-2_147_483_648, 2_147_483_647],
}; // biome-ignore format: one table

function toNumbers(
  name: string,
  dtype: Exclude<TensorType, 'string'>,
  values: readonly unknown[],
): Result<TensorValue['data']> {
  if (dtype === 'int64' || dtype === 'uint64') {
    const least = dtype === 'uint64' ? 0 : Number.MIN_SAFE_INTEGER;
    if (!values.every((v) => Number.isSafeInteger(v) && (v as number) >= least))
      return refuse('input_type', `Input "${name}" takes whole numbers up to 2^53.`);
    const bigs = values.map((v) => BigInt(v as number));
    return accept(dtype === 'int64' ? BigInt64Array.from(bigs) : BigUint64Array.from(bigs));
  }
  if (dtype === 'bool') {
    if (!values.every((v) => typeof v === 'boolean'))
      return refuse('input_type', `Input "${name}" takes true and false.`);
    return accept(Uint8Array.from(values, Number));
  }
  const isFloat = dtype === 'float32' || dtype === 'float64';
  const [low, high] = RANGES[dtype] ?? [-Infinity, Infinity];
  // JSON has no NaN: a missing float is null.
  const fits = (v: unknown): boolean =>
    (isFloat && v === null) || (typeof v === 'number' && v >= low && v <= high && (isFloat || Number.isInteger(v)));
  if (!values.every(fits))
    return refuse(
      'input_type',
      `Input "${name}" takes ${isFloat ? 'numbers, or null where missing' : `whole numbers from ${low} to ${high}`}.`,
    );
  const numbers = values.map((v) => (v === null ? Number.NaN : Number(v)));
  return accept(makeNumeric(dtype, numbers));
}

function makeNumeric(dtype: Exclude<TensorType, 'string' | 'bool' | Big>, numbers: readonly number[]) {
  switch (dtype) {
    case 'float32': return Float32Array.from(numbers);
    case 'float64': return Float64Array.from(numbers);
    case 'uint8': return Uint8Array.from(numbers);
    case 'int8': return Int8Array.from(numbers);
    case 'uint16': return Uint16Array.from(numbers);
    case 'int16': return Int16Array.from(numbers);
    case 'uint32': return Uint32Array.from(numbers);
    case 'int32': return Int32Array.from(numbers);
    default: return dtype satisfies never;
  } // biome-ignore format: one line a type
}

/** A view would need alignment that a request body does not have: the bytes are copied once. */
function viewNumeric(dtype: Exclude<TensorType, 'string'>, bytes: Uint8Array): TensorValue['data'] {
  const copy = new Uint8Array(bytes).buffer;
  switch (dtype) {
    case 'float32': return new Float32Array(copy);
    case 'float64': return new Float64Array(copy);
    case 'bool':
    case 'uint8': return new Uint8Array(copy);
    case 'int8': return new Int8Array(copy);
    case 'uint16': return new Uint16Array(copy);
    case 'int16': return new Int16Array(copy);
    case 'uint32': return new Uint32Array(copy);
    case 'int32': return new Int32Array(copy);
    case 'uint64': return new BigUint64Array(copy);
    case 'int64': return new BigInt64Array(copy);
    default: return dtype satisfies never;
  } // biome-ignore format: one line a type
}

/** Elements of BYTES: each is a little-endian uint32 length and that many bytes. */
function readStrings(bytes: Uint8Array, count: number): string[] | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const texts: string[] = [];
  let at = 0;
  while (texts.length < count && at + 4 <= bytes.length) {
    const length = view.getUint32(at, true);
    at += 4;
    if (at + length > bytes.length) return undefined;
    texts.push(Buffer.from(bytes.buffer, bytes.byteOffset + at, length).toString('utf8'));
    at += length;
  }
  return texts.length === count && at === bytes.length ? texts : undefined;
}

const makeTensor = (dtype: TensorType, data: TensorValue['data'], dims: readonly number[]): TensorValue =>
  ({ dtype, data, dims }) as TensorValue;

export interface OipTensor {
  readonly name: string;
  readonly shape: unknown;
  readonly datatype: unknown;
  readonly data?: unknown;
}

/** @param bytes the tensor's part of the binary data, when the request gave `binary_data_size`. */
export function readTensor(tensor: OipTensor, bytes: Uint8Array | undefined): Result<TensorValue> {
  const { name, datatype } = tensor;
  const dtype = typeof datatype === 'string' && Object.hasOwn(DATATYPES, datatype) ? DATATYPES[datatype] : undefined;
  if (!dtype) return refuse('input_type', `Input "${name}" has the datatype ${String(datatype).slice(0, 20)}.`);
  const shape = countElements(name, tensor.shape);
  if (!shape.ok) return shape;
  const { dims, count } = shape.value;
  if (bytes) {
    if (dtype === 'string') {
      const texts = readStrings(bytes, count);
      return texts
        ? accept(makeTensor(dtype, texts, dims))
        : misshapen(`Input "${name}": ${bytes.length} bytes are not ${count} texts.`);
    }
    if (bytes.length !== count * BYTES_PER[dtype])
      return misshapen(`Input "${name}" has ${bytes.length} bytes for ${count} elements.`);
    return accept(makeTensor(dtype, viewNumeric(dtype, bytes), dims));
  }
  const values: unknown[] = [];
  if (!Array.isArray(tensor.data)) return wrong(`Input "${name}" has no data.`);
  if (!flatten(tensor.data, values, count) || values.length !== count) {
    return misshapen(`Input "${name}" has ${values.length} values for the shape [${dims.join(', ')}].`);
  }
  if (dtype === 'string') {
    return values.every((v) => typeof v === 'string')
      ? accept(makeTensor(dtype, values as string[], dims))
      : refuse('input_type', `Input "${name}" takes text.`);
  }
  const data = toNumbers(name, dtype, values);
  return data.ok ? accept(makeTensor(dtype, data.value, dims)) : data;
}

/** The values as JSON has them: NaN and infinities are null, 64-bit integers are numbers. */
export function toJsonData(tensor: TensorValue): unknown[] {
  if (tensor.dtype === 'string') return tensor.data;
  if (tensor.dtype === 'bool') return Array.from(tensor.data, (v) => v === 1);
  return Array.from(tensor.data as ArrayLike<number | bigint>, (v) => {
    const n = Number(v);
    return Number.isFinite(n) ? n : null;
  });
}

export function toBytes(tensor: TensorValue): Buffer {
  if (tensor.dtype !== 'string') {
    const { buffer, byteOffset, byteLength } = tensor.data;
    return Buffer.from(buffer as ArrayBuffer, byteOffset, byteLength);
  }
  const parts: Buffer[] = [];
  for (const text of tensor.data) {
    const body = Buffer.from(text);
    const head = Buffer.alloc(4);
    head.writeUInt32LE(body.length);
    parts.push(head, body);
  }
  return Buffer.concat(parts);
}
