// The agent's process: the only reader of arguments and environment, the only place that sets the exit code.
import { readFileSync } from 'node:fs';
import { explain, type Refusal } from '@drover/core/reasons';
import { pino } from 'pino';
import { type JoinConfig, parseConfig, type RunConfig, USAGE } from './config.ts';

const EXIT: Partial<Record<Refusal['code'], number>> = {
  agent_config_invalid: 2,
  device_id_invalid: 2,
  name_invalid: 2,
  agent_port_taken: 3,
};

function endWith(refusal: Refusal): void {
  process.stderr.write(`${explain(refusal)} [${refusal.code}]\n`);
  process.exitCode = EXIT[refusal.code] ?? 1;
}

function readToken(file: string): string | Refusal {
  try {
    return readFileSync(file, 'utf8').trim();
  } catch (error) {
    return {
      ok: false,
      code: 'agent_config_invalid',
      detail: `--token-file: ${String(error instanceof Error ? error.message : error)}.`,
    };
  }
}

async function join(config: JoinConfig): Promise<void> {
  const token = config.tokenFile === undefined ? undefined : readToken(config.tokenFile);
  if (typeof token === 'object') return endWith(token);
  const { dataDir, hubUrl, id, labels, rejoin } = config;
  const { joinHub } = await import('./join.ts');
  const joined = await joinHub({ dataDir, hubUrl, token, labels, rejoin, ...(id !== undefined && { id }) });
  if (!joined.ok) return endWith(joined);
  process.stdout.write(`Joined as "${joined.value.device}" (${joined.value.mqttUrl}). Identity in ${dataDir}\n`);
}

async function run(config: RunConfig): Promise<void> {
  const log = pino({ level: config.logLevel, base: { pid: process.pid } }, pino.destination({ dest: 2, sync: true }));
  const { startAgent } = await import('./run.ts');
  const agent = await startAgent(config, log);
  if (!agent.ok) return endWith(agent);
  const { device, httpUrl, socket } = agent.value;
  process.stdout.write(
    `Agent of "${device}" runs${httpUrl ? ` at ${httpUrl}` : ''}${socket ? ` on ${socket}` : ''}. Ctrl-C ends it.\n`,
  );

  let isEnding = false;
  const end = (signal: NodeJS.Signals): void => {
    if (isEnding) return;
    isEnding = true;
    log.info({ signal }, 'ending');
    agent.value.stop().then(
      () => process.exit(0),
      (error: unknown) => {
        log.fatal({ error: String(error) }, 'the end was not clean');
        process.exit(1);
      },
    );
  };
  process.on('SIGTERM', end);
  process.on('SIGINT', end);
}

/** Not awaited at the top: the built agent is CommonJS, where Node loads its own modules without what ESM needs of them. */
async function main(): Promise<void> {
  const config = await parseConfig(process.argv.slice(2), process.env);
  if (!config.ok) endWith(config);
  else if (config.value.command === 'help') process.stdout.write(USAGE);
  else if (config.value.command === 'join') await join(config.value);
  else await run(config.value);
}

void main();
