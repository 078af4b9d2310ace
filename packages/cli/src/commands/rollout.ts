// `drover deploy` and `drover rollout …`: sends intent and follows it. What a device does is decided elsewhere.
import { type DeploymentState, TERMINAL } from '@drover/core/deployment/table';
import type { Static } from '@drover/wire/http/check';
import { Deployment, Rollout, type RolloutRequest } from '@drover/wire/http/rollouts';
import type { Command } from 'commander';
import { EXIT, failUsage, meaningOf } from '../failure.ts';
import { at, type HubClient } from '../hub-client.ts';
import { openProgress } from '../progress.ts';
import { formatAge, renderPairs, shortDigest, type TableColumn } from '../table.ts';
import {
  addConnectionOptions, asPage, type Cli, type ConnectionOptions, connect, failTimedOut, parseList, parseWhole,
  present, tableFor, timeoutOption, waitFor,
} from './common.ts'; // biome-ignore format: one list
import { parseModelRef, resolveVersion } from './model.ts';

export type RolloutView = Static<typeof Rollout>;
export type DeploymentView = Static<typeof Deployment>;

const GOOD = new Set<string>(['committed', 'already_installed']);
const isTerminal = (state: string): boolean => TERMINAL.has(state as DeploymentState);

/** Counts of a rollout in three words a person waits for. */
export function tallyRollout(counts: Readonly<Record<string, number>>): { done: number; failed: number; open: number } {
  let done = 0;
  let failed = 0;
  let open = 0;
  for (const [state, count] of Object.entries(counts)) {
    if (GOOD.has(state)) done += count;
    else if (isTerminal(state)) failed += count;
    else open += count;
  }
  return { done, failed, open };
}

const showCounts = (counts: Readonly<Record<string, number>>): string =>
  Object.entries(counts).filter(([, n]) => n > 0).map(([state, n]) => `${n} ${state}`).join(', '); // biome-ignore format: one chain

const ROLLOUTS: (cli: Cli) => readonly TableColumn<RolloutView>[] = (cli) => [
  { title: 'ROLLOUT', value: (r) => r.id },
  { title: 'VERSION', value: (r) => `${r.model}@${r.version}` },
  { title: 'SLOT', value: (r) => r.slot },
  { title: 'STATE', value: (r) => r.state },
  { title: 'DEVICES', value: (r) => r.devices, align: 'right' },
  { title: 'AGE', value: (r) => formatAge(cli.shell.now() - Date.parse(r.createdAt)), align: 'right' },
  { title: 'DEPLOYMENTS', value: (r) => showCounts(r.counts) },
];

/** What the deployment says, else why its device takes no document at all. */
function whyOf({ code, detail, desiredRefusal: refusal }: DeploymentView): string {
  if (detail !== undefined || code !== undefined) return detail ?? meaningOf(code ?? '');
  return refusal ? `the device refuses its document: ${meaningOf(refusal.code)} ${refusal.detail}`.trim() : '';
}

const DEPLOYMENTS: (cli: Cli) => readonly TableColumn<DeploymentView>[] = (cli) => [
  { title: 'DEVICE', value: (d) => d.device },
  { title: 'STATE', value: (d) => d.state },
  { title: 'SINCE', value: (d) => formatAge(cli.shell.now() - Date.parse(d.updatedAt)), align: 'right' },
  { title: 'CODE', value: (d) => d.code ?? d.desiredRefusal?.code },
  { title: 'DETAIL', value: whyOf },
];

const renderRollout = (rollout: RolloutView): string =>
  renderPairs([
    ['rollout', rollout.id],
    ['version', `${rollout.model}@${rollout.version} (manifest ${shortDigest(rollout.manifest)})`],
    ['slot', rollout.slot],
    ['state', rollout.state],
    ['devices', rollout.devices],
    ['deployments', showCounts(rollout.counts)],
    ['created', rollout.createdAt],
    ['ended', rollout.endedAt],
  ]);

export const listDeployments = (client: HubClient, rollout: string): Promise<DeploymentView[]> =>
  client.askAll(Deployment, at('rollouts', rollout, 'deployments'));

/** Follows a rollout until no deployment is open; undefined when the time ran out. */
export function followRollout(
  client: HubClient,
  id: string,
  options: {
    timeoutMs: number;
    now: () => number;
    signal?: AbortSignal | undefined;
    onChange: (rollout: RolloutView) => void;
  },
): Promise<RolloutView | undefined> {
  return waitFor(async () => {
    const rollout = await client.ask(Rollout, at('rollouts', id));
    options.onChange(rollout);
    return rollout.state !== 'running' || tallyRollout(rollout.counts).open === 0 ? rollout : undefined;
  }, { everyMs: 400, ...options }); // biome-ignore format: short
}

interface DeployOptions extends ConnectionOptions {
  readonly devices?: string[];
  readonly query?: string;
  readonly slot?: string;
  readonly wait: boolean;
  readonly timeout: number;
}

export async function startRollout(client: HubClient, request: RolloutRequest): Promise<RolloutView> {
  return client.ask(Rollout, at('rollouts'), { method: 'POST', body: request });
}

