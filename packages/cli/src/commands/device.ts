// `drover device …`: what is enrolled, what it runs, taking it away. Decides nothing about deployments.

import type { Static } from '@drover/wire/http/check';
import { Device, DeviceDetail, DeviceLog } from '@drover/wire/http/devices';
import { DeviceWhy } from '@drover/wire/http/rollouts';
import type { Command } from 'commander';
import { meaningOf } from '../failure.ts';
import { at } from '../hub-client.ts';
import { formatAge, formatBytes, formatCount, renderPairs, shortDigest, type TableColumn } from '../table.ts';
import {
  addConnectionOptions,
  asPage,
  type Cli,
  type ConnectionOptions,
  connect,
  parseWhole,
  present,
  tableFor,
} from './common.ts';

type DeviceView = Static<typeof Device>;
type SlotView = DeviceView['slots'][number];

const nameRef = (ref: SlotView['running']): string =>
  ref === null
    ? '-'
    : ref.model !== undefined && ref.version !== undefined
      ? `${ref.model}@${ref.version}`
      : shortDigest(ref.manifest);

const nameRunning = (device: DeviceView): string =>
  device.slots
    .map((s) =>
      device.slots.length === 1 && s.slot === 'default' ? nameRef(s.running) : `${s.slot}:${nameRef(s.running)}`,
    )
    .join(' ');

const nameSync = (device: DeviceView): string =>
  device.slots.length === 0 ? '-' : device.slots.every((s) => s.inSync) ? 'yes' : 'no';

const showLabels = (labels: Readonly<Record<string, string>>): string =>
  Object.entries(labels)
    .map(([key, value]) => `${key}=${value}`)
    .join(' ');

const ageOf = (cli: Cli, instant: string | null): string =>
  instant === null ? '-' : formatAge(cli.shell.now() - Date.parse(instant));

/** What its certificate says, with the time that is left. */
function nameIdentity(cli: Cli, { identity }: DeviceView): string {
  if (identity === undefined) return '-';
  if (identity.state !== 'valid' || identity.notAfter === null) return identity.state;
  return `valid ${formatAge(Date.parse(identity.notAfter) - cli.shell.now())}`;
}

function describeIdentity(cli: Cli, device: DeviceView): (readonly [string, string])[] {
  const { identity } = device;
  if (identity === undefined) return [];
  const { serial, notAfter, door, keyFingerprint, hardware, revokedAt, release } = identity;
  if (keyFingerprint === null) return [['identity', 'id and secret (development)']];
  return [
    ['identity', `${nameIdentity(cli, device)}, by ${door ?? '?'}${release === 'person' ? ', release: person' : ''}`],
    ['certificate', `${serial ?? '-'}, until ${notAfter ?? '-'}`],
    ['key', `sha256:${keyFingerprint}`],
    ...(hardware === null ? [] : [['hardware', hardware] as const]),
    ...(revokedAt === null ? [] : [['revoked', revokedAt] as const]),
  ];
}

/** A device that takes no document runs on, and no slot says why nothing changes. */
const explainRefusal = ({ code, detail }: { readonly code: string; readonly detail: string }): string =>
  `${code}: ${[meaningOf(code), detail].filter((t) => t).join(' ')}`;

const describeRefusal = ({ desiredRefusal }: DeviceView): (readonly [string, string])[] =>
  desiredRefusal ? [['refuses', explainRefusal(desiredRefusal)]] : [];

const LIST: (cli: Cli) => readonly TableColumn<DeviceView>[] = (cli) => [
  { title: 'DEVICE', value: (d) => d.id },
  { title: 'PRESENCE', value: (d) => d.presence },
  { title: 'SEEN', value: (d) => ageOf(cli, d.lastSeenAt), align: 'right' },
  { title: 'RUNNING', value: nameRunning },
  { title: 'IN SYNC', value: nameSync },
  { title: 'IDENTITY', value: (d) => nameIdentity(cli, d) },
  { title: 'AGENT', value: (d) => d.agentVersion },
  { title: 'LABELS', value: (d) => showLabels(d.labels) },
];

const SLOTS: (cli: Cli) => readonly TableColumn<SlotView>[] = (cli) => [
  { title: 'SLOT', value: (s) => s.slot },
  { title: 'RUNNING', value: (s) => nameRef(s.running) },
  { title: 'PREVIOUS', value: (s) => nameRef(s.previous) },
  { title: 'DESIRED', value: (s) => nameRef(s.desired) },
  { title: 'IN SYNC', value: (s) => (s.inSync ? 'yes' : 'no') },
  { title: 'STATE', value: (s) => s.deployment?.state },
  { title: 'SINCE', value: (s) => ageOf(cli, s.deployment?.enteredAt ?? null), align: 'right' },
  { title: 'WHY', value: (s) => [s.deployment?.code, s.deployment?.detail].filter((t) => t).join(': ') },
];

const nameLevel = (level: number): string => (level >= 50 ? 'error' : level >= 40 ? 'warning' : 'info');

const LOGS: readonly TableColumn<DeviceLog>[] = [
  { title: 'AT', value: (l) => l.at },
  { title: 'LEVEL', value: (l) => nameLevel(l.level) },
  { title: 'CODE', value: (l) => l.code },
  { title: 'MESSAGE', value: (l) => l.message },
];

