// The agent's process: the only reader of arguments and environment, the only place that sets the exit code.
import { readFileSync } from 'node:fs';
import { explain, type Refusal } from '@drover/core/reasons';
import { pino } from 'pino';
import { type CarryConfig, type JoinConfig, parseConfig, type ReplayConfig, type RunConfig, USAGE } from './config.ts';
import type { EnrolConfig } from './enrol/enrol-config.ts';

const EXIT: Partial<Record<Refusal['code'], number>> = {
  agent_config_invalid: 2,
  device_id_invalid: 2,
  name_invalid: 2,
  agent_port_taken: 3,
  enrolment_pending: 4,
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
  const { dataDir, hubUrl, id, labels, rejoin, release } = config;
  const { joinHub } = await import('./join.ts');
  const joined = await joinHub({
    dataDir, hubUrl, token, labels, rejoin, ...(id !== undefined && { id }), ...(release && { release }),
  }); // biome-ignore format: one record
  if (!joined.ok) return endWith(joined);
  process.stdout.write(`Joined as "${joined.value.device}" (${joined.value.mqttUrl}). Identity in ${dataDir}\n`);
}

async function enrol(config: EnrolConfig): Promise<void> {
  const { runEnrol } = await import('./enrol/run-enrol.ts');
  const joined = await runEnrol(config, (text) => process.stdout.write(text));
  if (!joined.ok) return endWith(joined);
  const { device, mqttUrl } = joined.value;
  process.stdout.write(
    `Joined as "${device}" (${mqttUrl}) with a certificate of the hub. Identity in ${config.dataDir}\n`,
  );
}

async function carry({ command, dataDir, dir }: CarryConfig): Promise<void> {
  if (command === 'export') {
    const { exportReport } = await import('./carry/export-report.ts');
    const written = exportReport(dataDir, dir);
    if (!written.ok) return endWith(written);
    const { device, folder, number, entries, bytes } = written.value;
    process.stdout.write(
      `Report ${number} of "${device}": ${entries} entries, ${bytes} bytes in ${folder}\n` +
        'Carry it to the hub and run "drover import" there; the entries stay here until its answer comes back.\n',
    );
    return;
  }
  const { importCarried } = await import('./carry/import-carried.ts');
  const taken = await importCarried(dataDir, dir, (done, total) => {
    if (process.stderr.isTTY) process.stderr.write(`\r${done} of ${total} bytes copied${done === total ? '\n' : ''}`);
  });
  if (!taken.ok) return endWith(taken);
  const { device, ack, models } = taken.value;
  if (ack.ok && ack.value) {
    const { lastSeq, freed, refused, left } = ack.value;
    process.stdout.write(
      `"${device}": the hub has everything up to entry ${lastSeq}; ${freed} were forgotten here, ${refused} of them ` +
        `refused, ${left} still wait.\n`,
    );
  }
  if (models.ok && models.value) {
    const { exportNumber, isRepeat, generation, copiedBytes, expiresAt } = models.value;
    process.stdout.write(
      `"${device}": export ${exportNumber} ${isRepeat ? 'was taken before' : 'is taken'}, generation ${generation}, ` +
        `${copiedBytes} bytes copied. Start the agent before ${expiresAt}: it activates what is new.\n`,
    );
  }
  for (const each of [ack, models]) if (!each.ok) endWith(each);
}

/** One line of JSON: a command line reads it and says it to a person. */
async function replay({ dataDir, predictionId }: ReplayConfig): Promise<void> {
  const { runReplay } = await import('./decisions/run-replay.ts');
  const replayed = await runReplay(dataDir, predictionId);
  if (!replayed.ok) process.exitCode = 1;
  const answer = replayed.ok ? replayed.value : { error: explain(replayed), code: replayed.code };
  process.stdout.write(`${JSON.stringify(answer)}\n`);
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
  else if (config.value.command === 'enrol') await enrol(config.value);
  else if (config.value.command === 'run') await run(config.value);
  else if (config.value.command === 'replay') await replay(config.value);
  else await carry(config.value);
}

void main();
