// `drover keys rotate|renew|recover|team`: the next root and targets, made in the folder of the ceremony and signed with the
// keys given. Nothing counts before "drover keys install".
import { readFileSync } from 'node:fs';
import type { Signer } from '@drover/trust/dsse';
import {
  buildTargets,
  extendRoot,
  type KeySet,
  nextOffline,
  type RootParts,
  rootParts,
  type Teams,
  teamsOf,
} from '@drover/trust/tuf/build';
import { parseMetadata, type TargetsSigned } from '@drover/trust/tuf/metadata';
import { HUB_TEAM, isTeam, parseTeam } from '@drover/trust/tuf/names';
import { type HubView, signRenewal, signRotation } from '@drover/trust/tuf/publisher';
import { RoleList } from '@drover/wire/http/release';
import type { Command } from 'commander';
import { failRefused, failUsage } from '../failure.ts';
import { at } from '../hub-client.ts';
import {
  describeFile,
  progressOf,
  readNewest,
  rootRequirements,
  signWith,
  targetsRequirements,
  writeFile,
} from '../keys/folder.ts';
import { type NewKeyOptions, openKeyMaker, takeOrMake } from '../keys/new-keys.ts';
import {
  addSigningOptions,
  openSigners,
  type PublicKey,
  readPublicKey,
  type SigningOptions,
} from '../keys/open-keys.ts';
import {
  addConnectionOptions,
  addJsonOption,
  type Cli,
  type ConnectionOptions,
  collect,
  connect,
  type OutputOptions,
  parseWhole,
  present,
} from './common.ts';
import { dirOf, readHubFile, readRoles } from './keys.ts';

const ONLINE = ['online', 'director', 'training'] as const;

interface ChangeOptions extends OutputOptions, NewKeyOptions, SigningOptions {
  readonly dir: string;
  readonly data?: string;
  readonly new?: string[];
  readonly drop?: string[];
  readonly threshold?: number;
}

/** What a ceremony changes; `targets` is made anew also when only its keys changed. */
interface Change {
  readonly root?: Partial<RootParts>;
  readonly teams?: Teams;
  /** New expiry only. */
  readonly renews?: 'root' | 'targets';
}

/** Writes the next files of the folder, signed as far as the keys given reach, and says what is missing. */
async function writeNext(
  cli: Cli,
  options: ChangeOptions,
  change: Change,
  signers: readonly Signer[],
): Promise<{ files: string[]; text: string }> {
  const dir = dirOf(cli, options.dir);
  const { root: lastRoot, targets: lastTargets } = readNewest(dir);
  const now = cli.shell.now();
  const texts: string[] = [];
  const files: string[] = [];
  let root = lastRoot.signed;
  if (change.root !== undefined || change.renews === 'root') {
    root = extendRoot(lastRoot.signed, change.root ?? {}, now);
    const requirements = rootRequirements(root, lastRoot.signed);
    const metadata = await signWith({ signed: root, signatures: [] }, signers, requirements);
    files.push(writeFile(dir, 'root', metadata));
    texts.push(describeFile(files.at(-1) ?? '', progressOf(metadata, requirements)));
  }
  if (change.teams !== undefined || change.renews === 'targets' || change.root?.targets !== undefined) {
    const last = lastTargets.signed;
    const person = last['x-drover']?.release === 'person';
    const teams = change.teams ?? teamsOf(last);
    const signed: TargetsSigned = buildTargets(teams, { version: nextOffline(last.version), now, person });
    const requirements = targetsRequirements(root);
    const metadata = await signWith({ signed, signatures: [] }, signers, requirements);
    files.push(writeFile(dir, 'targets', metadata));
    texts.push(describeFile(files.at(-1) ?? '', progressOf(metadata, requirements)));
  }
  return { files, text: texts.join('') };
}

const hexOf = (key: Uint8Array): string => Buffer.from(key).toString('hex');

/** The keys of a role after the change: without the dropped ones (all, where none is named), with the new ones. */
function exchange(cli: Cli, last: KeySet, fresh: readonly PublicKey[], options: ChangeOptions): KeySet {
  const dropped = options.drop?.map((file) => hexOf(readPublicKey(cli, file).publicKey));
  const stranger = dropped?.find((key) => !last.keys.some((one) => hexOf(one) === key));
  if (stranger !== undefined) throw failUsage('A key to drop is none of the role.');
  const kept = dropped === undefined ? [] : last.keys.filter((key) => !dropped.includes(hexOf(key)));
  const keys = [...kept, ...fresh.map(({ publicKey }) => publicKey)];
  const threshold = options.threshold ?? Math.min(last.threshold, keys.length);
  if (threshold > keys.length) throw failUsage(`The role would need ${threshold} of ${keys.length} keys.`);
  return { keys, threshold };
}

