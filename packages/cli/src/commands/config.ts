// `drover config show` and `drover version`: what this command line would use, and from where.
import { existsSync, readFileSync } from 'node:fs';
import type { Command } from 'commander';
import { renderTable } from '../table.ts';
import {
  addConnectionOptions,
  addJsonOption,
  type Cli,
  type ConnectionOptions,
  locateHub,
  type OutputOptions,
  present,
} from './common.ts';

export function readVersion(): string {
  const file = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as { version: string };
  return file.version;
}

interface Setting {
  readonly name: string;
  readonly value: string | null;
  readonly from: string;
}

export function addConfigCommands(program: Command, cli: Cli): void {
  const config = program.command('config').description('what this command line uses');
  addConnectionOptions(config.command('show').summary('print each setting and where it comes from'))
    .description(
      'Prints the hub, the token file, the CA file and the data directories, each with its origin. A flag wins over a DROVER_* ' +
        'variable, that over the context file (YAML with the keys hub, tokenFile and caFile), that over the default. The token ' +
        'itself is never printed.',
    )
    .option('--data <dir>', 'data directory of the local hub')
    .addHelpText('after', '\nExample:\n  drover config show')
    .action((options: ConnectionOptions & { data?: string }) => {
      const target = locateHub(cli, options);
      const settings: Setting[] = [
        { name: 'hub', ...target.hub },
        { name: 'tokenFile', value: target.tokenFile?.value ?? null, from: target.tokenFile?.from ?? 'not found' },
        { name: 'caFile', value: target.caFile?.value ?? null, from: target.caFile?.from ?? 'system' },
        { name: 'hubData', ...target.hubData },
        { name: 'agentData', ...target.agentData },
        { name: 'contextFile', ...target.contextFile, from: existsSync(target.contextFile.value) ? target.contextFile.from : `${target.contextFile.from}, absent` },
      ];
      present(cli, options, { items: settings }, () =>
        renderTable([
          { title: 'SETTING', value: (s: Setting) => s.name },
          { title: 'FROM', value: (s) => s.from },
          { title: 'VALUE', value: (s) => s.value },
        ], settings));
    }); // biome-ignore format: one chain
}

export function addVersionCommand(program: Command, cli: Cli): void {
  addJsonOption(program.command('version').description('print the version of Drover and of Node'))
    .addHelpText('after', '\nExample:\n  drover version --json')
    .action((options: OutputOptions) => {
      const version = readVersion();
      present(cli, options, { drover: version, node: process.versions.node, platform: `${process.platform}-${process.arch}` }, () =>
        `drover ${version} (Node ${process.versions.node}, ${process.platform}-${process.arch})\n`);
    }); // biome-ignore format: one chain
}
