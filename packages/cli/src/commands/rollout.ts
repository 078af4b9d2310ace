// `drover deploy` and `drover rollout …`: sends intent and follows it. What a device does is decided elsewhere.
import type { Static } from '@drover/wire/http/check';
import { Rollout, RolloutDetail, RolloutPreview, type RolloutRequest } from '@drover/wire/http/rollouts';
import type { Command } from 'commander';
import { failUsage } from '../failure.ts';
import { at, type HubClient } from '../hub-client.ts';
import {
  addConnectionOptions, asPage, type Cli, type ConnectionOptions, connect, parseList, parseWhole,
  present, tableFor, timeoutOption,
} from './common.ts'; // biome-ignore format: one list
import { parseModelRef, resolveVersion } from './model.ts';
import { readRequest } from './rollout-file.ts';
import { listDeployments, watchRollout } from './rollout-follow.ts';
import { foretell } from './rollout-forecast.ts';
import { ROLLOUTS, type RolloutView, renderDetail, renderPreview, renderRollout } from './rollout-views.ts';

interface DeployOptions extends ConnectionOptions {
  readonly devices?: string[];
  readonly query?: string;
  readonly group?: string;
  readonly slot?: string;
  readonly wait: boolean;
  readonly timeout: number;
}

export async function startRollout(client: HubClient, request: RolloutRequest): Promise<RolloutView> {
  return client.ask(Rollout, at('rollouts'), { method: 'POST', body: request });
}

const describeStarted = (started: RolloutView): string =>
  `${renderRollout(started)}Follow it: drover rollout watch ${started.id}\n`;

async function deploy(cli: Cli, text: string, options: DeployOptions): Promise<void> {
  const { devices, query, group } = options;
  if ([devices, query, group].filter((one) => one !== undefined).length > 1)
    throw failUsage('Give one of --devices, --query and --group.');
  if (devices?.length === 0) throw failUsage('--devices names no device.');
  const client = connect(cli, options);
  const ref = parseModelRef(text);
  const started = await startRollout(client, {
    model: ref.model,
    version: ref.version ?? (await resolveVersion(client, ref)),
    ...(options.slot === undefined ? {} : { slot: options.slot }),
    ...(devices ? { devices } : group === undefined ? { query: query ?? '' } : { group }),
  });
  if (options.wait) await watchRollout(cli, client, started.id, options);
  else present(cli, options, started, () => describeStarted(started));
}