function renderDevice(cli: Cli, device: Static<typeof DeviceDetail>): string {
  const { health, uplink } = device;
  const pairs = renderPairs([
    ['device', device.id],
    ['presence', `${device.presence}, seen ${ageOf(cli, device.lastSeenAt)} ago`],
    ['labels', showLabels(device.labels)],
    ['joined', device.joinedAt],
    ...describeIdentity(cli, device),
    ['agent', [device.agentVersion, device.runtime].filter((t) => t).join(', ')],
    ['generation', `${device.reportedGeneration} reported, ${device.generation} desired`],
    ...describeRefusal(device),
    [
      'uplink',
      `${formatCount(uplink.lastSeq)} entries stored, ${formatCount(uplink.lostEntries)} lost, ${formatCount(uplink.quarantined)} refused`,
    ],
    ...(health
      ? ([
          ['memory', formatBytes(health.rssBytes)],
          ['disk free', formatBytes(health.diskFreeBytes)],
          ['up for', formatAge(health.uptimeMs)],
          [
            'outbox',
            `${formatCount(health.outboxEntries)} entries, ${formatBytes(health.outboxBytes)}, ${formatCount(health.outboxDropped)} dropped`,
          ],
          ...(health.answerReasons ?? []).map(
            ({ code, count }) => ['answers', `${formatCount(count)} ${code} since it started`] as const,
          ),
        ] as const)
      : []),
  ]);
  return `${pairs}\n${tableFor(cli, SLOTS(cli), device.slots, 'No model was deployed to this device yet: drover deploy MODEL --devices ' + device.id)}`;
}

function renderWhy({ device, slots, rollouts }: DeviceWhy): string {
  if (slots.length === 0 && rollouts.length === 0)
    return `No model was ever deployed to ${device}: drover deploy MODEL\n`;
  const lines = slots.flatMap(({ slot, running, desired, because }) => [
    `${slot}: runs ${running}${desired === running ? '' : `, should run ${desired}`}. ${because}`,
  ]);
  const waits = rollouts.map(
    ({ rollout, model, version, slot, state, because }) =>
      `${slot}: rollout ${rollout} of ${model}@${version} (${state}). ${because}`,
  );
  return `${[...lines, ...waits].join('\n')}\n`;
}

export function addDeviceCommands(program: Command, cli: Cli): Command {
  const device = program.command('device').description('devices of the fleet');
  addConnectionOptions(device.command('list').summary('list devices').description('Lists devices: presence, what each runs and whether that is what it should run.'))
    .option('--query <query>', 'only devices whose labels match, such as site=north')
    .option('--limit <n>', 'at most this many', parseWhole)
    .addHelpText('after', '\nExamples:\n  drover device list\n  drover device list --query "site=north and not has maintenance"\n  drover device list --json | jq \'.items[] | select(.presence != "online").id\'')
    .action(async (options: ConnectionOptions & { limit?: number; query?: string }) => {
      const { limit, query } = options;
      const send = { ...(limit && { limit }), ...(query !== undefined && { query: { query } }) };
      const devices = await connect(cli, options).askAll(Device, at('devices'), send);
      const empty = query ? 'No device matches.' : 'No device has joined yet: drover agent join';
      present(cli, options, asPage(devices), () => tableFor(cli, LIST(cli), devices, empty));
    }); // biome-ignore format: one chain
  addConnectionOptions(device.command('show').summary('show one device').description('Shows one device: slots, running and desired versions, health, what it sent.'))
    .argument('<device>', 'device id')
    .addHelpText('after', '\nExample:\n  drover device show press-07')
    .action(async (id: string, options: ConnectionOptions) => {
      const one = await connect(cli, options).ask(DeviceDetail, at('devices', id));
      present(cli, options, one, () => renderDevice(cli, one));
    }); // biome-ignore format: one chain
  addConnectionOptions(device.command('why').summary('why it runs what it runs').description('Says why a device runs what it runs, and what each rollout that is under way waits for with it.'))
    .argument('<device>', 'device id')
    .addHelpText('after', '\nExample:\n  drover device why press-07')
    .action(async (id: string, options: ConnectionOptions) => {
      const why = await connect(cli, options).ask(DeviceWhy, at('devices', id, 'why'));
      present(cli, options, why, () => renderWhy(why));
    }); // biome-ignore format: one chain
  addConnectionOptions(device.command('logs').summary('what a device told').description('Shows what a device thought worth telling, newest first: what it lost, refused, or cannot do as it should.'))
    .argument('<device>', 'device id')
    .option('--limit <n>', 'at most this many (default 50)', parseWhole)
    .addHelpText('after', '\nExample:\n  drover device logs press-07 --limit 200')
    .action(async (id: string, options: ConnectionOptions & { limit?: number }) => {
      const logs = await connect(cli, options).askAll(DeviceLog, at('devices', id, 'logs'), { limit: options.limit ?? 50 });
      present(cli, options, asPage(logs), () => tableFor(cli, LOGS, logs, `${id} has told nothing.`));
    }); // biome-ignore format: one chain
  addConnectionOptions(device.command('remove').summary('remove a device').description('Removes a device: its secret stops working and its session ends. What it reported stays.'))
    .argument('<device>', 'device id')
    .addHelpText('after', '\nExample:\n  drover device remove press-07')
    .action(async (id: string, options: ConnectionOptions) => {
      await connect(cli, options).askBytes(at('devices', id), { method: 'DELETE' });
      present(cli, options, { removed: id }, () => `Removed ${id}.\n`);
    }); // biome-ignore format: one chain
  return device;
}
