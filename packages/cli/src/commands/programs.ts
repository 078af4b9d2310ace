// The commands that run a program of ours in the foreground: hub start, agent join, agent run. Their options are the programs' own.
import { type Command, InvalidArgumentError, Option } from 'commander';
import { runForeground, toArguments } from '../programs.ts';
import { type Cli, collect, locateHub, parseCount, parseWhole } from './common.ts';

const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'];

function parseLabel(text: string, previous: string[] | undefined): string[] {
  if (!/^[a-z0-9][a-z0-9._-]{0,62}=.{1,256}$/.test(text))
    throw new InvalidArgumentError('It must look like site=north.');
  return collect(text, previous);
}

export function addHubCommands(program: Command): void {
  const hub = program.command('hub').description('run the server of a fleet');
  hub
    .command('start')
    .summary('start a hub in the foreground')
    .description(
      'Starts a hub in the foreground: HTTP API, embedded MQTT broker and database in one process. Ctrl-C ends it ' +
        'cleanly; starting again goes on where it was. Flag > DROVER_HUB_* variable > YAML file > default.',
    )
    .option('--dev', 'plain HTTP and MQTT on loopback only; keys are made at first start')
    .option('--data <dir>', 'data directory; else DROVER_HUB_DATA, ./.drover/hub')
    .option('--http <host:port>', 'HTTP API; port 0 takes any free one (default 127.0.0.1:8080)')
    .option('--mqtt <host:port>', 'MQTT broker; port 0 takes any free one (default 127.0.0.1:1883)')
    .option('--config <file>', 'YAML file with the same keys; an unknown key is refused')
    .option('--mqtt-url <url>', 'MQTT address handed to agents at join, where it is not the one listened on')
    .option('--allow-host <name>', 'another name under which people reach the HTTP side; may be given several times', collect)
    .option('--tls-cert <file>', 'certificate chain (PEM) of both listeners')
    .option('--tls-key <file>', 'private key (PEM, mode 0600) of both listeners')
    .option('--window-seconds <n>', 'length of a statistics window on the devices (default 900)', parseWhole)
    .option('--probation-seconds <n>', 'how long a new model must serve before it is committed', parseCount)
    .option('--max-blob-mb <n>', 'largest upload in MiB', parseWhole)
    .option('--training-memory-mb <n>', 'heap of a training process in MiB', parseWhole)
    .option('--training-seconds <n>', 'time a training process gets when its request does not say', parseWhole)
    .addOption(new Option('--log-level <level>', 'how much is logged to stderr').choices(LOG_LEVELS))
    .addHelpText('after', `
Examples:
  drover hub start --dev
  drover hub start --dev --http 127.0.0.1:9080 --mqtt 127.0.0.1:9883 --data /tmp/hub

Exit codes: 0 ended cleanly, 1 failed, 2 wrong usage, 3 a port is taken.`)
    .action(async (_options: unknown, command: Command) => {
      process.exitCode = await runForeground('hub', toArguments(command));
    }); // biome-ignore format: the help text stands as it prints
}

export function addAgentCommands(program: Command, cli: Cli): void {
  const agent = program.command('agent').description('run models on this machine');
  agent
    .command('join')
    .summary('enrol this machine as a device')
    .description(
      'Asks the hub for an identity and stores it (mode 0600) in the data directory. Joining again with --rejoin gives ' +
        'the device a new secret and ends its session.',
    )
    .option('--hub <url>', 'address of the hub')
    .option('--token-file <file>', 'file with the hub\'s token')
    .option('--id <id>', 'device id: lower-case letters, digits, "-" and "_"; else the hub makes one')
    .option('--label <key=value>', 'a label of the device; may be given several times', parseLabel)
    .option('--rejoin', 'give an existing device a new secret')
    .option('--data <dir>', 'data directory; else DROVER_AGENT_DATA, ./.drover/agent')
    .addHelpText('after', `
Examples:
  drover agent join --id press-07 --label site=north
  drover agent join --hub http://10.0.0.5:8080 --token-file ./token --data /var/lib/drover/agent`)
    .action(async (options: { hub?: string; tokenFile?: string }, command: Command) => {
      // The program has no context file of its own: what this command line uses is handed over.
      const { hub, tokenFile } = locateHub(cli, { ...(options.hub ? { hub: options.hub } : {}), ...(options.tokenFile ? { tokenFile: options.tokenFile } : {}) });
      const own = toArguments(command).filter((arg) => !/^--(?:hub|token-file)=/.test(arg));
      const token = tokenFile ? [`--token-file=${tokenFile.value}`] : [];
      process.exitCode = await runForeground('agent', ['join', `--hub=${hub.value}`, ...token, ...own]);
    }); // biome-ignore format: the help text stands as it prints
  agent
    .command('run')
    .summary('run the agent in the foreground')
    .description(
      'Runs the agent in the foreground: keeps the desired models in its slots, answers predictions locally (Open ' +
        'Inference Protocol v2), reads a sensor source, and sends statistics to the hub. It works offline.',
    )
    .option('--data <dir>', 'data directory; else DROVER_AGENT_DATA, ./.drover/agent')
    .option('--http <host:port>', 'local inference API; port 0 takes any free one, "off" none (default 127.0.0.1:0)')
    .option('--socket <path>', 'local inference API on a Unix socket instead')
    .addOption(new Option('--runtime <kind>', 'ONNX Runtime to use').choices(['auto', 'native', 'wasm']))
    .option('--source <source>', 'csv:FILE, stdin, mqtt:TOPIC or mqtt://HOST/TOPIC: rows to predict')
    .option('--slot <name>', 'slot that the source feeds')
    .option('--slots <names>', 'only these slots may be deployed to, with commas between')
    .option('--config <file>', 'YAML file with the same keys; an unknown key is refused')
    .option('--rate <rows/s>', 'speed at which a CSV file is replayed; 0 is as fast as it goes', parseCount)
    .option('--label-column <name>', 'column of the source that holds the truth; it is never a feature')
    .option('--label-delay-ms <ms>', 'how much later than its row a label becomes known', parseCount)
    .addOption(new Option('--log-level <level>', 'how much is logged to stderr').choices(LOG_LEVELS))
    .addHelpText('after', `
Examples:
  drover agent run
  drover agent run --http 127.0.0.1:8090 --source csv:./rows.csv --rate 10 --label-column failure`)
    .action(async (_options: unknown, command: Command) => {
      process.exitCode = await runForeground('agent', ['run', ...toArguments(command)]);
    }); // biome-ignore format: the help text stands as it prints
}
