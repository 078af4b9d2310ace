// `drover model train` and `drover run …`: training on the hub, followed from here. Never trains.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import type { Static } from '@drover/wire/http/check';
import { type ColumnRoles, Dataset, Run, type RunRequest } from '@drover/wire/http/runs';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { CliFailure, EXIT, failUsage } from '../failure.ts';
import { formatMetric, writeHeadline } from '../headline.ts';
import { at, type HubClient } from '../hub-client.ts';
import { openProgress } from '../progress.ts';
import { formatAge, renderPairs, type TableColumn } from '../table.ts';
import {
  addConnectionOptions, asPage, type Cli, type ConnectionOptions, connect, failTimedOut, parseList, parseModelName, parseWhole,
  present, tableFor, timeoutOption, waitFor,
} from './common.ts'; // biome-ignore format: one list
import { markConfidential, readRules } from './register.ts';

export type RunView = Static<typeof Run>;
const ENDED = new Set<string>(['succeeded', 'failed', 'cancelled']);
const UPLOAD_MS = 600_000;

/** `ends-within:30`: the last 30 rows of each device are the positive class. */
export function parseDerive(text: string): { kind: 'endsWithin'; rows: number } {
  const rows = Number(/^ends-within:([1-9]\d{0,6})$/.exec(text)?.[1]);
  if (Number.isSafeInteger(rows)) return { kind: 'endsWithin', rows };
  throw new InvalidArgumentError('It must look like ends-within:30.');
}

/** `name=value` with the value as JSON where it is JSON, else as text. */
function parseParameter(text: string, previous: Record<string, unknown> | undefined): Record<string, unknown> {
  const cut = text.indexOf('=');
  if (cut < 1) throw new InvalidArgumentError('It must look like rounds=200.');
  const value = text.slice(cut + 1);
  let parsed: unknown = value;
  try {
    parsed = JSON.parse(value);
  } catch {
    // Not JSON: it is text, such as growth=leaf.
  }
  return { ...previous, [text.slice(0, cut)]: parsed };
}

export async function uploadDataset(
  client: HubClient,
  name: string,
  bytes: Uint8Array,
): Promise<Static<typeof Dataset>> {
  return client.ask(Dataset, at('datasets'), { method: 'POST', body: bytes, query: { name }, timeoutMs: UPLOAD_MS });
}

/** Follows a run to its end; `onChange` sees each new progress line. Undefined when the time ran out. */
export async function followRun(
  client: HubClient,
  id: string,
  options: { timeoutMs: number; now: () => number; signal?: AbortSignal | undefined; onChange: (run: RunView) => void },
): Promise<RunView | undefined> {
  return waitFor(async () => {
    const run = await client.ask(Run, at('runs', id));
    options.onChange(run);
    return ENDED.has(run.state) ? run : undefined;
  }, { everyMs: 500, ...options }); // biome-ignore format: short
}

export function describeProgress(run: RunView): string {
  if (!run.progress) return run.state;
  const { step, of, message } = run.progress;
  return `${run.state} ${of > 0 ? `${step}/${of} ` : ''}${message}`;
}

/** Of the rows that no decision saw, where there were some. */
const showMetrics = (run: RunView): string => writeHeadline(run.metrics['test'] ?? run.metrics['validation'] ?? {});

const RUNS: (cli: Cli) => readonly TableColumn<RunView>[] = (cli) => [
  { title: 'RUN', value: (r) => r.id },
  { title: 'MODEL', value: (r) => (r.version === null ? r.model : `${r.model}@${r.version}`) },
  { title: 'STATE', value: (r) => r.state },
  { title: 'AGE', value: (r) => formatAge(cli.shell.now() - Date.parse(r.createdAt)), align: 'right' },
  { title: 'PROGRESS', value: (r) => (r.state === 'running' ? describeProgress(r) : (r.code ?? showMetrics(r))) },
];

export function renderRun(run: RunView): string {
  const pairs = renderPairs([
    ['run', run.id],
    ['model', run.version === null ? run.model : `${run.model}@${run.version}`],
    ['state', run.state],
    ['why', [run.code, run.detail].filter((t) => t).join(': ')],
    ['created', run.createdAt],
    ['ended', run.endedAt],
    ['manifest', run.manifest === null ? null : `sha256:${run.manifest}`],
    ...Object.entries(run.metrics).map(
      ([split, metrics]) =>
        [
          split,
          Object.entries(metrics)
            .map(([n, v]) => `${n} ${formatMetric(v)}`)
            .join(', '),
        ] as const,
    ),
  ]);
  return pairs + run.notes.map((note) => `  ${note}\n`).join('');
}

