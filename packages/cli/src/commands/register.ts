// `drover model register`: checks a file, uploads it, signs what the hub proposes after checking it, publishes.
// The release key never leaves this process.
import { existsSync } from 'node:fs';
import path from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { checkModel } from '@drover/onnx/check';
import { blobRefOf } from '@drover/trust/chunk-list';
import { type Manifest, PAYLOAD_TYPES, parseManifest } from '@drover/trust/documents';
import { digestOf, signPayload } from '@drover/trust/dsse';
import { type OmsSigner, openOmsKeyFile } from '@drover/trust/oms/key';
import { signVersion } from '@drover/trust/oms/version-files';
import type { PublisherOrder } from '@drover/trust/tuf/publisher';
import { readAs, type Static } from '@drover/wire/http/check';
import { Blob, Confidential, ModelSignature, PrepareResponse, Version } from '@drover/wire/http/models';
import { Rules } from '@drover/wire/http/rules';
import type { Command } from 'commander';
import { CliFailure, EXIT, failRefused, failUsage } from '../failure.ts';
import { readGiven, readGivenYaml } from '../given-file.ts';
import { at, type HubClient } from '../hub-client.ts';
import { formatBytes, shortDigest } from '../table.ts';
import { type Cli, connect, locateHub, parseList, parseModelName, present } from './common.ts';
import { addPublisherOptions, openPublisher, orderOf, type PublisherOptions, signChange } from './release.ts';

export interface Bundle {
  readonly name: string;
  readonly model: Uint8Array;
  readonly baseline?: Uint8Array | undefined;
  readonly vectors?: Uint8Array | undefined;
  readonly featureNames?: readonly string[] | undefined;
  readonly classes?: readonly string[] | undefined;
  readonly rules?: Rules | undefined;
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
  if (!isDeepStrictEqual(manifest.rules, bundle.rules)) return refuse('its rules are not those given here.');
  for (const part of ['model', 'baseline', 'vectors'] as const) {
    const own = bundle[part];
    const theirs = manifest.blobs[part];
    if (!own && !theirs) continue;
    // Vectors that were not given are made by the hub from the model: they bind the model and give it nothing.
    if (!own && part === 'vectors') continue;
    if (!own || theirs?.sha256 !== digestOf(own) || theirs.size !== own.length)
      return refuse(`its ${part} is not the file given here.`);
    // Absent from a hub of 0.1. What it binds decides which chunks a device takes.
    if (theirs.chunkList !== undefined && theirs.chunkList !== blobRefOf(own).chunkList)
      return refuse(`its list of chunk hashes is not that of the ${part} given here.`);
  }
  return manifest;
}

/** Signs what was registered for outsiders, and puts that beside the version. */
async function signForOutsiders(client: HubClient, payload: Uint8Array, signer: OmsSigner): Promise<void> {
  const manifest = parseManifest(payload);
  if (!manifest.ok) throw failRefused(manifest);
  const { model, version } = manifest.value;
  const bundle = await signVersion(manifest.value, digestOf(payload), signer);
  const body = { bundle: Buffer.from(bundle).toString('base64'), publicKey: signer.spkiPem };
  await client.ask(ModelSignature, at('models', model, 'versions', version, 'oms'), { method: 'PUT', body });
}

/** Before the first version is there, so that none ever leaves the hub in the open. */
export async function markConfidential(client: HubClient, model: string): Promise<void> {
  await client.ask(Confidential, at('models', model, 'confidential'), { method: 'PUT', body: { confidential: true } });
}

