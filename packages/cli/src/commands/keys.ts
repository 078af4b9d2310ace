// `drover keys …` without a change of keys: make one, list, show, sign, fetch, install. Changes are in keys-change.ts.
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { keyidOf } from '@drover/trust/dsse';
import { describeKeyFile } from '@drover/trust/key-files';
import {
  encodeMetadata,
  parseMetadata,
  type RootSigned,
  type TargetsSigned,
  tufKeyidOf,
} from '@drover/trust/tuf/metadata';
import { parseMetadataFile, parseRole } from '@drover/trust/tuf/names';
import { type KeyFilesRequest, RoleList, type RoleView } from '@drover/wire/http/release';
import type { Command } from 'commander';
import { CliFailure, EXIT, failRefused, failUsage } from '../failure.ts';
import { at, type HubClient } from '../hub-client.ts';
import {
  describeFile,
  isComplete,
  listFiles,
  newestOf,
  progressOf,
  readNewest,
  readRoot,
  readTargets,
  rootRequirements,
  signWith,
  targetsRequirements,
  writeFile,
} from '../keys/folder.ts';
import {
  addPassphraseOption,
  addSigningOptions,
  askNewPassphrase,
  makeKeyAt,
  openSigners,
  type PassphraseOptions,
  type SigningOptions,
  writePublic,
} from '../keys/open-keys.ts';
import { renderPairs, type TableColumn } from '../table.ts';
import {
  addConnectionOptions,
  addJsonOption,
  type Cli,
  type ConnectionOptions,
  connect,
  type OutputOptions,
  present,
  tableFor,
} from './common.ts';

export const dirOf = (cli: Cli, dir: string): string => path.resolve(cli.shell.cwd, dir);

const ROLES: readonly TableColumn<RoleView>[] = [
  { title: 'ROLE', value: (r) => r.role },
  { title: 'VERSION', value: (r) => (r.version === 0 ? '-' : r.version), align: 'right' },
  { title: 'EXPIRES', value: (r) => r.expiresAt },
  { title: 'KEYS', value: (r) => `${r.threshold} of ${r.keys.length}`, align: 'right' },
  { title: 'SIGNED BY', value: (r) => (r.isHeld ? 'this hub' : 'people') },
  { title: 'KEY IDS', value: (r) => r.keys.map(({ keyid }) => keyid.slice(0, 12)).join(' ') },
  { title: 'WARNING', value: (r) => r.warning ?? '' },
];

export const readRoles = (client: HubClient) => client.ask(RoleList, at('tuf', 'roles'));

/** A metadata file of the hub; undefined when there is none. */
export async function readHubFile(client: HubClient, file: string): Promise<Uint8Array | undefined> {
  try {
    return await client.askBytes(at('tuf', 'metadata', file));
  } catch (error) {
    if (error instanceof CliFailure && error.exitCode === EXIT.notFound) return undefined;
    throw error;
  }
}

function addMakeCommand(keys: Command, cli: Cli): void {
  addPassphraseOption(addJsonOption(keys.command('make').summary('make one key, and its public part for others')))
    .description('Makes an encrypted Ed25519 key for a role (root, targets, online, director, training or the name of a publisher team), mode 0600, and FILE.pub beside it: that is what others get.')
    .argument('<role>', 'what the key is for')
    .requiredOption('--out <file>', 'where the key goes; never overwritten')
    .option('--plain', 'without a passphrase, in PEM: for development')
    .addHelpText('after', '\nExample:\n  drover keys make root --out /media/safe/root-alice.key')
    .action(async (role: string, options: OutputOptions & PassphraseOptions & { out: string; plain?: boolean }) => {
      const out = path.resolve(cli.shell.cwd, options.out);
      const passphrase = options.plain ? undefined : await askNewPassphrase(cli, options, options.out);
      mkdirSync(path.dirname(out), { recursive: true, mode: 0o700 });
      const { publicKey } = await makeKeyAt(out, role, passphrase);
      writeFileSync(`${out}.pub`, writePublic(role, publicKey));
      const facts = { file: out, public: `${out}.pub`, role, keyid: keyidOf(publicKey) };
      present(cli, options, facts, () => `Made ${out} (keep it) and ${out}.pub (hand it over).\n  key id ${facts.keyid}\n`);
    }); // biome-ignore format: one chain
}

function addListCommand(keys: Command, cli: Cli): void {
  addConnectionOptions(keys.command('list').summary('roles of the release metadata, their keys, and until when they hold'))
    .description('Lists the roles of the release metadata of a hub: version, expiry, keys, and who signs. Public facts only.')
    .addHelpText('after', '\nExample:\n  drover keys list')
    .action(async (options: ConnectionOptions) => {
      const { items } = await readRoles(connect(cli, options));
      present(cli, options, { items, nextCursor: null }, () => tableFor(cli, ROLES, items, 'No roles.'));
    }); // biome-ignore format: one chain
}

