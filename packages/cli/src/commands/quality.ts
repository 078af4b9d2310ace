// `drover quality`: how good the answers of each model version are by late labels, when that changed, and what is estimated where
// labels are wanting. Reads only.

import type { Column, Row as TableRow } from '@drover/tables/table';
import { type ErrorChange, type QualityItem, type QualityMetric, QualityReport } from '@drover/wire/http/quality';
import { type Command, Option } from 'commander';
import { checkFormat, exportOption, type TableFormat, writeTable } from '../export-table.ts';
import { at } from '../hub-client.ts';
import { formatCount, formatNumber, formatShare, type TableColumn } from '../table.ts';
import {
  addConnectionOptions,
  type Cli,
  type ConnectionOptions,
  connect,
  parseWhole,
  present,
  tableFor,
} from './common.ts';

interface Row {
  readonly name: string;
  readonly of: string | null;
  readonly value: number | null;
  readonly low: number | null;
  readonly high: number | null;
  readonly by: string;
  readonly n: string;
}

const limitsOf = ({ low, high }: Row): string =>
  low === null || high === null ? '' : `${formatNumber(low)} to ${formatNumber(high)}`;

const COLUMNS: readonly TableColumn<Row>[] = [
  { title: 'METRIC', value: (r) => r.name },
  { title: 'CLASS', value: (r) => r.of ?? '' },
  { title: 'VALUE', value: (r) => (r.value === null ? '-' : formatNumber(r.value)), align: 'right' },
  { title: '95 % LIMITS', value: limitsOf },
  { title: 'BY', value: (r) => r.by },
  { title: 'ROWS', value: (r) => r.n, align: 'right' },
];

function rowOf({ metric, class: of, value, low, high, by, n, needed }: QualityMetric): Row {
  const why = needed > 0 ? `needs ${formatCount(needed)} more` : value === null ? 'not defined' : '';
  return { name: metric, of, value, low, high, by: by ?? why, n: formatCount(n) };
}

const when = (instant: string): string => instant.replace('.000Z', 'Z');

function sayChange({ at: from, foundAt, direction, before, after, low, high }: ErrorChange, measure: string): string {
  const signed = (x: number): string => `${x >= 0 ? '+' : ''}${formatNumber(x)}`;
  return (
    `became ${direction} at ${when(from)}: ${measure} ${formatNumber(before)} -> ${formatNumber(after)} ` +
    `(by ${signed(low)} to ${signed(high)}; seen in the labels of ${when(foundAt)})`
  );
}

const NAMED_DEVICES = 5;

function sayErrors({ errors, labelled }: QualityItem): string {
  const { changes, devices, devicesChanged, devicesWatched, measure, detector, delta } = errors;
  if (labelled === 0) return '';
  const by = `${detector}${delta === undefined ? '' : `, delta ${delta}`}`;
  const lines = changes.map((change) => `  The model ${sayChange(change, measure)}.\n`);
  if (changes.length === 0) lines.push(`  No change of the ${measure} over time (${by}).\n`);
  else lines.push(`  Of ${devicesWatched} devices with labels ${devicesChanged} show it by themselves (${by}).\n`);
  for (const one of devices.slice(0, NAMED_DEVICES))
    for (const change of one.changes.slice(-1)) lines.push(`    ${one.device} ${sayChange(change, measure)}\n`);
  if (devices.length > NAMED_DEVICES) lines.push('    More with --json.\n');
  return lines.join('');
}

interface GapRow {
  readonly part: string;
  readonly metric: string;
  readonly value: number | null;
  readonly rest: number | null;
  readonly limits: string;
  readonly devices: number;
  readonly rows: number;
}
const numberOf = (value: number | null): string => (value === null ? '-' : formatNumber(value));
const GAPS: readonly TableColumn<GapRow>[] = [
  { title: 'PART', value: (r) => r.part },
  { title: 'METRIC', value: (r) => r.metric },
  { title: 'HERE', value: (r) => numberOf(r.value), align: 'right' },
  { title: 'REST', value: (r) => numberOf(r.rest), align: 'right' },
  { title: 'DIFFERENCE', value: (r) => r.limits },
  { title: 'DEVICES', value: (r) => formatCount(r.devices), align: 'right' },
  { title: 'ROWS', value: (r) => formatCount(r.rows), align: 'right' },
];

function saySlice(cli: Cli, { label, items, unlabelledDevices }: QualityItem['slices'][number]): string {
  const rows = items.flatMap(({ value: part, devices, gaps }) =>
    gaps.map(({ metric, value, rest, low, high, rows: n, needed }): GapRow => {
      const wanting = needed > 0 ? `needs ${formatCount(needed)} more rows` : 'needs 8 devices on each side';
      const apart = low !== null && high !== null && (low > 0 || high < 0) ? ' *' : '';
      const limits = low === null || high === null ? wanting : `${formatNumber(low)} to ${formatNumber(high)}${apart}`;
      return { part: `${label}=${part}`, metric, value, rest, limits, devices, rows: n };
    }),
  );
  const without =
    unlabelledDevices > 0 ? `  ${formatCount(unlabelledDevices)} devices have no label "${label}".\n` : '';
  const marked = rows.some((row) => row.limits.endsWith('*'))
    ? '  * differs, beyond what chance makes of all of these.\n'
    : '';
  return `${tableFor(cli, GAPS, rows, `No device with labels has the label "${label}".`)}${marked}${without}`;
}

