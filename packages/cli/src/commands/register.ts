// `drover model register`: checks a file, uploads it, signs what the hub proposes after checking it, publishes.
// The release key never leaves this process.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { checkModel } from '@drover/onnx/check';
import { type Manifest, PAYLOAD_TYPES, parseManifest } from '@drover/trust/documents';
import { digestOf, type Signer, signPayload } from '@drover/trust/dsse';
import { openKeyFile } from '@drover/trust/key-files';
import type { Static } from '@drover/wire/http/check';
import { Blob, PrepareResponse, Version } from '@drover/wire/http/models';
import type { Command } from 'commander';
import { CliFailure, EXIT, failRefused, failUsage } from '../failure.ts';
import { at, type HubClient } from '../hub-client.ts';
import { formatBytes, shortDigest } from '../table.ts';
import { isLoopback } from '../target.ts';
import {
  addConnectionOptions,
  type Cli,
  type ConnectionOptions,
  connect,
  locateHub,
  parseList,
  parseModelName,
  present,
} from './common.ts';

export interface Bundle {
  readonly name: string;
  readonly model: Uint8Array;
  readonly baseline?: Uint8Array | undefined;
  readonly vectors?: Uint8Array | undefined;
  readonly featureNames?: readonly string[] | undefined;
  readonly classes?: readonly string[] | undefined;
}

export interface Registered {
  readonly version: Static<typeof Version>;
  readonly alreadyRegistered: boolean;
  readonly warnings: readonly string[];
}

const UPLOAD_MS = 600_000;

async function upload(client: HubClient, bytes: Uint8Array): Promise<Static<typeof Blob>> {
  const blob = await client.ask(Blob, at('blobs'), { method: 'POST', body: bytes, timeoutMs: UPLOAD_MS });
  if (blob.sha256 === digestOf(bytes) && blob.size === bytes.length) return blob;
  throw new CliFailure(
    EXIT.failed,
    'artifact_digest_mismatch',
    'The hub stored other bytes than were sent.',
    'Try again; look for a proxy in between.',
  );
}

/** The hub only proposes: everything that the signature will vouch for is compared with what is known here. */
function checkProposal(bundle: Bundle, proposal: Static<typeof PrepareResponse>, payload: Uint8Array): Manifest {
  const refuse = (detail: string): never => {
    throw new CliFailure(
      EXIT.failed,
      'manifest_invalid',
      `The hub proposed a manifest that was not signed: ${detail}`,
      'Do not trust this hub before you know why.',
    );
  };
  if (proposal.payloadType !== PAYLOAD_TYPES.manifest) return refuse(`its type is "${proposal.payloadType}".`);
  const parsed = parseManifest(payload);
  if (!parsed.ok) throw failRefused(parsed);
  const manifest = parsed.value;
  if (manifest.model !== bundle.name) return refuse(`it names the model "${manifest.model}", not "${bundle.name}".`);
  if (manifest.version !== proposal.version)
    return refuse(`it names version ${manifest.version}, not ${proposal.version}.`);
  for (const part of ['model', 'baseline', 'vectors'] as const) {
    const own = bundle[part];
    const theirs = manifest.blobs[part];
    if (!own && !theirs) continue;
    // Vectors that were not given are made by the hub from the model: they bind the model and give it nothing.
    if (!own && part === 'vectors') continue;
    if (!own || theirs?.sha256 !== digestOf(own) || theirs.size !== own.length)
      return refuse(`its ${part} is not the file given here.`);
  }
  return manifest;
}

/** Uploads, checks, signs and publishes one bundle. */
export async function registerBundle(client: HubClient, bundle: Bundle, signer: Signer): Promise<Registered> {
  const model = await upload(client, bundle.model);
  const baseline = bundle.baseline ? await upload(client, bundle.baseline) : undefined;
  const vectors = bundle.vectors ? await upload(client, bundle.vectors) : undefined;
  const body = {
    model: model.sha256,
    ...(baseline ? { baseline: baseline.sha256 } : {}),
    ...(vectors ? { vectors: vectors.sha256 } : {}),
    ...(bundle.featureNames ? { featureNames: bundle.featureNames } : {}),
    ...(bundle.classes ? { classes: bundle.classes } : {}),
  };
  const proposal = await client.ask(PrepareResponse, at('models', bundle.name, 'prepare'), {
    method: 'POST',
    body,
    timeoutMs: UPLOAD_MS,
  });
  const payload = Buffer.from(proposal.payload, 'base64');
  checkProposal(bundle, proposal, payload);
  const signed = await signPayload(proposal.payloadType, payload, [signer]);
  const envelope = {
    payloadType: signed.payloadType,
    payload: proposal.payload,
    signatures: signed.signatures.map(({ keyid, sig }) => ({ keyid, sig: Buffer.from(sig).toString('base64') })),
  };
  const version = await client.ask(Version, at('models', bundle.name, 'versions'), {
    method: 'POST',
    body: { envelope },
    timeoutMs: UPLOAD_MS,
  });
  if (version.manifest !== digestOf(payload)) {
    throw new CliFailure(
      EXIT.failed,
      'artifact_digest_mismatch',
      'The hub registered another manifest than was signed.',
      'Look at the version before you deploy it.',
    );
  }
  return { version, alreadyRegistered: proposal.alreadyRegistered, warnings: proposal.warnings };
}

