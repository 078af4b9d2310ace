// `drover alerts`: what happens in the fleet, who takes it on, what is not spoken of, and what was said. Decides nothing.
import { ALERT_SOURCES, SEVERITIES, WATCHED_METRICS } from '@drover/core/alerts/rule';
import {
  AlertRules,
  type AlertRuleView,
  type AlertView,
  IncidentDetail,
  Incidents,
  IncidentView,
  Notices,
  type NoticeView,
  Queued,
  Silences,
  SilenceView,
} from '@drover/wire/http/alerts';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { failUsage } from '../failure.ts';
import { at } from '../hub-client.ts';
import { formatAge, formatCount, renderPairs, type TableColumn } from '../table.ts';
import { addConnectionOptions, type Cli, type ConnectionOptions, connect, present, tableFor } from './common.ts';

const ageOf = (cli: Cli, instant: string): string => formatAge(cli.shell.now() - Date.parse(instant));

const INCIDENTS = (cli: Cli): readonly TableColumn<IncidentView>[] => [
  { title: 'INCIDENT', value: (i) => i.id },
  { title: 'STATE', value: (i) => i.state },
  { title: 'SEVERITY', value: (i) => i.severity },
  { title: 'OPEN FOR', value: (i) => ageOf(cli, i.openedAt), align: 'right' },
  { title: 'DEVICES', value: (i) => formatCount(i.devices), align: 'right' },
  { title: 'WHAT', value: (i) => i.title },
];

const ALERTS = (cli: Cli): readonly TableColumn<AlertView>[] => [
  { title: 'DEVICE', value: (a) => a.device },
  { title: 'STATE', value: (a) => a.state },
  { title: 'FOR', value: (a) => ageOf(cli, a.badSince), align: 'right' },
  { title: 'WHAT', value: (a) => `${a.what}: ${a.summary}` },
];

const describeLimit = ({ metric, above, below }: NonNullable<AlertRuleView['limit']>): string =>
  [metric, above === null ? '' : `> ${above}`, below === null ? '' : `< ${below}`].filter(Boolean).join(' ');

const RULES: readonly TableColumn<AlertRuleView>[] = [
  { title: 'RULE', value: (r) => r.id },
  { title: 'ENABLED', value: (r) => (r.isEnabled ? 'yes' : 'no') },
  { title: 'WATCHES', value: (r) => (r.limit === null ? r.source : describeLimit(r.limit)) },
  { title: 'WHERE', value: (r) => (r.where === '' ? 'all' : r.where) },
  { title: 'SEVERITY', value: (r) => r.severity },
  { title: 'HOLD', value: (r) => `${r.holdSeconds} s`, align: 'right' },
  { title: 'CLEAR', value: (r) => `${r.clearSeconds} s`, align: 'right' },
  { title: 'FREEZES', value: (r) => (r.freezes === true ? 'yes' : 'no') },
  { title: 'ESCALATE', value: (r) => (r.escalateMinutes === 0 ? 'never' : `${r.escalateMinutes} min`), align: 'right' },
];

const SILENCES: readonly TableColumn<SilenceView>[] = [
  { title: 'SILENCE', value: (s) => s.id },
  { title: 'RULE', value: (s) => s.rule ?? 'all' },
  { title: 'WHERE', value: (s) => (s.where === '' ? 'all' : s.where) },
  { title: 'FROM', value: (s) => s.startsAt },
  { title: 'UNTIL', value: (s) => s.endsAt },
  { title: 'BY', value: (s) => s.by },
  { title: 'REASON', value: (s) => s.reason },
];

const NOTICES = (cli: Cli): readonly TableColumn<NoticeView>[] => [
  { title: 'NOTICE', value: (n) => n.id },
  { title: 'KIND', value: (n) => n.kind },
  { title: 'CHANNEL', value: (n) => String(n.channel), align: 'right' },
  { title: 'STATE', value: (n) => n.state },
  { title: 'TRIES', value: (n) => formatCount(n.attempts), align: 'right' },
  { title: 'AGE', value: (n) => ageOf(cli, n.createdAt), align: 'right' },
  { title: 'ERROR', value: (n) => n.error ?? '' },
];

