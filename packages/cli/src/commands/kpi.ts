// `drover kpi`: brings business numbers of devices, and shows what they come to by model version. Never joins them: the hub does.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { isDeviceId } from '@drover/core/ids';
import { accept, type Result, refuse } from '@drover/core/reasons';
import { KpiList, type KpiPoints, KpiStored, type KpiVersion, KpiView } from '@drover/wire/http/kpis';
import type { Command } from 'commander';
import { parse } from 'csv-parse/sync';
import { failRefused, failUsage } from '../failure.ts';
import { at } from '../hub-client.ts';
import { formatCount, formatNumber, type TableColumn } from '../table.ts';
import {
  addConnectionOptions,
  type Cli,
  type ConnectionOptions,
  connect,
  parseModelName,
  present,
  tableFor,
} from './common.ts';

const BATCH = 1000;
type Point = KpiPoints['points'][number];

/** Reads CSV with the columns `device`, `at` (RFC 3339) and `value`, in any order. */
export function parsePoints(text: string): Result<Point[]> {
  let rows: Record<string, string>[];
  try {
    rows = parse(text, { columns: true, bom: true, trim: true, skip_empty_lines: true, max_record_size: 65_536 });
  } catch (error) {
    return refuse('argument_invalid', error instanceof Error ? error.message : 'It is not CSV.');
  }
  const points: Point[] = [];
  for (const [i, { device, at: time, value }] of rows.entries()) {
    const number = Number(value);
    const isWhole =
      device && isDeviceId(device) && time && !Number.isNaN(Date.parse(time)) && value && Number.isFinite(number);
    if (!isWhole)
      return refuse(
        'argument_invalid',
        `Row ${i + 1} lacks device, at (RFC 3339) or a number as value; all three columns are needed.`,
      );
    points.push({ device, at: time, value: number });
  }
  return points.length > 0 ? accept(points) : refuse('argument_invalid', 'It holds no number.');
}

const signed = (x: number): string => `${x >= 0 ? '+' : ''}${formatNumber(x)}`;
function changeOf({ change }: KpiVersion): string {
  if (!change) return '';
  const { mean, low, high, devices, version } = change;
  const limits = low === null || high === null ? 'needs 8 devices that ran both' : `${signed(low)} to ${signed(high)}`;
  return `${signed(mean)} (${limits}) than with @${version ?? '?'} on ${formatCount(devices)}`;
}
const VERSIONS: readonly TableColumn<KpiVersion>[] = [
  { title: 'MODEL', value: (v) => `${v.model ?? '?'}@${v.version ?? '?'}` },
  { title: 'SLOT', value: (v) => v.slot },
  { title: 'SINCE', value: (v) => v.fromAt },
  { title: 'MEAN', value: (v) => formatNumber(v.mean), align: 'right' },
  {
    title: '95 % LIMITS',
    value: (v) => (v.low === null || v.high === null ? '' : `${formatNumber(v.low)} to ${formatNumber(v.high)}`),
  },
  { title: 'DEVICES', value: (v) => formatCount(v.devices), align: 'right' },
  { title: 'CHANGE', value: changeOf },
];

function addPush(kpi: Command, cli: Cli): void {
  addConnectionOptions(kpi.command('push').summary('bring business numbers from a file'))
    .description('Sends numbers such as scrap, downtime or energy by device and time. The same device and time again replaces the number.')
    .argument('<name>', 'what the number is called', parseModelName)
    .argument('<file>', 'CSV with the columns device, at and value; "-" reads standard input')
    .addHelpText('after', '\nExample:\n  drover kpi push scrap scrap.csv')
    .action(async (name: string, file: string, options: ConnectionOptions) => {
      let text: string;
      try {
        text = file === '-' ? await cli.shell.readStdin() : readFileSync(path.resolve(cli.shell.cwd, file), 'utf8');
      } catch (error) {
        throw failUsage(`"${file}" cannot be read (${error instanceof Error ? error.message : ''}).`);
      }
      const parsed = parsePoints(text);
      if (!parsed.ok) throw failRefused(parsed);
      const client = connect(cli, options);
      let points = 0;
      for (let from = 0; from < parsed.value.length; from += BATCH) {
        const body: KpiPoints = { points: parsed.value.slice(from, from + BATCH) };
        points += (await client.ask(KpiStored, at('kpis', name, 'points'), { method: 'POST', body })).points;
      }
      present(cli, options, { name, points }, () => `Stored ${formatCount(points)} numbers of "${name}".\n`);
    }); // biome-ignore format: one chain
}

export function addKpiCommands(program: Command, cli: Cli): void {
  const kpi = program.command('kpi').description('business numbers of devices, by model version');
  addPush(kpi, cli);
  addConnectionOptions(kpi.command('list').summary('which business numbers there are'))
    .description('Lists the names of business numbers, how many there are and of how many devices.')
    .addHelpText('after', '\nExample:\n  drover kpi list')
    .action(async (options: ConnectionOptions) => {
      const list = await connect(cli, options).ask(KpiList, at('kpis'));
      const columns: readonly TableColumn<KpiList['items'][number]>[] = [
        { title: 'NAME', value: (k) => k.name },
        { title: 'NUMBERS', value: (k) => formatCount(k.points), align: 'right' },
        { title: 'DEVICES', value: (k) => formatCount(k.devices), align: 'right' },
        { title: 'FROM', value: (k) => k.fromAt },
        { title: 'TO', value: (k) => k.toAt },
      ];
      present(cli, options, list, () =>
        tableFor(cli, columns, list.items, 'No business numbers yet; see drover kpi push.'),
      );
    });
  addConnectionOptions(kpi.command('show').summary('one business number by model version'))
    .description(
      'Joins each number to the version that answered last on its device before it (at most a day), and says how it changed from the version ' +
        'before on the devices that ran both. What else changed at the same time is in it too: a staged rollout tells them apart.',
    )
    .argument('<name>', 'what the number is called', parseModelName)
    .option('--since <instant>', 'numbers from this instant on, such as 2026-03-01T00:00:00Z')
    .addHelpText('after', '\nExample:\n  drover kpi show scrap --since 2026-03-01T00:00:00Z')
    .action(async (name: string, options: ConnectionOptions & { since?: string }) => {
      const view = await connect(cli, options).ask(KpiView, at('kpis', name), { query: { since: options.since } });
      present(cli, options, view, () => {
        const lost =
          view.unjoined > 0
            ? `${formatCount(view.unjoined)} numbers belong to no version: nothing had answered there for a day.\n`
            : '';
        return tableFor(cli, VERSIONS, view.versions, `No number of "${name}" belongs to a model version.`) + lost;
      });
    });
}
