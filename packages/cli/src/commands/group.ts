// `drover group …`: label queries that were given a name. What matches them the hub finds.
import { type Group, GroupDevices, Group as GroupSchema, Groups } from '@drover/wire/http/groups';
import type { Command } from 'commander';
import { at } from '../hub-client.ts';
import { formatAge, renderPairs, type TableColumn } from '../table.ts';
import { addConnectionOptions, type Cli, type ConnectionOptions, connect, present, tableFor } from './common.ts';

const LIST = (cli: Cli): readonly TableColumn<Group>[] => [
  { title: 'GROUP', value: (g) => g.name },
  { title: 'DEVICES', value: (g) => g.devices, align: 'right' },
  { title: 'ONLINE', value: (g) => g.online, align: 'right' },
  { title: 'QUERY', value: (g) => (g.query === '' ? 'every device' : g.query) },
  { title: 'CHANGED', value: (g) => formatAge(cli.shell.now() - Date.parse(g.updatedAt)), align: 'right' },
  { title: 'NOTE', value: (g) => g.note },
];

const renderGroup = ({ name, query, devices, online, note }: Group): string =>
  renderPairs([
    ['group', name],
    ['query', query === '' ? 'every device' : query],
    ['devices', `${devices}, ${online} online`],
    ...(note === '' ? [] : [['note', note] as const]),
  ]);

export function addGroupCommands(program: Command, cli: Cli): void {
  const group = program.command('group').description('groups of devices: label queries with a name');
  addConnectionOptions(group.command('list').summary('list groups').description('Lists groups and how many devices match each now.'))
    .addHelpText('after', '\nExample:\n  drover group list')
    .action(async (options: ConnectionOptions) => {
      const groups = await connect(cli, options).ask(Groups, at('groups'));
      present(cli, options, groups, () => tableFor(cli, LIST(cli), groups.items, 'No group yet: drover group set NAME --query "site=north"'));
    }); // biome-ignore format: one chain
  addConnectionOptions(group.command('set').summary('name a label query').description('Gives a label query a name, or a name another query. Rollouts that are under way keep the query that they began with.'))
    .argument('<name>', 'name of the group')
    .requiredOption('--query <query>', 'devices by label, such as "site=north and not has maintenance"; "" is every device')
    .option('--note <text>', 'what it is for')
    .addHelpText('after', '\nExample:\n  drover group set presses --query "kind=press and site in (berlin, paris)"')
    .action(async (name: string, options: ConnectionOptions & { query: string; note?: string }) => {
      const body = { query: options.query, ...(options.note !== undefined && { note: options.note }) };
      const one = await connect(cli, options).ask(GroupSchema, at('groups', name), { method: 'PUT', body });
      present(cli, options, one, () => renderGroup(one));
    }); // biome-ignore format: one chain
  addConnectionOptions(group.command('devices').summary('the devices of a group').description('Lists the devices that match a group now.'))
    .argument('<name>', 'name of the group')
    .addHelpText('after', '\nExample:\n  drover group devices presses')
    .action(async (name: string, options: ConnectionOptions) => {
      const found = await connect(cli, options).ask(GroupDevices, at('groups', name, 'devices'), { query: { limit: '10000' } });
      const more = found.total > found.items.length ? `and ${found.total - found.items.length} more\n` : '';
      present(cli, options, found, () => (found.total === 0 ? 'No device matches now.\n' : `${found.items.join('\n')}\n${more}`));
    }); // biome-ignore format: one chain
  addConnectionOptions(group.command('delete').summary('remove a group').description('Removes the name of a group; its devices stay as they are.'))
    .argument('<name>', 'name of the group')
    .addHelpText('after', '\nExample:\n  drover group delete presses')
    .action(async (name: string, options: ConnectionOptions) => {
      await connect(cli, options).askBytes(at('groups', name), { method: 'DELETE' });
      present(cli, options, { deleted: name }, () => `Removed the group ${name}.\n`);
    }); // biome-ignore format: one chain
}
