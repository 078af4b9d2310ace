// Decides whether an ONNX file may be handed to the runtime, before the runtime sees a byte of it: versions, domains,
// operators, tensors, declared sizes. It does not infer shapes and does not know what the model means.
import { accept, type Refusal, type Result, refuse } from '@drover/core/reasons';
import { type DType, nameDType } from './dtype.ts';
import type { onnx } from './gen/onnx.js';
import { OPERATOR_DOMAINS, spellDomain } from './operators.ts';
import { READ_LIMITS, type ReadLimits, readModel } from './read.ts';
import { countElements, quoteName } from './tensor-size.ts';
import { walkModel } from './walk.ts';

export interface CheckLimits extends ReadLimits {
  /** Elements of one tensor, and the product of the sizes that one declared shape names. */
  readonly maxElements: number;
  /** Operators after local functions are put in the place of their calls. */
  readonly maxNodes: number;
  /** Newest file format that is read. */
  readonly maxIrVersion: number;
  /** Accept com.microsoft too: only where the model never leaves ONNX Runtime. */
  readonly allowMicrosoft: boolean;
}

export const CHECK_LIMITS: CheckLimits = {
  ...READ_LIMITS,
  maxElements: 2 ** 28,
  maxNodes: 1_000_000,
  maxIrVersion: 13,
  allowMicrosoft: false,
};

/** An input or output: a dimension is a size, or a name ('' when it has none) for one known only at run time. */
export interface ValueInfo {
  readonly name: string;
  readonly dtype: DType;
  /** Undefined when the file does not even say how many dimensions there are. */
  readonly shape: readonly (number | string)[] | undefined;
}

export interface ModelInfo {
  readonly irVersion: number;
  /** Operator set version by domain, '' spelt as ai.onnx. */
  readonly opsets: Readonly<Record<string, number>>;
  /** What a caller must feed: inputs without those that an initializer fills. */
  readonly inputs: readonly ValueInfo[];
  readonly outputs: readonly ValueInfo[];
  /** Sorted, those outside ai.onnx with their domain: `Gemm`, `ai.onnx.ml.TreeEnsemble`. */
  readonly operators: readonly string[];
  readonly metadata: Readonly<Record<string, string>>;
  /** Bytes of all constants, in initializers and in attributes. */
  readonly parameterBytes: number;
}

/** What the JavaScript runtimes pass in and out, native and wasm alike (float16 works in wasm only). */
const PASSABLE: ReadonlySet<DType> = new Set<DType>(
  'float32 float64 int8 int16 int32 int64 uint8 uint16 uint32 uint64 bool string'.split(' ') as DType[],
);

function readOpsets(imports: readonly onnx.OperatorSetIdProto.$Properties[]): Result<Record<string, number>> {
  const opsets = new Map<string, number>();
  for (const { domain, version } of imports) {
    const name = spellDomain(domain);
    const known = OPERATOR_DOMAINS.get(name);
    const [from, to] = known?.versions ?? [0, Number.MAX_SAFE_INTEGER];
    const asked = version ?? 0;
    if (!Number.isSafeInteger(asked) || asked < from || asked > to || opsets.has(name)) {
      return refuse('onnx_unsupported_opset', `The model asks for version ${asked} of ${quoteName(name)}.`);
    }
    opsets.set(name, asked);
  }
  return accept(Object.fromEntries(opsets));
}

function readValue(value: onnx.ValueInfoProto.$Properties, maxElements: number): Result<ValueInfo> {
  const what = `${quoteName(value.name)}`;
  const { type } = value;
  const others = [type?.sequence_type, type?.map_type, type?.optional_type, type?.sparse_tensor_type];
  const dtype = nameDType(type?.tensor_type?.elem_type ?? 0);
  if (dtype === undefined || !PASSABLE.has(dtype) || others.some((other) => other)) {
    return refuse('onnx_unsupported_type', `${what} is ${dtype ?? 'not a tensor'}.`);
  }
  const dims = type?.tensor_type?.shape?.dim;
  const sizes = (dims ?? []).flatMap(({ dim_value: size }) => (typeof size === 'number' ? [size] : []));
  if (countElements(sizes, maxElements) === undefined) {
    return refuse('onnx_too_large', `${what} declares the shape [${sizes.slice(0, 16).join(', ')}].`);
  }
  const shape = dims?.map((dim) => dim.dim_value ?? dim.dim_param ?? '');
  return accept({ name: value.name ?? '', dtype, shape });
}

function readValues(values: readonly onnx.ValueInfoProto.$Properties[], maxElements: number): Result<ValueInfo[]> {
  const infos: ValueInfo[] = [];
  const names = new Set<string>();
  for (const value of values) {
    const info = readValue(value, maxElements);
    if (!info.ok) return info;
    if (info.value.name === '' || names.has(info.value.name)) {
      return refuse(
        'onnx_malformed',
        `Two inputs or two outputs are called ${quoteName(value.name)}, or one has no name.`,
      );
    }
    names.add(info.value.name);
    infos.push(info.value);
  }
  return accept(infos);
}

function checkIr(version: number, limit: number): Refusal | undefined {
  const supported = Number.isSafeInteger(version) && version >= 3 && version <= limit;
  return supported ? undefined : refuse('onnx_unsupported_ir', `The file has IR version ${version}.`);
}

/**
 * Accepts a file that ONNX Runtime 1.30 can be expected to load, and says what is in it. Refuses with one of the
 * onnx_* codes and the name of the tensor, operator or value at fault. Never throws, whatever the bytes.
 */
export function checkModel(bytes: Uint8Array, limits: Partial<CheckLimits> = {}): Result<ModelInfo> {
  const bounds = { ...CHECK_LIMITS, ...limits };
  const read = readModel(bytes, bounds);
  if (!read.ok) return read;
  const model = read.value;
  const irVersion = model.ir_version ?? 0;
  const { graph } = model;
  if (!graph) return refuse('onnx_malformed', 'There is no graph in it.');
  const unsupported = checkIr(irVersion, bounds.maxIrVersion);
  if (unsupported) return unsupported;
  const opsets = readOpsets(model.opset_import ?? []);
  if (!opsets.ok) return opsets;
  const walk = walkModel(model, bounds);
  if (!walk.ok) return walk;
  const filled = new Set(
    [...(graph.initializer ?? []), ...(graph.sparse_initializer ?? []).map(({ values }) => values)].map(
      (tensor) => tensor?.name ?? '',
    ),
  );
  const fed = (graph.input ?? []).filter(({ name }) => !filled.has(name ?? ''));
  const inputs = readValues(fed, bounds.maxElements);
  if (!inputs.ok) return inputs;
  const outputs = readValues(graph.output ?? [], bounds.maxElements);
  if (!outputs.ok) return outputs;
  if (outputs.value.length === 0) return refuse('onnx_malformed', 'It has no output.');
  return accept({
    irVersion,
    opsets: opsets.value,
    inputs: inputs.value,
    outputs: outputs.value,
    operators: [...walk.value.operators].toSorted(),
    metadata: Object.fromEntries((model.metadata_props ?? []).map(({ key, value }) => [key ?? '', value ?? ''])),
    parameterBytes: walk.value.parameterBytes,
  });
}
