// Puts the command tree together and turns whatever happens into an exit code. Knows no command's work.
import { Command, CommanderError } from 'commander';
import { addAlertCommands } from './commands/alerts.ts';
import { addAuditCommands } from './commands/audit.ts';
import { addCalibrateCommand } from './commands/calibrate.ts';
import { addCarryCommands } from './commands/carry.ts';
import { addJsonOption, type Cli, present } from './commands/common.ts';
import { addConfigCommands, addVersionCommand, readVersion } from './commands/config.ts';
import { addDemoCommand } from './commands/demo.ts';
import { addDeviceCommands } from './commands/device.ts';
import { addDoctorCommand } from './commands/doctor.ts';
import { addDriftCommand } from './commands/drift.ts';
import { addEnrolmentCommands } from './commands/enrolment.ts';
import { addExportCommand } from './commands/export.ts';
import { addGroupCommands } from './commands/group.ts';
import { addKeyCommands } from './commands/keys.ts';
import { addChangeCommands } from './commands/keys-change.ts';
import { addInitCommand } from './commands/keys-init.ts';
import { addKpiCommands } from './commands/kpi.ts';
import { addLabelsCommands } from './commands/labels.ts';
import { addMetricsCommand } from './commands/metrics.ts';
import { addModelCommands } from './commands/model.ts';
import { addBaselineCommand } from './commands/model-baseline.ts';
import { addModelBundleCommands } from './commands/model-bundle.ts';
import { addTokenCommands, addUserCommands } from './commands/people.ts';
import { addPredictCommand } from './commands/predict.ts';
import { addAgentCommands, addHubCommands } from './commands/programs.ts';
import { addQualityCommand } from './commands/quality.ts';
import { addRegisterCommand } from './commands/register.ts';
import { addReleaseCommands } from './commands/release.ts';
import { addReplayCommand } from './commands/replay.ts';
import { addDeployCommand, addRolloutCommands } from './commands/rollout.ts';
import { addRunCommands, addTrainCommand } from './commands/run.ts';
import { addSampleCommands } from './commands/samples.ts';
import { addSignInCommands } from './commands/sign-in.ts';
import { addSimulateCommand } from './commands/simulate.ts';
import { addStatusCommand } from './commands/status.ts';
import { addWindowsCommands } from './commands/windows.ts';
import { SHELLS, type ShellName, writeCompletion } from './completion.ts';
import { CliFailure, describeFailure, EXIT } from './failure.ts';
import { openProcessShell, type Shell } from './shell.ts';

const ABOUT = `Drover runs machine learning on a fleet of edge devices: a hub trains, signs and rolls out models over MQTT; agents run them with ONNX Runtime and stream statistics back.`;

const AFTER = `
First steps:
  drover hub start --dev          a hub on this machine (npm start does the same)
  drover demo                     the whole loop on simulated machines, in a directory of its own
  drover model train rows.csv --name wear --label failed
  drover agent join && drover agent run
  drover deploy wear
  drover status

Which hub: --hub > DROVER_HUB > context file (~/.config/drover/context.yaml) > the local hub >
http://127.0.0.1:8080. Token: --token-file > DROVER_TOKEN_FILE > context file > drover login > <hub data>/run/token.
"drover config show" prints what is used and why. NO_COLOR is honoured.

Exit codes: 0 ok, 1 failed, 2 wrong usage, 3 port taken, 4 hub or agent unreachable, 5 not allowed, 6 not found,
7 timed out, 130 interrupted.`;

function addCompletionCommand(program: Command, cli: Cli): void {
  addJsonOption(program.command('completion').summary('print a completion script for your shell'))
    .description('Prints a completion script for bash, zsh or fish.')
    .argument('<shell>', 'bash, zsh or fish')
    .addHelpText('after', `
Examples:
  source <(drover completion bash)
  drover completion zsh > "\${fpath[1]}/_drover"
  drover completion fish > ~/.config/fish/completions/drover.fish`)
    .action((shell: string, options: { json?: boolean }) => {
      if (!(SHELLS as readonly string[]).includes(shell)) {
        throw new CliFailure(EXIT.usage, 'usage', `There is no completion for "${shell}".`, 'Choose bash, zsh or fish.');
      }
      const script = writeCompletion(program, shell as ShellName);
      present(cli, options, { shell, script }, () => script);
    }); // biome-ignore format: as it prints
}

