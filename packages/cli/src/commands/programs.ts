// The commands that run a program of ours in the foreground: hub start, agent join, run, export and import. Their options are the programs' own.
import { type Command, InvalidArgumentError, Option } from 'commander';
import { runForeground, toArguments } from '../programs.ts';
import { type Cli, collect, locateHub, parseCount, parsePositive, parseWhole } from './common.ts';

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
    .option('--devices <host:port>', 'where agents enrol, renew and fetch; port 0 takes any free one (default 127.0.0.1:8443)')
    .option('--config <file>', 'YAML file with the same keys; an unknown key is refused')
    .option('--devices-url <url>', 'HTTP address handed to agents, where it is not the one listened on')
    .option('--mqtt-url <url>', 'MQTT address handed to agents at join, where it is not the one listened on')
    .option('--allow-host <name>', 'another name under which people reach the HTTP side; may be given several times', collect)
    .option('--passphrase-file <file>', 'file (mode 600) whose first line opens the encrypted keys; else DROVER_KEY_PASSPHRASE, or the terminal')
    .option('--tls-cert <file>', 'certificate chain (PEM) of the people\'s listener; else the hub\'s own CA issues one')
    .option('--tls-key <file>', 'private key (PEM, mode 0600) of the people\'s listener')
    .option('--ca-cert <file>', 'your own CA (PEM) for devices and their listeners')
    .option('--ca-key <file>', 'its P-256 private key (PEM, mode 0600)')
    .option('--device-cert-days <n>', 'how long the certificate of a device is valid (default 30)', parsePositive)
    .option('--setup-code', 'print a setup code that makes an admin also when there is one: for a password that was lost')
    .option('--session-idle-minutes <n>', 'a browser session ends when it was not used for so long (default 60)', parseWhole)
    .option('--session-hours <n>', 'a browser session ends after so long in any case (default 12)', parseWhole)
    .option('--oidc-issuer <url>', 'OpenID Connect issuer where people may sign in')
    .option('--oidc-client-id <id>', 'client id of this hub at the issuer')
    .option('--oidc-client-secret-file <file>', 'file (mode 0600) with the client secret')
    .option('--oidc-role <group=role>', 'what a group gives on this hub; may be given several times', collect)
    .option('--oidc-roles-claim <claim>', 'claim with the groups of a person (default groups)')
    .option('--oidc-name-claim <claim>', 'claim that a person is named by (default preferred_username)')
    .option('--oidc-scope <scope>', 'scope to ask for beside openid; may be given several times', collect)
    .option('--window-seconds <n>', 'length of a statistics window on the devices (default 900)', parseWhole)
    .option('--window-days <n>', 'how many days each window of a device is kept, before it goes into the sum of its day (default 30)', parseWhole)
    .option('--summary-days <n>', 'how many days these sums are kept (default 730)', parseWhole)
    .option('--log-days <n>', 'how many days the log lines of devices are kept (default 90)', parseWhole)
    .option('--drift-learn-hours <n>', 'how long a device is watched before its drift is judged (default 24; 0 with --dev)', parseCount)
    .option('--alert-seconds <n>', 'how often the fleet is looked at for alerts (default 30)', parseWhole)
    .option('--alert-webhook <url>', 'where incidents are posted to as CloudEvents; several times, in the order of escalation', collect)
    .option('--alert-secret-file <file>', 'secret that signs what is posted')
    .option('--alert-mail-to <address>', 'whom incidents are mailed to; several times', collect)
    .option('--alert-mail-from <address>', 'where mails come from')
    .option('--smtp <url>', 'mail server: smtp://user@host:587 or smtps://user@host:465')
    .option('--smtp-password-file <file>', 'password of its user')
    .option('--export-days <n>', 'how long an export for devices without a network may be good (default 90)', parseWhole)
    .option('--probation-seconds <n>', 'how long a new model must serve before it is committed', parseCount)
    .option('--recipe-wait-seconds <n>', 'how long a device may be let wait for the recipe of a model (default 2)', parseCount)
    .addOption(new Option('--http-delivery <on|off>', 'devices may fetch artifacts by HTTPS from --devices, beside MQTT (default off)').choices(['on', 'off']))
    .option('--mirror <url>', 'where devices find artifacts too, with {sha256} for the digest; may be given several times', collect)
    .option('--site-transfers <n>', 'devices of one site (label "site") that fetch at the same time (default 4)', parseWhole)
    .option('--max-blob-mb <n>', 'largest upload in MiB', parseWhole)
    .option('--blob-quota-gb <n>', 'room for all uploads together in GiB (default 64)', parseWhole)
    .option('--training-memory-mb <n>', 'heap of a training process in MiB', parseWhole)
    .option('--training-seconds <n>', 'time a training process gets when its request does not say', parseWhole)
    .addOption(new Option('--log-level <level>', 'how much is logged to stderr').choices(LOG_LEVELS))
    .addHelpText('after', `
Examples:
  drover hub start --dev
  drover hub start --dev --http 127.0.0.1:9080 --mqtt 127.0.0.1:9883 --devices 127.0.0.1:9443 --data /tmp/hub
  drover hub start --http 0.0.0.0:443 --mqtt 0.0.0.0:8883 --devices 0.0.0.0:8443 --allow-host hub.example

Exit codes: 0 ended cleanly, 1 failed, 2 wrong usage, 3 a port is taken.`)
    .action(async (_options: unknown, command: Command) => {
      process.exitCode = await runForeground('hub', toArguments(command));
    }); // biome-ignore format: the help text stands as it prints
}

