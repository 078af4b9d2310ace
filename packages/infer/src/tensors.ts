// Translates between Drover's tensors and those of ONNX Runtime's JavaScript API; both packages share that API. Values
// are never copied.
import type { Tensor } from 'onnxruntime-node';
import type { Feeds, Outputs, TensorType, TensorValue } from './runtime.ts';

export type TensorConstructor = typeof Tensor;
export type OrtFeeds = Record<string, Tensor>;

const TYPES: ReadonlySet<string> = new Set<TensorType>([
  'float32',
  'float64',
  'int8',
  'int16',
  'int32',
  'int64',
  'uint8',
  'uint16',
  'uint32',
  'uint64',
  'bool',
  'string',
]);

export function toOrtFeeds(make: TensorConstructor, feeds: Feeds): OrtFeeds {
  const out: OrtFeeds = {};
  for (const name in feeds) {
    const value = feeds[name];
    if (value !== undefined) out[name] = new make(value.dtype, value.data, value.dims);
  }
  return out;
}

const isTensorValue = (value: { dtype: string; data: unknown; dims: readonly number[] }): value is TensorValue =>
  TYPES.has(value.dtype);

/** `checkModel` let only tensors of these types be outputs, so anything else is a defect of the runtime. */
export function fromOrtOutputs(outputs: Readonly<Record<string, Tensor>>): Outputs {
  const out: Record<string, TensorValue> = {};
  for (const name in outputs) {
    const tensor = outputs[name];
    if (tensor === undefined) continue;
    const value = { dtype: tensor.type, data: tensor.data, dims: tensor.dims };
    if (!isTensorValue(value)) throw new Error(`output ${name} came back as ${tensor.type}`);
    out[name] = value;
  }
  return out;
}
