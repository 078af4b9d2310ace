// `drover drift`: which features of which devices moved from what is usual for them, and what these devices have in common.
// Reads only.
import { describeChange, describeDiagnosis } from '@drover/core/drift/describe';
import type { Column, Row } from '@drover/tables/table';
import { type DriftCause, type DriftItem, DriftView, Rebaselined } from '@drover/wire/http/monitoring';
import type { Command } from 'commander';
import { checkFormat, exportOption, type TableFormat, writeTable } from '../export-table.ts';
import { at } from '../hub-client.ts';
import { formatCount, formatShare, type TableColumn } from '../table.ts';
import { addConnectionOptions, type Cli, type ConnectionOptions, connect, present, tableFor } from './common.ts';

const modelOf = ({ model, version }: { model: string | null; version: number | null }): string =>
  model === null ? '?' : `${model}@${version ?? '?'}`;

/** What is wanting before a verdict. */
function formatNeeded({ verdict, needed }: DriftItem): string {
  if (verdict === 'learning') return `${needed} more windows`;
  return verdict === 'too_few_rows' ? `${needed} more values a window` : '';
}

const looksLike = (i: DriftItem): string =>
  i.hardlyUsed ? 'the model hardly uses it' : describeDiagnosis(i.diagnosis);

const ITEMS: readonly TableColumn<DriftItem>[] = [
  { title: 'DEVICE', value: (i) => i.device },
  { title: 'SLOT', value: (i) => i.slot },
  { title: 'MODEL', value: modelOf },
  { title: 'FEATURE', value: (i) => i.feature },
  { title: 'VERDICT', value: (i) => i.verdict },
  { title: 'WHAT', value: (i) => i.aspect ?? formatNeeded(i) },
  { title: 'CHANGE', value: (i) => describeChange(i.aspect, i.change), align: 'right' },
  { title: 'AT LEAST', value: (i) => describeChange(i.aspect, i.leastChange), align: 'right' },
  { title: 'LOOKS LIKE', value: looksLike },
  { title: 'EVIDENCE', value: (i) => formatShare(Math.min(1, i.evidence)), align: 'right' },
  { title: 'WINDOWS', value: (i) => formatCount(i.windows), align: 'right' },
];

function explainCause(cause: DriftCause): string {
  const { feature, aspect, kind, label, moved, judged } = cause;
  const what = `${feature} (${aspect}) of ${modelOf(cause)} moved on ${moved} of ${judged} devices`;
  if (kind === 'group' && label)
    return `${what} with ${label.key}=${label.value}, rarely elsewhere: look at what they share.`;
  if (kind === 'fleet') return `${what}, whatever their labels: look at the world, or at what feeds all of them.`;
  return `${what} that no label explains: ${cause.devices.slice(0, 5).join(', ')}${moved > 5 ? ', …' : ''}.`;
}

interface DriftOptions extends ConnectionOptions {
  readonly slot?: string;
  readonly device?: string;
  readonly model?: string;
  readonly all?: boolean;
  readonly format?: TableFormat;
  readonly out?: string;
}

const COLUMNS: readonly Column[] = [
  { name: 'device', kind: 'text' },
  { name: 'slot', kind: 'text' },
  { name: 'model', kind: 'text' },
  { name: 'version', kind: 'count' },
  { name: 'feature', kind: 'text' },
  { name: 'verdict', kind: 'text' },
  { name: 'needed', kind: 'count' },
  { name: 'aspect', kind: 'text' },
  { name: 'change', kind: 'number' },
  { name: 'least_change', kind: 'number' },
  { name: 'looks_like', kind: 'text' },
  { name: 'evidence', kind: 'number' },
  { name: 'windows', kind: 'count' },
  { name: 'at', kind: 'instant' },
];
const rowOf = (i: DriftItem): Row => [
  i.device, i.slot, i.model, i.version, i.feature, i.verdict, i.needed, i.aspect, i.change, i.leastChange, looksLike(i) || null,
  i.evidence, i.windows, Date.parse(i.at),
]; // biome-ignore format: one row

function addRebaseline(drift: Command, cli: Cli): void {
  addConnectionOptions(drift.command('rebaseline').summary('take what a device does now for its usual'))
    .description(
      'Forgets what was usual for a device, after a sensor was replaced or a machine does other work: it is learnt anew from the ' +
        'windows that come from now on. The reason stands in the audit log.',
    )
    .argument('<device>', 'the device')
    .requiredOption('--reason <text>', 'why what it does now is right')
    .option('--feature <name>', 'one feature only')
    .addHelpText('after', '\nExample:\n  drover drift rebaseline press-07 --feature load --reason "new load cell"')
    .action(async (device: string, options: ConnectionOptions & { reason: string; feature?: string }) => {
      const { reason, feature } = options;
      const body = { device, reason, ...(feature === undefined ? {} : { feature }) };
      const done = await connect(cli, options).ask(Rebaselined, at('drift', 'rebaseline'), { method: 'POST', body });
      present(cli, options, done, () => {
        const what = done.feature === null ? 'All features' : `"${done.feature}"`;
        return `${what} of ${done.device} are learnt anew from ${done.sinceAt} on; it is judged again after 30 windows.\n`;
      });
    });
}

export function addDriftCommand(program: Command, cli: Cli): void {
  const drift = program.command('drift');
  addRebaseline(drift, cli);
  addConnectionOptions(drift.summary('features that moved from what is usual for their device'))
    .description(
      'Compares each window of each feature with the earlier healthy windows of the same device. "material" moved for sure and ' +
        'so far that it matters; "immaterial" moved for sure and little; "unconfirmed" moved, and among so many that are ' +
        'followed one does by chance. A device is judged after 30 windows and a day. Changes are in ' +
        'interquartile ranges of the training data (IQR) or in percentage points (pp).',
    )
    .option('--device <id>', 'of one device only')
    .option('--slot <name>', 'of one slot only')
    .option('--model <name>', 'of one model only')
    .option('--all', 'also what is in order, and what cannot be judged yet and why')
    .addOption(exportOption())
    .option('--out <file>', 'with --format: a new file; else standard output')
    .addHelpText(
      'after',
      '\nExamples:\n  drover drift\n  drover drift --device press-07 --all\n  drover drift --model wear --json\n  drover drift --all --format csv --out drift.csv',
    )
    .action(async (options: DriftOptions) => {
      const { slot, device, model, all } = options;
      const query = { slot, device, model, all: all === true ? 'true' : undefined };
      if (options.format) checkFormat(options.format, options.out);
      const view = await connect(cli, options).ask(DriftView, at('drift'), { query });
      if (options.format) {
        await writeTable(cli.shell, { format: options.format, out: options.out }, COLUMNS, view.items.map(rowOf));
        if (view.isCut) cli.shell.err('Only the first 1,000 are in it: narrow it with --device, --slot or --model.\n');
        return;
      }
      present(cli, options, view, () => {
        const counts = Object.entries(view.counts).map(([verdict, count]) => `${formatCount(count)} ${verdict}`);
        const head =
          counts.length === 0
            ? 'No windows yet: agents send one when it ends, once they are fed.\n'
            : `Features of devices: ${counts.join(', ')}.\n`;
        const causes = view.causes.map((cause) => `  ${explainCause(cause)}\n`).join('');
        const cut = view.isCut ? 'More moved than are shown; narrow it with --device, --slot or --model.\n' : '';
        const empty = counts.length === 0 ? '' : 'Nothing moved; --all shows every feature.';
        return `${head}${causes}${view.items.length === 0 && empty === '' ? '' : tableFor(cli, ITEMS, view.items, empty)}${cut}`;
      });
    });
}
