// The hub process: command line and configuration in, banner, signals and exit code out. Composes nothing (hub.ts does).
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { accept, explain, type Refusal, type Result, refuse } from '@drover/core/reasons';
import { askAtTerminal, openPassphrase, PASSPHRASE_VARIABLE } from '@drover/trust/passphrase';
import { parse as parseYaml } from 'yaml';
import { type CommandLine, describeSettings, parseCommandLine, type Resolved, resolveConfig } from './config.ts';
import { type RunningHub, readVersion, startHub } from './hub.ts';
import { openLog } from './log.ts';

const EXIT = { failed: 1, usage: 2, portTaken: 3 } as const;
/** A hub that cannot end in this time is ended. */
const STOP_MS = 20_000;

const exitOf = ({ code }: Refusal): number =>
  code === 'port_taken'
    ? EXIT.portTaken
    : ['config_invalid', 'dev_not_loopback'].includes(code)
      ? EXIT.usage
      : EXIT.failed;

function fail(refusal: Refusal, more = ''): never {
  process.stderr.write(`${refusal.code}: ${explain(refusal)}\n${more}`);
  process.exit(exitOf(refusal));
}

function readConfigFile(file: string | undefined): Result<unknown> {
  if (file === undefined) return accept(undefined);
  if (!existsSync(file)) return refuse('config_invalid', `The file "${file}" does not exist.`);
  try {
    return accept(parseYaml(readFileSync(file, 'utf8'), { maxAliasCount: 0 }));
  } catch (error) {
    return refuse(
      'config_invalid',
      `"${file}" is not YAML: ${error instanceof Error ? (error.message.split('\n')[0] ?? '') : ''}`,
    );
  }
}

function readConfig(command: CommandLine): Result<Resolved> {
  const file = readConfigFile(command.configFile ?? process.env['DROVER_HUB_CONFIG']);
  return file.ok ? resolveConfig({ given: command.given, env: process.env, file: file.value }) : file;
}

const HELP = `drover hub: trains, registers, signs and rolls out models; takes in what the fleet reports.

Usage: hub [--dev] [--data DIR] [--http HOST:PORT] [--mqtt HOST:PORT] [--devices HOST:PORT] [--config FILE] …

A flag wins over a variable, a variable over the file, the file over the default. An unknown key is refused.

${describeSettings()}
  --config               YAML file with the same keys (DROVER_HUB_CONFIG)
  --show-config          Print every setting with its origin and end.

Exit codes: 0 stopped, 1 failure, 2 wrong use, 3 port taken.
`;

/** The one secret that the hub ever prints: on the terminal of whoever starts it, and never in the log. */
const describeSetup = ({ setup, httpUrl }: RunningHub): string[] =>
  setup === undefined
    ? []
    : [
        `  setup    ${setup.code} (once, until ${new Date(setup.expiresAt).toISOString()}; a new one at the next start)`,
        `           drover setup ${setup.code} --name NAME --hub ${httpUrl}`,
      ];

/** What a person types who started a hub in an empty folder. */
function describeFirstSteps({ config, origins }: Resolved): string {
  const init = ['npx --no drover keys init', ...(origins.data === 'default' ? [] : ['--data', config.data])].join(' ');
  return [
    `Next: ${init}        (once: makes the keys and asks for a passphrase; docs/keys.md)`,
    '      then start the hub again.',
    '',
  ].join('\n');
}

function describeStart(hub: RunningHub, { config }: Resolved): string {
  const made = hub.created.map((file) => path.basename(file));
  const caFile = config.caCertFile ?? path.join(hub.data.keys, 'ca.crt');
  const mode = config.dev
    ? '  mode     development: plain text, loopback only'
    : '  mode     TLS; devices show certificates of this hub';
  return [
    `Drover hub ${readVersion()} is ready.`,
    `  API      ${hub.httpUrl}/api/v1 (description: /api/v1/openapi.json)`,
    `  MQTT     ${hub.mqttUrl}`,
    `  devices  ${hub.devicesUrl}`,
    `  data     ${hub.data.root}`,
    ...(config.dev ? [`  token    ${hub.data.tokenFile} (makes whoever reads it admin; --dev only)`] : []),
    mode,
    ...(config.dev || config.tlsCertFile !== undefined
      ? []
      : [`  CA       ${caFile} (for --ca-file on other machines)`]),
    ...(made.length === 0
      ? []
      : [
          `  made     ${made.join(', ')}`,
          `           in ${hub.data.keys}: they sign what devices run. Back the folder up, and keep it to yourself.`,
        ]),
    ...describeSetup(hub),
    hub.setup === undefined ? 'Next: npx --no drover status' : 'Next: make the first admin with the line above.',
    '',
  ].join('\n');
}

const command = parseCommandLine(process.argv.slice(2));
if (!command.ok) fail(command);
if (command.value.help) {
  process.stdout.write(HELP);
  process.exit(0);
}
const resolved = readConfig(command.value);
if (!resolved.ok) fail(resolved);
if (command.value.showConfig) {
  process.stdout.write(`${JSON.stringify(resolved.value, null, 2)}\n`);
  process.exit(0);
}

// Nothing the hub writes is for others to read.
process.umask(0o077);
const log = openLog(resolved.value.config.logLevel);
const { passphraseFile } = resolved.value.config;
const passphrase = openPassphrase({ file: passphraseFile, env: { ...process.env }, ask: askAtTerminal });
// Nothing that the hub starts inherits it.
delete process.env[PASSPHRASE_VARIABLE];
let running: RunningHub | undefined;
let isStopping = false;
async function stop(signal: string): Promise<void> {
  if (isStopping) {
    log.warn({ signal }, 'told a second time: ending at once');
    process.exit(EXIT.failed);
  }
  isStopping = true;
  log.info({ signal }, 'stopping');
  setTimeout(() => {
    log.error('stopping took too long');
    process.exit(EXIT.failed);
  }, STOP_MS).unref();
  // Told while it starts: what a start leaves behind the next one takes up.
  await running?.stop();
  log.info('stopped');
  process.exit(0);
}
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => void stop(signal));
process.on('uncaughtException', (error) => {
  log.fatal({ err: error }, 'uncaught');
  process.exit(EXIT.failed);
});

// Whoever reads that it is ready may end it: what a signal does is settled before.
const started = await startHub(resolved.value.config, log, passphrase);
if (!started.ok) fail(started, started.code === 'keys_not_installed' ? describeFirstSteps(resolved.value) : '');
running = started.value;
process.stdout.write(describeStart(running, resolved.value));
