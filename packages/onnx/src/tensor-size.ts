// Decides whether a tensor in a file holds exactly the values that its shape and type need, inside the file. It never
// looks at the values.
import { accept, type Result, refuse } from '@drover/core/reasons';
import { countBytes, DTYPES, type DType, nameDType } from './dtype.ts';
import type { onnx } from './gen/onnx.js';

type Tensor = onnx.TensorProto.$Properties;
type SparseTensor = onnx.SparseTensorProto.$Properties;

/** Names come from the file: they are cut, and what could change a terminal or a log line is taken out. */
export const quoteName = (name: string | null | undefined): string =>
  `"${(name ?? '').slice(0, 80).replace(/[\p{C}"]/gu, '?')}"`;

/** The product of `dims`, or undefined when one is no size or the product is above `limit`. */
export function countElements(dims: readonly number[], limit: number): number | undefined {
  let count = 1;
  for (const dim of dims) {
    if (!Number.isSafeInteger(dim) || dim < 0 || dim > limit) return undefined;
    count *= dim;
    if (count > limit) return undefined;
  }
  return count;
}

type TypedField = 'float_data' | 'double_data' | 'int64_data' | 'uint64_data' | 'string_data' | 'int32_data';

/** Which list holds values that are not in `raw_data`, as TensorProto says for each; types not named use int32_data. */
const TYPED_FIELDS: Partial<Record<DType, TypedField>> = {
  float32: 'float_data',
  complex64: 'float_data',
  float64: 'double_data',
  complex128: 'double_data',
  int64: 'int64_data',
  uint32: 'uint64_data',
  uint64: 'uint64_data',
  string: 'string_data',
};

/** List entries for `count` values: complex numbers take two, and types below one byte share one entry per byte. */
function countEntries(dtype: DType, count: number): number {
  if (dtype === 'complex64' || dtype === 'complex128') return count * 2;
  return DTYPES[dtype].bits > 0 && DTYPES[dtype].bits < 8 ? countBytes(dtype, count) : count;
}

const countAllTyped = (tensor: Tensor): number =>
  [
    tensor.float_data,
    tensor.int32_data,
    tensor.string_data,
    tensor.int64_data,
    tensor.double_data,
    tensor.uint64_data,
  ].reduce((sum, values) => sum + (values?.length ?? 0), 0);

/**
 * The bytes that the values of `tensor` take. Refuses values outside the file, unknown types, shapes above
 * `maxElements`, and any other number of values than the shape needs.
 */
export function measureTensor(tensor: Tensor, maxElements: number): Result<number> {
  const what = `Tensor ${quoteName(tensor.name)}`;
  // DataLocation.EXTERNAL is 1; a list of places without it would be read by some loaders all the same.
  if ((tensor.data_location ?? 0) !== 0 || (tensor.external_data ?? []).length > 0) {
    return refuse('onnx_external_data', `${what} is kept in another file.`);
  }
  if (tensor.segment) return refuse('onnx_malformed', `${what} is cut in segments.`);
  const dtype = nameDType(tensor.data_type ?? 0);
  if (dtype === undefined) return refuse('onnx_malformed', `${what} has the unknown type ${tensor.data_type ?? 0}.`);
  const dims = tensor.dims ?? [];
  const count = countElements(dims, maxElements);
  if (count === undefined) {
    return refuse('onnx_too_large', `${what} has the shape [${dims.slice(0, 16).join(', ')}].`);
  }
  const raw = tensor.raw_data?.length ?? 0;
  const typed = countAllTyped(tensor);
  if (raw > 0 && typed > 0) return refuse('onnx_size_mismatch', `${what} holds its values twice.`);
  if (raw > 0 && dtype === 'string') return refuse('onnx_size_mismatch', `${what} holds text as raw bytes.`);
  if (raw > 0) {
    const needed = countBytes(dtype, count);
    if (raw === needed) return accept(raw);
    return refuse('onnx_size_mismatch', `${what} has ${raw} bytes; ${dtype}[${dims.join(', ')}] needs ${needed}.`);
  }
  const held = tensor[TYPED_FIELDS[dtype] ?? 'int32_data']?.length ?? 0;
  const needed = countEntries(dtype, count);
  if (held !== needed || typed !== held) {
    return refuse('onnx_size_mismatch', `${what} has ${typed} values; ${dtype}[${dims.join(', ')}] needs ${needed}.`);
  }
  const texts = (tensor.string_data ?? []).reduce((sum, text) => sum + text.length, 0);
  return accept(dtype === 'string' ? texts : countBytes(dtype, count));
}

/** A sparse tensor holds the values that are not zero, and where each belongs in a dense shape of at most `maxElements`. */
export function measureSparse(sparse: SparseTensor, maxElements: number): Result<number> {
  const { values, indices, dims } = sparse;
  const what = `Sparse tensor ${quoteName(values?.name)}`;
  if (!values || !indices) return refuse('onnx_malformed', `${what} has no values or no indices.`);
  if (countElements(dims ?? [], maxElements) === undefined) {
    return refuse('onnx_too_large', `${what} has the shape [${(dims ?? []).slice(0, 16).join(', ')}].`);
  }
  const measured = [measureTensor(values, maxElements), measureTensor(indices, maxElements)];
  let bytes = 0;
  for (const result of measured) {
    if (!result.ok) return result;
    bytes += result.value;
  }
  const held = values.dims?.[0] ?? 0;
  const rank = indices.dims?.length === 2 ? indices.dims[1] : 1;
  const fits =
    values.dims?.length === 1 &&
    nameDType(indices.data_type ?? 0) === 'int64' &&
    indices.dims?.[0] === held &&
    (rank === 1 || rank === dims?.length);
  return fits ? accept(bytes) : refuse('onnx_size_mismatch', `${what} has other indices than values.`);
}