const UNITS: Readonly<Record<string, number>> = { m: 60_000, h: 3_600_000, d: 86_400_000 };

/** `90m`, `2h`, `1d` as milliseconds. */
export function parseDuration(text: string): number {
  const found = /^(\d{1,5})([mhd])$/.exec(text);
  const unit = UNITS[found?.[2] ?? ''];
  if (!found || unit === undefined) throw new InvalidArgumentError('Say 30m, 2h or 1d.');
  return Number(found[1]) * unit;
}

function addIncidentCommands(alerts: Command, cli: Cli): void {
  addConnectionOptions(alerts.command('show').summary('one incident with its alerts'))
    .argument('<incident>')
    .addHelpText('after', '\nExample:\n  drover alerts show 019a3f0e5c1b7d2e8f4a6b8c0d1e2f30')
    .action(async (id: string, options: ConnectionOptions) => {
      const found = await connect(cli, options).ask(IncidentDetail, at('incidents', id));
      present(cli, options, found, () => {
        const { label, kind, moved, judged } = found.cause;
        const cause = label ? `${label.key}=${label.value}` : kind === 'fleet' ? 'the whole fleet' : 'single devices';
        const pairs = renderPairs([
          ['incident', found.id],
          ['what', found.title],
          ['state', found.state],
          ['severity', found.severity],
          ['rule', found.rule],
          ['in common', `${cause} (${moved} of ${judged})`],
          ['opened', found.openedAt],
          ...(found.acknowledgedBy === null ? [] : [['taken on by', found.acknowledgedBy] as const]),
          ...(found.resolvedAt === null ? [] : [['over', found.resolvedAt] as const]),
          ...(found.feedback === null ? [] : [['feedback', found.feedback] as const]),
        ]);
        return `${pairs}\n${tableFor(cli, ALERTS(cli), found.alerts, 'No alerts are kept of it.')}`;
      });
    });
  addConnectionOptions(alerts.command('ack').summary('take an incident on: it is not escalated any more'))
    .argument('<incident>')
    .addHelpText('after', '\nExample:\n  drover alerts ack 019a3f0e5c1b7d2e8f4a6b8c0d1e2f30')
    .action(async (id: string, options: ConnectionOptions) => {
      const done = await connect(cli, options).ask(IncidentView, at('incidents', id, 'acknowledge'), {
        method: 'POST',
      });
      present(cli, options, done, () => `${done.title}: taken on by ${done.acknowledgedBy ?? '?'}.\n`);
    });
  addConnectionOptions(alerts.command('feedback').summary('say whether an incident was real or noise'))
    .description(
      'Noise makes such alerts hold twice as long before they fire, up to 16 times; real takes that back step by step.',
    )
    .argument('<incident>')
    .argument('<said>', 'real or noise')
    .addHelpText('after', '\nExample:\n  drover alerts feedback 019a3f0e5c1b7d2e8f4a6b8c0d1e2f30 noise')
    .action(async (id: string, said: string, options: ConnectionOptions) => {
      if (said !== 'real' && said !== 'noise') throw failUsage(`"${said.slice(0, 40)}" is neither real nor noise.`);
      const done = await connect(cli, options).ask(IncidentView, at('incidents', id, 'feedback'), {
        method: 'POST',
        body: { said },
      });
      present(cli, options, done, () => `Noted: ${said}. "drover alerts rules" shows what it changed.\n`);
    });
}

interface RuleOptions extends ConnectionOptions {
  readonly where?: string;
  readonly severity?: string;
  readonly hold?: string;
  readonly clear?: string;
  readonly escalate?: string;
  readonly source?: string;
  readonly metric?: string;
  readonly above?: string;
  readonly below?: string;
  readonly enable?: boolean;
  readonly disable?: boolean;
  readonly remove?: boolean;
  readonly freeze?: boolean;
}

function changeLimit(before: AlertRuleView['limit'], { metric, above, below }: RuleOptions): object | null {
  if (metric === undefined && above === undefined && below === undefined) return before;
  const number = (text: string | undefined, held: number | null): number | null =>
    text === undefined ? held : Number(text);
  return {
    metric: metric ?? before?.metric,
    above: number(above, before?.above ?? null),
    below: number(below, before?.below ?? null),
  };
}

