// `drover demo`: options, the data directory, Ctrl-C, the exit code. What the demo does stands in demo/.
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { runDemo } from '../demo/run-demo.ts';
import { CliFailure, EXIT, failUsage } from '../failure.ts';
import {
  addJsonOption,
  type Cli,
  type OutputOptions,
  parseCount,
  parseList,
  parsePositive,
  parseWhole,
} from './common.ts';
import { parseDerive } from './run.ts';

interface DemoFlags extends OutputOptions {
  readonly data?: string;
  readonly label?: string;
  readonly deriveLabel?: ReturnType<typeof parseDerive>;
  readonly deviceColumn?: string;
  readonly timeColumn?: string;
  readonly exclude?: string[];
  readonly train: number;
  readonly agents: number;
  readonly seconds: number;
  readonly labelDelayMs: number;
  readonly trainer?: 'gbdt' | 'linear';
  readonly seed: number;
  readonly dataDir?: string;
  readonly keep?: boolean;
}

/** `60%`, `60` or `0.6`. */
function parseShare(text: string): number {
  const number = Number(text.replace(/%$/, ''));
  const share = text.endsWith('%') || number > 1 ? number / 100 : number;
  if (share > 0 && share < 1) return share;
  throw new InvalidArgumentError('It must be between 0 % and 100 %, such as 60%.');
}

function parseAgents(text: string): number {
  const agents = parseWhole(text);
  if (agents <= 200) return agents;
  throw new InvalidArgumentError('Each agent is a process of its own; 200 is the limit.');
}

function checkFlags(flags: DemoFlags): void {
  if (flags.data === undefined) {
    const needsFile = (['label', 'deriveLabel', 'deviceColumn', 'timeColumn', 'exclude'] as const).find(
      (name) => flags[name] !== undefined,
    );
    if (needsFile)
      throw failUsage(
        'Columns can only be named for a file.',
        'Give the file with --data FILE; the built-in generator knows its own columns.',
      );
    return;
  }
  if ((flags.label === undefined) === (flags.deriveLabel === undefined)) {
    throw failUsage('Say what to learn: exactly one of --label COLUMN and --derive-label ends-within:N.');
  }
  if (flags.deriveLabel && flags.deviceColumn === undefined)
    throw failUsage('--derive-label needs --device-column: the end is the end of a device.');
}

function openDir(cli: Cli, flags: DemoFlags): { dir: string; temporary: boolean } {
  if (flags.dataDir === undefined) return { dir: mkdtempSync(path.join(tmpdir(), 'drover-demo-')), temporary: true };
  const dir = path.resolve(cli.shell.cwd, flags.dataDir);
  if (existsSync(dir) && readdirSync(dir).length > 0)
    throw failUsage(`"${dir}" is not empty.`, 'Name a new directory: the demo starts from nothing.');
  mkdirSync(dir, { recursive: true });
  return { dir, temporary: false };
}

async function demo(cli: Cli, flags: DemoFlags): Promise<void> {
  checkFlags(flags);
  const { dir, temporary } = openDir(cli, flags);
  const interrupt = new AbortController();
  const onSignal = (): void =>
    interrupt.abort(
      new CliFailure(EXIT.interrupted, 'interrupted', 'The demo was interrupted; its processes were ended.'),
    );
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, onSignal);
  const keep = flags.keep === true || !temporary;
  try {
    const { facts, checks } = await runDemo(cli, {
      ...flags,
      data: flags.data === undefined ? undefined : path.resolve(cli.shell.cwd, flags.data),
      trainShare: flags.train,
      trainer: flags.trainer,
      json: flags.json === true,
    }, dir, interrupt.signal); // biome-ignore format: one call
    const failed = checks.filter((one) => !one.ok);
    if (flags.json) cli.shell.out(`${JSON.stringify({ ok: failed.length === 0, checks, facts }, null, 2)}\n`);
    if (failed.length === 0) return;
    throw new CliFailure(
      EXIT.failed,
      'demo_check_failed',
      `What the demo claims did not all happen: ${failed.map((f) => f.name).join(', ')}.`,
      keep ? `Look at ${dir}/logs.` : 'Run it again with --keep and look at its logs.',
    );
  } finally {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.off(signal, onSignal);
    if (keep) cli.shell.err(`Kept in ${dir}\n`);
    else rmSync(dir, { recursive: true, force: true, maxRetries: 5 });
  }
}

export function addDemoCommand(program: Command, cli: Cli): void {
  addJsonOption(program.command('demo').summary('the whole loop on this machine, with checks at the end'))
    .description(
      'Runs the main job in a directory of its own, on free ports: starts a hub, trains on the first part of the data, ' +
        'registers the model, starts agents as separate processes, deploys to all of them, plays each its own share of ' +
        'the other rows as live readings with labels that come late, and checks that every step really happened. It ' +
        'ends with a summary and exits with 1, naming the step, if anything did not.',
    )
    .option('--data <file>', 'delimited file (comma, semicolon, tab or blanks); without it a built-in generator of machines')
    .option('--label <column>', 'column to learn')
    .option('--derive-label <rule>', 'make the label: ends-within:30 marks the last 30 rows of each device', parseDerive)
    .option('--device-column <column>', 'names the device of a row: whole devices train, the others are dealt over the agents; without it rows go round-robin')
    .option('--time-column <column>', 'orders the rows; without it the order of the file counts')
    .option('--exclude <columns>', 'columns never to use, with commas between; columns that look like ids are dropped and said', parseList)
    .option('--train <share>', 'share that trains', parseShare, 0.6)
    .option('--agents <n>', 'agents, each a process', parseAgents, 12)
    .option('--seconds <n>', 'how long the play takes', parsePositive, 45)
    .option('--label-delay-ms <ms>', 'how much later than its row a label becomes known', parseCount, 5000)
    .addOption(new Option('--trainer <kind>', 'boosted trees or a linear model').choices(['gbdt', 'linear']))
    .option('--seed <n>', 'seed of the generator and of the training', parseWhole, 1)
    .option('--data-dir <dir>', 'keep everything in this directory; it must be new or empty')
    .option('--keep', 'keep the temporary directory')
    .addHelpText('after', `
Examples:
  drover demo
  drover demo --agents 4 --seconds 20
  drover demo --data ai4i2020.csv --label Machine_failure --exclude UDI,TWF,HDF,PWF,OSF,RNF
  drover demo --data train_FD001.txt --device-column unit_number --time-column time --derive-label ends-within:30

Exit codes: 0 everything happened, 1 something did not, 2 wrong usage, 130 interrupted.`)
    .action((flags: DemoFlags) => demo(cli, flags)); // biome-ignore format: as it prints
}
