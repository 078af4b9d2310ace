// `drover calibrate`: how often drift would have been called on windows in which nothing changed. Reads only.
import { addCounts, type CalibrationCount, NO_COUNT, rateOf } from '@drover/core/drift/calibrate';
import { DRIFT_SETTINGS } from '@drover/core/drift/verdict';
import { Device } from '@drover/wire/http/devices';
import { Calibration } from '@drover/wire/http/monitoring';
import type { Command } from 'commander';
import { failUsage } from '../failure.ts';
import { at } from '../hub-client.ts';
import { openProgress } from '../progress.ts';
import { formatCount, type TableColumn } from '../table.ts';
import { addConnectionOptions, type Cli, type ConnectionOptions, connect, present, tableFor } from './common.ts';

const KINDS = ['numeric', 'categorical', 'answers', 'together'] as const;
type Kind = (typeof KINDS)[number] | 'all';

interface Row extends CalibrationCount, ReturnType<typeof rateOf> {
  readonly kind: Kind;
}

const SAYS: Readonly<Record<Row['verdict'], (row: Row) => string>> = {
  kept: () => 'kept',
  exceeded: () => 'MORE than stated',
  unsure: ({ needed }) => `not enough to tell: ${formatCount(needed)} more without an alarm would`,
};

const COLUMNS: readonly TableColumn<Row>[] = [
  { title: 'FEATURES', value: (r) => r.kind },
  { title: 'JUDGED', value: (r) => formatCount(r.judged), align: 'right' },
  { title: 'ALARMS', value: (r) => formatCount(r.alarms), align: 'right' },
  { title: 'MATERIAL', value: (r) => formatCount(r.material), align: 'right' },
  { title: 'IN 100,000', value: (r) => (r.rate === undefined ? '' : r.rate.toFixed(2)), align: 'right' },
  {
    title: '95 %',
    value: (r) => (r.rate === undefined ? '' : `${r.low.toFixed(2)} to ${r.high.toFixed(2)}`),
    align: 'right',
  },
  { title: 'STATED', value: (r) => r.nominal.toFixed(2), align: 'right' },
  { title: 'SO', value: (r) => SAYS[r.verdict](r) },
];

interface CalibrateOptions extends ConnectionOptions {
  readonly device?: string;
  readonly where?: string;
  readonly model?: string;
  readonly since?: string;
  readonly until?: string;
}

export function addCalibrateCommand(program: Command, cli: Cli): void {
  addConnectionOptions(program.command('calibrate').summary('how often nothing is called drift, on your own windows'))
    .description(
      'Folds the windows that the hub keeps anew, device by device, and counts how often drift would have been called. Give a time in ' +
        'which nothing changed: what did change is counted as false here. An alarm counts once, however long it lasts.',
    )
    .option('--device <id>', 'one device; else all')
    .option('--where <query>', 'label query of the devices')
    .option('--model <name>', 'of one model only')
    .option('--since <instant>', 'windows that began at or after this')
    .option('--until <instant>', 'and before this')
    .addHelpText(
      'after',
      '\nExample:\n  drover calibrate --model wear --since 2026-03-01T00:00:00Z --until 2026-03-08T00:00:00Z',
    )
    .action(async (options: CalibrateOptions) => {
      const { device, where, model, since, until } = options;
      if (device !== undefined && where !== undefined) throw failUsage('Give --device or --where, not both.');
      const client = connect(cli, options);
      const devices =
        device === undefined
          ? (await client.askAll(Device, at('devices'), { query: { query: where } })).map(({ id }) => id)
          : [device];
      const progress = openProgress(cli.shell, options.json === true);
      const counts: Record<Kind, CalibrationCount> = {
        numeric: NO_COUNT,
        categorical: NO_COUNT,
        answers: NO_COUNT,
        together: NO_COUNT,
        all: NO_COUNT,
      };
      let [windows, perFalseAlarm] = [0, DRIFT_SETTINGS.windowsPerFalseAlarm];
      for (const [index, id] of devices.entries()) {
        progress.show(`device ${index + 1} of ${devices.length}: ${id}`);
        const query = { device: id, model, since, until };
        const one = await client.ask(Calibration, at('drift', 'calibration'), { query });
        windows += one.windows;
        perFalseAlarm = one.windowsPerFalseAlarm;
        for (const kind of KINDS) {
          counts[kind] = addCounts(counts[kind], one[kind]);
          counts.all = addCounts(counts.all, one[kind]);
        }
      }
      progress.end();
      const settings = { ...DRIFT_SETTINGS, windowsPerFalseAlarm: perFalseAlarm };
      const rows = ([...KINDS, 'all'] as const).map(
        (kind): Row => ({ kind, ...counts[kind], ...rateOf(counts[kind], settings) }),
      );
      present(cli, options, { devices: devices.length, windows, items: rows }, () => {
        const head = `${formatCount(windows)} windows of ${formatCount(devices.length)} devices.\n`;
        return `${head}${tableFor(cli, COLUMNS, rows, '')}`;
      });
    });
}