function sayItem(cli: Cli, item: QualityItem): string {
  const { model, version, slot, predictions, labelled, coverage, devices, metrics, majorityBaseline, estimate } = item;
  const head =
    // Labels may come before the window of their predictions ends.
    `${model ?? '?'}@${version ?? '?'} in slot ${slot}: ${formatCount(labelled)} labels of ${formatCount(Math.max(predictions, labelled))} ` +
    `predictions (${formatShare(coverage)}), on ${formatCount(devices)} devices.\n`;
  const always =
    majorityBaseline === null ? '' : `  Always the most frequent class: ${formatNumber(majorityBaseline)}.\n`;
  const table = labelled === 0 ? '' : tableFor(cli, COLUMNS, metrics.map(rowOf), '');
  const estimated = estimate
    ? `Estimated without labels, from ${formatCount(estimate.predictions)} scores and ${formatCount(estimate.calibrationRows)} calibration rows:\n` +
      tableFor(cli, COLUMNS, estimate.metrics.map((m): Row => ({ ...m, name: m.metric, of: m.class, by: 'estimate', n: formatCount(estimate.predictions) })), '') +
      estimate.limits.map((limit) => `  ${limit}\n`).join('')
    : ''; // biome-ignore format: one sentence a line
  return `${head}${table}${always}${sayErrors(item)}${item.slices.map((slice) => saySlice(cli, slice)).join('')}${estimated}`;
}

interface QualityOptions extends ConnectionOptions {
  readonly modelVersion?: number;
  readonly device?: string;
  readonly slot?: string;
  readonly since?: string;
  readonly detector?: string;
  readonly by?: string;
  readonly format?: TableFormat;
  readonly out?: string;
}

const TABLE: readonly Column[] = [
  { name: 'model', kind: 'text' },
  { name: 'version', kind: 'count' },
  { name: 'slot', kind: 'text' },
  { name: 'metric', kind: 'text' },
  { name: 'class', kind: 'text' },
  { name: 'source', kind: 'text' },
  { name: 'value', kind: 'number' },
  { name: 'low', kind: 'number' },
  { name: 'high', kind: 'number' },
  { name: 'n', kind: 'count' },
  { name: 'labelled', kind: 'count' },
  { name: 'coverage', kind: 'number' },
  { name: 'devices', kind: 'count' },
];
type Measured = Pick<QualityItem['metrics'][number], 'class' | 'value' | 'low' | 'high'> & { readonly metric: string };

/** What labels say and what is estimated without them, a line each. */
function tableRows({ model, version, slot, labelled, coverage, devices, metrics, estimate }: QualityItem): TableRow[] {
  const line = (m: Measured, source: string, n: number): TableRow => [
    model, version, slot, m.metric, m.class, source, m.value, m.low, m.high, n, labelled, coverage, devices,
  ]; // biome-ignore format: one row
  return [
    ...metrics.map((m) => line(m, 'labels', m.n)),
    ...(estimate?.metrics ?? []).map((m) => line(m, 'estimate', estimate?.predictions ?? 0)),
  ];
}

export function addQualityCommand(program: Command, cli: Cli): void {
  addConnectionOptions(program.command('quality').summary('how good the answers are, by labels and estimated'))
    .description(
      'What late labels say of each model version: accuracy, precision, recall and more, each with limits and never from fewer than 30 ' +
        'rows; when the errors became more; and an estimate from scores where labels are wanting. From 8 devices on limits are ' +
        'over devices ("devices"); below they take rows for independent ("rows"). See docs/quality.md.',
    )
    .argument('[model]', 'one model only')
    .option('--model-version <n>', 'one version only', parseWhole)
    .option('--device <id>', 'of one device only')
    .option('--slot <name>', 'of one slot only')
    .option('--since <instant>', 'windows that start at or after this, such as 2026-03-01T00:00:00Z')
    .addOption(
      new Option('--detector <name>', 'what watches the errors over time; without it adwin').choices([
        'adwin', 'ddm', 'hddm_a', 'hddm_w', 'page_hinkley',
      ]), // biome-ignore format: one list
    )
    .option(
      '--by <label>',
      'how devices with one value of this label differ from the others; without it by those declared with "drover model slices"',
    )
    .addOption(exportOption())
    .option('--out <file>', 'with --format: a new file; else standard output')
    .addHelpText(
      'after',
      '\nExamples:\n  drover quality\n  drover quality wear --by site\n  drover quality wear --since 2026-03-01T00:00:00Z\n  drover quality wear --model-version 3 --device press-07 --json\n  drover quality --format parquet --out quality.parquet',
    )
    .action(async (model: string | undefined, options: QualityOptions) => {
      const { modelVersion, device, slot, since, detector, by } = options;
      const version = modelVersion === undefined ? undefined : String(modelVersion);
      const query = { model, version, device, slot, since, detector, by };
      if (options.format) checkFormat(options.format, options.out);
      const report = await connect(cli, options).ask(QualityReport, at('quality'), { query });
      if (options.format) {
        const rows = report.items.flatMap(tableRows);
        await writeTable(cli.shell, { format: options.format, out: options.out }, TABLE, rows);
        return;
      }
      present(cli, options, report, () => {
        if (report.items.length === 0) return 'No windows yet: agents send one when it ends, once they are fed.\n';
        const cut = report.isCut ? 'There is more than was read: only the newest windows count; narrow it.\n' : '';
        return report.items.map((item) => sayItem(cli, item)).join('\n') + cut;
      });
    });
}
