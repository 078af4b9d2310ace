// `drover replay`: has a logged prediction run again on its device and says whether the same bits come out. Never runs a model.
import { isReasonCode } from '@drover/core/reasons';
import type { Command } from 'commander';
import { type AgentAddress, askAgent } from '../agent-client.ts';
import { CliFailure, EXIT, failRefused, failUsage } from '../failure.ts';
import { runCaptured } from '../programs.ts';
import { addJsonOption, type Cli, locateHub, type OutputOptions, present } from './common.ts';
import { findAgent } from './predict.ts';

interface Replay {
  readonly predictionId: string;
  readonly verdict: 'matches' | 'differs' | 'cannot';
  readonly code?: string;
  readonly detail?: string;
  readonly at: string;
  readonly slot: string;
  readonly manifest: string;
  readonly model?: string;
  readonly version?: number;
  readonly answeredBy: string;
  readonly reason?: string;
  readonly runtime: { readonly recorded: string; readonly now?: string; readonly same?: boolean };
  readonly compared: number;
  readonly differences: readonly { readonly output: string; readonly recorded: string; readonly replayed: string }[];
}

interface ReplayOptions extends OutputOptions {
  readonly agent?: string;
  readonly data?: string;
}

const isReplay = (body: unknown): body is Replay => typeof body === 'object' && body !== null && 'verdict' in body;

function read(body: unknown): Replay {
  if (isReplay(body)) return body;
  const { code, error } = (typeof body === 'object' && body !== null ? body : {}) as {
    code?: unknown;
    error?: unknown;
  };
  const known = typeof code === 'string' && isReasonCode(code) ? code : undefined;
  if (known === 'decision_unknown') throw new CliFailure(EXIT.notFound, known, String(error));
  throw new CliFailure(
    EXIT.failed,
    known ?? 'agent_refused',
    `The agent did not replay. ${String(error ?? body).slice(0, 300)}`,
  );
}

async function askRunning(address: AgentAddress, predictionId: string): Promise<Replay> {
  const { body } = await askAgent(address, 'POST', `/v1/replay/${encodeURIComponent(predictionId)}`, {});
  return read(body);
}

/** The data directory is enough: an agent that was killed has left its log and its models. */
async function replayFolder(cli: Cli, options: ReplayOptions, predictionId: string): Promise<Replay> {
  const data = locateHub(cli, options.data === undefined ? {} : { data: options.data }).agentData.value;
  const { stdout, stderr } = await runCaptured('agent', ['replay', `--data=${data}`, '--', predictionId]);
  try {
    return read(JSON.parse(stdout) as unknown);
  } catch (error) {
    if (error instanceof CliFailure) throw error;
    throw new CliFailure(EXIT.failed, 'agent_refused', `The agent did not replay. ${stderr.slice(-300).trim()}`);
  }
}

async function replay(cli: Cli, options: ReplayOptions, predictionId: string): Promise<Replay> {
  try {
    return await askRunning(findAgent(cli, options), predictionId);
  } catch (error) {
    const isAway = error instanceof CliFailure && error.code === 'agent_unreachable';
    if (!isAway || options.agent !== undefined || cli.shell.env['DROVER_AGENT'] !== undefined) throw error;
    return replayFolder(cli, options, predictionId);
  }
}

function describe(one: Replay): string {
  const what = one.model === undefined ? `manifest ${one.manifest.slice(0, 12)}…` : `${one.model} ${one.version}`;
  const lines = [`Prediction ${one.predictionId}: slot ${one.slot}, ${what}, ${one.at}.`];
  if (one.answeredBy !== 'model')
    lines.push(`It was answered by: ${one.answeredBy}${one.reason ? ` (${one.reason})` : ''}.`);
  const { recorded, now, same } = one.runtime;
  if (one.verdict === 'matches')
    lines.push(`It comes out again bit for bit: ${one.compared} values compared on ONNX Runtime ${now}.`);
  if (one.verdict === 'differs') {
    lines.push(`It differs (${one.compared} values compared):`);
    for (const { output, recorded: was, replayed } of one.differences)
      lines.push(`  ${output}: was ${was}, is ${replayed}`);
  }
  if (same === false)
    lines.push(`It was recorded on ONNX Runtime ${recorded} and ran on ${now}: other bits are no surprise.`);
  return `${lines.join('\n')}\n`;
}

export function addReplayCommand(program: Command, cli: Cli): void {
  addJsonOption(program.command('replay').summary('run a logged prediction again and compare'))
    .description(
      'Runs a prediction of the decision log of a device again, with the model that answered it, and compares the ' +
        'outputs bit for bit. It asks the agent that runs, or reads the data directory of one that ended. Exit code 0 ' +
        'only when the prediction comes out again.',
    )
    .argument('<prediction>', 'id of the prediction, as the answer gave it')
    .option('--agent <url>', 'address of the agent, or unix:PATH; else DROVER_AGENT, else the agent of --data')
    .option('--data <dir>', 'data directory of the agent; else DROVER_AGENT_DATA, ./.drover/agent')
    .addHelpText('after', `
Examples:
  drover replay 0192f0c4a1d87c3e9b5a6f7e8d9c0b1a-12
  drover replay 0192f0c4a1d87c3e9b5a6f7e8d9c0b1a-12 --data /var/lib/drover/agent --json`)
    .action(async (predictionId: string, options: ReplayOptions) => {
      if (!/^[0-9a-f]{32}-[1-9]\d{0,15}$/.test(predictionId)) throw failUsage(`"${predictionId.slice(0, 80)}" is no id of a prediction.`, 'Copy it from the answer: 32 hex characters, "-" and a number.');
      const replayed = await replay(cli, options, predictionId);
      if (replayed.verdict === 'cannot' && !options.json) {
        const code = replayed.code !== undefined && isReasonCode(replayed.code) ? replayed.code : 'replay_impossible';
        throw failRefused({ ok: false, code, detail: replayed.detail ?? '' });
      }
      present(cli, options, replayed, () => describe(replayed));
      if (replayed.verdict !== 'matches') process.exitCode = EXIT.failed;
    }); // biome-ignore format: as it prints
}
