// The hub process: command line and configuration in, banner, signals and exit code out. Composes nothing (hub.ts does).
import { existsSync, readFileSync } from 'node:fs';
import { accept, explain, type Refusal, type Result, refuse } from '@drover/core/reasons';
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
    : ['config_invalid', 'dev_not_loopback', 'tls_required'].includes(code)
      ? EXIT.usage
      : EXIT.failed;

function fail(refusal: Refusal): never {
  process.stderr.write(`${refusal.code}: ${explain(refusal)}\n`);
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

Usage: hub [--dev] [--data DIR] [--http HOST:PORT] [--mqtt HOST:PORT] [--config FILE] …

A flag wins over a variable, a variable over the file, the file over the default. An unknown key is refused.

${describeSettings()}
  --config               YAML file with the same keys (DROVER_HUB_CONFIG)
  --show-config          Print every setting with its origin and end.

Exit codes: 0 stopped, 1 failure, 2 wrong use, 3 port taken.
`;

function describeStart(hub: RunningHub, { config }: Resolved): string {
  const made = hub.created.map((file) => `  made     ${file} (0600)`);
  const mode = config.dev ? '  mode     development: plain text, loopback only' : '  mode     TLS on both listeners';
  return [
    `Drover hub ${readVersion()} is ready.`,
    `  API      ${hub.httpUrl}/api/v1 (description: /api/v1/openapi.json)`,
    `  MQTT     ${hub.mqttUrl}`,
    `  data     ${hub.data.root}`,
    `  token    ${hub.data.tokenFile}`,
    mode,
    ...made,
    ...(made.length > 0 ? ['  These keys sign what every device runs: back them up, and keep them to yourself.'] : []),
    'Next: npx --no drover status',
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
const started = await startHub(resolved.value.config, log);
if (!started.ok) fail(started);
const hub = started.value;
process.stdout.write(describeStart(hub, resolved.value));

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
  await hub.stop();
  log.info('stopped');
  process.exit(0);
}
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => void stop(signal));
process.on('uncaughtException', (error) => {
  log.fatal({ err: error }, 'uncaught');
  process.exit(EXIT.failed);
});
