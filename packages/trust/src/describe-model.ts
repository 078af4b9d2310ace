// Decides what a manifest says about an ONNX file: tensors, features and task, from its own metadata where it has any.
// Pure; never reads a file, and never makes up a task that the outputs do not show.
import { accept, type Result, refuse } from '@drover/core/reasons';
import Value from 'typebox/value';
import { Feature, type Manifest, Task, TensorSpec } from './documents.ts';

/** Of a checked ONNX file. */
export interface ValueInfo {
  readonly name: string;
  readonly dtype: string;
  /** Undefined when the file does not say it; a dimension without a name and a size is ''. */
  readonly shape: readonly (number | string)[] | undefined;
}
export interface ModelInfo {
  readonly inputs: readonly ValueInfo[];
  readonly outputs: readonly ValueInfo[];
  readonly opsets: Readonly<Record<string, number>>;
  readonly irVersion: number;
  readonly metadata: Readonly<Record<string, string>>;
}

export interface ProposeOptions {
  readonly featureNames?: readonly string[] | undefined;
  readonly classes?: readonly string[] | undefined;
}

export type Described = Pick<Manifest, 'inputs' | 'outputs' | 'features' | 'task' | 'runtime'>;

export interface Proposal {
  readonly described: Described;
  readonly warnings: readonly string[];
}

function describeTensor(info: ValueInfo): Result<TensorSpec> {
  if (info.shape === undefined) return refuse('onnx_signature_mismatch', `"${info.name}" does not declare its shape.`);
  const shape = info.shape.map((size, place) =>
    size === '' ? (place === 0 ? 'N' : `d${place}`) : typeof size === 'string' ? size.slice(0, 64) : size,
  );
  const spec = { name: info.name, dtype: info.dtype, shape };
  return Value.Check(TensorSpec, spec)
    ? accept(spec)
    : refuse('onnx_unsupported_type', `"${info.name}" is ${info.dtype} [${shape.join(', ')}].`);
}

function describeTensors(infos: readonly ValueInfo[]): Result<TensorSpec[]> {
  const specs: TensorSpec[] = [];
  for (const info of infos) {
    const spec = describeTensor(info);
    if (!spec.ok) return spec;
    specs.push(spec.value);
  }
  return accept(specs);
}

const isFields = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const isTexts = (value: unknown): value is string[] =>
  Array.isArray(value) && value.every((item) => typeof item === 'string');

/** The parts of `drover.schema` that a manifest needs; undefined when the file has none or it cannot be read. */
interface Schema {
  readonly features: readonly Feature[];
  readonly classes: readonly string[];
  readonly threshold: number | undefined;
}

const KINDS: Readonly<Record<string, Feature['kind']>> = {
  number: 'numeric',
  category: 'categorical',
  numeric: 'numeric',
  categorical: 'categorical',
};

function readFeature(value: unknown): Feature | undefined {
  if (!isFields(value)) return undefined;
  const { name, kind, input, index, unit } = value;
  const feature = { name, kind: KINDS[String(kind)], input, index, ...(typeof unit === 'string' ? { unit } : {}) };
  return Value.Check(Feature, feature) ? feature : undefined;
}

export function readSchema(text: string | undefined): Schema | undefined {
  if (text === undefined || text.length > 4 * 1024 * 1024) return undefined;
  let schema: unknown;
  try {
    schema = JSON.parse(text);
  } catch {
    // Metadata is free text: what cannot be read is as if it were absent.
    return undefined;
  }
  if (!isFields(schema) || !Array.isArray(schema['features'])) return undefined;
  const features = schema['features'].map(readFeature);
  if (features.some((feature) => feature === undefined)) return undefined;
  const { classes, threshold } = schema;
  return {
    features: features.filter((feature) => feature !== undefined),
    classes: isTexts(classes) ? classes : [],
    threshold: typeof threshold === 'number' ? threshold : undefined,
  };
}

const REAL = ['float32', 'float64'];
const columnsOf = (info: ValueInfo): number | undefined => {
  const size = info.shape?.length === 1 ? 1 : info.shape?.[1];
  return typeof size === 'number' ? size : undefined;
};

