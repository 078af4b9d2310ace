// `drover model release|withdraw`: what the release metadata of a publisher team lists, signed here with the team's key.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { parseManifest } from '@drover/trust/documents';
import { digestOf, type Signer } from '@drover/trust/dsse';
import type { Entry } from '@drover/trust/tuf/build';
import type { ReleaseChange } from '@drover/trust/tuf/propose';
import { type HubView, type PublisherOrder, signRelease } from '@drover/trust/tuf/publisher';
import { VersionDetail } from '@drover/wire/http/models';
import { type PublicationRequest, RoleList } from '@drover/wire/http/release';
import type { Command } from 'commander';
import { CliFailure, EXIT, failRefused, failUsage } from '../failure.ts';
import { at, type HubClient } from '../hub-client.ts';
import { addSigningOptions, openSigners, type SigningOptions } from '../keys/open-keys.ts';
import { shortDigest } from '../table.ts';
import { isLoopback } from '../target.ts';
import {
  addConnectionOptions,
  type Cli,
  type ConnectionOptions,
  connect,
  locateHub,
  parseCount,
  present,
} from './common.ts';
import { readHubFile } from './keys.ts';
import { parseModelRef, resolveVersion } from './model.ts';

export interface PublisherOptions extends ConnectionOptions, SigningOptions {
  readonly data?: string;
  readonly team?: string;
  readonly root?: string;
  readonly minRelease?: number;
}

export const addPublisherOptions = (command: Command): Command =>
  addSigningOptions(addConnectionOptions(command))
    .option('--team <name>', 'publisher team, where the key signs for several')
    .option('--root <file>', 'a root that you trust (N.root.json), where others of the team signed last')
    .option('--min-release <n>', 'from now on devices install no release of this model below n', parseCount)
    .option('--data <dir>', 'data directory of the local hub, whose keys/release.pem is used without --key');

/** The keys given, or the release key of a local hub in development mode. */
export async function openPublisher(cli: Cli, options: PublisherOptions): Promise<Signer[]> {
  if (options.key !== undefined) return openSigners(cli, options);
  const target = locateHub(cli, options);
  if (!isLoopback(target.hub.value))
    throw failUsage('A hub on another machine needs the key of your publisher team.', 'Give it with --key FILE.');
  const file = path.join(target.hubData.value, 'keys', 'release.pem');
  try {
    return await openSigners(cli, { ...options, key: [file] });
  } catch (error) {
    if (error instanceof CliFailure && error.code !== 'key_invalid') throw error;
    throw new CliFailure(
      EXIT.failed,
      'key_invalid',
      `The release key "${file}" cannot be used.`,
      'Give the key of your publisher team with --key FILE, or say where the hub keeps its data with --data DIR.',
    );
  }
}

export const orderOf = (cli: Cli, options: PublisherOptions, signers: readonly Signer[]): PublisherOrder => ({
  signers,
  team: options.team,
  root: options.root === undefined ? undefined : readFileSync(path.resolve(cli.shell.cwd, options.root)),
  now: cli.shell.now(),
});

export async function viewHub(client: HubClient): Promise<HubView> {
  const { items } = await client.ask(RoleList, at('tuf', 'roles'));
  return { roles: items, read: (file) => readHubFile(client, file) };
}

export async function signChange(
  client: HubClient,
  order: PublisherOrder,
  model: string,
  change: ReleaseChange,
): Promise<PublicationRequest | undefined> {
  const signed = await signRelease(await viewHub(client), order, model, change);
  if (!signed.ok) throw failRefused(signed);
  return signed.value;
}

/** What a version is, read from the bytes whose digest is signed and not from what the hub says about them. */
async function readEntry(client: HubClient, model: string, version: number): Promise<Entry> {
  const detail = await client.ask(VersionDetail, at('models', model, 'versions', version));
  const payload = Buffer.from(detail.payload ?? '', 'base64');
  const manifest = parseManifest(payload);
  if (!manifest.ok) throw failRefused(manifest);
  const { value } = manifest;
  if (digestOf(payload) !== detail.manifest || value.model !== model || value.version !== version)
    throw new CliFailure(
      EXIT.failed,
      'release_mismatch',
      `The hub shows another manifest for ${model}@${version}.`,
      'Do not trust this hub before you know why.',
    );
  return { version, sha256: detail.manifest, length: payload.length, release: value.release };
}

async function publish(cli: Cli, text: string, options: PublisherOptions, what: 'release' | 'withdraw'): Promise<void> {
  const signers = await openPublisher(cli, options);
  const client = connect(cli, options);
  const ref = parseModelRef(text);
  const { model } = ref;
  const version = await resolveVersion(client, ref);
  const entry = what === 'release' ? await readEntry(client, model, version) : undefined;
  const { minRelease } = options;
  const change = { ...(entry ? { add: [entry] } : { withdraw: [version] }), ...(minRelease !== undefined && { minRelease }) };
  const request = await signChange(client, orderOf(cli, options, signers), model, change);
  if (request !== undefined) await client.ask(RoleList, at('tuf', 'publications'), { method: 'POST', body: request });
  const done = { model, version, team: request?.team ?? options.team ?? null, isChanged: request !== undefined, manifest: entry?.sha256 ?? null };
  present(cli, options, done, () =>
    request === undefined
      ? `${model}@${version} is listed already.\n`
      : what === 'withdraw'
        ? `Withdrawn: ${model}@${version} by "${request.team}". What runs keeps running; no device installs it any more.\n`
        : `Released: ${model}@${version} by "${request.team}" (manifest ${shortDigest(entry?.sha256 ?? '')}).\nNext: drover deploy ${model}@${version}\n`);
} // biome-ignore format: one answer

export function addReleaseCommands(model: Command, cli: Cli): void {
  addPublisherOptions(model.command('release').summary('list a version under your publisher team, so that devices install it'))
    .description('Signs the release metadata of your publisher team with one more version: one that was registered without a release, or one that the hub trained, for devices that install only what a person released.')
    .argument('<model@version>', 'such as wear@3 or wear@champion')
    .addHelpText('after', '\nExample:\n  drover model release wear@3 --key acme.key --min-release 2')
    .action((ref: string, options: PublisherOptions) => publish(cli, ref, options, 'release')); // biome-ignore format: one chain
  addPublisherOptions(model.command('withdraw').summary('take a version out of the release metadata of your team'))
    .description('Signs the release metadata of your publisher team without a version: no device installs it any more; where it runs it keeps running.')
    .argument('<model@version>', 'such as wear@3')
    .addHelpText('after', '\nExample:\n  drover model withdraw wear@2 --key acme.key --min-release 3')
    .action((ref: string, options: PublisherOptions) => publish(cli, ref, options, 'withdraw')); // biome-ignore format: one chain
}