/** The whole command tree. */
export function buildProgram(cli: Cli): Command {
  const program = new Command('drover');
  program
    .description(ABOUT)
    .enablePositionalOptions()
    .version(readVersion(), '-V, --version', 'print the version')
    .helpOption('-h, --help', 'print this help')
    .addHelpText('after', AFTER)
    .showHelpAfterError('(see --help)')
    .exitOverride()
    .configureOutput({
      writeOut: cli.shell.out,
      writeErr: cli.shell.err,
      getOutHelpWidth: () => Math.min(cli.shell.width || 100, 110),
      getErrHelpWidth: () => Math.min(cli.shell.width || 100, 110),
    });
  program.commandsGroup('Programs:');
  addHubCommands(program);
  addAgentCommands(program, cli);
  addDemoCommand(program, cli);
  program.commandsGroup('Fleet:');
  addStatusCommand(program, cli);
  addDriftCommand(program, cli);
  addQualityCommand(program, cli);
  addKpiCommands(program, cli);
  addAlertCommands(program, cli);
  addCalibrateCommand(program, cli);
  addMetricsCommand(program, cli);
  addWindowsCommands(program, cli);
  addEnrolmentCommands(addDeviceCommands(program, cli), cli);
  addGroupCommands(program, cli);
  addDeployCommand(program, cli);
  addRolloutCommands(program, cli);
  addSimulateCommand(program, cli);
  addPredictCommand(program, cli);
  addReplayCommand(program, cli);
  addLabelsCommands(program, cli);
  addSampleCommands(program, cli);
  addExportCommand(program, cli);
  addCarryCommands(program, cli);
  program.commandsGroup('Models:');
  const model = program.command('model').description('models and their versions');
  addModelCommands(model, cli);
  addRegisterCommand(model, cli);
  addBaselineCommand(model, cli);
  addTrainCommand(model, cli);
  addReleaseCommands(model, cli);
  addModelBundleCommands(model, cli);
  addRunCommands(program, cli);
  program.commandsGroup('People and trust:');
  const keys = program.command('keys').description('keys, and the release metadata that names them (docs/keys.md)');
  addInitCommand(keys, cli);
  addKeyCommands(keys, cli);
  addChangeCommands(keys, cli);
  addAuditCommands(program, cli);
  addSignInCommands(program, cli);
  addUserCommands(program, cli);
  addTokenCommands(program, cli);
  program.commandsGroup('This machine:');
  addDoctorCommand(program, cli);
  addConfigCommands(program, cli);
  addCompletionCommand(program, cli);
  addVersionCommand(program, cli);
  program.helpCommand('help [command]', 'print the help of a command');
  return program;
}

/** Runs one command line (without the program's name) and answers its exit code. */
export async function runCli(args: readonly string[], shell: Shell, fetcher: typeof fetch = fetch): Promise<number> {
  process.exitCode = undefined;
  try {
    await buildProgram({ shell, fetcher }).parseAsync(args, { from: 'user' });
    return typeof process.exitCode === 'number' ? process.exitCode : EXIT.ok;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage;
    const failure = error instanceof CliFailure ? error : undefined;
    if (!failure) throw error;
    if (args.includes('--json')) {
      const { code, message, next, exitCode } = failure;
      shell.err(`${JSON.stringify({ code, detail: message, next, exitCode })}\n`);
    } else shell.err(describeFailure(failure));
    return failure.exitCode;
  }
}

/** The entry of the program: runs and leaves the exit code to the process, so that output is flushed. */
export async function runMain(args: readonly string[]): Promise<void> {
  // A reader that went away (| head) ends the program quietly, as for other tools.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(EXIT.ok);
    throw error;
  });
  process.exitCode = await runCli(args, openProcessShell());
}