/** Public facts about a file of a ceremony or a key file. */
function describeAny(file: string): Record<string, unknown> {
  const name = parseMetadataFile(path.basename(file));
  if (!name.ok) {
    const facts = describeKeyFile(file);
    if (!facts.ok) throw failRefused(facts);
    const { form, role, keyid, publicKey } = facts.value;
    return { file, form, role: role ?? '-', keyid, tufKeyid: tufKeyidOf(publicKey), publicKey: Buffer.from(publicKey).toString('hex') };
  }
  const metadata = name.value.role === 'root' ? readRoot(file) : readTargets(file);
  const { signed } = metadata;
  const roles = signed._type === 'root' ? Object.entries({ ...signed.roles, director: signed['x-drover'].director }) : (signed.delegations?.roles ?? []).map((role) => [role.name, role] as const);
  return {
    file, role: name.value.role, version: signed.version, expires: signed.expires,
    signatures: metadata.signatures.map(({ keyid }) => keyid.slice(0, 12)).join(' '),
    ...Object.fromEntries(roles.map(([role, { keyids, threshold }]) => [role, `${threshold} of ${keyids.map((keyid) => keyid.slice(0, 12)).join(' ')}`])),
    ...(signed._type === 'targets' && { versions: Object.keys(signed.targets).join(' ') }),
  };
} // biome-ignore format: pairs

function addShowCommand(keys: Command, cli: Cli): void {
  addJsonOption(keys.command('show').summary('public facts about a key file or a metadata file'))
    .description('Shows what a key file or a file of the release metadata says, without a passphrase.')
    .argument('<file>', 'key file, N.root.json, N.targets.json')
    .addHelpText('after', '\nExample:\n  drover keys show drover-keys/1.root.json')
    .action((file: string, options: OutputOptions) => {
      const facts = describeAny(path.resolve(cli.shell.cwd, file));
      present(cli, options, facts, () => renderPairs(Object.entries(facts).map(([key, value]) => [key, String(value)])));
    }); // biome-ignore format: one chain
}

/** What a file of the folder needs to be signed by, and how far it is. */
export function requirementsOf(file: string) {
  const name = parseMetadataFile(path.basename(file));
  const dir = path.dirname(file);
  if (!name.ok || (name.value.role !== 'root' && name.value.role !== 'targets'))
    throw failUsage(`"${file}" is no N.root.json and no N.targets.json.`);
  if (name.value.role === 'root') {
    const metadata = readRoot(file);
    const before = listFiles(dir).find(
      ({ role, version }) => role === 'root' && version === metadata.signed.version - 1,
    );
    if (before === undefined && metadata.signed.version > 1)
      throw failUsage(
        `"${dir}" does not hold ${metadata.signed.version - 1}.root.json, whose keys must sign too.`,
        'Bring it: drover keys fetch --dir DIR',
      );
    return { metadata, requirements: rootRequirements(metadata.signed, before && readRoot(before.file).signed) };
  }
  const metadata = readTargets(file);
  const root = newestOf(dir, 'root');
  if (root === undefined) throw failUsage(`"${dir}" holds no N.root.json.`, 'Bring it: drover keys fetch --dir DIR');
  return { metadata, requirements: targetsRequirements(readRoot(root.file).signed) };
}

function addSignCommand(keys: Command, cli: Cli): void {
  addSigningOptions(addJsonOption(keys.command('sign').summary('add a signature to a root or targets file')))
    .description('Adds the signature of each key given to a root or targets file and says how many are still missing. Show the file first: whoever signs vouches for what it says.')
    .argument('<file>', 'N.root.json or N.targets.json in the folder of the ceremony')
    .addHelpText('after', '\nExample:\n  drover keys sign keys/2.root.json --key /media/safe/root-bob.key')
    .action(async (given: string, options: OutputOptions & SigningOptions) => {
      const file = path.resolve(cli.shell.cwd, given);
      const { metadata, requirements } = requirementsOf(file);
      const signers = await openSigners(cli, options);
      const wanted = new Set(requirements.flatMap(({ role }) => role.keyids));
      const stranger = signers.find(({ publicKey }) => !wanted.has(tufKeyidOf(publicKey)));
      if (signers.length === 0) throw failUsage('No key was given.', 'Give --key FILE.');
      if (stranger) throw failUsage(`The key ${stranger.keyid.slice(0, 12)} does not sign for this file.`, `See "drover keys show ${given}".`);
      const signed = await signWith<RootSigned | TargetsSigned>(metadata, signers, requirements);
      writeFile(path.dirname(file), signed.signed._type, signed);
      const progress = progressOf(signed, requirements);
      present(cli, options, { file, progress, isComplete: isComplete(progress) }, () => describeFile(file, progress));
    }); // biome-ignore format: one chain
}