interface TrainOptions extends ConnectionOptions {
  readonly name: string;
  readonly label?: string;
  readonly deriveLabel?: ReturnType<typeof parseDerive>;
  readonly deviceColumn?: string;
  readonly timeColumn?: string;
  readonly exclude?: string[];
  readonly trainer?: 'gbdt' | 'linear';
  readonly param?: Record<string, unknown>;
  readonly seed?: number;
  readonly timeout: number;
  readonly wait: boolean;
  readonly confidential?: boolean;
  readonly rules?: string;
}

export function toRoles(
  options: Pick<TrainOptions, 'label' | 'deriveLabel' | 'deviceColumn' | 'timeColumn' | 'exclude'>,
): ColumnRoles {
  return {
    ...(options.label === undefined ? {} : { label: options.label }),
    ...(options.deriveLabel === undefined ? {} : { derive: options.deriveLabel }),
    ...(options.deviceColumn === undefined ? {} : { device: options.deviceColumn }),
    ...(options.timeColumn === undefined ? {} : { time: options.timeColumn }),
    ...(options.exclude === undefined ? {} : { exclude: options.exclude }),
  };
}

async function train(cli: Cli, file: string, options: TrainOptions): Promise<void> {
  if ((options.label === undefined) === (options.deriveLabel === undefined)) {
    throw failUsage('Say what to learn: exactly one of --label COLUMN and --derive-label ends-within:N.');
  }
  if (options.deriveLabel && !options.deviceColumn)
    throw failUsage('--derive-label needs --device-column: the end is the end of a device.');
  const full = path.resolve(cli.shell.cwd, file);
  let bytes: Uint8Array;
  try {
    bytes = readFileSync(full);
  } catch (error) {
    throw failUsage(
      `"${file}" cannot be read (${error instanceof Error ? ((error as NodeJS.ErrnoException).code ?? error.message) : ''}).`,
    );
  }
  const rules = options.rules === undefined ? undefined : readRules(cli, options.rules);
  const client = connect(cli, options);
  if (options.confidential) await markConfidential(client, options.name);
  const dataset = await uploadDataset(client, path.basename(full), bytes);
  const body: RunRequest = {
    model: options.name,
    dataset: dataset.sha256,
    roles: toRoles(options),
    ...(options.trainer ? { trainer: options.trainer } : {}),
    ...(options.param ? { parameters: options.param } : {}),
    ...(options.seed === undefined ? {} : { seed: options.seed }),
    ...(rules && { rules }),
    timeoutSeconds: Math.max(1, Math.min(86_400, Math.ceil(options.timeout / 1000))),
  };
  const started = await client.ask(Run, at('runs'), { method: 'POST', body });
  const ended = options.wait ? await watchRun(cli, client, started, options) : started;
  present(
    cli,
    options,
    ended,
    () => `${renderRun(ended)}${ended.version === null ? '' : `Next: drover deploy ${ended.model}@${ended.version}\n`}`,
  );
  if (options.wait && ended.state !== 'succeeded') process.exitCode = EXIT.failed;
}

async function watchRun(
  cli: Cli,
  client: HubClient,
  run: RunView,
  options: { timeout: number; json?: boolean },
): Promise<RunView> {
  const progress = openProgress(cli.shell, options.json === true);
  const ended = await followRun(client, run.id, {
    timeoutMs: options.timeout + 30_000,
    now: cli.shell.now,
    onChange: (now) => progress.show(`run ${run.id.slice(-8)} ${describeProgress(now)}`),
  });
  progress.end();
  if (ended) return ended;
  throw failTimedOut(
    `Run ${run.id} did not end`,
    options.timeout,
    `It goes on: drover run show ${run.id}; end it with drover run cancel ${run.id}.`,
  );
}