interface JoinFlags {
  readonly hub?: string;
  readonly tokenFile?: string;
  readonly claim?: string;
  readonly batchTokenFile?: string;
  readonly factoryCert?: string;
  readonly factoryKey?: string;
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
    .option('--rejoin', 'ask again for a device that has an identity: a new secret, or a new certificate')
    .option('--claim <string>', 'come in by a claim ("drover device claim" prints it); "-" reads standard input')
    .option('--batch-token-file <file>', 'come in by a batch token; a person approves')
    .option('--factory-cert <file>', 'come in by the certificate of the maker (PEM, with intermediates)')
    .option('--factory-key <file>', 'its private key (PEM, mode 0600)')
    .option('--devices-url <url>', 'the hub\'s address for devices, with a batch token or factory certificate')
    .option('--ca-fingerprint <sha256>', 'the hub\'s CA, with a batch token or factory certificate')
    .option('--hardware <serial>', 'what the maker calls this piece of hardware')
    .addOption(new Option('--release <who>', 'person: install only what a key held off the hub released').choices(['any', 'person']))
    .option('--new-key', 'make a new key: the one before was revoked')
    .option('--wait <seconds>', 'how long to wait for a person (default 600)', parseCount)
    .option('--data <dir>', 'data directory; else DROVER_AGENT_DATA, ./.drover/agent')
    .addHelpText('after', `
Examples:
  drover agent join --id press-07 --label site=north
  drover agent join --claim drover1.… --data /var/lib/drover/agent
  drover agent join --batch-token-file ./token --devices-url https://hub.example:8443 --ca-fingerprint …`)
    .action(async (options: JoinFlags, command: Command) => {
      const door = ['claim', 'batchTokenFile', 'factoryCert', 'factoryKey'] as const;
      if (door.some((name) => options[name] !== undefined)) {
        process.exitCode = await runForeground('agent', ['join', ...toArguments(command)]);
        return;
      }
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
    .addOption(new Option('--release <who>', 'person: install only what a key held off the hub released').choices(['any', 'person']))
    .option('--cache <host:port>', 'serve artifacts to the neighbours of this site there; an address that they can dial')
    .addOption(new Option('--http-delivery <on|off>', 'artifacts may come by HTTPS, beside MQTT (default on)').choices(['on', 'off']))
    .option('--reconnect-max <seconds>', 'the longest wait between two tries to reach the hub (default 300)')
    .addOption(new Option('--decisions <policy>', 'what the decision log keeps of each prediction (default inputs)').choices(['inputs', 'digests', 'off']))
    .option('--decisions-mb <mb>', 'how large the decision log may become (default 16)', parsePositive)
    .addOption(new Option('--raw <deny|allow>', 'whether chosen raw rows may leave this device (default deny)').choices(['deny', 'allow']))
    .option('--pii <fields>', 'personal fields, with commas between: neither counted, kept, logged nor sent')
    .option('--capture-kb-day <kb>', 'what captured rows may cost on the wire in a day (default 256)', parseCount)
    .option('--capture-every <seconds>', 'how often captured rows are handed on (default 600)', parseCount)
    .option('--telemetry-kb-day <kb>', 'what windows may cost on the wire in a day, losing detail first; 0 is no limit (default 0)', parseCount)
    .option('--hold-file <file>', 'while this file is there no model is switched')
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
  agent
    .command('export')
    .summary('write a report for the hub into a directory')
    .description(
      'Writes everything that this device has to say (statistics, samples, reports) into a directory that is carried to ' +
        'the hub. Nothing is forgotten here until the answer of the hub comes back. It works beside an agent that runs.',
    )
    .requiredOption('--out <dir>', 'the directory, for example on a stick; it may hold reports of other devices')
    .option('--data <dir>', 'data directory; else DROVER_AGENT_DATA, ./.drover/agent')
    .addHelpText('after', `
Examples:
  drover agent export --out /media/stick
  drover import /media/stick                  at the hub`)
    .action(async (_options: unknown, command: Command) => {
      process.exitCode = await runForeground('agent', ['export', ...toArguments(command)]);
    }); // biome-ignore format: the help text stands as it prints
  agent
    .command('import')
    .summary('take what a directory brings from the hub')
    .description(
      'Takes what a carried directory holds for this device: the answer of the hub to its report, and the models that it ' +
        'should run. Stop the agent first; it activates what was taken when it starts again.',
    )
    .argument('<dir>', 'the carried directory')
    .option('--data <dir>', 'data directory; else DROVER_AGENT_DATA, ./.drover/agent')
    .addHelpText('after', `
Examples:
  drover agent import /media/stick`)
    .action(async (dir: string, _options: unknown, command: Command) => {
      process.exitCode = await runForeground('agent', ['import', ...toArguments(command), '--', dir]);
    }); // biome-ignore format: the help text stands as it prints
}
