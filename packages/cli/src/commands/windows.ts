// `drover windows export`: what devices counted, as a table for other programs. Reads only.
import type { Command } from 'commander';
import { checkFormat, formatOption, type TableFormat } from '../export-table.ts';
import { at } from '../hub-client.ts';
import { openProgress } from '../progress.ts';
import { openSink } from '../sink.ts';
import { formatBytes } from '../table.ts';
import { addConnectionOptions, type Cli, type ConnectionOptions, connect } from './common.ts';

const EXPORT_MS = 3_600_000;
const ANYBODY = 0o644;

interface WindowsOptions extends ConnectionOptions {
  readonly device?: string;
  readonly model?: string;
  readonly since?: string;
  readonly until?: string;
  readonly out?: string;
  readonly format: TableFormat;
}

export function addWindowsCommands(program: Command, cli: Cli): void {
  const windows = program.command('windows').description('what devices counted');
  addConnectionOptions(windows.command('export').summary('kept windows as CSV or Parquet, a line for each feature'))
    .description(
      'Writes a line for each feature of each window that the hub keeps: counts, shares, mean, spread, extremes, quantiles, and how far it lies ' +
        'from training. RFC 4180 with UTF-8; times are UTC. Names that a spreadsheet could take for a formula get an apostrophe.',
    )
    .option('--device <id>', 'one device; else all')
    .option('--model <name>', 'of one model only')
    .option('--since <instant>', 'windows that began at or after this')
    .option('--until <instant>', 'and before this')
    .addOption(formatOption())
    .option('--out <file>', 'a new file; else standard output')
    .addHelpText(
      'after',
      '\nExample:\n  drover windows export --model wear --since 2026-03-01T00:00:00Z --out march.csv\n  drover windows export --format parquet --out all.parquet',
    )
    .action(async (options: WindowsOptions) => {
      const { device, model, since, until, out, format } = options;
      checkFormat(format, out);
      const lines = connect(cli, options).askStream(at('windows', 'export'), {
        query: { device, model, since, until, format },
        timeoutMs: EXPORT_MS,
      });
      const decoder = new TextDecoder();
      const progress = openProgress(cli.shell, out === undefined);
      let sink: ReturnType<typeof openSink> | undefined;
      let bytes = 0;
      try {
        for await (const part of lines) {
          // Made when the hub answers: a refusal leaves no empty file.
          sink ??= openSink(cli.shell, out, ANYBODY);
          await sink.write(format === 'csv' ? decoder.decode(part, { stream: true }) : part);
          bytes += part.length;
          progress.show(`${formatBytes(bytes)} written`);
        }
        sink?.end();
      } catch (error) {
        sink?.drop();
        throw error;
      } finally {
        progress.end();
      }
    });
}