/** One feature a column, in the order of the inputs. Inputs that are no table of numbers or texts have none. */
function nameColumns(info: ModelInfo, names: readonly string[] | undefined, warnings: string[]): Result<Feature[]> {
  const features: Feature[] = [];
  for (const input of info.inputs) {
    const columns = columnsOf(input);
    const kind = REAL.includes(input.dtype) ? 'numeric' : input.dtype === 'string' ? 'categorical' : undefined;
    const rank = input.shape?.length ?? 0;
    if (kind === undefined || columns === undefined || rank > 2 || columns > 4096) {
      warnings.push(
        `Input "${input.name}" is not a table of known width; its columns have no names and no statistics.`,
      );
      continue;
    }
    for (let index = 0; index < columns; index++) {
      const name = names?.[features.length] ?? (columns === 1 ? input.name : `${input.name}${index}`);
      features.push({ name, kind, input: input.name, index });
    }
  }
  if (names !== undefined && names.length !== features.length) {
    return refuse(
      'manifest_invalid',
      `${names.length} feature names were given and the model has ${features.length} columns.`,
    );
  }
  if (names === undefined && features.length > 0)
    warnings.push('The file does not name its columns; names were made up from its inputs.');
  return accept(features);
}

function inferTask(
  info: ModelInfo,
  schema: Schema | undefined,
  classes: readonly string[] | undefined,
  warnings: string[],
): Result<Task | undefined> {
  const tables = info.outputs.filter(({ dtype, shape }) => REAL.includes(dtype) && (shape?.length ?? 0) <= 2);
  const labels = info.outputs.filter(
    ({ dtype, shape }) => (dtype === 'int64' || dtype === 'string') && (shape?.length ?? 0) <= 2,
  );
  const [label] = labels;
  const [table] = tables;
  if (label !== undefined && table !== undefined && labels.length === 1 && tables.length === 1) {
    const columns = columnsOf(table);
    const named = classes ?? (schema && schema.classes.length > 0 ? schema.classes : undefined);
    const count = columns ?? named?.length;
    if (count === undefined || count < 2) {
      warnings.push('The number of classes cannot be told from the file; give the classes to have quality counted.');
      return accept(undefined);
    }
    if (named !== undefined && named.length !== count) {
      return refuse('manifest_invalid', `${named.length} classes were named and "${table.name}" has ${count} columns.`);
    }
    if (named === undefined) warnings.push('The file does not name its classes; they are numbered from 0.');
    const task: Task = {
      kind: 'classification',
      classes: [...(named ?? Array.from({ length: count }, (_, at) => String(at)))],
      label: label.name,
      probabilities: table.name,
      ...(schema?.threshold === undefined ? {} : { threshold: schema.threshold }),
    };
    return accept(task);
  }
  const columns = table === undefined ? undefined : columnsOf(table);
  const told = classes ?? schema?.classes ?? [];
  if (table !== undefined && labels.length === 0 && tables.length === 1 && told.length >= 2) {
    if (columns !== undefined && columns !== told.length)
      return refuse(
        'manifest_invalid',
        `${told.length} classes were named and "${table.name}" has ${columns} columns.`,
      );
    warnings.push(`"${table.name}" is taken as the probabilities of the classes; the most probable one is the answer.`);
    return accept({ kind: 'classification', classes: [...told], probabilities: table.name });
  }
  if (table !== undefined && labels.length === 0 && tables.length === 1 && (columns === 1 || columns === undefined)) {
    return accept({ kind: 'regression', output: table.name });
  }
  warnings.push(
    'The outputs are neither a label with probabilities nor one number; the model serves, without counted answers.',
  );
  return accept(undefined);
}

/** What can be said about a checked model. Refuses what no manifest can say. */
export function proposeDescription(info: ModelInfo, options: ProposeOptions = {}): Result<Proposal> {
  const warnings: string[] = [];
  const inputs = describeTensors(info.inputs);
  if (!inputs.ok) return inputs;
  const outputs = describeTensors(info.outputs);
  if (!outputs.ok) return outputs;
  const schema = readSchema(info.metadata['drover.schema']);
  const named = schema !== undefined && options.featureNames === undefined;
  const features = named ? accept([...schema.features]) : nameColumns(info, options.featureNames, warnings);
  if (!features.ok) return features;
  const task = inferTask(info, schema, options.classes, warnings);
  if (!task.ok) return task;
  const runtime = {
    irVersion: info.irVersion,
    opset: info.opsets['ai.onnx'] ?? 0,
    mlOpset: info.opsets['ai.onnx.ml'] ?? 0,
  };
  const described: Described = {
    inputs: inputs.value,
    outputs: outputs.value,
    features: features.value,
    ...(task.value === undefined ? {} : { task: task.value }),
    runtime,
  };
  return accept({ described, warnings });
}