function readGiven(cli: Cli, file: string): Uint8Array {
  try {
    return readFileSync(path.resolve(cli.shell.cwd, file));
  } catch (error) {
    throw failUsage(
      `"${file}" cannot be read (${error instanceof Error ? ((error as NodeJS.ErrnoException).code ?? error.message) : ''}).`,
    );
  }
}

function openReleaseKey(cli: Cli, options: RegisterOptions): Signer {
  const target = locateHub(cli, options);
  if (options.key === undefined && !isLoopback(target.hub.value)) {
    throw failUsage(
      'A hub on another machine needs your release key.',
      'Give it with --key FILE (Ed25519, PKCS#8 PEM, mode 0600).',
    );
  }
  const file = options.key ?? path.join(target.hubData.value, 'keys', 'release.pem');
  try {
    const signer = openKeyFile(path.resolve(cli.shell.cwd, file));
    if (!signer.ok) throw failRefused(signer);
    return signer.value;
  } catch (error) {
    if (error instanceof CliFailure) throw error;
    throw new CliFailure(
      EXIT.failed,
      'key_invalid',
      `The release key "${file}" cannot be read.`,
      'Give it with --key FILE, or say where the hub keeps its data with --data DIR.',
    );
  }
}

interface RegisterOptions extends ConnectionOptions {
  readonly name: string;
  readonly baseline?: string;
  readonly vectors?: string;
  readonly key?: string;
  readonly data?: string;
  readonly featureNames?: string[];
  readonly classes?: string[];
}

export function addRegisterCommand(model: Command, cli: Cli): void {
  addConnectionOptions(model.command('register').summary('register an ONNX file as a new version'))
    .description(
      'Registers an ONNX file as the next version of a model: the file is checked here, uploaded, and described by the ' +
        'hub; the description is compared with your file, signed with your release key, and published. The same file ' +
        'gives the same version again.',
    )
    .argument('<file>', 'the ONNX file')
    .requiredOption('--name <model>', 'name of the model; made if it is new', parseModelName)
    .option('--baseline <file>', 'reference distribution from training; without it drift has nothing to compare with')
    .option('--vectors <file>', 'self-test vectors that a device must reproduce before it switches')
    .option('--feature-names <a,b>', 'names of the input columns, where the file does not say them', parseList)
    .option('--classes <x,y>', 'names of the classes; the last is the positive one', parseList)
    .option('--key <file>', 'release key; for a local hub <data>/keys/release.pem')
    .option('--data <dir>', 'data directory of the local hub')
    .addHelpText('after', `
Examples:
  drover model register wear.onnx --name wear
  drover model register wear.onnx --name wear --feature-names torque,speed,heat --classes ok,worn --key ~/release.pem`)
    .action(async (file: string, options: RegisterOptions) => {
      const bytes = readGiven(cli, file);
      const checked = checkModel(bytes);
      if (!checked.ok) throw failRefused(checked);
      const registered = await registerBundle(connect(cli, options), {
        name: options.name,
        model: bytes,
        baseline: options.baseline === undefined ? undefined : readGiven(cli, options.baseline),
        vectors: options.vectors === undefined ? undefined : readGiven(cli, options.vectors),
        featureNames: options.featureNames,
        classes: options.classes,
      }, openReleaseKey(cli, options));
      for (const warning of registered.warnings) cli.shell.err(`warning: ${warning}\n`);
      const { version } = registered;
      present(cli, options, version, () =>
        `${registered.alreadyRegistered ? 'Already registered' : 'Registered'}: ${version.model}@${version.version} (${formatBytes(bytes.length)}, manifest ${shortDigest(version.manifest)}).\n` +
        `Next: drover deploy ${version.model}@${version.version}\n`);
    }); // biome-ignore format: the help text stands as it prints
}