function changeRule(before: AlertRuleView | undefined, id: string, options: RuleOptions): Record<string, unknown> {
  const number = (text: string | undefined, held: number): number => (text === undefined ? held : Number(text));
  if (!before && options.source === undefined)
    throw failUsage(`There is no rule "${id}"; say what a new one watches with --source ${ALERT_SOURCES.join('|')}.`);
  return {
    source: options.source ?? before?.source,
    severity: options.severity ?? before?.severity ?? 'warning',
    where: options.where ?? before?.where ?? '',
    holdSeconds: number(options.hold, before?.holdSeconds ?? 0),
    clearSeconds: number(options.clear, before?.clearSeconds ?? 0),
    escalateMinutes: number(options.escalate, before?.escalateMinutes ?? 30),
    limit: changeLimit(before?.limit ?? null, options),
    ...((options.freeze ?? before?.freezes) === undefined ? {} : { freezes: options.freeze ?? before?.freezes }),
    isEnabled: options.enable === true || (options.disable !== true && (before?.isEnabled ?? true)),
  };
}

function addRuleCommands(alerts: Command, cli: Cli): void {
  addConnectionOptions(alerts.command('rules').summary('what is watched'))
    .description('Shows the rules, or makes and changes one by its name.')
    .argument('[rule]', 'make or change this one')
    .addOption(new Option('--source <source>', 'what it watches').choices(ALERT_SOURCES))
    .addOption(
      new Option('--metric <name>', 'with --source metric: the number that it watches').choices(WATCHED_METRICS),
    )
    .option('--above <number>', 'bad above this, in the unit of the metric')
    .option('--below <number>', 'bad below this')
    .option('--where <query>', 'label query of the devices that it watches')
    .addOption(new Option('--severity <severity>', 'how bad it is').choices(SEVERITIES))
    .option('--hold <seconds>', 'it must be so for so long before it fires')
    .option('--clear <seconds>', 'and not so for so long before it is over')
    .option('--escalate <minutes>', 'the next channel is told when nobody took it on for so long; 0 never')
    .option('--freeze', 'pause rollouts when it fires on one of their devices')
    .option('--no-freeze', 'pause none')
    .option('--enable', 'watch again')
    .option('--disable', 'watch no more')
    .option('--remove', 'remove it; a rule that ships is again as it ships')
    .addHelpText(
      'after',
      '\nExamples:\n  drover alerts rules\n  drover alerts rules offline --hold 3600\n  drover alerts rules line-3 --source offline --where line=3 --severity critical --hold 60\n  drover alerts rules busy --source metric --metric device.cpu --above 0.8 --hold 600\n  drover alerts rules quality --freeze',
    )
    .action(async (id: string | undefined, options: RuleOptions) => {
      const client = connect(cli, options);
      if (id !== undefined) {
        const path = at('alert-rules', id);
        if (options.remove) await client.askBytes(path, { method: 'DELETE' });
        else {
          const held = await client.ask(AlertRules, at('alert-rules'));
          const body = changeRule(
            held.items.find((rule) => rule.id === id),
            id,
            options,
          );
          await client.askBytes(path, { method: 'PUT', body });
        }
      }
      const rules = await client.ask(AlertRules, at('alert-rules'));
      present(cli, options, rules, () => {
        const tuned = rules.tuned.map(
          ({ rule, group, factor }) => `  ${rule} ${group}: holds ${factor} times as long, after feedback\n`,
        );
        return `${tableFor(cli, RULES, rules.items, 'No rules.')}${tuned.join('')}`;
      });
    });
}

interface SilenceOptions extends ConnectionOptions {
  readonly rule?: string;
  readonly where?: string;
  readonly from?: string;
  readonly reason: string;
}

