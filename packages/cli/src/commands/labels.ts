// `drover labels push` and `import`: sends truths that became known late, by prediction id, to one device or to many. Never joins them.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { isDeviceId } from '@drover/core/ids';
import { accept, type Result, refuse } from '@drover/core/reasons';
import type { LabelsRequest } from '@drover/wire/http/monitoring';
import type { Command } from 'commander';
import { parse } from 'csv-parse/sync';
import { failRefused, failUsage } from '../failure.ts';
import { at, type HubClient } from '../hub-client.ts';
import { formatCount } from '../table.ts';
import { addConnectionOptions, type Cli, type ConnectionOptions, connect, present } from './common.ts';

const BATCH = 10_000;
type Label = LabelsRequest['labels'][number];

function parseRows(text: string): Result<Record<string, string>[]> {
  try {
    return accept(
      parse(text, {
        columns: true,
        bom: true,
        trim: true,
        skip_empty_lines: true,
        max_record_size: 65_536,
      }) as Record<string, string>[],
    );
  } catch (error) {
    return refuse('argument_invalid', error instanceof Error ? error.message : 'It is not CSV.');
  }
}

/** A truth that is a number is sent as one. */
function labelOf({ predictionId, truth }: Record<string, string>): Label | undefined {
  if (!predictionId || !truth) return undefined;
  const number = Number(truth);
  return { predictionId, truth: Number.isFinite(number) ? number : truth };
}

/** Reads CSV with the columns `predictionId` and `truth`, in any order. */
export function parseLabels(text: string): Result<Label[]> {
  const rows = parseRows(text);
  if (!rows.ok) return rows;
  const labels: Label[] = [];
  for (const [i, row] of rows.value.entries()) {
    const label = labelOf(row);
    if (!label) return refuse('argument_invalid', `Row ${i + 1} lacks predictionId or truth; both columns are needed.`);
    labels.push(label);
  }
  return labels.length > 0 ? accept(labels) : refuse('argument_invalid', 'It holds no label.');
}

/** The same with a column `device`: labels by device, in the order of the file. */
export function parseFleetLabels(text: string): Result<ReadonlyMap<string, readonly Label[]>> {
  const rows = parseRows(text);
  if (!rows.ok) return rows;
  const labels = new Map<string, Label[]>();
  for (const [i, row] of rows.value.entries()) {
    const label = labelOf(row);
    const { device } = row;
    if (!label || !device || !isDeviceId(device))
      return refuse(
        'argument_invalid',
        `Row ${i + 1} lacks device, predictionId or truth; all three columns are needed.`,
      );
    const ofDevice = labels.get(device);
    if (ofDevice) ofDevice.push(label);
    else labels.set(device, [label]);
  }
  return labels.size > 0 ? accept(labels) : refuse('argument_invalid', 'It holds no label.');
}

async function readText(cli: Cli, file: string): Promise<string> {
  try {
    return file === '-' ? await cli.shell.readStdin() : readFileSync(path.resolve(cli.shell.cwd, file), 'utf8');
  } catch (error) {
    throw failUsage(`"${file}" cannot be read (${error instanceof Error ? error.message : ''}).`);
  }
}

async function sendLabels(client: HubClient, device: string, labels: readonly Label[]): Promise<void> {
  for (let from = 0; from < labels.length; from += BATCH) {
    const body: LabelsRequest = { device, labels: labels.slice(from, from + BATCH) };
    await client.askBytes(at('labels'), { method: 'POST', body });
  }
}

function addImport(labels: Command, cli: Cli): void {
  addConnectionOptions(labels.command('import').summary('send late labels of many devices'))
    .description(
      'Sends labels by device and prediction id from one file. Nothing is sent unless every row can be read and every device is known.',
    )
    .argument('<file>', 'CSV with the columns device, predictionId and truth; "-" reads standard input')
    .addHelpText('after', '\nExample:\n  drover labels import truths.csv')
    .action(async (file: string, options: ConnectionOptions) => {
      const parsed = parseFleetLabels(await readText(cli, file));
      if (!parsed.ok) throw failRefused(parsed);
      const client = connect(cli, options);
      // One that is unknown is refused here, with the reason of the hub.
      for (const device of parsed.value.keys()) await client.askBytes(at('devices', device));
      const sent: { device: string; sent: number }[] = [];
      for (const [device, own] of parsed.value) {
        await sendLabels(client, device, own);
        sent.push({ device, sent: own.length });
      }
      const all = sent.reduce((sum, one) => sum + one.sent, 0);
      present(
        cli,
        options,
        { devices: sent, sent: all },
        () => `Sent ${formatCount(all)} labels to ${formatCount(sent.length)} devices.\n`,
      );
    });
}

export function addLabelsCommands(program: Command, cli: Cli): void {
  const labels = program.command('labels').description('truths that become known late');
  addConnectionOptions(labels.command('push').summary('send late labels of one device'))
    .description('Sends labels by prediction id; the device joins them with its predictions, so that quality is counted on what was really served.')
    .argument('<file>', 'CSV with the columns predictionId and truth; "-" reads standard input')
    .requiredOption('--device <id>', 'the device that made the predictions')
    .addHelpText('after', '\nExamples:\n  drover labels push truths.csv --device press-07\n  printf "predictionId,truth\\n3f…-12,1\\n" | drover labels push - --device press-07')
    .action(async (file: string, options: ConnectionOptions & { device: string }) => {
      const parsed = parseLabels(await readText(cli, file));
      if (!parsed.ok) throw failRefused(parsed);
      await sendLabels(connect(cli, options), options.device, parsed.value);
      present(cli, options, { device: options.device, sent: parsed.value.length }, () => `Sent ${parsed.value.length} labels to ${options.device}.\n`);
    }); // biome-ignore format: one chain
  addImport(labels, cli);
}