export function addDeployCommand(program: Command, cli: Cli): void {
  addConnectionOptions(program.command('deploy').summary('deploy a version to devices (a rollout of one stage)'))
    .description(
      'Deploys a version to devices in one stage and waits until each has committed or refused it. Committed means: ' +
        'the device reports the running digest that was signed, after its self-test and probation. A device that is ' +
        'offline is owed the version and takes it when it returns. In stages, with gates: drover rollout start.',
    )
    .argument('<model>', 'MODEL (the latest), MODEL@VERSION or MODEL@ALIAS')
    .option('--devices <ids>', 'only these, with commas between', parseList)
    .option('--query <query>', 'devices by label, such as site=north; without it, --devices and --group: all')
    .option('--group <name>', 'the devices of a group (drover group list)')
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

const FILE = 'YAML or JSON file: model, version, query, group or devices, and plan (docs/rollouts.md)';

function addStart(rollout: Command, cli: Cli): void {
  addConnectionOptions(rollout.command('plan').summary('what a rollout would do').description('Checks a rollout file and says what it would do to the devices that match now: who comes in which stage, from which version, how many bytes, who never and why. Starts nothing.'))
    .argument('<file>', FILE)
    .addHelpText('after', '\nExample:\n  drover rollout plan canary.yaml')
    .action(async (file: string, options: ConnectionOptions) => {
      const request = readRequest(cli, file);
      const preview = await connect(cli, options).ask(RolloutPreview, at('rollouts', 'preview'), { method: 'POST', body: request });
      const forecast = foretell(preview);
      present(cli, options, { ...preview, forecast: forecast ?? null }, () => renderPreview(cli, preview, forecast));
    }); // biome-ignore format: one chain
  addConnectionOptions(rollout.command('start').summary('start a rollout in stages').description('Starts the rollout that a file describes. It goes from stage to stage by itself, stops itself when its gate says so, and waits for approvals where the plan asks for some.'))
    .argument('<file>', FILE)
    .option('--wait', 'follow it until it ends, is paused or needs people', false)
    .addOption(timeoutOption('longest time to wait', '24h'))
    .addHelpText('after', '\nExamples:\n  drover rollout start canary.yaml\n  drover rollout start canary.yaml --wait --timeout 4h')
    .action(async (file: string, options: ConnectionOptions & { wait: boolean; timeout: number }) => {
      const request = readRequest(cli, file);
      const client = connect(cli, options);
      const started = await startRollout(client, request);
      if (options.wait) await watchRollout(cli, client, started.id, options);
      else present(cli, options, started, () => describeStarted(started));
    }); // biome-ignore format: one chain
  addConnectionOptions(rollout.command('watch').summary('follow a rollout').description('Follows a rollout until it ends, is paused or needs people.'))
    .argument('<rollout>', 'rollout id')
    .addOption(timeoutOption('longest time to follow', '24h'))
    .addHelpText('after', '\nExample:\n  drover rollout watch 0197…\n\nExit codes: 0 every device came through, 1 not all of them or it was stopped, 7 it goes on.')
    .action((id: string, options: ConnectionOptions & { timeout: number }) => watchRollout(cli, connect(cli, options), id, options)); // biome-ignore format: one chain
}

const CONTROLS = [
  { verb: 'pause', says: 'let no further device begin', means: 'Pauses a rollout: no further device begins, those that were told and have not answered are called back, those that have begun end.' },
  { verb: 'resume', says: 'go on with a paused rollout', means: 'Goes on with a paused rollout. Failures so far are taken as seen: only further ones stop it again.' },
  { verb: 'rollback', says: 'bring devices back to what they ran', means: 'Brings every device that has the version because of this rollout back to what it ran before. Devices that are offline are owed it and go back when they return.' },
] as const; // biome-ignore format: one list

function addControls(rollout: Command, cli: Cli): void {
  for (const { verb, says, means } of CONTROLS) {
    addConnectionOptions(rollout.command(verb).summary(says).description(means))
      .argument('<rollout>', 'rollout id')
      .option('--because <text>', 'why; it stands in the history and in the audit log')
      .addHelpText('after', `\nExample:\n  drover rollout ${verb} 0197… --because "line 2 is being serviced"`)
      .action(async (id: string, options: ConnectionOptions & { because?: string }) => {
        const body = options.because === undefined ? {} : { because: options.because };
        const one = await connect(cli, options).ask(Rollout, at('rollouts', id, verb), { method: 'POST', body });
        present(cli, options, one, () => renderRollout(one));
      }); // biome-ignore format: one chain
  }
  addConnectionOptions(rollout.command('abort').summary('stop a rollout').description('Stops a rollout: devices that have the version keep it, those that have not begun to switch stay as they are, one that is switching ends first. To take the version back: drover rollout rollback.'))
    .argument('<rollout>', 'rollout id')
    .addHelpText('after', '\nExample:\n  drover rollout abort 0197…')
    .action(async (id: string, options: ConnectionOptions) => {
      const one = await connect(cli, options).ask(Rollout, at('rollouts', id, 'abort'), { method: 'POST' });
      present(cli, options, one, () => renderRollout(one));
    }); // biome-ignore format: one chain
  addConnectionOptions(rollout.command('approve').summary('agree to a rollout').description('Agrees to a rollout that somebody else made and that waits for it. The hash names the plan that was read: of another plan nothing is agreed to.'))
    .argument('<rollout>', 'rollout id')
    .requiredOption('--plan <hash>', 'hash of the plan, as drover rollout show prints it')
    .option('--note <text>', 'kept with the approval')
    .addHelpText('after', '\nExample:\n  drover rollout approve 0197… --plan 3fa9…')
    .action(async (id: string, options: ConnectionOptions & { plan: string; note?: string }) => {
      const body = { planHash: options.plan, ...(options.note !== undefined && { note: options.note }) };
      const one = await connect(cli, options).ask(Rollout, at('rollouts', id, 'approve'), { method: 'POST', body });
      present(cli, options, one, () => renderRollout(one));
    }); // biome-ignore format: one chain
  addConnectionOptions(rollout.command('promote').summary('pass a stage against its gate').description('Passes a stage that its gate does not pass. It takes two people with the role approver and a reason, and is recorded; the next stage begins under its own gate.'))
    .argument('<rollout>', 'rollout id')
    .requiredOption('--reason <text>', 'why')
    .addHelpText('after', '\nExample:\n  drover rollout promote 0197… --reason "both failures were a broken switch"')
    .action(async (id: string, options: ConnectionOptions & { reason: string }) => {
      const one = await connect(cli, options).ask(Rollout, at('rollouts', id, 'promote'), { method: 'POST', body: { reason: options.reason } });
      present(cli, options, one, () => renderRollout(one));
    }); // biome-ignore format: one chain
}

export function addRolloutCommands(program: Command, cli: Cli): void {
  const rollout = program
    .command('rollout')
    .description('rollouts: in stages, with gates, and their deployments (docs/rollouts.md)');
  addStart(rollout, cli);
  addConnectionOptions(rollout.command('list').summary('list rollouts').description('Lists rollouts, newest first.'))
    .option('--limit <n>', 'at most this many', parseWhole, 100)
    .addHelpText('after', '\nExample:\n  drover rollout list')
    .action(async (options: ConnectionOptions & { limit: number }) => {
      const rollouts = await connect(cli, options).askAll(Rollout, at('rollouts'), { limit: options.limit });
      present(cli, options, asPage(rollouts), () => tableFor(cli, ROLLOUTS(cli), rollouts, 'No rollout yet: drover deploy MODEL'));
    }); // biome-ignore format: one chain
  addConnectionOptions(rollout.command('show').summary('show one rollout').description('Shows one rollout: its stages and what their gates say, its devices (of many only those that did not come through), and its history.'))
    .argument('<rollout>', 'rollout id')
    .addHelpText('after', '\nExample:\n  drover rollout show 0197…')
    .action(async (id: string, options: ConnectionOptions) => {
      const client = connect(cli, options);
      const one: Static<typeof RolloutDetail> = await client.ask(RolloutDetail, at('rollouts', id));
      const deployments = await listDeployments(client, id);
      present(cli, options, { ...one, deployments }, () => renderDetail(cli, one, deployments));
    }); // biome-ignore format: one chain
  addControls(rollout, cli);
}
