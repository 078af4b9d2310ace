// Recomputes what the hub says about quality: asks one device for all played rows over the Open Inference Protocol and
// measures the answers exactly. Shares nothing with windows, sketches or label joining but where a score bin begins.
import { evaluateClasses, evaluateValues, measureAuc } from '@drover/learn/evaluate';
import type { Column } from '@drover/learn/table';
import { oddsBinOf } from '@drover/sketch/labelled';
import type { Manifest } from '@drover/trust/documents';
import { type AgentAddress, askAgent } from '../agent-client.ts';
import { fieldText, type Source } from './source.ts';
import { failStep } from './steps.ts';

const BATCH = 500;

export interface Reference {
  readonly rows: number;
  readonly metrics: Readonly<Record<string, number>>;
}

interface OipTensor {
  readonly name: string;
  readonly datatype: string;
  readonly shape: readonly number[];
  readonly data: readonly (number | string | null | boolean)[];
}

const DATATYPES: Readonly<Record<string, string>> = {
  float32: 'FP32',
  float64: 'FP64',
  int64: 'INT64',
  int32: 'INT32',
  string: 'BYTES',
};

const numberAt = (column: Column, row: number): number | null => {
  const value =
    column.kind === 'number' ? (column.values[row] ?? Number.NaN) : Number(fieldText(column, row) || Number.NaN);
  return Number.isNaN(value) ? null : value;
};

/** The input tensors of `rows`, as the manifest lays them out. A missing number is null, which OIP readers take as NaN. */
export function buildInputs(
  manifest: Manifest,
  columns: ReadonlyMap<string, Column>,
  rows: ArrayLike<number>,
): OipTensor[] {
  return manifest.inputs.map((input) => {
    const features = manifest.features.filter((f) => f.input === input.name).sort((a, b) => a.index - b.index);
    const data: (number | string | null)[] = [];
    for (let i = 0; i < rows.length; i++) {
      for (const { name, kind } of features) {
        const column = columns.get(name);
        if (!column) throw failStep(`The model asks for the field "${name}", which the data does not have.`);
        data.push(kind === 'categorical' ? fieldText(column, rows[i] ?? -1) : numberAt(column, rows[i] ?? -1));
      }
    }
    return {
      name: input.name,
      datatype: DATATYPES[input.dtype] ?? 'FP32',
      shape: [rows.length, features.length],
      data,
    };
  });
}

function readOutput(body: unknown, name: string): number[] {
  const outputs = (body as { outputs?: unknown }).outputs;
  const found = Array.isArray(outputs) ? (outputs as OipTensor[]).find((o) => o.name === name) : undefined;
  if (!found || !Array.isArray(found.data)) throw failStep(`The device answered without the output "${name}".`);
  return found.data.flat(2).map(Number);
}

/** Metrics of every played row that has a label, from the answers of one device. */
export async function measureReference(
  agent: AgentAddress,
  slot: string,
  manifest: Manifest,
  source: Source,
  played: readonly number[],
): Promise<Reference> {
  const columns = new Map(source.columns.map((column) => [column.name, column]));
  const label = columns.get(source.label);
  const { task } = manifest;
  if (!label || !task) throw failStep('The manifest says no task.');
  const rows = played.filter((row) => fieldText(label, row) !== '');
  const output = task.kind === 'classification' ? task.probabilities : task.output;
  const answers: number[] = [];
  for (let from = 0; from < rows.length; from += BATCH) {
    const batch = rows.slice(from, from + BATCH);
    const request = { inputs: buildInputs(manifest, columns, batch), outputs: [{ name: output }] };
    const { status, body } = await askAgent(agent, 'POST', `/v2/models/${slot}/infer`, request);
    if (status !== 200)
      throw failStep(`The device answered HTTP ${status} over OIP: ${JSON.stringify(body).slice(0, 300)}`);
    answers.push(...readOutput(body, output));
  }
  if (task.kind === 'regression') {
    const truth = Float64Array.from(rows, (row) => numberAt(label, row) ?? Number.NaN);
    const mean = truth.reduce((sum, value) => sum + value, 0) / Math.max(1, truth.length);
    return { rows: rows.length, metrics: evaluateValues(Float64Array.from(answers), truth, mean) };
  }
  const { classes, threshold } = task;
  const truth = Float64Array.from(rows, (row) => classes.indexOf(fieldText(label, row)));
  if (truth.includes(-1))
    throw failStep('A played row has a class that the model does not know.', 'Train on a larger share: --train 0.8.');
  const { metrics } = evaluateClasses(Float64Array.from(answers), truth, classes.length, threshold);
  if (metrics['auc'] === undefined) return { rows: rows.length, metrics };
  // Devices send scores in bins: rows in one bin count as ties, so that the AUC of the bins is what a hub can know.
  const binned = Float64Array.from(rows, (_, i) => oddsBinOf(answers[2 * i + 1] ?? 0));
  return { rows: rows.length, metrics: { ...metrics, aucInBins: measureAuc(binned, truth) ?? Number.NaN } };
}
