// `drover labels push`: sends truths that became known late, by prediction id. Never joins them.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { accept, type Result, refuse } from '@drover/core/reasons';
import type { LabelsRequest } from '@drover/wire/http/monitoring';
import type { Command } from 'commander';
import { parse } from 'csv-parse/sync';
import { failRefused, failUsage } from '../failure.ts';
import { at } from '../hub-client.ts';
import { addConnectionOptions, type Cli, type ConnectionOptions, connect, present } from './common.ts';

const BATCH = 10_000;
type Label = LabelsRequest['labels'][number];

/** Reads CSV with the columns `predictionId` and `truth`, in any order. A truth that is a number is sent as one. */
export function parseLabels(text: string): Result<Label[]> {
  let rows: Record<string, string>[];
  try {
    rows = parse(text, {
      columns: true,
      bom: true,
      trim: true,
      skip_empty_lines: true,
      max_record_size: 65_536,
    }) as Record<string, string>[];
  } catch (error) {
    return refuse('argument_invalid', error instanceof Error ? error.message : 'It is not CSV.');
  }
  const labels: Label[] = [];
  for (const [i, row] of rows.entries()) {
    const { predictionId, truth } = row;
    if (!predictionId || !truth)
      return refuse('argument_invalid', `Row ${i + 1} lacks predictionId or truth; both columns are needed.`);
    const number = Number(truth);
    labels.push({ predictionId, truth: Number.isFinite(number) ? number : truth });
  }
  return labels.length > 0 ? accept(labels) : refuse('argument_invalid', 'It holds no label.');
}

export function addLabelsCommands(program: Command, cli: Cli): void {
  const labels = program.command('labels').description('truths that become known late');
  addConnectionOptions(labels.command('push').summary('send late labels of one device'))
    .description('Sends labels by prediction id; the device joins them with its predictions, so that quality is counted on what was really served.')
    .argument('<file>', 'CSV with the columns predictionId and truth; "-" reads standard input')
    .requiredOption('--device <id>', 'the device that made the predictions')
    .addHelpText('after', '\nExamples:\n  drover labels push truths.csv --device press-07\n  printf "predictionId,truth\\n3f…-12,1\\n" | drover labels push - --device press-07')
    .action(async (file: string, options: ConnectionOptions & { device: string }) => {
      let text: string;
      try {
        text = file === '-' ? await cli.shell.readStdin() : readFileSync(path.resolve(cli.shell.cwd, file), 'utf8');
      } catch (error) {
        throw failUsage(`"${file}" cannot be read (${error instanceof Error ? error.message : ''}).`);
      }
      const parsed = parseLabels(text);
      if (!parsed.ok) throw failRefused(parsed);
      const client = connect(cli, options);
      for (let from = 0; from < parsed.value.length; from += BATCH) {
        const body: LabelsRequest = { device: options.device, labels: parsed.value.slice(from, from + BATCH) };
        await client.askBytes(at('labels'), { method: 'POST', body });
      }
      present(cli, options, { device: options.device, sent: parsed.value.length }, () => `Sent ${parsed.value.length} labels to ${options.device}.\n`);
    }); // biome-ignore format: one chain
}
