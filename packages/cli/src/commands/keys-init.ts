// `drover keys init`: the first ceremony. Keys for people in one folder, keys for the hub in its data folder, and the signed
// root and targets in both.
import path from 'node:path';
import type { Signer } from '@drover/trust/dsse';
import { buildRoot, buildTargets, type KeySet } from '@drover/trust/tuf/build';
import type { RootSigned, TargetsSigned } from '@drover/trust/tuf/metadata';
import { HUB_TEAM, parseTeam } from '@drover/trust/tuf/names';
import type { Command } from 'commander';
import { failRefused, failUsage } from '../failure.ts';
import {
  describeFile,
  isComplete,
  newestOf,
  progressOf,
  rootRequirements,
  signWith,
  targetsRequirements,
  writeFile,
} from '../keys/folder.ts';
import { type NewKeyOptions, openKeyMaker, takeOrMake } from '../keys/new-keys.ts';
import { addPassphraseOption, openSigners, type PublicKey } from '../keys/open-keys.ts';
import { addJsonOption, type Cli, collect, type OutputOptions, parseWhole, present } from './common.ts';
import { dirOf, installBeside } from './keys.ts';

interface InitOptions extends OutputOptions, NewKeyOptions {
  readonly out: string;
  readonly data?: string;
  readonly rootKeys: number;
  readonly rootThreshold?: number;
  readonly targetsKeys: number;
  readonly targetsThreshold?: number;
  readonly rootKey?: string[];
  readonly targetsKey?: string[];
  readonly team?: string[];
  readonly person?: boolean;
}

const setOf = (keys: readonly PublicKey[], threshold: number): KeySet => ({
  keys: keys.map(({ publicKey }) => publicKey),
  threshold,
});

/** `acme` makes a key, `acme=acme.pub` takes one. */
async function readTeams(cli: Cli, options: InitOptions, dir: string, maker: ReturnType<typeof openKeyMaker>) {
  const teams: [string, KeySet][] = [];
  const files: string[] = [];
  for (const text of options.team ?? []) {
    const [name = '', file] = text.split('=');
    const team = parseTeam(name);
    if (!team.ok) throw failRefused(team);
    if (name === HUB_TEAM) throw failUsage(`"${HUB_TEAM}" is the hub's own team.`);
    const keys = await takeOrMake(cli, file === undefined ? undefined : [file], () => maker.forPeople(name, 1, dir));
    teams.push([name, setOf(keys, 1)]);
    files.push(...keys.map((key) => key.file));
  }
  return { teams, files };
}

function checkThreshold(what: string, threshold: number, count: number): void {
  if (threshold <= count) return;
  throw failUsage(`${what} would need ${threshold} of ${count} keys.`, 'Make more keys, or lower the threshold.');
}

async function signAll<T extends RootSigned | TargetsSigned>(
  dir: string,
  signed: T,
  signers: readonly Signer[],
  root: RootSigned,
): Promise<{ file: string; text: string; isComplete: boolean }> {
  const requirements = signed._type === 'root' ? rootRequirements(signed, undefined) : targetsRequirements(root);
  const metadata = await signWith({ signed, signatures: [] }, signers, requirements);
  const file = writeFile(dir, signed._type, metadata);
  const progress = progressOf(metadata, requirements);
  return { file, text: describeFile(file, progress), isComplete: isComplete(progress) };
}

