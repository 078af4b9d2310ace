// `drover model bundle|verify|oms-key`: a version as a folder that others can check, checking such a folder, and the key
// that signs. Checking needs no hub.
import { createWriteStream, existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { parseManifest } from '@drover/trust/documents';
import { digestOf } from '@drover/trust/dsse';
import { SIGNATURE_FILE, verifyOmsBundle } from '@drover/trust/oms/bundle';
import { compareFiles, hashFolder } from '@drover/trust/oms/folder';
import { createOmsKeyFile, openOmsKeyFile, readOmsPublicKey } from '@drover/trust/oms/key';
import type { OmsStatement } from '@drover/trust/oms/statement';
import { listBlobFiles, MANIFEST_FILE, nameFolder } from '@drover/trust/oms/version-files';
import type { Static } from '@drover/wire/http/check';
import { VersionDetail } from '@drover/wire/http/models';
import type { Command } from 'commander';
import { CliFailure, EXIT, failRefused, failUsage } from '../failure.ts';
import { at, type HubClient } from '../hub-client.ts';
import { shortDigest } from '../table.ts';
import {
  addConnectionOptions,
  addJsonOption,
  type Cli,
  type ConnectionOptions,
  connect,
  type OutputOptions,
  present,
} from './common.ts';
import { parseModelRef, resolveVersion } from './model.ts';

const DOWNLOAD_MS = 3_600_000;

function readText(cli: Cli, file: string): string {
  try {
    return readFileSync(path.resolve(cli.shell.cwd, file), 'utf8');
  } catch (error) {
    throw failUsage(`"${file}" cannot be read (${(error as NodeJS.ErrnoException).code ?? 'unknown'}).`);
  }
}

/** Checks a folder against its signature; throws the failure that says what is wrong. */
async function verifyFolder(dir: string, signature: string, publicKey: string): Promise<[OmsStatement, string]> {
  let bytes: Uint8Array;
  try {
    bytes = readFileSync(signature);
  } catch (error) {
    throw failUsage(`The signature "${signature}" cannot be read (${(error as NodeJS.ErrnoException).code ?? ''}).`);
  }
  const verified = verifyOmsBundle(bytes, publicKey);
  if (!verified.ok) throw failRefused(verified);
  const { statement, key } = verified.value;
  const found = await hashFolder(dir, statement.ignoredPaths, signature);
  if (!found.ok) throw failRefused(found);
  const same = compareFiles(statement, found.value);
  if (!same.ok) throw failRefused(same);
  return [statement, key.hint];
}

type Detail = Static<typeof VersionDetail>;

async function download(client: HubClient, sha256: string, file: string): Promise<void> {
  const bytes = client.askStream(at('blobs', sha256), { timeoutMs: DOWNLOAD_MS });
  await pipeline(Readable.from(bytes), createWriteStream(file, { flags: 'wx' }));
}

/** Writes every file of a version to a folder that is not there yet; it has its name only when all are right. */
async function writeFolder(client: HubClient, version: Detail, dir: string, key: string | undefined): Promise<string> {
  const where = ['models', version.model, 'versions', version.version] as const;
  const payload = await client.askBytes(at(...where, 'manifest'));
  if (digestOf(payload) !== version.manifest)
    throw new CliFailure(EXIT.failed, 'artifact_digest_mismatch', 'The hub sent another manifest than it names.');
  const manifest = parseManifest(payload);
  if (!manifest.ok) throw failRefused(manifest);
  const bundle = await client.askBytes(at(...where, 'oms'), { query: { key } });
  const signer = version.signatures?.find(({ sha256 }) => sha256 === digestOf(bundle));
  if (signer === undefined)
    throw new CliFailure(EXIT.failed, 'oms_malformed', 'The hub sent a model signature that it does not name.');
  const aside = `${dir}.new-${process.pid}`;
  mkdirSync(aside, { recursive: true });
  try {
    for (const { name, ref } of listBlobFiles(manifest.value))
      await download(client, ref.sha256, path.join(aside, name));
    writeFileSync(path.join(aside, MANIFEST_FILE), payload);
    writeFileSync(path.join(aside, SIGNATURE_FILE), bundle);
    await verifyFolder(aside, path.join(aside, SIGNATURE_FILE), signer.publicKey);
    renameSync(aside, dir);
  } finally {
    rmSync(aside, { recursive: true, force: true });
  }
  return signer.publicKey;
}

interface BundleOptions extends ConnectionOptions {
  readonly out?: string;
  readonly signer?: string;
  readonly keyOut?: string;
}

function addBundleCommand(model: Command, cli: Cli): void {
  addConnectionOptions(model.command('bundle').summary('write a version and its signature to a folder'))
    .description(
      'Writes the files of a version to a new folder: model.onnx, baseline.json, vectors.json, manifest.json, and model.sig, ' +
        'an OpenSSF Model Signing v1.0 signature over the others. The folder is checked before it gets its name.',
    )
    .argument('<model>', 'MODEL, MODEL@VERSION or MODEL@ALIAS')
    .option('--out <dir>', 'the folder to make; else MODEL-VERSION here')
    .option('--signer <key>', 'SHA-256 of the key whose signature is wanted; else the newest one')
    .option('--key-out <file>', "write the signer's public key there, for trying: an outsider needs it from elsewhere")
    .addHelpText(
      'after',
      `
Examples:
  drover model bundle wear@3 --out wear-3 --key-out signer.pem
  drover model verify wear-3 --key signer.pem
  model_signing verify key wear-3 --signature wear-3/model.sig --public_key signer.pem`,
    )
    .action(async (text: string, options: BundleOptions) => {
      const client = connect(cli, options);
      const ref = parseModelRef(text);
      const number = await resolveVersion(client, ref);
      const version = await client.ask(VersionDetail, at('models', ref.model, 'versions', number));
      const dir = path.resolve(cli.shell.cwd, options.out ?? nameFolder(version));
      if (existsSync(dir)) throw failUsage(`"${dir}" exists already.`, 'Give another folder with --out DIR.');
      const publicKey = await writeFolder(client, version, dir, options.signer);
      if (options.keyOut !== undefined) writeFileSync(path.resolve(cli.shell.cwd, options.keyOut), publicKey);
      const key = readOmsPublicKey(publicKey);
      const hint = key.ok ? key.value.hint : '';
      const answer = { dir, model: version.model, version: number, manifest: version.manifest, key: hint, publicKey };
      present(
        cli,
        options,
        answer,
        () => `Wrote ${version.model}@${number} to ${dir}, signed by ${shortDigest(hint)}.\n`,
      );
    });
}

interface VerifyOptions extends OutputOptions {
  readonly key: string;
  readonly signature?: string;
}

function addVerifyCommand(model: Command, cli: Cli): void {
  addJsonOption(model.command('verify').summary('check a folder against its model signature'))
    .description(
      'Checks that a folder holds exactly the files that were signed, byte for byte, and nothing else. Needs no hub. Any ' +
        'OpenSSF Model Signing v1.0 signature by an ECDSA key over whole files with SHA-256 is read.',
    )
    .argument('<dir>', 'the folder')
    .requiredOption('--key <file>', "the publisher's public key in PEM, from a place that you trust")
    .option('--signature <file>', 'the signature; else model.sig in the folder')
    .addHelpText('after', '\nExample:\n  drover model verify wear-3 --key acme-models.pem')
    .action(async (text: string, options: VerifyOptions) => {
      const dir = path.resolve(cli.shell.cwd, text);
      const signature =
        options.signature === undefined
          ? path.join(dir, SIGNATURE_FILE)
          : path.resolve(cli.shell.cwd, options.signature);
      const [statement, key] = await verifyFolder(dir, signature, readText(cli, options.key));
      const { subject, rootDigest, files } = statement;
      const names = files.map(({ name }) => name);
      const says = `Verified: ${names.length} files of "${subject}" are what ${shortDigest(key)} signed (root sha256:${rootDigest}).\n`;
      present(cli, options, { subject, key, rootDigest, files }, () => says);
    });
}

function addKeyCommand(model: Command, cli: Cli): void {
  addJsonOption(model.command('oms-key').summary('make a key that signs models for others'))
    .description(
      'Makes an ECDSA P-256 key (PKCS#8 PEM, mode 0600) if the file is not there, and prints its public key: that is what ' +
        'you publish. "drover model register" finds it as oms.pem beside your release key.',
    )
    .argument('<file>', 'the key file')
    .addHelpText('after', '\nExample:\n  drover model oms-key ~/keys/oms.pem > acme-models.pem')
    .action((text: string, options: OutputOptions) => {
      const file = path.resolve(cli.shell.cwd, text);
      if (!existsSync(file)) {
        createOmsKeyFile(file);
        cli.shell.err(`A new key: ${file}\n`);
      }
      const signer = openOmsKeyFile(file);
      if (!signer.ok) throw failRefused(signer);
      const { spkiPem } = signer.value;
      const key = readOmsPublicKey(spkiPem);
      if (!key.ok) throw failRefused(key);
      present(cli, options, { file, key: key.value.hint, publicKey: spkiPem }, () => spkiPem);
    });
}

export function addModelBundleCommands(model: Command, cli: Cli): void {
  addBundleCommand(model, cli);
  addVerifyCommand(model, cli);
  addKeyCommand(model, cli);
}