async function deploy(cli: Cli, text: string, options: DeployOptions): Promise<void> {
  if (options.devices && options.query !== undefined) throw failUsage('Give --devices or --query, not both.');
  if (options.devices?.length === 0) throw failUsage('--devices names no device.');
  const client = connect(cli, options);
  const ref = parseModelRef(text);
  const started = await startRollout(client, {
    model: ref.model,
    version: ref.version ?? (await resolveVersion(client, ref)),
    ...(options.slot === undefined ? {} : { slot: options.slot }),
    ...(options.devices ? { devices: options.devices } : { query: options.query ?? '' }),
  });
  if (!options.wait) {
    present(cli, options, started, () => `${renderRollout(started)}Follow it: drover rollout show ${started.id}\n`);
    return;
  }
  const progress = openProgress(cli.shell, options.json === true);
  const ended = await followRollout(client, started.id, {
    timeoutMs: options.timeout,
    now: cli.shell.now,
    onChange: (rollout) => {
      const { done, failed } = tallyRollout(rollout.counts);
      progress.show(
        `${rollout.model}@${rollout.version}: ${done} of ${rollout.devices} committed${failed > 0 ? `, ${failed} failed` : ''} (${showCounts(rollout.counts)})`,
      );
    },
  });
  progress.end();
  if (!ended) {
    throw failTimedOut(
      `Rollout ${started.id} did not end`,
      options.timeout,
      `It goes on; devices that are offline take it when they return. drover rollout show ${started.id}`,
    );
  }
  const { failed } = tallyRollout(ended.counts);
  const bad =
    failed > 0
      ? (await listDeployments(client, ended.id)).filter((d) => isTerminal(d.state) && !GOOD.has(d.state))
      : [];
  present(
    cli,
    options,
    ended,
    () => renderRollout(ended) + (bad.length > 0 ? `\n${tableFor(cli, DEPLOYMENTS(cli), bad, '')}` : ''),
  );
  if (failed > 0 || ended.state === 'aborted') process.exitCode = EXIT.failed;
}

export function addDeployCommand(program: Command, cli: Cli): void {
  addConnectionOptions(program.command('deploy').summary('deploy a version to devices (a rollout of one stage)'))
    .description(
      'Deploys a version to devices in one stage and waits until each has committed or refused it. Committed means: ' +
        'the device reports the running digest that was signed, after its self-test and probation. A device that is ' +
        'offline is owed the version and takes it when it returns.',
    )
    .argument('<model>', 'MODEL (the latest), MODEL@VERSION or MODEL@ALIAS')
    .option('--devices <ids>', 'only these, with commas between', parseList)
    .option('--query <query>', 'devices by label, such as site=north; without --devices and --query: all')
    .option('--slot <name>', 'slot to deploy to (default "default")')
    .addOption(timeoutOption('longest time to wait', '5m'))
    .option('--wait', 'wait for the end (the default)', true)
    .option('--no-wait', 'return as soon as the hub has taken the order')
    .addHelpText('after', `
Examples:
  drover deploy wear@champion
  drover deploy wear@4 --devices press-07,press-08 --timeout 2m
  drover deploy wear --query site=north --no-wait --json

Exit codes: 0 all committed, 1 some did not, 7 still open when the time ran out.`)
    
    .action((text: string, options: DeployOptions) => deploy(cli, text, options)); // biome-ignore format: as it prints
}

export function addRolloutCommands(program: Command, cli: Cli): void {
  const rollout = program.command('rollout').description('rollouts and their deployments');
  addConnectionOptions(rollout.command('list').summary('list rollouts').description('Lists rollouts, newest first.'))
    .option('--limit <n>', 'at most this many', parseWhole, 100)
    .addHelpText('after', '\nExample:\n  drover rollout list')
    .action(async (options: ConnectionOptions & { limit: number }) => {
      const rollouts = await connect(cli, options).askAll(Rollout, at('rollouts'), { limit: options.limit });
      present(cli, options, asPage(rollouts), () => tableFor(cli, ROLLOUTS(cli), rollouts, 'No rollout yet: drover deploy MODEL'));
    }); // biome-ignore format: one chain
  addConnectionOptions(rollout.command('show').summary('show one rollout').description('Shows one rollout and the deployment of each device.'))
    .argument('<rollout>', 'rollout id')
    .addHelpText('after', '\nExample:\n  drover rollout show 0197…')
    .action(async (id: string, options: ConnectionOptions) => {
      const client = connect(cli, options);
      const one = await client.ask(Rollout, at('rollouts', id));
      const deployments = await listDeployments(client, id);
      present(cli, options, { ...one, deployments }, () => `${renderRollout(one)}\n${tableFor(cli, DEPLOYMENTS(cli), deployments, 'No device matched.')}`);
    }); // biome-ignore format: one chain
  addConnectionOptions(rollout.command('abort').summary('stop a rollout').description('Stops a rollout: devices that have not begun stay as they are; one that is activating ends first.'))
    .argument('<rollout>', 'rollout id')
    .addHelpText('after', '\nExample:\n  drover rollout abort 0197…')
    .action(async (id: string, options: ConnectionOptions) => {
      const one = await connect(cli, options).ask(Rollout, at('rollouts', id, 'abort'), { method: 'POST' });
      present(cli, options, one, () => renderRollout(one));
    }); // biome-ignore format: one chain
}