function addSilenceCommands(alerts: Command, cli: Cli): void {
  addConnectionOptions(alerts.command('silence').summary('say nothing of some alerts for a while'))
    .description(
      'They are shown all the same; what is still open when the silence ends is told then. With --from it is a maintenance window.',
    )
    .argument('<duration>', 'such as 30m, 2h, 1d', parseDuration)
    .requiredOption('--reason <text>', 'why')
    .option('--rule <rule>', 'of one rule only')
    .option('--where <query>', 'label query of the devices')
    .option('--from <instant>', 'when it begins; else now')
    .addHelpText(
      'after',
      '\nExamples:\n  drover alerts silence 2h --where site=north --reason "network works"\n  drover alerts silence 4h --from 2026-12-01T22:00:00Z --where line=3 --reason "belt change"',
    )
    .action(async (duration: number, options: SilenceOptions) => {
      const startsAt = options.from === undefined ? cli.shell.now() : Date.parse(options.from);
      if (!Number.isFinite(startsAt))
        throw failUsage(`"${String(options.from).slice(0, 40)}" is no instant such as 2026-12-01T22:00:00Z.`);
      const body = {
        reason: options.reason,
        endsAt: new Date(startsAt + duration).toISOString(),
        ...(options.from === undefined ? {} : { startsAt: new Date(startsAt).toISOString() }),
        ...(options.rule === undefined ? {} : { rule: options.rule }),
        ...(options.where === undefined ? {} : { where: options.where }),
      };
      const made = await connect(cli, options).ask(SilenceView, at('silences'), { method: 'POST', body });
      present(cli, options, made, () => `Silent from ${made.startsAt} until ${made.endsAt} (${made.id}).\n`);
    });
  addConnectionOptions(alerts.command('silences').summary('silences that are not over'))
    .option('--end <id>', 'end this one now')
    .addHelpText(
      'after',
      '\nExamples:\n  drover alerts silences\n  drover alerts silences --end 019a3f0e5c1b7d2e8f4a6b8c0d1e2f30',
    )
    .action(async (options: ConnectionOptions & { end?: string }) => {
      const client = connect(cli, options);
      if (options.end !== undefined) await client.askBytes(at('silences', options.end), { method: 'DELETE' });
      const found = await client.ask(Silences, at('silences'));
      present(cli, options, found, () => tableFor(cli, SILENCES, found.items, 'There are none.'));
    });
}

function addNoticeCommands(alerts: Command, cli: Cli): void {
  addConnectionOptions(alerts.command('notices').summary('what was and is to be said, and to whom'))
    .option('--test', 'send a test to each channel first')
    .option('--retry', 'try those again that were given up')
    .addHelpText('after', '\nExamples:\n  drover alerts notices\n  drover alerts notices --test')
    .action(async (options: ConnectionOptions & { test?: boolean; retry?: boolean }) => {
      const client = connect(cli, options);
      if (options.test) await client.ask(Queued, at('notices', 'test'), { method: 'POST' });
      if (options.retry) await client.ask(Queued, at('notices', 'retry'), { method: 'POST' });
      const found = await client.ask(Notices, at('notices'));
      present(cli, options, found, () => {
        const none = 'Nobody is told of incidents: start the hub with --alert-webhook URL.\n';
        return `${found.channels === 0 ? none : ''}${tableFor(cli, NOTICES(cli), found.items, 'Nothing was to be said yet.')}`;
      });
    });
}

export function addAlertCommands(program: Command, cli: Cli): void {
  const alerts = addConnectionOptions(program.command('alerts').summary('what happens in the fleet'))
    .description(
      'Incidents that are open: alerts that have one cause are one incident, which names what its devices share.',
    )
    .option('--all', 'also those that are over')
    .addHelpText(
      'after',
      '\nExamples:\n  drover alerts\n  drover alerts ack 0197…\n  drover alerts silence 2h --where site=north --reason "network works"',
    )
    .action(async (options: ConnectionOptions & { all?: boolean }) => {
      const query = { all: options.all === true ? 'true' : undefined };
      const found = await connect(cli, options).ask(Incidents, at('incidents'), { query });
      present(cli, options, found, () => tableFor(cli, INCIDENTS(cli), found.items, 'Nothing is open.'));
    });
  addIncidentCommands(alerts, cli);
  addRuleCommands(alerts, cli);
  addSilenceCommands(alerts, cli);
  addNoticeCommands(alerts, cli);
}