const needData = (cli: Cli, options: ChangeOptions): string => {
  if (options.data === undefined)
    throw failUsage(
      'The new key belongs to the hub.',
      'Give its data directory with --data, or its public key with --new FILE.pub.',
    );
  return dirOf(cli, options.data);
};

/** New keys of people: as many as go, unless they were handed over. */
const freshForPeople = (cli: Cli, role: string, last: KeySet, options: ChangeOptions): Promise<PublicKey[]> =>
  takeOrMake(cli, options.new, () =>
    openKeyMaker(cli, options).forPeople(role, options.drop?.length ?? last.keys.length, dirOf(cli, options.dir)),
  );

async function changeOnline(
  cli: Cli,
  roles: readonly string[],
  options: ChangeOptions,
): Promise<{ change: Change; made: string[] }> {
  const { targets } = readNewest(dirOf(cli, options.dir));
  const maker = openKeyMaker(cli, options);
  const made: string[] = [];
  let rootChange: Partial<RootParts> | undefined;
  let teams: Teams | undefined;
  for (const role of roles) {
    const fresh = await takeOrMake(cli, options.new, async () => [await maker.forHub(role, needData(cli, options))]);
    made.push(...fresh.map(({ file }) => file));
    const keys: KeySet = { keys: fresh.map(({ publicKey }) => publicKey), threshold: 1 };
    if (role === 'training') teams = new Map([...teamsOf(targets.signed), [HUB_TEAM, keys]]);
    else rootChange = { ...rootChange, [role]: keys };
  }
  return { change: { ...(rootChange && { root: rootChange }), ...(teams && { teams }) }, made };
}

async function openHubView(cli: Cli, options: ConnectionOptions): Promise<HubView> {
  const client = connect(cli, options);
  return { roles: (await readRoles(client)).items, read: (file) => readHubFile(client, file) };
}

function say(
  cli: Cli,
  options: ChangeOptions,
  made: readonly string[],
  written: { files: string[]; text: string },
): void {
  present(cli, options, { keys: made, files: written.files }, () =>
    [...made.map((file) => `made ${file}\n`), written.text, `Next: drover keys install --dir ${options.dir}\n`].join(
      '',
    ),
  );
}

async function rotate(cli: Cli, role: string, options: ChangeOptions): Promise<void> {
  const signers = await openSigners(cli, options);
  if (ONLINE.some((one) => one === role)) {
    const { change, made } = await changeOnline(cli, [role], options);
    return say(cli, options, made, await writeNext(cli, options, change, signers));
  }
  if (role !== 'root' && role !== 'targets')
    throw failUsage(
      `"${role}" is no role.`,
      `Choose root, targets, ${ONLINE.join(', ')}; a publisher team with "drover keys team rotate".`,
    );
  const last = rootParts(readNewest(dirOf(cli, options.dir)).root.signed)[role];
  const fresh = await freshForPeople(cli, role, last, options);
  const made = fresh.map(({ file }) => file);
  // A new key signs at once where its file is here: the new root needs its own keys too.
  const own = options.new === undefined ? await openSigners(cli, { ...options, key: made }) : [];
  const written = await writeNext(cli, options, { root: { [role]: exchange(cli, last, fresh, options) } }, [
    ...signers,
    ...own,
  ]);
  return say(cli, options, made, written);
}

type TeamOptions = ChangeOptions & ConnectionOptions & { root?: string; newKey?: string[] };

async function addTeam(cli: Cli, name: string, options: ChangeOptions): Promise<void> {
  const team = parseTeam(name);
  if (!team.ok) throw failRefused(team);
  const teams = teamsOf(readNewest(dirOf(cli, options.dir)).targets.signed);
  if (teams.has(name)) throw failUsage(`The team "${name}" exists.`, 'Change its keys: drover keys team rotate');
  const fresh = await takeOrMake(cli, options.new, () =>
    openKeyMaker(cli, options).forPeople(name, 1, dirOf(cli, options.dir)),
  );
  const keys: KeySet = { keys: fresh.map(({ publicKey }) => publicKey), threshold: options.threshold ?? 1 };
  if (keys.threshold > keys.keys.length)
    throw failUsage(`The team would need ${keys.threshold} of ${keys.keys.length} keys.`);
  const change: Change = { teams: new Map([...teams, [name, keys]]) };
  say(
    cli,
    options,
    fresh.map(({ file }) => file),
    await writeNext(cli, options, change, await openSigners(cli, options)),
  );
}

