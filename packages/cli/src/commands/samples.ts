// `drover samples list|export`: raw rows that devices captured. Reads only.
import { closeSync, openSync, rmSync, writeSync } from 'node:fs';
import path from 'node:path';
import { csvLine, csvNumber, csvText } from '@drover/core/csv';
import { SampleView } from '@drover/wire/http/samples';
import { SAMPLE_WHYS } from '@drover/wire/messages';
import { type Command, Option } from 'commander';
import { failUsage } from '../failure.ts';
import { at } from '../hub-client.ts';
import type { TableColumn } from '../table.ts';
import {
  addConnectionOptions,
  asPage,
  type Cli,
  type ConnectionOptions,
  connect,
  parseModelName,
  parseWhole,
  present,
  tableFor,
} from './common.ts';

interface SampleOptions extends ConnectionOptions {
  readonly device?: string;
  readonly slot?: string;
  readonly model?: string;
  readonly version?: number;
  readonly why?: string;
  readonly limit?: number;
  readonly withSuspect?: boolean;
}

const ANSWER_CHARS = 60;

const answerOf = ({ label, value }: SampleView): string => label ?? String(value ?? '');

const COLUMNS: readonly TableColumn<SampleView>[] = [
  { title: 'AT', value: (s) => s.at },
  { title: 'DEVICE', value: (s) => s.device },
  { title: 'MODEL', value: (s) => (s.model === null ? '?' : `${s.model}@${s.version ?? '?'}`) },
  { title: 'WHY', value: (s) => s.why },
  { title: 'SCORE', value: (s) => s.score.toFixed(3), align: 'right' },
  { title: 'ANSWER', value: answerOf },
  { title: 'SUSPECT', value: (s) => s.suspect.join(' ') },
  { title: 'FIELDS', value: (s) => Object.entries(s.fields).map(([name, value]) => `${name}=${value ?? ''}`).join(' ').slice(0, ANSWER_CHARS) },
]; // biome-ignore format: one column a line

const cell = (value: string | number | null | undefined): string =>
  typeof value === 'string' ? csvText(value) : csvNumber(value ?? null);

/** One row a sample; the columns are those of all samples. */
export function writeCsv(samples: readonly SampleView[]): string {
  const fields = [...new Set(samples.flatMap((sample) => Object.keys(sample.fields)))];
  const head = ['predictionId', 'device', 'model', 'version', 'at', 'why', 'score', 'answer', ...fields];
  const rows = samples.map((s) => [
    s.predictionId, s.device, s.model, s.version, s.at, s.why, s.score, s.label ?? s.value, ...fields.map((name) => s.fields[name]),
  ]); // biome-ignore format: one row
  return [head, ...rows].map((row) => csvLine(row.map(cell))).join('');
}

/** Which sensors it was because of: a person should know what is not in the file. */
function describeLeftOut(all: readonly SampleView[], kept: readonly SampleView[]): string {
  if (all.length === kept.length) return '';
  const sensors = new Set(all.flatMap(({ device, suspect }) => suspect.map((field) => `${field} of ${device}`)));
  const [first, ...more] = [...sensors].toSorted();
  return `Left out ${all.length - kept.length}: a sensor was at fault (${first ?? ''}${more.length > 0 ? ` and ${more.length} more` : ''}); --with-suspect takes them too.\n`;
}

function addFilters(command: Command): Command {
  return addConnectionOptions(command)
    .option('--device <id>', 'of one device only')
    .option('--slot <name>', 'of one slot only')
    .option('--model <name>', 'of one model only', parseModelName)
    .option('--version <n>', 'of one version of that model only', parseWhole)
    .addOption(new Option('--why <kind>', 'only those that were captured for this').choices(SAMPLE_WHYS));
}

async function fetchSamples(cli: Cli, options: SampleOptions): Promise<SampleView[]> {
  if (options.version !== undefined && options.model === undefined) throw failUsage('--version needs --model.');
  const { device, slot, model, version, why, limit } = options;
  const query = { device, slot, model, version: version === undefined ? undefined : String(version), why };
  return connect(cli, options).askAll(SampleView, at('samples'), { query, ...(limit !== undefined && { limit }) });
}

export function addSampleCommands(program: Command, cli: Cli): void {
  const samples = program.command('samples').description('raw rows that devices captured');
  addFilters(samples.command('list').summary('list captured rows, newest first'))
    .description('Lists raw rows that devices sent because they are unsure, novel or drawn at random. Only a device that runs with --raw allow sends any.')
    .option('--limit <n>', 'at most so many', parseWhole, 50)
    .addHelpText('after', '\nExamples:\n  drover samples list --why novel\n  drover samples list --device press-07 --json')
    .action(async (options: SampleOptions) => {
      const found = await fetchSamples(cli, options);
      present(cli, options, asPage(found), () => tableFor(cli, COLUMNS, found, 'No rows were captured: devices send some when they run with --raw allow.'));
    }); // biome-ignore format: one chain
  addFilters(samples.command('export').summary('write captured rows into a CSV file'))
    .description('Writes captured rows into a new CSV file, one row a sample with a column for each field, ready to be labelled and trained on.')
    .argument('<file>', 'the CSV file; it must not exist')
    .option('--with-suspect', 'also rows of a device whose sensor was at fault then')
    .addHelpText('after', '\nExamples:\n  drover samples export rows.csv --model wear')
    .action(async (file: string, options: SampleOptions) => {
      const target = path.resolve(cli.shell.cwd, file);
      let fd: number;
      try {
        // Raw rows: for their owner only.
        fd = openSync(target, 'wx', 0o600);
      } catch (error) {
        throw failUsage(`"${target}" cannot be made (${(error as NodeJS.ErrnoException).code ?? 'unknown'}).`);
      }
      try {
        const all = await fetchSamples(cli, options);
        const found = options.withSuspect ? all : all.filter(({ suspect }) => suspect.length === 0);
        writeSync(fd, writeCsv(found));
        closeSync(fd);
        present(cli, options, { file: target, samples: found.length, leftOut: all.length - found.length }, () => `Wrote ${found.length} samples to ${target}\n${describeLeftOut(all, found)}`);
      } catch (error) {
        rmSync(target, { force: true });
        throw error;
      }
    }); // biome-ignore format: one chain
}
