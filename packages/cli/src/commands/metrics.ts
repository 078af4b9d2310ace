// `drover metrics`: the numbers of a device and of the models on it, and what each of them means. Reads only.
import { METRICS } from '@drover/core/health/catalogue';
import { DeviceMetrics, MetricCatalogue } from '@drover/wire/http/monitoring';
import { type Command, InvalidArgumentError } from 'commander';
import { at } from '../hub-client.ts';
import { formatBytes, formatCount, formatShare, type TableColumn } from '../table.ts';
import { addConnectionOptions, type Cli, type ConnectionOptions, connect, present, tableFor } from './common.ts';

type Definition = (typeof METRICS)[number];

const FORMATS: Readonly<Record<Definition['unit'], (value: number) => string>> = {
  bytes: formatBytes,
  celsius: (value) => `${Number(value.toFixed(1))} °C`,
  seconds: (value) => `${Number(value.toFixed(1))} s`,
  microseconds: (value) => `${Number(value.toFixed(1))} µs`,
  days: (value) => `${Number(value.toFixed(1))} d`,
  count: formatCount,
  ratio: (value) => (value > 1 ? value.toFixed(2) : formatShare(value)),
};

interface Row {
  readonly of: string;
  readonly definition: Definition;
  readonly value: number | null;
}

const VALUES: readonly TableColumn<Row>[] = [
  { title: 'OF', value: (r) => r.of },
  { title: 'METRIC', value: (r) => r.definition.name },
  {
    title: 'VALUE',
    value: (r) => (r.value === null ? 'unknown' : FORMATS[r.definition.unit](r.value)),
    align: 'right',
  },
  { title: 'MEANS', value: (r) => r.definition.means },
];

const NAMES: readonly TableColumn<Definition>[] = [
  { title: 'METRIC', value: (m) => m.name },
  { title: 'UNIT', value: (m) => m.unit },
  { title: 'FROM', value: (m) => m.source },
  { title: 'DEFAULT', value: (m) => (m.isDefault ? 'yes' : '') },
  { title: 'MEANS', value: (m) => m.means },
];

function parseHours(text: string): number {
  const hours = Number(text);
  if (!Number.isInteger(hours) || hours < 1 || hours > 720) throw new InvalidArgumentError('Say 1 to 720.');
  return hours;
}

function* listRows({ device, models }: DeviceMetrics, id: string, all: boolean): Generator<Row> {
  const wanted = METRICS.filter(({ isDefault }) => all || isDefault);
  for (const definition of wanted)
    if (definition.name in device) yield { of: id, definition, value: device[definition.name] ?? null };
  for (const { slot, model, version, manifest, values } of models) {
    const name = `${slot}: ${model === null ? manifest.slice(0, 12) : `${model}@${version ?? '?'}`}`;
    for (const definition of wanted)
      if (definition.name in values) yield { of: name, definition, value: values[definition.name] ?? null };
  }
}

interface MetricsOptions extends ConnectionOptions {
  readonly hours?: number;
  readonly all?: boolean;
}

export function addMetricsCommand(program: Command, cli: Cli): void {
  addConnectionOptions(program.command('metrics').summary('the numbers of a device and its models, by name'))
    .description(
      'Without a device: the names of all metrics and what they mean. What is not known is "unknown" and never 0.',
    )
    .argument('[device]', 'the device')
    .option('--hours <number>', 'from windows of so many hours; 24 without it', parseHours)
    .option('--all', 'all metrics, not only those of the default pack')
    .addHelpText('after', '\nExamples:\n  drover metrics\n  drover metrics press-07 --all --hours 168')
    .action(async (device: string | undefined, options: MetricsOptions) => {
      const client = connect(cli, options);
      if (device === undefined) {
        const names = await client.ask(MetricCatalogue, at('metrics'));
        present(cli, options, names, () => tableFor(cli, NAMES, METRICS, ''));
        return;
      }
      const query = { hours: options.hours === undefined ? undefined : String(options.hours) };
      const found = await client.ask(DeviceMetrics, at('devices', device, 'metrics'), { query });
      present(cli, options, found, () => tableFor(cli, VALUES, [...listRows(found, device, options.all === true)], ''));
    });
}