async function removeTeam(cli: Cli, name: string, options: ChangeOptions): Promise<void> {
  const teams = teamsOf(readNewest(dirOf(cli, options.dir)).targets.signed);
  if (!teams.has(name)) throw failUsage(`There is no team "${name}".`, 'See "drover keys list".');
  const change: Change = { teams: new Map([...teams].filter(([team]) => team !== name)) };
  say(cli, options, [], await writeNext(cli, options, change, await openSigners(cli, options)));
}

/** New keys of a team: targets that name them, and all of its roles signed by them. */
async function rotateTeam(cli: Cli, name: string, options: TeamOptions): Promise<void> {
  const dir = dirOf(cli, options.dir);
  const teams = teamsOf(readNewest(dir).targets.signed);
  const last = teams.get(name);
  if (last === undefined || name === HUB_TEAM)
    throw failUsage(
      `There is no publisher team "${name}".`,
      'See "drover keys list"; the key of the hub: drover keys rotate training',
    );
  const fresh = await freshForPeople(cli, name, last, { ...options, ...(options.newKey && { new: options.newKey }) });
  const made = fresh.map(({ file }) => file);
  const keys = exchange(cli, last, fresh, options);
  const signers = await openSigners(cli, options);
  const own = await openSigners(cli, { ...options, key: made });
  const hub = await openHubView(cli, options);
  const root = options.root === undefined ? undefined : readFileSync(dirOf(cli, options.root));
  const order = { signers, team: name, now: cli.shell.now(), ...(root && { root }) };
  const roles = await signRotation(hub, order, { keys, signers: [...own, ...signers] });
  if (!roles.ok) throw failRefused(roles);
  const files = roles.value.map(({ role, metadata }) => {
    const parsed = parseMetadata('targets', Buffer.from(metadata, 'base64'));
    if (!parsed.ok) throw failRefused(parsed);
    return writeFile(dir, role, parsed.value);
  });
  const written = await writeNext(cli, options, { teams: new Map([...teams, [name, keys]]) }, signers);
  say(cli, options, made, {
    files: [...written.files, ...files],
    text: `${written.text}${files.map((file) => `${file}\n`).join('')}`,
  });
}

async function renew(cli: Cli, role: string, options: TeamOptions): Promise<void> {
  const signers = await openSigners(cli, options);
  if (role === 'root' || role === 'targets') {
    if (options.dir === undefined)
      throw failUsage('Root and targets are renewed in the folder of the ceremony.', 'Give --dir DIR.');
    return say(cli, options, [], await writeNext(cli, options, { renews: role }, signers));
  }
  if (!isTeam(role)) throw failUsage(`"${role}" is neither root, targets nor a team.`);
  const hub = await openHubView(cli, options);
  const root = options.root === undefined ? undefined : readFileSync(dirOf(cli, options.root));
  const renewed = await signRenewal(hub, { signers, team: role, now: cli.shell.now(), ...(root && { root }) });
  if (!renewed.ok) throw failRefused(renewed);
  const { items } = await connect(cli, options).ask(RoleList, at('tuf', 'publications'), {
    method: 'POST',
    body: renewed.value,
  });
  present(
    cli,
    options,
    { items, nextCursor: null },
    () => `Renewed ${renewed.value.files.length} role(s) of "${role}".\n`,
  );
}

async function recover(cli: Cli, options: ChangeOptions): Promise<void> {
  const signers = await openSigners(cli, options);
  const { change, made } = await changeOnline(cli, ONLINE, options);
  const written = await writeNext(cli, options, change, signers);
  say(cli, options, made, written);
}

const addChangeOptions = (command: Command): Command =>
  addSigningOptions(command)
    .requiredOption('--dir <dir>', 'folder of the ceremony, with the newest root and targets')
    .option(
      '--new <file>',
      'public key that was handed over (FILE.pub); several times; else a new key is made',
      collect,
    )
    .option('--plain', 'new keys without passphrases, in PEM: for development');