/** Uploads, checks, signs and publishes one bundle. */
export async function registerBundle(
  client: HubClient,
  bundle: Bundle,
  order: PublisherOrder,
  more: { readonly oms?: OmsSigner | undefined; readonly minRelease?: number | undefined } = {},
): Promise<Registered> {
  const model = await upload(client, bundle.model);
  const baseline = bundle.baseline ? await upload(client, bundle.baseline) : undefined;
  const vectors = bundle.vectors ? await upload(client, bundle.vectors) : undefined;
  const body = {
    model: model.sha256,
    ...(baseline ? { baseline: baseline.sha256 } : {}),
    ...(vectors ? { vectors: vectors.sha256 } : {}),
    ...(bundle.featureNames ? { featureNames: bundle.featureNames } : {}),
    ...(bundle.classes ? { classes: bundle.classes } : {}),
    ...(bundle.rules ? { rules: bundle.rules } : {}),
  };
  const proposal = await client.ask(PrepareResponse, at('models', bundle.name, 'prepare'), {
    method: 'POST',
    body,
    timeoutMs: UPLOAD_MS,
  });
  const payload = Buffer.from(proposal.payload, 'base64');
  const manifest = checkProposal(bundle, proposal, payload);
  const signed = await signPayload(proposal.payloadType, payload, order.signers);
  const entry = {
    version: manifest.version,
    sha256: digestOf(payload),
    length: payload.length,
    release: manifest.release,
  };
  const change = { add: [entry], ...(more.minRelease !== undefined && { minRelease: more.minRelease }) };
  const release = await signChange(client, order, bundle.name, change);
  const envelope = {
    payloadType: signed.payloadType,
    payload: proposal.payload,
    signatures: signed.signatures.map(({ keyid, sig }) => ({ keyid, sig: Buffer.from(sig).toString('base64') })),
  };
  const version = await client.ask(Version, at('models', bundle.name, 'versions'), {
    method: 'POST',
    body: { envelope, ...(release !== undefined && { release }) },
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
  if (more.oms !== undefined) await signForOutsiders(client, payload, more.oms);
  return { version, alreadyRegistered: proposal.alreadyRegistered, warnings: proposal.warnings };
}

/** What is not a rule is refused here, before anything is uploaded. */
export function readRules(cli: Cli, file: string): Rules {
  const checked = readAs(Rules, readGivenYaml(cli, file));
  if (checked.ok) return checked.value;
  throw failUsage(`"${file}" does not hold rules. ${checked.detail}`, 'See docs/device-rules.md.');
}

/** The key beside the release key, unless another is named; undefined when there is none. */
function openOutsidersKey(cli: Cli, options: RegisterOptions): OmsSigner | undefined {
  const beside = options.key?.[0] ?? path.join(locateHub(cli, options).hubData.value, 'keys', 'release.pem');
  const file = path.resolve(cli.shell.cwd, options.omsKey ?? path.join(path.dirname(beside), 'oms.pem'));
  if (!existsSync(file)) {
    if (options.omsKey !== undefined)
      throw failUsage(`"${file}" does not exist.`, `Make it: drover model oms-key ${options.omsKey}`);
    return undefined;
  }
  const signer = openOmsKeyFile(file);
  if (!signer.ok) throw failRefused(signer);
  return signer.value;
}

interface RegisterOptions extends PublisherOptions {
  readonly omsKey?: string;
  readonly name: string;
  readonly baseline?: string;
  readonly vectors?: string;
  readonly featureNames?: string[];
  readonly classes?: string[];
  readonly confidential?: boolean;
  readonly rules?: string;
}

export function addRegisterCommand(model: Command, cli: Cli): void {
  addPublisherOptions(model.command('register').summary('register an ONNX file as a new version'))
    .description(
      'Registers an ONNX file as the next version of a model: the file is checked here, uploaded, and described by the ' +
        'hub; the description is compared with your file, signed with the key of your publisher team, listed in its release metadata, and published. The same file ' +
        'gives the same version again.',
    )
    .argument('<file>', 'the ONNX file')
    .requiredOption('--name <model>', 'name of the model; made if it is new', parseModelName)
    .option('--baseline <file>', 'reference distribution from training; without it drift has nothing to compare with')
    .option('--vectors <file>', 'self-test vectors that a device must reproduce before it switches')
    .option('--feature-names <a,b>', 'names of the input columns, where the file does not say them', parseList)
    .option('--classes <x,y>', 'names of the classes; the last is the positive one', parseList)
    .option('--rules <file>', 'YAML or JSON: limits, novelty, confidence, latency, fallback (docs/device-rules.md)')
    .option('--confidential', 'artifacts of this model leave the hub only sealed, one key for each device')
    .option('--oms-key <file>', 'key that signs the model for outsiders; else oms.pem beside the release key')
    .addHelpText('after', `
Examples:
  drover model register wear.onnx --name wear
  drover model register wear.onnx --name wear --feature-names torque,speed,heat --classes ok,worn --key ~/release.pem`)
    .action(async (file: string, options: RegisterOptions) => {
      const bytes = readGiven(cli, file);
      const checked = checkModel(bytes);
      if (!checked.ok) throw failRefused(checked);
      const oms = openOutsidersKey(cli, options);
      const order = orderOf(cli, options, await openPublisher(cli, options));
      const client = connect(cli, options);
      if (options.confidential) await markConfidential(client, options.name);
      const registered = await registerBundle(client, {
        name: options.name,
        model: bytes,
        baseline: options.baseline === undefined ? undefined : readGiven(cli, options.baseline),
        vectors: options.vectors === undefined ? undefined : readGiven(cli, options.vectors),
        featureNames: options.featureNames,
        classes: options.classes,
        rules: options.rules === undefined ? undefined : readRules(cli, options.rules),
      }, order, { oms, minRelease: options.minRelease });
      for (const warning of registered.warnings) cli.shell.err(`warning: ${warning}\n`);
      if (oms === undefined) cli.shell.err('note: there is no oms.pem beside the release key, so outsiders get no signature; make one with "drover model oms-key FILE".\n');
      const { version } = registered;
      present(cli, options, version, () =>
        `${registered.alreadyRegistered ? 'Already registered' : 'Registered'}: ${version.model}@${version.version} (${formatBytes(bytes.length)}, manifest ${shortDigest(version.manifest)}).\n` +
        `Next: drover deploy ${version.model}@${version.version}\n`);
    }); // biome-ignore format: the help text stands as it prints
}
