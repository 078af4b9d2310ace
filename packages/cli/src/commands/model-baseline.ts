// `drover model baseline`: makes the reference distribution of a model that was trained elsewhere, on this machine. Never talks to
// a hub and uploads nothing.
import { existsSync } from 'node:fs';
import path from 'node:path';
import { openRuntime } from '@drover/infer/open';
import { describeHealthy } from '@drover/learn/describe-healthy';
import { type NpyArray, parseNpy } from '@drover/learn/npy';
import { parseTable } from '@drover/learn/table';
import { checkModel } from '@drover/onnx/check';
import { type Baseline, encodeBaseline } from '@drover/sketch/baseline-document';
import { proposeDescription } from '@drover/trust/describe-model';
import { type Command, InvalidArgumentError } from 'commander';
import { failRefused, failUsage } from '../failure.ts';
import { readGiven } from '../given-file.ts';
import { openProgress } from '../progress.ts';
import { openSink } from '../sink.ts';
import { formatBytes, formatCount } from '../table.ts';
import { addJsonOption, type Cli, type OutputOptions, parseList, present } from './common.ts';

const ANYBODY = 0o644;

interface BaselineOptions extends OutputOptions {
  readonly data?: string;
  readonly tensor: ReadonlyMap<string, string>;
  readonly label?: string;
  readonly featureNames?: string[];
  readonly classes?: string[];
  readonly out: string;
}

function addTensor(text: string, before: ReadonlyMap<string, string>): ReadonlyMap<string, string> {
  const [, input, file] = /^([^=]+)=(.+)$/.exec(text) ?? [];
  if (!input || !file) throw new InvalidArgumentError('Write INPUT=FILE.npy.');
  return new Map([...before, [input, file]]);
}

function readTensors(cli: Cli, files: ReadonlyMap<string, string>): Map<string, NpyArray> {
  const tensors = new Map<string, NpyArray>();
  for (const [input, file] of files) {
    const array = parseNpy(readGiven(cli, file));
    if (!array.ok) throw failRefused({ ...array, detail: `"${file}": ${array.detail}` });
    tensors.set(input, array.value);
  }
  return tensors;
}

const MEASURES = { text: 'length, words that are not known, script', tensor: '16 random sums', image: '16 random sums, brightness, contrast, sharpness, saturation' }; // biome-ignore format: one table

function describe({ rows, features, sources = [], output }: Baseline): string {
  const plain = features.filter(({ from }) => from === undefined);
  const named = (kind: string, of: readonly { name: string }[]): string =>
    of.length === 0 ? '' : `  ${kind}: ${of.slice(0, 12).map(({ name }) => name).join(', ')}${of.length > 12 ? `, and ${of.length - 12} more` : ''}\n`; // biome-ignore format: one sentence
  return [
    `Reference of ${formatCount(rows)} rows:\n`,
    named('numeric', plain.filter(({ kind }) => kind === 'numeric')),
    named('categorical', plain.filter(({ kind }) => kind === 'categorical')),
    named('true or false', features.filter(({ from }) => from?.take === 'truth')),
    ...sources.map((source) => {
      const kind = source.kind === 'tensor' && source.image ? 'image' : source.kind;
      return `  ${kind} ${source.name}: ${MEASURES[kind]}\n`;
    }),
    output === undefined
      ? '  answers: not counted, because the outputs are neither classes with probabilities nor one number\n'
      : `  answers: ${output.kind === 'regression' ? 'a number' : `${output.classes.join(', ')}${output.correctCounts ? ', with how often they were right' : ''}`}\n`,
  ].join(''); // biome-ignore format: one piece a line
}

export function addBaselineCommand(model: Command, cli: Cli): void {
  addJsonOption(model.command('baseline').summary('make the reference distribution of an ONNX file'))
    .description(
      'Makes the reference that devices count on and drift is measured from, for a model that was trained elsewhere: runs it on this machine over rows ' +
        'that were healthy, best such that it was not fitted on, at least a thousand. Numbers that are only 0 and 1 are counted as true and false; long texts by their ' +
        'length, script and unknown words; inputs that are no table (images, embeddings) by what is measured of them. No value of a row is in the file, but the names of categories are.',
    )
    .argument('<file>', 'the ONNX file')
    .option('--data <file>', 'CSV of healthy rows, with a column for each feature')
    .option('--tensor <input=file>', 'rows of an input that is no table, as .npy; again for each', addTensor, new Map())
    .option('--label <column>', 'column with the true class of each row: quality can then be estimated without labels')
    .option('--feature-names <a,b>', 'names of the input columns, where the file does not say them', parseList)
    .option('--classes <x,y>', 'names of the classes; as for "drover model register"', parseList)
    .option('--out <file>', 'file to write; it must not exist', 'baseline.json')
    .addHelpText('after', `
Examples:
  drover model baseline wear.onnx --data healthy.csv --label state
  drover model baseline scratches.onnx --tensor image=healthy.npy --classes ok,scratch --out scratches-baseline.json
  drover model register wear.onnx --name wear --baseline baseline.json`)
    .action(async (file: string, options: BaselineOptions) => {
      if (options.data === undefined && options.tensor.size === 0)
        throw failUsage('There are no rows to describe.', 'Give --data FILE.csv, or --tensor INPUT=FILE.npy.');
      if (existsSync(path.resolve(cli.shell.cwd, options.out)))
        throw failUsage(`"${options.out}" is there already.`, 'Remove it, or name another file with --out.');
      const bytes = readGiven(cli, file);
      const info = checkModel(bytes);
      if (!info.ok) throw failRefused(info);
      const proposal = proposeDescription(info.value, options);
      if (!proposal.ok) throw failRefused(proposal);
      for (const warning of proposal.value.warnings) cli.shell.err(`warning: ${warning}\n`);
      const table = options.data === undefined ? undefined : parseTable(readGiven(cli, options.data));
      if (table && !table.ok) throw failRefused(table);
      const tensors = readTensors(cli, options.tensor);
      const runtime = await openRuntime('auto');
      if (!runtime.ok) throw failRefused(runtime);
      const progress = openProgress(cli.shell, options.json === true || !cli.shell.isTerminal);
      const baseline = await describeHealthy(bytes, proposal.value.described, runtime.value, {
        table: table?.value,
        tensors,
        label: options.label,
        progress: (rows, of) => progress.show(`${formatCount(rows)} of ${formatCount(of)} rows`),
      });
      progress.end();
      if (!baseline.ok) throw failRefused(baseline);
      const document = encodeBaseline(baseline.value);
      const sink = openSink(cli.shell, options.out, ANYBODY);
      await sink.write(document);
      sink.end();
      const { rows, features, sources = [] } = baseline.value;
      present(cli, options, { file: options.out, bytes: document.length, rows, features: features.map(({ name, kind }) => ({ name, kind })), sources: sources.map(({ name, kind }) => ({ name, kind })) }, () =>
        `${describe(baseline.value)}Written: ${options.out} (${formatBytes(document.length)}).\nNext: drover model register ${file} --name NAME --baseline ${options.out}\n`);
    }); // biome-ignore format: the help text stands as it prints
}