export function addTrainCommand(model: Command, cli: Cli): void {
  addConnectionOptions(model.command('train').summary('train a model on the hub from a delimited file'))
    .description(
      'Uploads a delimited file (comma, semicolon, tab or blanks; with or without a header), trains on the hub, and ' +
        'registers the result as the next version. Columns that look like ids are left out and said.',
    )
    .argument('<file>', 'CSV or another delimited file')
    .requiredOption('--name <model>', 'name of the model; made if it is new', parseModelName)
    .option('--label <column>', 'column to learn')
    .option('--derive-label <rule>', 'make the label: ends-within:30 marks the last 30 rows of each device', parseDerive)
    .option('--device-column <column>', 'names the device of a row; whole devices stay in one part of a split')
    .option('--time-column <column>', 'orders the rows; without it the order of the file counts')
    .option('--exclude <columns>', 'columns never to use, with commas between', parseList)
    .addOption(new Option('--trainer <kind>', 'boosted trees or a linear model').choices(['gbdt', 'linear']))
    .option('--param <name=value>', 'a parameter of the trainer; may be given several times', parseParameter)
    .option('--seed <n>', 'seed of everything random', parseWhole)
    .option('--rules <file>', 'YAML or JSON: limits, novelty, confidence, latency, fallback (docs/device-rules.md)')
    .option('--confidential', 'artifacts of this model leave the hub only sealed, one key for each device')
    .addOption(timeoutOption('longest time to train', '10m'))
    .option('--no-wait', 'return as soon as the run is queued')
    .addHelpText('after', `
Examples:
  drover model train ai4i2020.csv --name failure --label Machine_failure --exclude UDI,TWF,HDF,PWF,OSF,RNF
  drover model train train_FD001.txt --name engines --device-column unit_number --time-column time --derive-label ends-within:30`)
    .action((file: string, options: TrainOptions) => train(cli, file, options)); // biome-ignore format: as it prints
}

export function addRunCommands(program: Command, cli: Cli): void {
  const run = program.command('run').description('training runs on the hub');
  addConnectionOptions(run.command('list').summary('list runs').description('Lists training runs, newest first.'))
    .option('--limit <n>', 'at most this many', parseWhole, 100)
    .addHelpText('after', '\nExample:\n  drover run list')
    .action(async (options: ConnectionOptions & { limit: number }) => {
      const runs = await connect(cli, options).askAll(Run, at('runs'), { limit: options.limit });
      present(cli, options, asPage(runs), () => tableFor(cli, RUNS(cli), runs, 'No run yet: drover model train FILE --name NAME --label COLUMN'));
    }); // biome-ignore format: one chain
  addConnectionOptions(run.command('show').summary('show one run').description('Shows one run: state, metrics by split, what was done with each column.'))
    .argument('<run>', 'run id')
    .option('--follow', 'wait for its end and show progress')
    .addOption(timeoutOption('longest time to follow', '1h'))
    .addHelpText('after', '\nExample:\n  drover run show 0197…')
    .action(async (id: string, options: ConnectionOptions & { follow?: boolean; timeout: number }) => {
      const client = connect(cli, options);
      let view = await client.ask(Run, at('runs', id));
      if (options.follow && !ENDED.has(view.state)) view = await watchRun(cli, client, view, options);
      present(cli, options, view, () => renderRun(view));
    }); // biome-ignore format: one chain
  addConnectionOptions(run.command('cancel').summary('cancel a run').description('Asks the hub to end a run; its process stops within seconds.'))
    .argument('<run>', 'run id')
    .addHelpText('after', '\nExample:\n  drover run cancel 0197…')
    .action(async (id: string, options: ConnectionOptions) => {
      const view = await connect(cli, options).ask(Run, at('runs', id, 'cancel'), { method: 'POST' });
      present(cli, options, view, () => `Run ${id} is ${view.state}.\n`);
    }); // biome-ignore format: one chain
  addConnectionOptions(run.command('log').summary('print the log of a run').description('Prints what the trainer wrote.'))
    .argument('<run>', 'run id')
    .addHelpText('after', '\nExample:\n  drover run log 0197…')
    .action(async (id: string, options: ConnectionOptions) => {
      const text = Buffer.from(await connect(cli, options).askBytes(at('runs', id, 'log'))).toString('utf8');
      present(cli, options, { run: id, lines: text.split('\n').filter((line) => line !== '') }, () => text);
    }); // biome-ignore format: one chain
}

/** A run that did not succeed as a failure with its own reason. */
export const failRun = (run: RunView): CliFailure =>
  new CliFailure(
    EXIT.failed,
    run.code ?? 'run_failed',
    `Run ${run.id} ${run.state}. ${run.detail ?? ''}`.trim(),
    `drover run log ${run.id}`,
  );