async function fetchInto(client: HubClient, dir: string): Promise<string[]> {
  const written: string[] = [];
  for (let version = (newestOf(dir, 'root')?.version ?? 0) + 1; ; version++) {
    const bytes = await readHubFile(client, `${version}.root.json`);
    if (bytes === undefined) break;
    const root = parseMetadata('root', bytes);
    if (!root.ok) throw failRefused(root);
    written.push(writeFile(dir, 'root', root.value));
  }
  const { items } = await readRoles(client);
  const file = items.find(({ role }) => role === 'targets')?.file;
  const bytes = file === undefined || file === null ? undefined : await readHubFile(client, file);
  const targets = bytes && parseMetadata('targets', bytes);
  if (targets && !targets.ok) throw failRefused(targets);
  if (targets) written.push(writeFile(dir, 'targets', targets.value));
  return written;
}

function addFetchCommand(keys: Command, cli: Cli): void {
  addConnectionOptions(keys.command('fetch').summary('bring the roots and targets of a hub into a folder'))
    .description('Writes the roots and the newest targets that the hub serves into a folder, where a ceremony goes on with them. Signatures are checked by whoever signs next, and by the hub.')
    .requiredOption('--dir <dir>', 'folder of the ceremony')
    .addHelpText('after', '\nExample:\n  drover keys fetch --dir keys')
    .action(async (options: ConnectionOptions & { dir: string }) => {
      const files = await fetchInto(connect(cli, options), dirOf(cli, options.dir));
      present(cli, options, { files }, () => `${files.join('\n')}\n`);
    }); // biome-ignore format: one chain
}

const asText = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64');

/** What the folder has that the hub has not. */
function collectNews(dir: string, held: readonly RoleView[]): KeyFilesRequest {
  const versionOf = (role: string): number => held.find((view) => view.role === role)?.version ?? 0;
  const { root, targets } = readNewest(dir);
  const files = listFiles(dir);
  const roots = files.filter(({ role, version }) => role === 'root' && version > versionOf('root'));
  const isNew = targets.signed.version > versionOf('targets');
  const roles = files.filter(({ role, version }) => {
    const name = parseRole(role);
    const newest = files.findLast((file) => file.role === role);
    return name.ok && name.value.kind !== 'top' && version > versionOf(role) && version === newest?.version;
  });
  for (const { file } of [...roots, ...(isNew ? [newestOf(dir, 'targets')] : [])].filter((one) => one !== undefined)) {
    const { metadata, requirements } = requirementsOf(file);
    const progress = progressOf(metadata, requirements);
    if (!isComplete(progress)) throw new CliFailure(EXIT.failed, 'metadata_unsigned', describeFile(file, progress).trim(), `drover keys sign ${file} --key KEY`);
  }
  if (roots.length === 0 && !isNew && roles.length === 0)
    throw failUsage(`The hub has root ${root.signed.version} and targets ${targets.signed.version} already.`);
  return {
    roots: roots.map(({ file }) => asText(encodeMetadata(readRoot(file)))),
    ...(isNew && { targets: asText(encodeMetadata(targets)) }),
    ...(roles.length > 0 && { roles: roles.map(({ role, file }) => ({ role, metadata: asText(encodeMetadata(readTargets(file))) })) }),
  };
} // biome-ignore format: one request

/** Puts the files beside the keys of a hub that was never started with any. */
export function installBeside(dir: string, data: string): string[] {
  const keys = path.join(data, 'keys');
  const { targets } = readNewest(dir);
  const roots = listFiles(dir).filter(({ role }) => role === 'root');
  return [...roots.map(({ file }) => writeFile(keys, 'root', readRoot(file))), writeFile(keys, 'targets', targets)];
}

function addInstallCommand(keys: Command, cli: Cli): void {
  addConnectionOptions(keys.command('install').summary('bring signed roots and targets into a hub'))
    .description('Sends the roots, targets and team roles of a folder that the hub does not have yet. The hub checks every signature, refuses what does not follow, re-signs what its online keys sign, and devices follow by themselves. Needs the role admin. With --data: for a hub that was never started, beside its keys.')
    .requiredOption('--dir <dir>', 'folder of the ceremony')
    .option('--data <dir>', 'data directory of a hub on this machine that has no keys yet')
    .addHelpText('after', '\nExample:\n  drover keys install --dir keys')
    .action(async (options: ConnectionOptions & { dir: string; data?: string }) => {
      const dir = dirOf(cli, options.dir);
      if (options.data !== undefined && newestOf(path.join(dirOf(cli, options.data), 'keys'), 'root') === undefined) {
        const files = installBeside(dir, dirOf(cli, options.data));
        return present(cli, options, { files }, () => `${files.join('\n')}\nNext: drover hub start --data ${options.data}\n`);
      }
      const client = connect(cli, options);
      const news = collectNews(dir, (await readRoles(client)).items);
      const { items } = await client.ask(RoleList, at('tuf', 'keys'), { method: 'POST', body: news });
      present(cli, options, { items, nextCursor: null }, () => tableFor(cli, ROLES, items, 'No roles.'));
    }); // biome-ignore format: one chain
}

export function addKeyCommands(keys: Command, cli: Cli): void {
  addMakeCommand(keys, cli);
  addListCommand(keys, cli);
  addShowCommand(keys, cli);
  addSignCommand(keys, cli);
  addFetchCommand(keys, cli);
  addInstallCommand(keys, cli);
}