async function init(cli: Cli, options: InitOptions): Promise<void> {
  const dir = dirOf(cli, options.out);
  const data = dirOf(cli, options.data ?? (cli.shell.env['DROVER_HUB_DATA'] || path.join('.drover', 'hub')));
  if (newestOf(dir, 'root') !== undefined || newestOf(path.join(data, 'keys'), 'root') !== undefined)
    throw failUsage(`"${dir}" or "${data}" has a root already.`, 'Change keys with "drover keys rotate".');
  const { rootKeys, targetsKeys } = options;
  const rootCount = options.rootKey?.length ?? rootKeys;
  const targetsCount = options.targetsKey?.length ?? targetsKeys;
  const rootThreshold = options.rootThreshold ?? Math.min(Math.floor(rootCount / 2) + 1, rootCount);
  const targetsThreshold = options.targetsThreshold ?? 1;
  checkThreshold('The root', rootThreshold, rootCount);
  checkThreshold('The targets', targetsThreshold, targetsCount);
  const maker = openKeyMaker(cli, options);
  const root = await takeOrMake(cli, options.rootKey, () => maker.forPeople('root', rootKeys, dir));
  const targets = await takeOrMake(cli, options.targetsKey, () => maker.forPeople('targets', targetsKeys, dir));
  const { teams, files } = await readTeams(cli, options, dir, maker);
  const online = await maker.forHub('online', data);
  const director = await maker.forHub('director', data);
  const training = await maker.forHub('training', data);
  const now = cli.shell.now();
  const rootSigned = buildRoot(
    {
      root: setOf(root, rootThreshold),
      targets: setOf(targets, targetsThreshold),
      online: setOf([online], 1),
      director: setOf([director], 1),
    },
    1,
    now,
  );
  const all = new Map([[HUB_TEAM, setOf([training], 1)], ...teams]);
  const targetsSigned = buildTargets(all, { version: 1, now, person: options.person === true });
  // What was made here can sign at once; keys of others sign with "drover keys sign".
  const here = [...(options.rootKey ? [] : root), ...(options.targetsKey ? [] : targets)].map(({ file }) => file);
  const signers = await openSigners(cli, { ...options, key: here }, await maker.peoplePassphrase());
  const written = [
    await signAll(dir, rootSigned, signers, rootSigned),
    await signAll(dir, targetsSigned, signers, rootSigned),
  ];
  const isReady = written.every((one) => one.isComplete);
  const installed = isReady ? installBeside(dir, data) : [];
  const made = [...here, ...files, ...[online, director, training].map(({ file }) => file)];
  present(cli, options, { keys: made, files: written.map(({ file }) => file), installed }, () =>
    [
      'Keys:',
      ...made.map((file) => `  ${file}`),
      ...written.map(({ text }) => text.trimEnd()),
      isReady
        ? `Installed in ${path.join(data, 'keys')}.`
        : `Next: collect the missing signatures, then drover keys install --dir ${options.out} --data ${data}`,
      `Back ${dir} up, take it off this machine, and keep the root keys apart from each other.`,
      ...(isReady ? [`Next: drover hub start${options.data === undefined ? '' : ` --data ${options.data}`}`] : []),
      '',
    ].join('\n'),
  );
}

export function addInitCommand(keys: Command, cli: Cli): void {
  addPassphraseOption(addJsonOption(keys.command('init').summary('first ceremony: all keys, and the signed root and targets')))
    .description('Makes the keys of a new hub: root and targets keys for people in --out, online, director and training keys for the hub in --data, all encrypted; then the root and targets that name them, signed. Keys that custodians made themselves (drover keys make) are named with --root-key and --targets-key; they sign with "drover keys sign".')
    .option('--out <dir>', 'folder of the ceremony: what people keep, off the hub', './drover-keys')
    .option('--data <dir>', 'data directory of the hub, on this machine; else DROVER_HUB_DATA, ./.drover/hub')
    .option('--root-keys <n>', 'root keys to make', parseWhole, 1)
    .option('--root-threshold <m>', 'root keys that must sign; else more than half', parseWhole)
    .option('--targets-keys <n>', 'targets keys to make', parseWhole, 1)
    .option('--targets-threshold <m>', 'targets keys that must sign; else 1', parseWhole)
    .option('--root-key <file>', 'a root key that exists (FILE.pub); several times; then none is made', collect)
    .option('--targets-key <file>', 'a targets key that exists (FILE.pub); several times; then none is made', collect)
    .option('--team <name[=file]>', 'a publisher team, with its public key (FILE.pub) or a new one in --out', collect)
    .option('--person', 'devices install only what a publisher team signed, never what only the hub did')
    .option('--hub-passphrase-file <file>', 'passphrase of the keys of the hub; else the same as for the others')
    .option('--plain', 'keys without passphrases, in PEM: for development')
    .addHelpText('after', '\nExamples:\n  drover keys init\n  drover keys init --out keys --data /var/lib/drover/hub --root-keys 3 --root-threshold 2 --team acme')
    .action((options: InitOptions) => init(cli, options)); // biome-ignore format: one chain
}
