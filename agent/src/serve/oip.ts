// The Open Inference Protocol v2: what it says of a model, and how an infer request becomes tensors and its answer bytes.
// Never listens and never chooses a model.
import { accept, type Refusal, type Result, refuse } from '@drover/core/reasons';
import type { Feeds, Outputs, TensorValue } from '@drover/infer/runtime';
import type { TensorSpec } from '@drover/trust/documents';
import { AGENT_VERSION } from '../version.ts';
import { datatypeOf, readTensor, toBytes, toJsonData } from './oip-tensors.ts';
import type { ServedModel } from './served-model.ts';

export const HEADER_LENGTH = 'inference-header-content-length';

export const describeServer = () => ({
  name: 'drover-agent',
  version: AGENT_VERSION,
  extensions: ['binary_tensor_data'],
});

const describeTensor = ({ name, dtype, shape }: TensorSpec) => ({
  name,
  datatype: datatypeOf(dtype),
  shape: shape.map((dim) => (typeof dim === 'number' ? dim : -1)),
});

export const describeModel = (slot: string, { manifest }: ServedModel) => ({
  name: slot,
  versions: [String(manifest.version)],
  platform: 'onnxruntime_onnx',
  inputs: manifest.inputs.map(describeTensor),
  outputs: manifest.outputs.map(describeTensor),
});

interface InferRequest {
  readonly id: string | undefined;
  readonly feeds: Feeds;
  /** Name → whether the answer is wanted in binary. */
  readonly outputs: ReadonlyMap<string, boolean>;
}

type Json = Readonly<Record<string, unknown>>;
const isObject = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const wrong = (detail: string) => refuse('agent_request_invalid', detail);

function parseJson(bytes: Uint8Array): Json | undefined {
  try {
    const json: unknown = JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8'));
    return isObject(json) ? json : undefined;
  } catch {
    // Not JSON is an expected outcome; the caller refuses.
    return undefined;
  }
}

const parameter = (holder: Json, name: string): unknown =>
  isObject(holder['parameters']) ? holder['parameters'][name] : undefined;

/** @param headerLength bytes of the JSON part, when binary tensors follow it. */
export function readInferRequest(
  model: ServedModel,
  body: Uint8Array,
  headerLength: number | undefined,
): Result<InferRequest> {
  const jsonBytes = headerLength ?? body.length;
  if (!Number.isSafeInteger(jsonBytes) || jsonBytes < 0 || jsonBytes > body.length) {
    return wrong(`Inference-Header-Content-Length is not between 0 and the ${body.length} bytes of the body.`);
  }
  const json = parseJson(body.subarray(0, jsonBytes));
  if (!json || !Array.isArray(json['inputs'])) return wrong('The body is not JSON with a list of inputs.');
  const feeds = readInputs(model, json['inputs'] as unknown[], body.subarray(jsonBytes));
  if (!feeds.ok) return feeds;
  const outputs = chooseOutputs(model, json);
  if (!(outputs instanceof Map)) return outputs;
  return accept({
    id: typeof json['id'] === 'string' ? json['id'].slice(0, 256) : undefined,
    feeds: feeds.value,
    outputs,
  });
}

