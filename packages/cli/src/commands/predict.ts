// `drover predict`: asks one agent for predictions of named fields. Never predicts itself and never asks the hub.
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { accept, type Result, refuse } from '@drover/core/reasons';
import type { Command } from 'commander';
import { parse } from 'csv-parse/sync';
import { type AgentAddress, predictRows } from '../agent-client.ts';
import { CliFailure, EXIT, failRefused, failUsage } from '../failure.ts';
import { renderTable } from '../table.ts';
import { addJsonOption, type Cli, locateHub, type OutputOptions, present } from './common.ts';

export type Fields = Record<string, number | string | null>;

/** A number where the text is one, null where it is empty, else the text. */
const parseField = (text: string): number | string | null => {
  const trimmed = text.trim();
  if (trimmed === '') return null;
  const number = Number(trimmed);
  return Number.isFinite(number) ? number : trimmed;
};

/** `torque=40.2 type=M` as one row. */
export function parseAssignments(words: readonly string[]): Result<Fields> {
  const fields: Fields = {};
  for (const word of words) {
    const cut = word.indexOf('=');
    if (cut < 1) return refuse('argument_invalid', `"${word}" is not FIELD=VALUE.`);
    const name = word.slice(0, cut);
    if (Object.hasOwn(fields, name)) return refuse('argument_invalid', `The field "${name}" is given twice.`);
    fields[name] = parseField(word.slice(cut + 1));
  }
  return accept(fields);
}

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value) &&
    Object.values(value).every((v) => v === null || typeof v === 'number' || typeof v === 'string'); // biome-ignore format: one test
}

/** Standard input: a JSON object, an array of objects, one object a line, or CSV with a header. */
export function parseRows(text: string): Result<Fields[]> {
  const trimmed = text.trim();
  if (trimmed === '') return refuse('argument_invalid', 'Standard input is empty.');
  try {
    if (trimmed.startsWith('{') || trimmed.startsWith('[')) {
      const lines = trimmed.startsWith('{') ? trimmed.split('\n').filter((line) => line.trim() !== '') : [];
      const json: unknown =
        lines.length > 1 && lines.every((l) => /^\s*\{.*\}\s*$/.test(l))
          ? lines.map((l) => JSON.parse(l) as unknown)
          : JSON.parse(trimmed);
      const rows: unknown[] = Array.isArray(json) ? json : [json];
      return rows.every(isFields)
        ? accept(rows)
        : refuse('argument_invalid', 'Each row must be an object of numbers, texts and nulls.');
    }
    const rows = parse(trimmed, {
      columns: true,
      bom: true,
      trim: true,
      skip_empty_lines: true,
      max_record_size: 2 ** 20,
    }) as Record<string, string>[];
    return accept(
      rows.map((row) => Object.fromEntries(Object.entries(row).map(([name, value]) => [name, parseField(value)]))),
    );
  } catch (error) {
    return refuse(
      'argument_invalid',
      error instanceof Error ? (error.message.split('\n')[0] ?? '') : 'It cannot be read.',
    );
  }
}

interface AgentFile {
  readonly httpUrl?: string | null;
  readonly socket?: string | null;
}

/** `--agent` > DROVER_AGENT > the agent that runs on the data directory. */
export function findAgent(cli: Cli, options: Pick<PredictOptions, 'agent' | 'data'>): AgentAddress {
  const given = options.agent ?? cli.shell.env['DROVER_AGENT'];
  if (given !== undefined)
    return given.startsWith('unix:')
      ? { socket: given.slice(5) }
      : { url: given.includes('://') ? given : `http://${given}` };
  const data = locateHub(cli, options.data === undefined ? {} : { data: options.data }).agentData;
  const file = path.join(data.value, 'run', 'agent.json');
  if (!existsSync(file)) {
    throw new CliFailure(EXIT.unreachable, 'agent_unreachable', `No agent runs on the data directory "${data.value}" (from ${data.from}).`,
      'Start one (drover agent run --http 127.0.0.1:8090), or name it with --agent URL or --data DIR.'); // biome-ignore format: one call
  }
  const { httpUrl, socket } = JSON.parse(readFileSync(file, 'utf8')) as AgentFile;
  if (socket) return { socket };
  if (httpUrl) return { url: httpUrl };
  throw new CliFailure(
    EXIT.unreachable,
    'agent_unreachable',
    'The agent runs without a local inference API.',
    'Start it with --http HOST:PORT or --socket PATH.',
  );
}

interface PredictOptions extends OutputOptions {
  readonly agent?: string;
  readonly data?: string;
  readonly slot: string;
}

const show = (value: unknown): string =>
  value === null || value === undefined ? '' : typeof value === 'string' ? value : JSON.stringify(value);

export function addPredictCommand(program: Command, cli: Cli): void {
  addJsonOption(program.command('predict').summary('ask an agent for a prediction'))
    .description(
      'Asks an agent for predictions of named fields. Fields come as FIELD=VALUE, or from standard input as a JSON ' +
        'object, an array of objects, one object a line, or CSV with a header. An empty value (null in ' +
        'JSON) is a missing one; a field that is left out is refused.',
    )
    .argument('[fields...]', 'FIELD=VALUE')
    .option('--agent <url>', 'address of the agent, or unix:PATH; else DROVER_AGENT, else the agent of --data')
    .option('--data <dir>', 'data directory of the agent; else DROVER_AGENT_DATA, ./.drover/agent')
    .option('--slot <name>', 'slot to ask', 'default')
    .addHelpText('after', `
Examples:
  drover predict torque=40.2 speed=1551 type=M
  echo '{"torque": 40.2, "speed": 1551}' | drover predict --json
  head -3 rows.csv | drover predict --agent http://127.0.0.1:8090`)
    .action(async (words: string[], options: PredictOptions) => {
      const given = words.length > 0 ? parseAssignments(words) : undefined;
      if (given && !given.ok) throw failRefused(given, EXIT.usage);
      if (!given && process.stdin.isTTY) throw failUsage('No field was given.', 'Write FIELD=VALUE, or send rows on standard input.');
      const rows = given ? accept([given.value]) : parseRows(await cli.shell.readStdin());
      if (!rows.ok) throw failRefused(rows, EXIT.usage);
      const answers = await predictRows(findAgent(cli, options), options.slot, rows.value);
      present(cli, options, answers.length === 1 ? answers[0] : answers, () => {
        const names = [...new Set(answers.flatMap((answer) => Object.keys(answer)))];
        return renderTable(names.map((name) => ({ title: name, value: (row: Record<string, unknown>) => show(row[name]) })), answers);
      });
    }); // biome-ignore format: as it prints
}
