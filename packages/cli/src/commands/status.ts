// `drover status`: the fleet on one page. Reads only.
import type { Static } from '@drover/wire/http/check';
import { type SlotSummary, Status, Summary } from '@drover/wire/http/monitoring';
import type { Command } from 'commander';
import { at } from '../hub-client.ts';
import {
  formatAge,
  formatCount,
  formatNumber,
  formatShare,
  renderPairs,
  shortDigest,
  type TableColumn,
} from '../table.ts';
import {
  addConnectionOptions,
  type Cli,
  type ConnectionOptions,
  connect,
  parseDuration,
  present,
  tableFor,
} from './common.ts';

type SlotView = Static<typeof SlotSummary>;

const SLOTS: readonly TableColumn<SlotView>[] = [
  { title: 'SLOT', value: (s) => s.slot },
  { title: 'VERSION', value: (s) => (s.model === null ? shortDigest(s.manifest) : `${s.model}@${s.version ?? '?'}`) },
  { title: 'DEVICES', value: (s) => s.devices, align: 'right' },
  { title: 'PREDICTIONS', value: (s) => formatCount(s.predictions), align: 'right' },
  { title: 'ERRORS', value: (s) => formatCount(s.errors), align: 'right' },
  { title: 'P50 µs', value: (s) => s.latency?.p50Us.toFixed(0), align: 'right' },
  { title: 'P99 µs', value: (s) => s.latency?.p99Us.toFixed(0), align: 'right' },
  { title: 'LABELLED', value: (s) => formatShare(s.quality?.coverage), align: 'right' },
  { title: 'ACCURACY', value: (s) => formatNumber(s.quality?.accuracy), align: 'right' },
  { title: 'MAJORITY', value: (s) => formatNumber(s.quality?.majorityBaseline), align: 'right' },
  { title: 'RECALL', value: (s) => formatNumber(s.quality?.recall), align: 'right' },
  { title: 'AUC', value: (s) => formatNumber(s.quality?.auc), align: 'right' },
];

export function addStatusCommand(program: Command, cli: Cli): void {
  addConnectionOptions(program.command('status').summary('the fleet on one page'))
    .description(
      'Shows the hub, how many devices are online and in sync, what came in, and for each slot and version: ' +
        'predictions, latency, and quality from labels that arrived late. MAJORITY is what always answering the most ' +
        'frequent class would have scored on the same rows.',
    )
    .option('--since <duration>', 'only windows that began this recently, such as 1h', parseDuration)
    .addHelpText('after', '\nExamples:\n  drover status\n  drover status --since 1h --json')
    .action(async (options: ConnectionOptions & { since?: number }) => {
      const client = connect(cli, options);
      const since = options.since === undefined ? undefined : new Date(cli.shell.now() - options.since).toISOString();
      const [status, summary] = await Promise.all([
        client.ask(Status, at('status')),
        client.ask(Summary, at('summary'), { query: { since } }),
      ]);
      present(cli, options, { ...status, slots: summary.items }, () => {
        const { devices, ingest } = status;
        const pairs = renderPairs([
          ['hub', `${client.hub} (${status.mode}, version ${status.version}, up for ${formatAge(cli.shell.now() - Date.parse(status.startedAt))})`],
          ['devices', `${devices.online} of ${devices.total} online, ${devices.inSync} in sync`],
          ['models', `${status.models}; ${status.rollouts.running} rollouts and ${status.runs.running} runs in progress`],
          ['received', `${formatCount(ingest.entries)} entries, ${formatCount(ingest.windows)} windows, ${formatCount(ingest.predictions)} predictions`],
          ['not received', `${formatCount(ingest.lost)} lost, ${formatCount(ingest.refused)} refused`],
        ]);
        // A fresh fleet that works looks idle until its first window ends: say when that is.
        const empty =
          devices.inSync > 0
            ? `No statistics yet: agents send a window every ${formatAge(status.windowSeconds * 1000)} once they are fed.`
            : 'No statistics yet: deploy a model and feed an agent.';
        return `${pairs}\n${tableFor(cli, SLOTS, summary.items, empty)}`;
      });
    }); // biome-ignore format: one chain
}