function readInputs({ manifest }: ServedModel, inputs: readonly unknown[], binary: Uint8Array): Result<Feeds> {
  const feeds: Record<string, TensorValue> = {};
  const sizes = new Map<string, number>();
  let at = 0;
  for (const input of inputs) {
    if (!isObject(input) || typeof input['name'] !== 'string') return wrong('An input has no name.');
    const name = input['name'];
    const spec = manifest.inputs.find((each) => each.name === name);
    if (!spec) return refuse('input_extra', `Input "${name.slice(0, 80)}".`);
    const size = parameter(input, 'binary_data_size');
    let bytes: Uint8Array | undefined;
    if (size !== undefined) {
      if (typeof size !== 'number' || !Number.isSafeInteger(size) || size < 0 || at + size > binary.length) {
        return wrong(`Input "${name}": binary_data_size does not fit the body.`);
      }
      bytes = binary.subarray(at, at + size);
      at += size;
    }
    const tensor = readTensor({ name, shape: input['shape'], datatype: input['datatype'], data: input['data'] }, bytes);
    if (!tensor.ok) return tensor;
    const misfit = findMisfit(spec, tensor.value, sizes);
    if (misfit) return misfit;
    feeds[name] = tensor.value;
  }
  if (at !== binary.length) return wrong(`${binary.length - at} bytes of the body belong to no input.`);
  const missing = manifest.inputs.find(({ name }) => !feeds[name]);
  return missing ? refuse('input_missing', `Input "${missing.name}".`) : accept(feeds);
}

/** @param sizes what each named dimension is in this request: "N" is the same number wherever it stands. */
function findMisfit(spec: TensorSpec, { dtype, dims }: TensorValue, sizes: Map<string, number>): Refusal | undefined {
  const { name, shape } = spec;
  if (dtype !== spec.dtype)
    return refuse('input_type', `Input "${name}" takes ${datatypeOf(spec.dtype)} and got ${datatypeOf(dtype)}.`);
  const fits = (dim: number, i: number): boolean => {
    const wanted = shape[i];
    if (typeof wanted !== 'string') return wanted === dim;
    const known = sizes.get(wanted) ?? dim;
    if (wanted !== '') sizes.set(wanted, known);
    return known === dim;
  };
  if (dims.length === shape.length && dims.every(fits)) return undefined;
  return refuse('input_shape', `Input "${name}" takes [${shape.join(', ')}] and got [${dims.join(', ')}].`);
}

function chooseOutputs({ manifest }: ServedModel, json: Json): Map<string, boolean> | Refusal {
  const everything = parameter(json, 'binary_data_output') === true;
  const asked = json['outputs'];
  if (asked === undefined) return new Map(manifest.outputs.map(({ name }) => [name, everything]));
  if (!Array.isArray(asked)) return wrong('"outputs" is not a list.');
  const outputs = new Map<string, boolean>();
  for (const output of asked as unknown[]) {
    const name = isObject(output) ? output['name'] : undefined;
    if (!isObject(output) || typeof name !== 'string' || !manifest.outputs.some((each) => each.name === name)) {
      return wrong(`There is no output "${String(name).slice(0, 80)}".`);
    }
    const own = parameter(output, 'binary_data');
    outputs.set(name, typeof own === 'boolean' ? own : everything);
  }
  return outputs;
}

export interface InferAnswer {
  readonly body: Buffer;
  /** Set when binary tensors follow the JSON. */
  readonly headerLength: number | undefined;
}

export function writeInferAnswer(
  slot: string,
  model: ServedModel,
  request: InferRequest,
  outputs: Outputs,
  firstId: string | undefined,
): InferAnswer {
  const binary: Buffer[] = [];
  const tensors: Json[] = [];
  for (const [name, isBinary] of request.outputs) {
    const tensor = outputs[name];
    if (!tensor) continue;
    const head = { name, shape: tensor.dims, datatype: datatypeOf(tensor.dtype) };
    if (!isBinary) {
      tensors.push({ ...head, data: toJsonData(tensor) });
      continue;
    }
    const bytes = toBytes(tensor);
    binary.push(bytes);
    tensors.push({ ...head, parameters: { binary_data_size: bytes.length } });
  }
  const json = Buffer.from(
    JSON.stringify({
      model_name: slot,
      model_version: String(model.manifest.version),
      ...(request.id !== undefined && { id: request.id }),
      ...(firstId !== undefined && { parameters: { prediction_id: firstId } }),
      outputs: tensors,
    }),
  );
  if (binary.length === 0) return { body: json, headerLength: undefined };
  return { body: Buffer.concat([json, ...binary]), headerLength: json.length };
}