export function addChangeCommands(keys: Command, cli: Cli): void {
  addChangeOptions(addJsonOption(keys.command('rotate').summary('exchange the keys of root, targets, online, director or training')))
    .description('Makes the next root or targets with new keys for one role and signs it with the keys given. Without --drop all keys of the role go. Online roles get their new key in --data.')
    .argument('<role>', 'root, targets, online, director, training')
    .option('--drop <file>', 'key of the role that goes (the key file or its .pub); several times', collect)
    .option('--threshold <m>', 'keys of the role that must sign from now on', parseWhole)
    .option('--data <dir>', 'data directory of the hub, for online, director and training')
    .option('--hub-passphrase-file <file>', 'passphrase of the keys of the hub; else the same as for the others')
    .addHelpText('after', '\nExamples:\n  drover keys rotate root --dir keys --drop keys/root-3.key --new carol.key.pub --key keys/root-1.key --key keys/root-2.key\n  drover keys rotate online --dir keys --data /var/lib/drover/hub --key keys/root-1.key --key keys/root-2.key')
    .action((role: string, options: ChangeOptions) => rotate(cli, role, options)); // biome-ignore format: one chain

  addChangeOptions(addJsonOption(keys.command('recover').summary('after a leak of the hub: new online, director and training keys at once')))
    .description('Makes new online, director and training keys, a root and targets that name them, signed with the keys given. After "drover keys install" the hub signs everything anew, devices follow by themselves, and what the leaked keys sign counts no more.')
    .requiredOption('--data <dir>', 'data directory of the hub')
    .option('--hub-passphrase-file <file>', 'passphrase of the keys of the hub; else the same as for the others')
    .addHelpText('after', '\nExample:\n  drover keys recover --dir keys --data /var/lib/drover/hub --key keys/root-1.key --key keys/root-2.key --key keys/targets-1.key')
    .action((options: ChangeOptions) => recover(cli, options)); // biome-ignore format: one chain

  addConnectionOptions(addSigningOptions(keys.command('renew').summary('the same again with a new expiry: root, targets or a team')))
    .description('Signs root or targets again in the folder of the ceremony (then: drover keys install), or all roles of a publisher team at the hub.')
    .argument('<role>', 'root, targets, or the name of a publisher team')
    .option('--dir <dir>', 'folder of the ceremony, for root and targets')
    .option('--root <file>', 'a root that you trust, where others of the team signed last')
    .addHelpText('after', '\nExample:\n  drover keys renew acme --key acme.key')
    .action((role: string, options: TeamOptions) => renew(cli, role, options)); // biome-ignore format: one chain

  const team = keys.command('team').description('publisher teams: who may release models beside the hub');
  addChangeOptions(addJsonOption(team.command('add').summary('let a publisher team release below its name')))
    .description('Makes the next targets, which name a new publisher team and its key. No model and no device needs anything else.')
    .argument('<name>', 'lower-case letters, digits, "-" and "_", at most 31')
    .option('--threshold <m>', 'keys of the team that must sign; else 1', parseWhole)
    .addHelpText('after', '\nExample:\n  drover keys team add acme --dir keys --new acme.key.pub --key keys/targets-1.key')
    .action((name: string, options: ChangeOptions) => addTeam(cli, name, options)); // biome-ignore format: one chain
  addChangeOptions(addJsonOption(team.command('remove').summary('take a publisher team out: nothing of it is installed any more')))
    .description('Makes the next targets without the team. What runs keeps running.')
    .argument('<name>', 'the team')
    .addHelpText('after', '\nExample:\n  drover keys team remove beta --dir keys --key keys/targets-2.key')
    .action((name: string, options: ChangeOptions) => removeTeam(cli, name, options)); // biome-ignore format: one chain
  addConnectionOptions(addChangeOptions(team.command('rotate').summary('exchange the keys of a publisher team')))
    .description('Makes the next targets with new keys of the team, and signs all of its roles, as the hub holds them, with the new key. Give the targets keys and the old key of the team with --key; where that is lost, a root that you trust with --root.')
    .argument('<name>', 'the team')
    .option('--new-key <file>', 'new key of the team (the key file: it signs); else one is made', collect)
    .option('--drop <file>', 'key of the team that goes; several times; else all go', collect)
    .option('--threshold <m>', 'keys of the team that must sign from now on', parseWhole)
    .option('--root <file>', 'a root that you trust, where the old key is not at hand')
    .addHelpText('after', '\nExample:\n  drover keys team rotate acme --dir keys --key keys/targets-2.key --key acme.key --new-key acme-2.key')
    .action((name: string, options: TeamOptions) => rotateTeam(cli, name, options)); // biome-ignore format: one chain
}
